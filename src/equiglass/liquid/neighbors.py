"""Pairs of particles within a distance in a periodic box: all images, any box size.

Convention (the whole package): a pair (i, j) carries the vector ``a_ij = x_j - x_i`` (plus the lattice vector
that makes it the image meant). ``i`` receives, ``j`` sends. Both directions of every pair are listed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

RECEIVERS_AT_ONCE = 16_384


class Pairs(NamedTuple):
    """Directed pairs sorted by receiver, then sender.

    Attributes:
        receivers: index i of every pair, int64, shape (E,), ascending.
        senders: index j of every pair, int64, shape (E,).
        vectors: a_ij = x_j - x_i of that image, float64, shape (E, 3).
        distances: |a_ij|, float64, shape (E,).
    """

    receivers: NDArray[np.int64]
    senders: NDArray[np.int64]
    vectors: NDArray[np.float64]
    distances: NDArray[np.float64]


class Neighbourhood(NamedTuple):
    """Some particles and all that may be near them.

    Attributes:
        particles: ascending, int64, (n,).
        receives: which of the particles the neighbourhood belongs to, bool, (n,).
    """

    particles: NDArray[np.int64]
    receives: NDArray[np.bool_]


def periodic_pairs(
    positions: NDArray[np.float64], box: NDArray[np.float64], cutoff: float, receivers: int | None = None
) -> Pairs:
    """All directed pairs with 0 < |a_ij| < cutoff, images included (a particle may see itself across the box).

    Args:
        positions: (N, 3), wrapped or not, LJ length units.
        box: (3,) edge lengths of the periodic orthorhombic box.
        cutoff: largest distance, exclusive.
        receivers: number of receivers whose pairs are searched at a time; the result does not depend on it.
    """
    blocks = list(pair_blocks(positions, box, cutoff, receivers=receivers))
    if len(blocks) == 1:
        return blocks[0]
    n = len(positions)
    counts = sum(np.bincount(block.receivers, minlength=n) for block in blocks)
    start = np.cumsum(counts) - counts
    total = int(np.sum(counts))
    pairs = Pairs(np.empty(total, np.int64), np.empty(total, np.int64), np.empty((total, 3)), np.empty(total))
    while blocks:
        block = blocks.pop(0)
        rows, first, length = np.unique(block.receivers, return_index=True, return_counts=True)
        place = np.arange(len(block.receivers)) + np.repeat(start[rows] - first, length)
        for whole, part in zip(pairs, block, strict=True):
            whole[place] = part
    return pairs


def pair_blocks(
    positions: NDArray[np.float64],
    box: NDArray[np.float64],
    cutoff: float,
    threads: int = 1,
    receivers: int | None = None,
) -> Iterator[Pairs]:
    """The pairs of :func:`periodic_pairs`, those of some thousand receivers at a time.

    The receivers of a block are a run of :func:`spatial_order`; positions in that order have their pairs in order too.

    Args:
        positions: (N, 3), wrapped or not, LJ length units.
        box: (3,) edge lengths of the periodic orthorhombic box.
        cutoff: largest distance, exclusive.
        threads: number of blocks that are searched at once.
        receivers: number of receivers of a block; `RECEIVERS_AT_ONCE` if not given.
    """
    box = np.asarray(box, dtype=np.float64)
    wrapped = wrap(np.asarray(positions, dtype=np.float64), box)

    def block(neighbourhood: Neighbourhood) -> Pairs:
        sends, receives = neighbourhood
        pairs = pairs_among(wrapped[sends], receives, box, cutoff)
        return pairs._replace(receivers=sends[pairs.receivers], senders=sends[pairs.senders])

    todo = neighbourhoods(wrapped, box, cutoff, receivers or RECEIVERS_AT_ONCE)
    with ThreadPoolExecutor(threads) as pool:
        # Only so many blocks are searched ahead of their use. Otherwise a slow use would have all in memory.
        ahead = deque(pool.submit(block, each) for each in islice(todo, threads))
        while ahead:
            pairs = ahead.popleft().result()
            ahead.extend(pool.submit(block, each) for each in islice(todo, 1))
            yield pairs


def neighbourhoods(
    wrapped: NDArray[np.float64], box: NDArray[np.float64], cutoff: float, receivers: int
) -> Iterator[Neighbourhood]:
    """Neighbourhoods such that every particle receives in one of them, together with others near it.

    Args:
        wrapped: positions in the box, (N, 3), LJ length units.
        box: (3,) edge lengths of the periodic orthorhombic box.
        cutoff: all particles within this distance of a receiver are in its neighbourhood.
        receivers: largest number of receivers of a neighbourhood.
    """
    order = spatial_order(wrapped, box, cutoff)
    cells, shape = _cells(wrapped, box, cutoff)
    cell = np.ravel_multi_index(tuple(cells.T), shape)
    for first in range(0, max(len(order), 1), receivers):
        receives = np.zeros(len(order), bool)
        receives[order[first : first + receivers]] = True
        # Who may send: all particles in the cells of the receivers and in the cells around those.
        near = np.zeros(shape, bool)
        near.flat[cell[receives]] = True
        for axis in range(3):
            near |= np.roll(near, 1, axis) | np.roll(near, -1, axis)
        sends = np.flatnonzero(near.flat[cell])
        yield Neighbourhood(sends, receives[sends])


def pairs_among(
    wrapped: NDArray[np.float64], receives: NDArray[np.bool_], box: NDArray[np.float64], cutoff: float
) -> Pairs:
    """Pairs among some particles, positions in the box (n, 3), those alone whose receiver is marked, (n,)."""
    from vesin import NeighborList

    search = NeighborList(cutoff=cutoff, full_list=False)
    each, vectors, distances = search.compute(
        points=wrapped, box=np.diag(box), periodic=True, quantities="PDd", copy=False
    )
    # The list has every pair once; it counts for each end that receives.
    i, j = each.astype(np.int64).T
    there, back = np.flatnonzero(receives[i]), np.flatnonzero(receives[j])
    n = len(wrapped)
    key = np.concatenate([i[there] * n + j[there], j[back] * n + i[back]])
    source = np.concatenate([there, back])
    order = np.argsort(key)
    if np.any(np.diff(key[order]) == 0):
        # Several images of one sender are ordered by distance.
        order = np.lexsort((distances[source], key))
    receivers, senders = np.divmod(key[order], n)
    vectors = np.take(vectors, source[order], axis=0)
    vectors[order >= len(there)] *= -1
    return Pairs(receivers, senders, vectors, distances[source[order]])


def spatial_order(positions: NDArray[np.float64], box: NDArray[np.float64], length: float) -> NDArray[np.int64]:
    """The particles along a Morton curve through cells of about ``length``, (N,); positions wrapped.

    Source: G. M. Morton, A computer oriented geodetic data base, IBM (1966).
    """
    cells, shape = _cells(positions, box, length)
    cells = cells.astype(np.uint64)
    code = np.zeros(len(positions), np.uint64)
    for bit in range(max(shape).bit_length()):
        for axis in range(3):
            code |= (cells[:, axis] >> np.uint64(bit) & np.uint64(1)) << np.uint64(3 * bit + axis)
    return np.argsort(code, kind="stable")


def _cells(
    positions: NDArray[np.float64], box: NDArray[np.float64], length: float
) -> tuple[NDArray[np.int64], tuple[int, ...]]:
    """The cell of every particle, (N, 3), and the number of cells along each axis; a cell is longer than ``length``."""
    # A thin gas has no more cells than particles.
    length = max(length, float(np.prod(box) / max(len(positions), 1)) ** (1 / 3))
    # A little longer, or rounding could put two particles within ``length`` two cells apart.
    shape = np.maximum(np.floor(box / (length * (1 + 1e-9))), 1)
    return np.minimum(positions / box * shape, shape - 1).astype(np.int64), tuple(int(x) for x in shape)


def wrap(positions: NDArray[np.float64], box: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positions moved by lattice vectors into [0, L). Shape (N, 3)."""
    wrapped = positions - np.floor(positions / box) * box
    # A tiny negative coordinate rounds to exactly L, or its quotient to zero.
    return np.where((wrapped < 0) | (wrapped >= box), 0.0, wrapped)


def minimum_image(vectors: NDArray[np.float64], box: NDArray[np.float64]) -> NDArray[np.float64]:
    """Vectors moved by lattice vectors into [-L/2, L/2]. Shape (..., 3)."""
    return vectors - np.round(vectors / box) * box
