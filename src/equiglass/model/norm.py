"""Batch normalisation: the equivariant one (eqs 21, 22), and that of torch from known moments."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn


def batch_norm(
    norm: nn.BatchNorm1d, number: int, moments: Callable[[], tuple[Tensor, Tensor]]
) -> tuple[Tensor, Tensor]:
    """The batch norm as factor and summand, each (W,), of a batch whose rows need not be in memory together.

    A batch of fewer than two rows has no variance, so the running averages normalise it.

    Args:
        norm: the norm; in training, its running averages advance.
        number: number of rows of the batch.
        moments: mean and biased variance of the batch, each (W,); called in training only.
    """
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.num_batches_tracked is not None
    assert norm.momentum is not None
    mean, variance = norm.running_mean, norm.running_var
    if norm.training and number > 1:
        mean, variance = moments()
        with torch.no_grad():
            norm.running_mean.lerp_(mean, norm.momentum)
            # As in torch, the biased variance normalises the batch, and the unbiased variance enters the average.
            norm.running_var.lerp_(variance * (number / (number - 1)), norm.momentum)
            norm.num_batches_tracked += 1
    scale = norm.weight * torch.rsqrt(variance + norm.eps)
    return scale, norm.bias - mean * scale


class EquivariantBatchNorm(nn.Module):
    """The batch norm, which divides every degree and channel by its root mean square over the nodes (eq. 21).

        l = 0:   (h - <h>) / sigma * gamma + beta
        l >= 1:  h / sigma^l * gamma,    sigma^l = sqrt(<|h^l|^2> / (2l + 1))

    The printed eq. 22 of arXiv 2211.03226 has one |h| too many. This is the form of Weiler et al. 2018
    (arXiv 1807.02547), which the paper cites.
    """

    running_mean: Tensor
    running_variance: Tensor
    degree: Tensor

    def __init__(self, l_max: int, channels: int, momentum: float, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.l_max, self.momentum, self.epsilon = l_max, momentum, epsilon
        self.scale = nn.Parameter(torch.ones(l_max + 1, channels))
        self.shift = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_variance", torch.ones(l_max + 1, channels))
        degree = torch.repeat_interleave(torch.arange(l_max + 1), 2 * torch.arange(l_max + 1) + 1)
        self.register_buffer("degree", degree, persistent=False)

    def forward(self, h: Tensor) -> Tensor:
        """The normalised field, (N, (l_max + 1)^2, channels), from a field of the same shape."""
        mean, variance = self.running_mean, self.running_variance
        if self.training:
            mean = h[:, 0].mean(0)
            # For l = 0, <h^2> - <h>^2 loses digits, so the mean is subtracted first.
            power = torch.cat([((h[:, :1] - mean) ** 2).mean(0), (h[:, 1:] ** 2).mean(0)])
            variance = torch.stack([power[l * l : (l + 1) ** 2].mean(0) for l in range(self.l_max + 1)])
            with torch.no_grad():
                self.running_mean.lerp_(mean, self.momentum)
                self.running_variance.lerp_(variance, self.momentum)
        scale = self._scale(variance)
        offset = torch.cat([(self.shift - mean * scale[0])[None], torch.zeros_like(h[0, 1:])])
        return torch.addcmul(offset, h, scale[self.degree])

    def fold(self, mixing: Sequence[Tensor]) -> tuple[list[Tensor], Tensor]:
        """The mixing matrices and the shift of a convolution that includes this norm in evaluation.

        Args:
            mixing: mixing matrices of the convolution before the norm, (rows, channels) per degree.

        Returns:
            The new matrices, and the numbers to add to the l = 0 channels, (channels,).
        """
        scale = self._scale(self.running_variance)
        return [w * s for w, s in zip(mixing, scale, strict=True)], self.shift - self.running_mean * scale[0]

    def _scale(self, variance: Tensor) -> Tensor:
        return self.scale * torch.rsqrt(variance + self.epsilon)
