"""What every configuration must pass after loading, beyond what System itself refuses."""

from __future__ import annotations

import numpy as np

from equiglass.errors import DataError
from equiglass.liquid.neighbors import periodic_pairs
from equiglass.liquid.system import System

MOST_TYPES = 100
"""More particle types than this is taken for a damaged file."""

CLOSEST = 0.5
"""Particles closer than this, in units of sigma_ab, overlap: no liquid comes near (V > 10^4 epsilon)."""

CLOSEST_UNKNOWN = 0.3
"""The same for a mixture whose potential is not known, in LJ length units."""


BOX_EDGES = (0.3, 1e5)
"""Edges outside are taken for another unit or a damaged file, in LJ length units."""

DENSEST = 50.0
"""The same for a number density above."""


def checked(system: System) -> System:
    """The system itself, if no two of its particles overlap and its size is one of a liquid in LJ units.

    Raises:
        DataError: overlapping particles (thermal or inherent positions), or an absurd box or type.
    """
    shortest, longest = BOX_EDGES
    if system.box.min() < shortest or system.box.max() > longest or system.density > DENSEST:
        raise DataError(
            f"{system.name}: {system.n_particles} particles in the box {system.box} are no liquid in LJ "
            f"units (edges from {shortest} to {longest:g}, number density up to {DENSEST:g})."
        )
    if system.n_types > MOST_TYPES:
        raise DataError(
            f"{system.name}: particle type {system.n_types - 1} occurs; types are 0, 1, 2, ... "
            f"(fewer than {MOST_TYPES})."
        )
    closest = np.full((system.n_types, system.n_types), CLOSEST_UNKNOWN)
    if system.potential is not None:
        closest = CLOSEST * np.asarray(system.potential.sigma)
    for key in ("positions", "positions_inherent"):
        positions = getattr(system, key)
        if positions is None:
            continue
        if np.any(np.abs(positions - system.box / 2) > system.box):
            raise DataError(f"{system.name}: {key} lie so far outside the box that they cannot be wrapped.")
        # Before the search for pairs, whose memory all particles at the origin would exhaust.
        if len(np.unique(positions, axis=0)) < system.n_particles:
            raise DataError(f"{system.name}: particles overlap: {key} hold the same point more than once.")
        pairs = periodic_pairs(positions, system.box, float(closest.max()))
        overlap = pairs.distances < closest[system.types[pairs.receivers], system.types[pairs.senders]]
        if np.any(overlap):
            k = int(np.argmin(np.where(overlap, pairs.distances, np.inf)))
            raise DataError(
                f"{system.name}: particles overlap: {key} {pairs.receivers[k]} and {pairs.senders[k]} are "
                f"{pairs.distances[k]:.3g} apart. Check the box, the units (Lennard-Jones) and the positions."
            )
    return system
