"""Pairs of particles within a distance in a periodic box of any size, with all images.

The whole package uses one convention. A pair (i, j) has the vector ``a_ij = x_j - x_i`` plus the lattice vector of the
image. The particle ``i`` receives and ``j`` sends. Both directions of every pair are listed.
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
"""Default number of receivers per block."""

SHORTEST = 1e-4
"""Shortest distance of a search, LJ length; the library refuses cutoffs of 1e-6."""


class Pairs(NamedTuple):
    """Directed pairs sorted by receiver, then sender.

    Attributes:
        receivers: index i of every pair, ascending, int64, (E,).
        senders: index j of every pair, int64, (E,).
        vectors: a_ij = x_j - x_i of the image, float64, (E, 3), LJ length.
        distances: |a_ij|, float64, (E,), LJ length.
    """

    receivers: NDArray[np.int64]
    senders: NDArray[np.int64]
    vectors: NDArray[np.float64]
    distances: NDArray[np.float64]


class UnionPairs(NamedTuple):
    """Directed pairs of two states, sorted by receiver.

    Attributes:
        receivers: index i of every pair, ascending, int64, (E,).
        senders: index j of every pair, int64, (E,).
        vectors: a_ij in the first and in the second state, float64, (E, 2, 3), LJ length.
    """

    receivers: NDArray[np.int64]
    senders: NDArray[np.int64]
    vectors: NDArray[np.float64]


class Neighbourhood(NamedTuple):
    """Some receivers, and all particles that may be near them.

    Attributes:
        particles: indices of all these particles, ascending, int64, (n,).
        receives: whether each particle is one of the receivers, bool, (n,).
    """

    particles: NDArray[np.int64]
    receives: NDArray[np.bool_]


def periodic_pairs(
    positions: NDArray[np.float64], box: NDArray[np.float64], cutoff: float, receivers: int | None = None
) -> Pairs:
    """All directed pairs with 0 < |a_ij| < cutoff (eq. 1), images included.

    A particle may be its own neighbour in a small box.

    Args:
        positions: (N, 3), wrapped or not, LJ length units.
        box: (3,) edge lengths of the periodic orthorhombic box.
        cutoff: upper limit of the distance, LJ length; the limit itself is excluded.
        receivers: number of receivers per block of the search. The result does not depend on it.
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


def union_pairs(
    positions: NDArray[np.float64], displacements: NDArray[np.float64], box: NDArray[np.float64], cutoff: float
) -> UnionPairs:
    """All directed pairs within the cutoff in a first or a second state, with the vector of the same image in both.

    Args:
        positions: positions in the first state, (N, 3), LJ length.
        displacements: vectors to the positions in the second state, (N, 3), LJ length.
        box: (3,) edge lengths of the periodic orthorhombic box.
        cutoff: upper limit of the distance, LJ length; the limit itself is excluded.
    """

    def change(pairs: Pairs) -> NDArray[np.float64]:
        return displacements[pairs.senders] - displacements[pairs.receivers]

    first, second = (periodic_pairs(x, box, cutoff) for x in (positions, positions + displacements))
    there, here = first.vectors + change(first), second.vectors - change(second)
    new = np.linalg.norm(here, axis=1) >= cutoff
    receivers = np.concatenate([first.receivers, second.receivers[new]])
    order = np.argsort(receivers, kind="stable")
    vectors = [np.concatenate([first.vectors, here[new]]), np.concatenate([there, second.vectors[new]])]
    senders = np.concatenate([first.senders, second.senders[new]])
    return UnionPairs(receivers[order], senders[order], np.stack(vectors, axis=1)[order])


