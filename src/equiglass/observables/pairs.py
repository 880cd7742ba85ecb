"""All pairs of a periodic box by distance, in blocks, because a list of all pairs would need half a gigabyte."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equiglass.errors import ConfigurationError
from equiglass.liquid.arrays import Float
from equiglass.liquid.neighbors import minimum_image
from equiglass.liquid.system import System

_BLOCK = 2**18
"""The number of pairs per block. An array of vectors then has 6 MB."""


def binned_pairs(
    positions: ArrayLike, box: ArrayLike, edges: Float
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """Every pair i < j once, at its minimum image, if its distance lies in a bin.

    The bins may reach beyond L/2 to the corners of the box. The bins then contain all pairs.

    Args:
        positions: (N, 3), wrapped or not, LJ length.
        box: (3,) edge lengths of the periodic orthorhombic box.
        edges: edges of the bins, ascending, (B + 1,), LJ length. Bin b is edges[b] <= r < edges[b + 1].

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
    """The edges of bins of distance as an array, (B + 1,).

    Raises:
        ConfigurationError: the edges do not ascend from zero or more.
    """
    edges = np.asarray(edges, dtype=np.float64)
    if edges.ndim != 1 or len(edges) < 2 or not (edges[0] >= 0 and np.all(np.diff(edges) > 0) and edges[-1] < np.inf):
        raise ConfigurationError("The edges of the bins of distance must be two or more ascending numbers from zero.")
    return edges


def shell_volumes(edges: Float) -> Float:
    """The volumes of the spherical shells, (4 pi / 3) (edges[b + 1]^3 - edges[b]^3), (B,)."""
    return 4 * np.pi / 3 * np.diff(edges**3)


def edges_to_half_the_box(systems: Sequence[System], width: float) -> Float:
    """The edges 0, w, 2 w, ... of bins that end nearest to half the shortest edge of all boxes, (B + 1,).

    Args:
        systems: one or more configurations.
        width: width w of the bins, LJ length.
    """
    return np.arange(0, min(system.box.min() for system in systems) / 2 + width / 2, width)
