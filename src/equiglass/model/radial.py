"""The radial bases: the functions of the distance that enter the radial MLP (eq. 24)."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def bessel_basis(distances: Tensor, size: int, cutoff: float) -> Tensor:
    """The Bessel basis B_n(r) = sqrt(2 / r_c) sin(n pi r / r_c) / r, n = 1..size (eq. 24).

    Args:
        distances: positive distances, (E,), LJ length.
        size: number of functions.
        cutoff: cutoff r_c, LJ length.

    Returns:
        B_n of every distance, (E, size).

    Source: J. Gasteiger, J. Gross and S. Günnemann, doi 10.48550/arXiv.2003.03123.
    """
    n = torch.arange(1, size + 1, dtype=distances.dtype, device=distances.device)
    r = distances[:, None]
    return math.sqrt(2 / cutoff) * torch.sin(r * (n * (math.pi / cutoff))) / r


def gaussian_basis(distances: Tensor, centers: Tensor, width: float) -> Tensor:
    """The Gaussian basis exp(-(r - r_k)^2 / (2 delta^2)) (Appendix C, whose printed denominator has no square).

    Args:
        distances: distances, (E,), LJ length.
        centers: centres r_k, (size,), LJ length.
        width: width delta, LJ length.

    Returns:
        The functions of every distance, (E, size).
    """
    return torch.exp(-((distances[:, None] - centers) ** 2) / (2 * width**2))


def radial_basis(name: str, distances: Tensor, size: int, cutoff: float) -> Tensor:
    """The radial basis, (E, size). The centres of the Gaussians are evenly spaced over (0, cutoff].

    Args:
        name: "bessel" or "gaussian".
        distances: distances, (E,), LJ length.
        size: number of functions.
        cutoff: cutoff r_c, LJ length.
    """
    if name == "bessel":
        return bessel_basis(distances, size, cutoff)
    centers = torch.linspace(cutoff / size, cutoff, size, dtype=distances.dtype, device=distances.device)
    return gaussian_basis(distances, centers, cutoff / size)
