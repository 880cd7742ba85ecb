"""Functions of the distance: bases, and the hidden layer of the radial MLP (eqs 24, 25)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from equiglass.model.convolution.backend import hidden_moments


def bessel_basis(distances: Tensor, size: int, cutoff: float) -> Tensor:
    """B_n(r) = sqrt(2 / r_c) sin(n pi r / r_c) / r, n = 1..size (eq. 24; doi 10.48550/arXiv.2003.03123).

    Args:
        distances: (E,), positive.
        size: number of functions.
        cutoff: r_c.

    Returns:
        (E, size).
    """
    n = torch.arange(1, size + 1, dtype=distances.dtype, device=distances.device)
    r = distances[:, None]
    return math.sqrt(2 / cutoff) * torch.sin(r * (n * (math.pi / cutoff))) / r


def gaussian_basis(distances: Tensor, centers: Tensor, width: float) -> Tensor:
    """exp(-(r - r_k)^2 / (2 width^2)) (Appendix C, where the printed denominator lacks the square).

    Args:
        distances: (E,).
        centers: r_k, (size,).
        width: delta.

    Returns:
        (E, size).
    """
    return torch.exp(-((distances[:, None] - centers) ** 2) / (2 * width**2))


def radial_basis(name: str, distances: Tensor, size: int, cutoff: float) -> Tensor:
    """The basis of that name, (E, size); Gaussians are evenly spaced over (0, cutoff]."""
    if name == "bessel":
        return bessel_basis(distances, size, cutoff)
    centers = torch.linspace(cutoff / size, cutoff, size, dtype=distances.dtype, device=distances.device)
    return gaussian_basis(distances, centers, cutoff / size)


class RadialTrunk(nn.Module):
    """Hidden layer of the radial MLP (eq. 25): linear, ReLU, batch norm; all paths and channels of a layer share it."""

    def __init__(self, basis_size: int, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(basis_size, width)
        self.norm = nn.BatchNorm1d(width)

    def forward(self, basis: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """W1, b1, scale and shift of `equiglass.model.convolution.operation.Radial` for these edges, (E, B).

        In training the batch is the edges. A batch of fewer than two edges has no variance; it is normalised with the
        running averages.
        """
        weight, bias, norm, edges = self.linear.weight, self.linear.bias, self.norm, len(basis)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        assert norm.num_batches_tracked is not None
        mean, variance = norm.running_mean, norm.running_var
        if self.training and edges > 1:
            mean, variance = hidden_moments(basis, weight, bias)
            with torch.no_grad():
                assert norm.momentum is not None
                norm.running_mean.lerp_(mean, norm.momentum)
                # As in torch: the biased variance normalises the batch, the unbiased one enters the average.
                norm.running_var.lerp_(variance * (edges / (edges - 1)), norm.momentum)
                norm.num_batches_tracked += 1
        scale = norm.weight * torch.rsqrt(variance + norm.eps)
        return weight, bias, scale, norm.bias - mean * scale
