"""The radial distribution function, by pair of types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equiglass.errors import ConfigurationError, DataError
from equiglass.liquid.arrays import Float
from equiglass.liquid.system import System
from equiglass.observables.estimate import Estimate, bootstrap
from equiglass.observables.fields import same_number
from equiglass.observables.pairs import binned_pairs, checked_edges, shell_volumes

BIN = 0.02
"""The default width of the bins of distance, LJ length."""


class RadialDistribution(NamedTuple):
    """The radial distribution functions g_ab(r) and their standard error over configurations.

    Attributes:
        r: centres of the bins, (B,), LJ length.
        value: g_ab, (n_types, n_types, B), symmetric in the types.
        error: bootstrap standard error, the same shape; NaN for a single configuration.
    """

    r: Float
    value: Float
    error: Float


def radial_distribution(systems: Sequence[System], edges: ArrayLike | None = None) -> RadialDistribution:
    """The radial distribution functions of all pairs of types, averaged over angles.

        g_ab(r) = (V / (N_a N_b)) <sum_{i in a, j in b, j != i} delta(r - r_i + r_j)>

    Args:
        systems: configurations, whose thermal positions are used.
        edges: edges of the bins of distance, (B + 1,), LJ length, at most half the shortest edge of all boxes. By
            default, bins of 0.02 up to this length.

    Returns:
        g_ab by pair of types and distance, with bootstrap errors over configurations.

    Raises:
        DataError: there is no configuration, or a type is absent in one of them.
        ConfigurationError: the bins do not ascend from zero, or extend beyond half the box.
    """
    if not len(systems):
        raise DataError("There are no configurations to average over.")
    half = min(float(system.box.min()) for system in systems) / 2
    bins = BIN * np.arange(int(half / BIN) + 1) if edges is None else checked_edges(edges)
    of_systems = [s.positions for s in systems], [s.types for s in systems], [s.box for s in systems]
    return RadialDistribution((bins[1:] + bins[:-1]) / 2, *radial_distribution_of_positions(*of_systems, bins))


def radial_distribution_of_positions(
    positions: Sequence[ArrayLike], types: Sequence[ArrayLike], boxes: Sequence[ArrayLike], edges: ArrayLike
) -> Estimate:
    """The radial distribution functions of all pairs of types, averaged over angles.

        g_ab(r) = (V / (N_a N_b)) <sum_{i in a, j in b, j != i} delta(r - r_i + r_j)>

    Args:
        positions: (N, 3) per configuration, LJ length.
        types: types from 0, (N,) per configuration.
        boxes: edge lengths of the periodic box, (3,) per configuration, LJ length.
        edges: edges of the bins of distance, (B + 1,), LJ length, at most half the shortest edge of the box.

    Returns:
        g_ab, (n_types, n_types, B), symmetric in the types.

    Raises:
        DataError: the numbers of configurations or particles differ, or a type is absent in a configuration.
        ConfigurationError: the bins do not ascend from zero, or extend beyond half the box.
    """
    same_number(positions, types, boxes)
    edges = checked_edges(edges)
    kinds = [np.asarray(kind, dtype=np.int64) for kind in types]
    n_types = max((int(kind.max()) + 1 for kind in kinds), default=0)
    each = [
        _of_one(np.asarray(x, dtype=np.float64), kind, np.asarray(box, dtype=np.float64), edges, n_types)
        for x, kind, box in zip(positions, kinds, boxes, strict=True)
    ]
    return bootstrap(lambda chosen: np.mean([each[k] for k in chosen], axis=0), len(each))


def _of_one(positions: Float, types: NDArray[np.int64], box: Float, edges: Float, n_types: int) -> Float:
    if edges[-1] > box.min() / 2 * (1 + 1e-12):
        raise ConfigurationError(
            f"g(r) is defined up to half the box, {box.min() / 2:g}; the bins end at {edges[-1]:g}. Take fewer bins."
        )
    if positions.shape != (len(types), 3):
        raise DataError(
            f"g(r) needs one type per particle; positions have shape {positions.shape}, types {types.shape}."
        )
    present = np.bincount(types, minlength=n_types)
    if np.any(present == 0):
        raise DataError(f"g(r) needs all {n_types} types in every configuration; one has {present} particles by type.")
    n_bins = len(edges) - 1
    flat = np.zeros(n_types * n_types * n_bins)
    for i, j, b in binned_pairs(positions, box, edges):
        flat += np.bincount((types[i] * n_types + types[j]) * n_bins + b, minlength=len(flat))
    counts = flat.reshape(n_types, n_types, n_bins)
    both_ways = counts + counts.swapaxes(0, 1)
    ideal = np.outer(present, present)[..., None] / np.prod(box) * shell_volumes(edges)
    return both_ways / ideal
