"""All pairs of a periodic box by distance, in blocks: one list of all pairs would take half a gigabyte."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equiglass.errors import ConfigurationError
from equiglass.liquid.arrays import Float
from equiglass.liquid.neighbors import minimum_image
from equiglass.liquid.system import System

_BLOCK = 2**18
"""Number of pairs per block: 6 MB per array of vectors."""


def binned_pairs(
    positions: ArrayLike, box: ArrayLike, edges: Float
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """Every pair i < j once, at its minimum image, if its distance falls into a bin.

    The bins may reach beyond L/2 to the corners of the box. All bins together then contain every pair.

    Args:
        positions: (N, 3), wrapped or not.
        box: (3,) edge lengths of the periodic orthorhombic box.
        edges: (B + 1,) ascending; bin b holds edges[b] <= r < edges[b + 1].

    Yields:
        (i, j, b) of a block of pairs, each (n,).
    """
    positions, box = np.asarray(positions, dtype=np.float64), np.asarray(box, dtype=np.float64)
    n = len(positions)
    rows = max(1, _BLOCK // n)
    for start in range(0, n, rows):
        vectors = minimum_image(positions[start : start + rows, None] - positions[None, start:], box)
        bins = np.searchsorted(edges, np.linalg.norm(vectors, axis=-1), side="right") - 1
        bins[np.tril_indices(len(bins))] = -1
        i, j = np.nonzero((bins >= 0) & (bins < len(edges) - 1))
        yield i + start, j + start, bins[i, j]


def checked_edges(edges: ArrayLike) -> Float:
    """The edges of bins of distance, (B + 1,), ascending from zero or more.

    Raises:
        ConfigurationError: they are not.
    """
    edges = np.asarray(edges, dtype=np.float64)
    if edges.ndim != 1 or len(edges) < 2 or not (edges[0] >= 0 and np.all(np.diff(edges) > 0) and edges[-1] < np.inf):
        raise ConfigurationError("The edges of the bins of distance must be two or more ascending numbers from zero.")
    return edges


def shell_volumes(edges: Float) -> Float:
    """(4 pi / 3) (edges[b + 1]^3 - edges[b]^3), (B,)."""
    return 4 * np.pi / 3 * np.diff(edges**3)


def edges_to_half_the_box(systems: Sequence[System], width: float) -> Float:
    """Edges 0, w, 2 w, ... of bins that end nearest to half the shortest edge of all boxes, (B + 1,).

    Args:
        systems: configurations, one or more.
        width: w, LJ length.
    """
    return np.arange(0, min(system.box.min() for system in systems) / 2 + width / 2, width)
