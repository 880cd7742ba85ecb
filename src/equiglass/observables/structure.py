"""How the particles are arranged: the radial distribution function by pair of types."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equiglass.errors import EquiglassError
from equiglass.liquid.arrays import Float
from equiglass.observables.estimate import Estimate, bootstrap
from equiglass.observables.fields import same_number
from equiglass.observables.pairs import binned_pairs, checked_edges, shell_volumes


def radial_distribution(
    positions: Sequence[ArrayLike], types: Sequence[ArrayLike], boxes: Sequence[ArrayLike], edges: ArrayLike
) -> Estimate:
    """g_ab(r) = (V / (N_a N_b)) <sum_{i in a, j in b, j != i} delta(r - r_i + r_j)>, averaged over angles.

    Args:
        positions: (N, 3) for each configuration.
        types: types from 0, (N,) for each.
        boxes: edge lengths of the periodic box, (3,) for each.
        edges: of the bins of distance, (B + 1,), at most half the shortest edge of the box.

    Returns:
        Shape (n_types, n_types, B), symmetric in the types.

    Raises:
        EquiglassError: numbers that differ, a type that is absent in a configuration, or bins beyond half the box.
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
        raise EquiglassError(f"g(r) reaches to half the box at most, {box.min() / 2:g}; the bins end at {edges[-1]:g}.")
    if positions.shape != (len(types), 3):
        raise EquiglassError(f"g(r) needs one type a particle; positions {positions.shape}, types {types.shape}.")
    present = np.bincount(types, minlength=n_types)
    if np.any(present == 0):
        raise EquiglassError(f"g(r) by type needs all {n_types} types in every configuration; there are {present}.")
    n_bins = len(edges) - 1
    flat = np.zeros(n_types * n_types * n_bins)
    for i, j, b in binned_pairs(positions, box, edges):
        flat += np.bincount((types[i] * n_types + types[j]) * n_bins + b, minlength=len(flat))
    counts = flat.reshape(n_types, n_types, n_bins)
    both_ways = counts + counts.swapaxes(0, 1)
    ideal = np.outer(present, present)[..., None] / np.prod(box) * shell_volumes(edges)
    return both_ways / ideal
