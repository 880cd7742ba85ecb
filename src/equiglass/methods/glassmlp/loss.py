"""The loss of GlassMLP, for the particles of one type in one configuration.

    absolute error    <|y - m|>
    correlation       1/2 sum_r |C_y(r) - C_m(r)| / Var(m),  r = 2, 4, 6
    variance          |Var(y) - Var(m)| / Var(m)

y are predictions and m targets, both in units of the standard deviation of the target over the training set. With
deviations d_i from the mean of the configuration, the correlation in a Gaussian shell of width 1 is

    C(r) = sum_{i != j} d_i d_j K_r(r_ij) / sum_{i != j} K_r(r_ij),   K_r(x) = exp(-(x - r)^2 / 2)

The sums over all pairs i != j and their images are taken on a mesh by Fourier transforms, as in a particle-mesh method.
Their error is a few thousandths of the variance.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from equiglass.liquid.arrays import Float
from equiglass.liquid.neighbors import wrap

SHELLS = (2.0, 4.0, 6.0)
"""Radii of the shells, LJ length."""

WIDTH = 1.0
"""Standard deviation of the Gaussian of a shell, LJ length."""

SPACING = 0.5
"""Largest spacing of the mesh, LJ length; the shells have no structure of this size."""


class ShellCorrelation:
    """The correlations C(r) of a field on given points.

    Args:
        positions: the points, (n, 3), LJ length.
        box: edge lengths of the periodic box, (3,).
        shells: radii of the shells, LJ length.
        width: width of the shells, LJ length.
    """

    def __init__(self, positions: Float, box: Float, shells: Sequence[float] = SHELLS, width: float = WIDTH) -> None:
        self.shape = tuple(int(n) for n in np.maximum(np.ceil(box / SPACING), 4))
        at = wrap(positions, box) / box * self.shape
        low = np.floor(at).astype(np.int64)
        part = at - low
        # Every point is spread over the eight corners of its cell.
        corners = np.stack(np.meshgrid(*[(0, 1)] * 3, indexing="ij"), -1).reshape(-1, 3)
        where = [np.ravel_multi_index(((low + c) % self.shape).T, self.shape) for c in corners]
        shares = [np.prod(np.where(c, part, 1 - part), axis=1) for c in corners]
        self.where = torch.from_numpy(np.stack(where))
        self.shares = torch.from_numpy(np.stack(shares)).float()
        kernels = np.stack([_kernel(box, self.shape, r, width) for r in shells])
        # Spreading multiplies the transform by a window, which is divided out.
        window = np.ones(())
        for axis, n in enumerate(self.shape):
            factor = np.sinc(np.fft.fftfreq(n)) ** 2
            window = window[..., None] * factor if axis else factor
        transformed = np.fft.fftn(kernels, axes=(1, 2, 3)).real / window**2 / np.prod(self.shape)
        half = self.shape[2] // 2 + 1
        twice = np.full(half, 2.0)
        twice[0] = 1.0
        if self.shape[2] % 2 == 0:
            twice[-1] = 1.0
        self.kernels = torch.from_numpy(transformed[..., :half] * twice).float()
        self.itself = torch.tensor([_sum_of_images(np.zeros(3), box, r, width) for r in shells], dtype=torch.float32)
        ones = torch.ones(1, len(positions))
        self.pairs = self._sums(ones)[0] - len(positions) * self.itself

    def __call__(self, deviations: Tensor) -> Tensor:
        """C(r) of T fields of deviations, (T, n); returns (T, shells)."""
        squares = deviations.square().sum(dim=1, keepdim=True)
        return (self._sums(deviations) - squares * self.itself) / self.pairs

    def _sums(self, fields: Tensor) -> Tensor:
        """sum_ij d_i d_j K(r_ij), i = j included, (T, shells)."""
        mesh = torch.zeros(len(fields), int(np.prod(self.shape)))
        for where, share in zip(self.where, self.shares, strict=True):
            mesh = mesh.index_add(1, where, fields * share)
        transform = torch.view_as_real(torch.fft.rfftn(mesh.reshape(-1, *self.shape), dim=(1, 2, 3)))
        power = transform.square().sum(dim=-1)
        return torch.einsum("txyz,sxyz->ts", power, self.kernels)


def absolute_error(y: Tensor, target: Tensor) -> Tensor:
    """<|y - m|> over the particles, (T,), from (T, n)."""
    return (y - target).abs().mean(dim=1)


def fluctuation_errors(y: Tensor, target: Tensor, correlation: ShellCorrelation) -> tuple[Tensor, Tensor]:
    """The errors of correlation and variance, each (T,), from predictions and targets (T, n)."""
    dy, dm = (x - x.mean(dim=1, keepdim=True) for x in (y, target))
    variance = dm.square().mean(dim=1)
    spatial = (correlation(dy) - correlation(dm)).abs().sum(dim=1) / variance
    return 0.5 * spatial, (dy.square().mean(dim=1) - variance).abs() / variance


def _kernel(box: Float, shape: Sequence[int], radius: float, width: float) -> Float:
    """The Gaussian shell on the mesh, images included."""
    axes = [np.arange(n) * edge / n for n, edge in zip(shape, box, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
    return _sum_of_images(points, box, radius, width)


def _sum_of_images(points: Float, box: Float, radius: float, width: float) -> Float:
    """Sum over lattice vectors n of K(|x + n|), for points x, (..., 3)."""
    reach = radius + 6 * width
    numbers = [np.arange(-np.ceil(reach / edge) - 1, np.ceil(reach / edge) + 1) * edge for edge in box]
    total = np.zeros(points.shape[:-1])
    for image in np.stack(np.meshgrid(*numbers, indexing="ij"), -1).reshape(-1, 3):
        distance = np.linalg.norm(points + image, axis=-1)
        total = total + np.exp(-0.5 * ((distance - radius) / width) ** 2)
    return total
