"""Equivariant batch normalisation (eqs 21, 22)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class EquivariantBatchNorm(nn.Module):
    """l = 0: (h - <h>) / sigma * gamma + beta;  l >= 1: h / sigma^l * gamma, sigma^l = sqrt(<|h^l|^2> / (2l + 1)).

    Averages are over nodes, per degree and channel. Eq. 22 as printed has a spare |h|; this is the form of
    Weiler et al. 2018 (arXiv 1807.02547), which it cites.
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
        """(N, (l_max + 1)^2, channels) to the same shape."""
        if self.training:
            mean = h[:, 0].mean(0)
            # <h^2> - <h>^2 would lose digits for l = 0, hence centred first.
            centred = torch.cat([h[:, :1] - mean, h[:, 1:]], 1)
            power = (centred**2).mean(0)
            variance = torch.stack([power[l * l : (l + 1) ** 2].mean(0) for l in range(self.l_max + 1)])
            with torch.no_grad():
                self.running_mean.lerp_(mean, self.momentum)
                self.running_variance.lerp_(variance, self.momentum)
        else:
            mean, variance = self.running_mean, self.running_variance
            centred = torch.cat([h[:, :1] - mean, h[:, 1:]], 1)
        scale = (self.scale * torch.rsqrt(variance + self.epsilon))[self.degree]
        normed = centred * scale
        return torch.cat([normed[:, :1] + self.shift, normed[:, 1:]], 1)
