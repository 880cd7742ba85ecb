"""The checks of every loaded configuration, in addition to those of System."""

from __future__ import annotations

import re

import numpy as np

from equiglass.errors import DataError
from equiglass.formats.geometry import check_geometry
from equiglass.liquid.neighbors import periodic_pairs
from equiglass.liquid.system import System

MOST_TYPES = 100
"""The largest number of particle types. A file with more types is taken for a damaged one."""

CLOSEST = 0.5
"""The distance, in units of sigma_ab, below which particles overlap. No liquid reaches it, since V > 10^4 epsilon."""

CLOSEST_UNKNOWN = 0.3
"""The distance below which particles overlap if the potential is unknown, LJ length."""

BOX_EDGES = (0.3, 1e5)
"""The range of box edges, LJ length. A file outside it is taken for a damaged one, or one in other units."""

LENNARD_JONES = ("lj", "lennardjones", "reduced", "lennardjonesunits", "ljunits", "reducedunits", "reducedlj")
"""Names of Lennard-Jones units, in lower case and without punctuation."""

FARTHEST, LONGEST = 1e6, 1e15
"""The largest propensity and the longest time, LJ units. A file beyond them is taken for a damaged one."""

_FAR = ("propensity", "propensity_halves", "mean_displacement")

DENSEST = 50.0
"""The highest number density, LJ units. A file above it is taken for a damaged one, or one in other units."""


def checked(system: System) -> System:
    """The system itself, if its particles do not overlap and its box suits them and a liquid in LJ units.

    Warns:
        EquiglassWarning: the box hardly suits the positions; see `formats.geometry`.

    Raises:
        DataError: particles overlap in the thermal or inherent positions, the box or a type is absurd, or the
            configuration is two-dimensional.
    """
    shortest, longest = BOX_EDGES
    if system.box.min() < shortest or system.box.max() > longest or system.density > DENSEST:
        raise DataError(
            f"{system.name}: {system.n_particles} particles in the box {system.box} are no liquid in LJ "
            f"units (edges from {shortest} to {longest:g}, number density up to {DENSEST:g}). Check the units."
        )
    if system.n_types > MOST_TYPES:
        raise DataError(
            f"{system.name}: particle type {system.n_types - 1} occurs, but types are 0, 1, 2, ... "
            f"(fewer than {MOST_TYPES})."
        )
    for key, values in {**{key: getattr(system, key) for key in _FAR}, **system.predictions}.items():
        if values is not None and np.nanmax(np.abs(values), initial=0.0) > FARTHEST:
            raise DataError(f"{system.name}: {key} reaches {np.nanmax(np.abs(values)):.3g}, which no particle moves.")
    if np.any(np.abs(system.times) > LONGEST):
        raise DataError(f"{system.name}: the times reach {np.abs(system.times).max():.3g}; they must be in LJ units.")
    if system.origin is not None and np.any(np.abs(system.origin) > 1e6 * system.box):
        raise DataError(f"{system.name}: the origin {system.origin} lies more than a million boxes away.")
    closest = np.full((system.n_types, system.n_types), CLOSEST_UNKNOWN)
    if system.potential is not None:
        closest = CLOSEST * np.asarray(system.potential.sigma)
    for key in ("positions", "positions_inherent", "positions_cage"):
        positions = getattr(system, key)
        if positions is None:
            continue
        if np.any(np.abs(positions - system.box / 2) > system.box):
            raise DataError(f"{system.name}: {key} lie so far outside the box that they cannot be wrapped.")
        # This test comes first, because the search for pairs exhausts the memory if all particles are at the origin.
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
    check_geometry(system)
    return system


def refuse_other_units(stated: str) -> None:
    """Refuse units, as a file states them, that are not Lennard-Jones units.

    Raises:
        DataError: the units are others.
    """
    if re.sub("[^a-z]", "", stated.lower()) not in LENNARD_JONES:
        raise DataError(
            f"the file states the units {stated[:40]!r}, but only Lennard-Jones units (lj) are read. Divide lengths by "
            "sigma and energies by epsilon of the majority species, and state lj."
        )
