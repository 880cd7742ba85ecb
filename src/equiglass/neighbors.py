"""Pairs of particles within a distance in a periodic box: all images, any box size.

Convention (the whole package): a pair (i, j) carries the vector ``a_ij = x_j - x_i`` (plus the lattice vector
that makes it the image meant). ``i`` receives, ``j`` sends. Both directions of every pair are listed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


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


def periodic_pairs(positions: NDArray[np.float64], box: NDArray[np.float64], cutoff: float) -> Pairs:
    """All directed pairs with 0 < |a_ij| < cutoff, images included (a particle may see itself across the box).

    Args:
        positions: (N, 3), wrapped or not, LJ length units.
        box: (3,) edge lengths of the periodic orthorhombic box.
        cutoff: largest distance, exclusive.
    """
    from vesin import NeighborList

    box = np.asarray(box, dtype=np.float64)
    wrapped = wrap(np.asarray(positions, dtype=np.float64), box)
    receivers, senders, vectors, distances = NeighborList(cutoff=cutoff, full_list=True).compute(
        points=wrapped, box=np.diag(box), periodic=True, quantities="ijDd"
    )
    receivers, senders = receivers.astype(np.int64), senders.astype(np.int64)
    # Ties (several images of one sender) are ordered by distance, so that the list is the same however
    # the search visited the cells.
    order = np.lexsort((distances, senders, receivers))
    return Pairs(receivers[order], senders[order], vectors[order], distances[order])


def wrap(positions: NDArray[np.float64], box: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positions moved by lattice vectors into [0, L). Shape (N, 3)."""
    wrapped = positions - np.floor(positions / box) * box
    # A tiny negative coordinate rounds to exactly L.
    return np.where(wrapped >= box, 0.0, wrapped)


def minimum_image(vectors: NDArray[np.float64], box: NDArray[np.float64]) -> NDArray[np.float64]:
    """Vectors moved by lattice vectors into [-L/2, L/2]. Shape (..., 3)."""
    return vectors - np.round(vectors / box) * box
