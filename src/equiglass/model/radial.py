"""Radial bases: the functions of the distance that the radial MLP takes (eq. 24)."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def bessel_basis(distances: Tensor, size: int, cutoff: float) -> Tensor:
    """B_n(r) = sqrt(2 / r_c) sin(n pi r / r_c) / r, n = 1..size (eq. 24; doi 10.48550/arXiv.2003.03123).

    Args:
        distances: (E,), positive, LJ length.
        size: number of functions.
        cutoff: r_c, LJ length.

    Returns:
        (E, size).
    """
    n = torch.arange(1, size + 1, dtype=distances.dtype, device=distances.device)
    r = distances[:, None]
    return math.sqrt(2 / cutoff) * torch.sin(r * (n * (math.pi / cutoff))) / r


def gaussian_basis(distances: Tensor, centers: Tensor, width: float) -> Tensor:
    """exp(-(r - r_k)^2 / (2 width^2)) (Appendix C, where the printed denominator lacks the square).

    Args:
        distances: (E,), LJ length.
        centers: r_k, (size,), LJ length.
        width: delta, LJ length.

    Returns:
        (E, size).
    """
    return torch.exp(-((distances[:, None] - centers) ** 2) / (2 * width**2))


def radial_basis(name: str, distances: Tensor, size: int, cutoff: float) -> Tensor:
    """The basis "bessel" or "gaussian", (E, size); the Gaussians are evenly spaced over (0, cutoff]."""
    if name == "bessel":
        return bessel_basis(distances, size, cutoff)
    centers = torch.linspace(cutoff / size, cutoff, size, dtype=distances.dtype, device=distances.device)
    return gaussian_basis(distances, centers, cutoff / size)
