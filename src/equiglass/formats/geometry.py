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

SEAMS = (0.0, 0.5)
"""Where the ends of a box that is too long or too short meet, in units of its edge.

They meet at 0 if the positions run from 0 to L, and at 1/2 if they run from -L/2 to L/2.
"""

LEAST = 0.2
"""The share of the usual number of bonds by which the number at a seam must differ to be remarked on."""

FEW_IN_ALL, MANY_IN_ALL = 4.7, 5.8
"""How many roots of the usual number are too many for the sum over three directions.

In 36 equilibrated liquids of 250 particles the largest were 1.0 and 1.6. A box that is 5 % too long gives 4.6 to 6.7,
one that is 5 % too short 3.6 to 9.5. Disordered lattices with vacancies reach 4.6 and 5.7.
"""

FEW_IN_ONE, MANY_IN_ONE = 5.6, 8.3
"""The same for one direction, where chance is larger."""

CLOSER = 0.85
"""How close particles at a seam must be, in units of the closest ones elsewhere, to be refused as overlapping."""

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
    profiles = []
    for axis, length in enumerate(system.box.tolist()):
        start = system.positions[pairs.receivers, axis]
        profiles.append(_crossings(start, start + pairs.vectors[:, axis], length, bond))
        if not profiles[-1].all():
            place = f"{'xyz'[axis]} = {int(profiles[-1].argmin()) * length / len(profiles[-1]):.3g}"
            _warn(system, f"the particles do not fill the box: no neighbours meet across the plane {place}. {_SURFACE}")
            return
    usual = np.array([np.median(profile) for profile in profiles])
    for share in SEAMS:
        found = np.array([profile[round(share * len(profile))] for profile in profiles])
        one, all_ = _deviation(found, usual), _deviation(found.sum(), usual.sum())
        elsewhere = [_away(profile, share) for profile in profiles]
        if found.sum() > np.sum([np.max(each) for each in elsewhere]):
            one, all_ = np.maximum(one, 0), np.maximum(all_, 0)
        elif found.sum() < np.sum([np.min(each) for each in elsewhere]):
            one, all_ = np.minimum(one, 0), np.minimum(all_, 0)
        else:
            # A crystal has such planes everywhere.
            all_ = np.zeros(())
            one = np.where([f < each.min() or f > each.max() for f, each in zip(found, elsewhere, strict=True)], one, 0)
        if all_ < -FEW_IN_ALL or np.any(one < -FEW_IN_ONE):
            less = f"{np.min(found / usual):.0%}"
            _warn(
                system,
                f"the particles do not fill the box: only {less} of the usual number of neighbours meet "
                f"across {_planes(system, share, found < usual)}. {_SURFACE}",
            )
            return
        if all_ > MANY_IN_ALL or np.any(one > MANY_IN_ONE):
            _check_seam(system, pairs, share, found > 1.1 * usual)
            return


_SURFACE = "Check the box, unless the liquid has a surface."


def _deviation(found: NDArray[np.float64], usual: NDArray[np.float64]) -> NDArray[np.float64]:
    """The difference from the usual number, in units of its root; 0 where it is below a fifth of the usual number."""
    return np.where(np.abs(found - usual) > LEAST * usual, (found - usual) / np.sqrt(usual), 0.0)


def _away(profile: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """The part of a profile that is more than a bond, or a quarter of the box, away from a plane."""
    turned = np.roll(profile, -round(share * len(profile)))
    near = min(4, len(profile) // 4)
    return turned[near + 1 : len(profile) - near]


def _planes(system: System, share: float, which: NDArray[np.bool_]) -> str:
    chosen = [f"{'xyz'[axis]} = {share * system.box[axis]:.3g}" for axis in np.flatnonzero(which)]
    return f"the plane{'s' if len(chosen) > 1 else ''} {', '.join(chosen)}"


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


def _check_seam(system: System, pairs: Pairs, share: float, which: NDArray[np.bool_]) -> None:
    """Refuse particles that are closer near these planes than far from them; otherwise warn."""
    near = np.zeros(len(pairs.receivers), dtype=bool)
    for axis in np.flatnonzero(which):
        away = system.positions[pairs.receivers, axis] / system.box[axis] - share
        near |= np.abs(away - np.round(away)) < 0.25
    kinds = system.types[pairs.receivers] * system.n_types + system.types[pairs.senders]
    across, within = (np.full(system.n_types**2, np.inf) for _ in range(2))
    np.minimum.at(across, kinds[near], pairs.distances[near])
    np.minimum.at(within, kinds[~near], pairs.distances[~near])
    place = f"across {_planes(system, share, which)}"
    if np.any((across < CLOSER * within) & np.isfinite(within)):
        raise DataError(
            f"{system.name}: particles overlap {place}: they are {across.min():.3g} apart there and at least "
            f"{within.min():.3g} elsewhere. The box is too short for these positions."
        )
    _warn(system, f"more particles than usual are neighbours {place}. Check the box.")


def _warn(system: System, sentence: str) -> None:
    warnings.warn(f"{system.name}: {sentence}", EquiglassWarning, stacklevel=2)
