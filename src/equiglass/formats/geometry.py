"""Whether a box is that of the positions in it: three dimensions, no seam, no empty slab.

A liquid continues across every face of its periodic box. Bonds, which are the pairs of neighbours, therefore cross
every plane equally often. In a box that is too long, fewer bonds cross one plane; in a box that is too short, more do,
and particles on either side of that plane are closer than anywhere else.
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from equiglass.errors import DataError, EquiglassWarning
from equiglass.liquid.neighbors import Pairs, periodic_pairs
from equiglass.liquid.system import System

BOND = 1.5
"""The length of the longest bond, in units of the mean distance rho^(-1/3). It is the first minimum of g(r)."""

THINNEST = 0.3
"""The lowest number density of a liquid in LJ units without a warning. In a metal in Angstrom it is 0.1 or less."""

SHORTEST = 2.5
"""The shortest edge of a box, LJ length. It is the usual cutoff of the potential."""

FLAT = 0.5
"""The extent of a layer, in units of rho^(-1/3), below which the particles lie in a plane."""

FEWEST = 20
"""The number of particles below which only the density, the edges and the plane are looked at."""


def check_geometry(system: System) -> None:
    """Compare the box with the number of particles and with their positions.

    Warns:
        EquiglassWarning: the density is that of a gas, or bonds across some plane are too few or too many.

    Raises:
        DataError: the particles lie in a plane, an edge is shorter than the cutoff, or particles overlap across a
            plane.
    """
    _check_dimension(system)
    if system.density < THINNEST:
        _warn(
            system,
            f"the number density {system.density:.3g} is that of a gas in Lennard-Jones units. Check the box, the "
            "units and whether all particles are in the file.",
        )
    if system.n_particles >= FEWEST:
        _check_continuity(system)


def _check_dimension(system: System) -> None:
    spacing = system.density ** (-1 / 3)
    shortest = float(system.box.min())
    for axis, edge in zip("xyz", range(3), strict=True):
        length = system.box[edge]
        ordered = np.sort(system.positions[:, edge])
        empty = max(np.max(np.diff(ordered), initial=0.0), ordered[0] + length - ordered[-1])
        extent = length - empty
        thin = FLAT * spacing if system.n_particles >= FEWEST else 1e-9 * length
        if system.n_particles > 2 and extent < thin:
            raise DataError(
                f"{system.name}: the configuration is two-dimensional: all particles have the same {axis} within "
                f"{extent:.2g}. Only configurations in three dimensions are read."
            )
    if shortest < SHORTEST:
        axis = "xyz"[int(system.box.argmin())]
        flat = "two-dimensional" if np.sort(system.box)[1] > 2 * shortest else "too small"
        raise DataError(
            f"{system.name}: the box is {flat}: its edge along {axis}, {shortest:.3g}, is shorter than the cutoff "
            f"{SHORTEST:g}, so that particles meet their own images."
        )


def _check_continuity(system: System) -> None:
    bond = min(BOND * system.density ** (-1 / 3), float(system.box.min()))
    pairs = periodic_pairs(system.positions, system.box, bond)
    for edge, axis in enumerate("xyz"):
        length = system.box[edge]
        start = system.positions[pairs.receivers, edge]
        profile = _crossings(start, start + pairs.vectors[:, edge], length, bond)
        middle = float(np.median(profile))
        spread = max(1.5 * float(np.median(np.abs(profile - middle))), 0.5 * middle**0.5)
        few, many = int(profile.argmin()), int(profile.argmax())
        plane = length / len(profile)
        if profile[few] == 0 or (profile[few] < 0.6 * middle and profile[few] < middle - 6 * spread):
            _warn(
                system,
                f"the particles do not fill the box: {_few(profile[few], middle)} neighbours meet across the plane "
                f"{axis} = {few * plane:.3g}. Check the box, unless the liquid has a surface.",
            )
            return
        if profile[many] > 1.4 * middle and profile[many] > middle + 6 * spread:
            _check_seam(system, pairs, start, many * plane, edge)
            return


def _few(found: float, usual: float) -> str:
    return "no" if found == 0 else f"only {found / usual:.0%} of the usual number of"


def _crossings(start: NDArray[np.float64], end: NDArray[np.float64], length: float, bond: float) -> NDArray[np.float64]:
    """How many bonds cross each of the equidistant planes at 0, h, 2 h, ... below ``length``; h is about bond / 4."""
    planes = max(4, round(4 * length / bond))
    lower, upper = (
        np.floor(np.minimum(start, end) / length * planes),
        np.floor(np.maximum(start, end) / length * planes),
    )
    # Plane p is crossed if lower < p <= upper. The planes continue beyond the box, which start never leaves.
    first, last = lower.astype(np.int64) + 1 + 2 * planes, upper.astype(np.int64) + 1 + 2 * planes
    steps = np.bincount(first, minlength=6 * planes) - np.bincount(last, minlength=6 * planes)
    crossed = np.cumsum(steps)[: 6 * planes].reshape(6, planes)
    return crossed.sum(axis=0) / 2


def _check_seam(system: System, pairs: Pairs, start: NDArray[np.float64], plane: float, edge: int) -> None:
    """Refuse particles that are closer across a plane than anywhere else; warn if they are as close elsewhere."""
    length = system.box[edge]
    low, high = start - plane, start - plane + pairs.vectors[:, edge]
    crosses = np.floor(low / length) != np.floor(high / length)
    kinds = system.types[pairs.receivers] * system.n_types + system.types[pairs.senders]
    across, within = (np.full(system.n_types**2, np.inf) for _ in range(2))
    np.minimum.at(across, kinds[crosses], pairs.distances[crosses])
    np.minimum.at(within, kinds[~crosses], pairs.distances[~crosses])
    place = f"across the plane {'xyz'[edge]} = {plane:.3g}"
    if np.any(across < 0.9 * within):
        raise DataError(
            f"{system.name}: particles overlap {place}: they are {across.min():.3g} apart there and at least "
            f"{within.min():.3g} elsewhere. The box is too short for these positions."
        )
    _warn(system, f"more particles than usual are neighbours {place}. Check the box.")


def _warn(system: System, sentence: str) -> None:
    warnings.warn(f"{system.name}: {sentence}", EquiglassWarning, stacklevel=2)
