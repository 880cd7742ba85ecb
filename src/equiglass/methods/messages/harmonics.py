"""Real spherical harmonics of any degree, and sums over triplets of particles by their addition theorem.

    P_l(a . b) = 4 pi / (2 l + 1) sum_m Y_lm(a) Y_lm(b)

A sum over all pairs of neighbours of a particle becomes a sum over its neighbours, twice: the cost grows with the
number of edges and not with the number of triplets.

Source of the recurrence: W. H. Press et al., Numerical Recipes, 3rd edition, sec. 6.7 (2007).
"""

from __future__ import annotations

from functools import cache
from math import pi, sqrt

import torch
from torch import Tensor


def real_harmonics(directions: Tensor, n: int) -> Tensor:
    """The real spherical harmonics of degrees 0 to n - 1, orthonormal on the sphere, (..., n^2).

    The columns are those of m >= 0 (cosine), then those of m > 0 (sine); `degrees` names the degree of each.

    Args:
        directions: unit vectors, (..., 3).
        n: number of degrees.
    """
    x, y, z = directions.unbind(-1)
    z = z[..., None]
    cosine, sine = [torch.ones_like(x)], [torch.zeros_like(x)]
    for _ in range(1, n):
        real, imaginary = x * cosine[-1] - y * sine[-1], x * sine[-1] + y * cosine[-1]
        cosine.append(real)
        sine.append(imaginary)
    start, a, b, of_cosine, of_sine = (table.to(directions.device) for table in _tables(n))
    legendre = [start[0].to(z).expand(*x.shape, n)]
    before = torch.zeros_like(legendre[0])
    for l in range(1, n):
        # For m = l, the coefficients a and b are 0 and the starting value enters.
        legendre.append(a[l].to(z) * (z * legendre[-1]) - b[l].to(z) * before + start[l].to(z))
        before = legendre[-2]
    every = torch.stack(legendre, -2)
    of_m = [torch.stack(part, -1)[..., None, :] for part in (cosine, sine)]
    products = [(every * part).flatten(-2) for part in of_m]
    return torch.cat([products[0][..., of_cosine], products[1][..., of_sine]], -1)


def degrees(n: int) -> Tensor:
    """The degree of every column of `real_harmonics`, int64, (n^2,)."""
    of_cosine, of_sine = _tables(n)[3:]
    return torch.cat([of_cosine, of_sine]) // n


@cache
def _tables(n: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Starting values and coefficients of the recurrence in l for every m, (n, n), and the columns l n + m in use."""
    start, a, b = (torch.zeros(n, n, dtype=torch.float64) for _ in range(3))
    for m in range(n):
        value = sqrt((1 if m == 0 else 2) / (4 * pi))
        for k in range(1, m + 1):
            value *= sqrt((2 * k + 1) / (2 * k))
        start[m, m] = value
        for l in range(m + 1, n):
            a[l, m] = sqrt((4 * l * l - 1) / (l * l - m * m))
            b[l, m] = a[l, m] * sqrt(((l - 1) ** 2 - m * m) / (4 * (l - 1) ** 2 - 1)) if l > m + 1 else 0.0
    cosine = torch.tensor([l * n + m for l in range(n) for m in range(l + 1)])
    sine = torch.tensor([l * n + m for l in range(n) for m in range(1, l + 1)], dtype=torch.int64)
    return start, a, b, cosine, sine