def pair_blocks(
    positions: NDArray[np.float64],
    box: NDArray[np.float64],
    cutoff: float,
    threads: int = 1,
    receivers: int | None = None,
) -> Iterator[Pairs]:
    """The pairs of :func:`periodic_pairs` in blocks, so that few pairs are in memory at a time.

    The receivers of a block are consecutive in :func:`spatial_order`. If the positions have this order, so have the
    pairs.

    Args:
        positions: (N, 3), wrapped or not, LJ length units.
        box: (3,) edge lengths of the periodic orthorhombic box.
        cutoff: upper limit of the distance, LJ length; the limit itself is excluded.
        threads: number of blocks that are searched simultaneously.
        receivers: number of receivers per block, by default `RECEIVERS_AT_ONCE`.
    """
    box = np.asarray(box, dtype=np.float64)
    wrapped = wrap(np.asarray(positions, dtype=np.float64), box)

    def block(neighbourhood: Neighbourhood) -> Pairs:
        sends, receives = neighbourhood
        pairs = pairs_among(wrapped[sends], receives, box, cutoff)
        return pairs._replace(receivers=sends[pairs.receivers], senders=sends[pairs.senders])

    todo = neighbourhoods(wrapped, box, cutoff, receivers or RECEIVERS_AT_ONCE)
    with ThreadPoolExecutor(threads) as pool:
        # The search stays a few blocks ahead of their use. Otherwise a slow use would fill the memory.
        ahead = deque(pool.submit(block, each) for each in islice(todo, threads))
        while ahead:
            pairs = ahead.popleft().result()
            ahead.extend(pool.submit(block, each) for each in islice(todo, 1))
            yield pairs


def neighbourhoods(
    wrapped: NDArray[np.float64], box: NDArray[np.float64], cutoff: float, receivers: int
) -> Iterator[Neighbourhood]:
    """Neighbourhoods such that every particle receives in exactly one of them.

    Args:
        wrapped: positions in the box, (N, 3), LJ length units.
        box: (3,) edge lengths of the periodic orthorhombic box.
        cutoff: distance, LJ length; a neighbourhood contains all particles within it of any receiver.
        receivers: largest number of receivers per neighbourhood.
    """
    order = spatial_order(wrapped, box, cutoff)
    cells, shape = _cells(wrapped, box, cutoff)
    cell = np.ravel_multi_index(tuple(cells.T), shape)
    for first in range(0, max(len(order), 1), receivers):
        receives = np.zeros(len(order), bool)
        receives[order[first : first + receivers]] = True
        # The senders lie in the cells of the receivers and in the cells around them.
        near = np.zeros(shape, bool)
        near.flat[cell[receives]] = True
        for axis in range(3):
            near |= np.roll(near, 1, axis) | np.roll(near, -1, axis)
        sends = np.flatnonzero(near.flat[cell])
        yield Neighbourhood(sends, receives[sends])


def pairs_among(
    wrapped: NDArray[np.float64], receives: NDArray[np.bool_], box: NDArray[np.float64], cutoff: float
) -> Pairs:
    """The pairs among some particles whose receiver is marked.

    Args:
        wrapped: positions in the box, (n, 3), LJ length.
        receives: whether each particle receives, (n,).
        box: (3,) edge lengths of the periodic orthorhombic box.
        cutoff: upper limit of the distance, LJ length.
    """
    from vesin import NeighborList

    search = NeighborList(cutoff=max(cutoff, SHORTEST), full_list=False)
    each, vectors, distances = search.compute(
        points=wrapped, box=np.diag(box), periodic=True, quantities="PDd", copy=False
    )
    if cutoff < SHORTEST:
        near = distances < cutoff
        each, vectors, distances = each[near], vectors[near], distances[near]
    # The list contains every pair once. The pair counts for each end that receives.
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
    """The order of the particles along a Morton curve through cells of about a length, (N,).

    Args:
        positions: positions in the box, (N, 3), LJ length.
        box: (3,) edge lengths of the periodic orthorhombic box.
        length: edge length of the cells, LJ length.

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
    """The cell of every particle, (N, 3), and the number of cells per axis. The cells are longer than ``length``."""
    # Even a dilute gas gets no more cells than particles.
    length = max(length, float(np.prod(box) / max(len(positions), 1)) ** (1 / 3))
    # The cells are slightly longer, since rounding could put two particles within ``length`` two cells apart.
    shape = np.maximum(np.floor(box / (length * (1 + 1e-9))), 1)
    return np.minimum(positions / box * shape, shape - 1).astype(np.int64), tuple(int(x) for x in shape)


def wrap(positions: NDArray[np.float64], box: NDArray[np.float64]) -> NDArray[np.float64]:
    """The positions moved by lattice vectors into [0, L), (N, 3)."""
    wrapped = positions - np.floor(positions / box) * box
    # A tiny negative coordinate becomes exactly L, or stays negative, by rounding.
    return np.where((wrapped < 0) | (wrapped >= box), 0.0, wrapped)


def minimum_image(vectors: NDArray[np.float64], box: NDArray[np.float64]) -> NDArray[np.float64]:
    """The vectors moved by lattice vectors into [-L/2, L/2], (..., 3)."""
    return vectors - np.round(vectors / box) * box
