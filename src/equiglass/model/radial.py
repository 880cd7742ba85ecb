"""Functions of the distance: bases, and the trunk of the radial networks (eqs 24, 25)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


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
    """Linear, ReLU, BatchNorm, Dropout: the hidden layer of eq. 25, shared by all paths and channels of a layer."""

    def __init__(self, basis_size: int, width: int, dropout: float) -> None:
        super().__init__()
        self.linear = nn.Linear(basis_size, width)
        self.norm = nn.BatchNorm1d(width)
        self.dropout = dropout

    def forward(self, basis: Tensor) -> Tensor:
        """(E, basis_size) to (E, width)."""
        hidden = self.norm(torch.relu(self.linear(basis)))
        return dropout(hidden, self.dropout) if self.training else hidden


def dropout(x: Tensor, rate: float) -> Tensor:
    """X with a share ``rate`` (in steps of 1/256) of its elements zeroed, the rest scaled up to keep the mean.

    One random byte an element: torch's own dropout draws a double for each, which costs as much as the convolution.
    """
    cut = round(256 * rate)
    if cut == 0:
        return x
    words = torch.randint(-(2**63), 2**63 - 1, (-(-x.numel() // 8),), device=x.device)
    kept = words.view(torch.uint8)[: x.numel()].view(x.shape) >= cut
    return x * kept.to(x.dtype).mul_(256 / (256 - cut))
