"""The cage state by Monte Carlo with confinement: mean positions while no particle may leave its cage.

Every particle makes Metropolis moves at the temperature of the liquid. A move that ends farther than a radius from the
start of the particle is rejected, so no rearrangement happens. The cage state is the mean of the positions.

Source: R. M. Alkemade, F. Smallenburg, L. Filion, J. Chem. Phys. 158, 134512 (2023), doi 10.1063/5.0144822. Their
radius and the length of their runs are not known here; `RADIUS` and the numbers of sweeps are choices of this package.
"""

from __future__ import annotations

import ctypes
from dataclasses import replace
from pathlib import Path

import numpy as np

from equiglass.liquid.arrays import Float
from equiglass.liquid.needs import potential_of, temperature_of
from equiglass.liquid.neighbors import periodic_pairs
from equiglass.liquid.system import System
from equiglass.machine.compiled import library

RADIUS = 0.3
"""Radius of the confinement, LJ length: about the size of a cage, smaller than the distance of a rearrangement."""

EQUILIBRATION, SWEEPS = 300, 4000
"""Sweeps before the mean, and sweeps of the mean."""

STEP = 0.07
"""Largest step along each axis, LJ length; at T = 0.44 about a third of the moves is accepted."""


def confined_cage(
    system: System,
    *,
    radius: float = RADIUS,
    equilibration: int = EQUILIBRATION,
    sweeps: int = SWEEPS,
    seed: int = 0,
) -> System:
    """The configuration with ``positions_cage``, the mean positions under confinement.

    Args:
        system: the configuration; its temperature and its potential must be known.
        radius: largest distance of a particle from its thermal position, LJ length.
        equilibration: number of sweeps before the mean; a sweep is one trial move per particle.
        sweeps: number of sweeps of the mean.
        seed: seed of the moves.

    Raises:
        DataError: the temperature or the potential is unknown.
        SetupError: there is no C++ compiler.

    Source: see the module.
    """
    mean, _ = confined_mean(system, radius=radius, equilibration=equilibration, sweeps=sweeps, seed=seed)
    how = {"cage state": f"Monte Carlo within {radius:g} of the start, {equilibration} + {sweeps} sweeps, seed {seed}"}
    provenance = {**system.provenance, **how}
    return replace(system, positions_cage=system.positions + mean, provenance=provenance)


def confined_mean(
    system: System,
    *,
    radius: float = RADIUS,
    equilibration: int = EQUILIBRATION,
    sweeps: int = SWEEPS,
    seed: int = 0,
) -> tuple[Float, float]:
    """Mean displacement from the thermal positions, (N, 3), LJ length, and the share of accepted moves."""
    potential, temperature = potential_of(system, "the cage state"), temperature_of(system, "the cage state")
    pairs = periodic_pairs(system.positions, system.box, float(potential.tables[2].max()) + 2 * radius)
    others = pairs.senders != pairs.receivers  # an image of a particle moves with it
    senders, vectors = pairs.senders[others], pairs.vectors[others]
    first = np.searchsorted(pairs.receivers[others], np.arange(system.n_particles + 1))
    kinds = np.arange(potential.n_types)
    tables = potential.of_pairs(*np.meshgrid(kinds, kinds, indexing="ij"))
    moved, sums = np.zeros((system.n_particles, 3)), np.zeros((system.n_particles, 3))
    arrays = [np.ascontiguousarray(a) for a in (system.types, first, senders, vectors, *tables)]
    compiled = library(Path(__file__).with_name("confined.cpp"), wished=("-fno-math-errno",))
    compiled.confined.restype = ctypes.c_int64
    accepted = 0
    for part, number in enumerate((equilibration, sweeps)):
        sums[:] = 0
        accepted = compiled.confined(
            ctypes.c_int64(system.n_particles),
            ctypes.c_int64(potential.n_types),
            *(ctypes.c_void_p(a.ctypes.data) for a in arrays),
            *(ctypes.c_double(x) for x in (temperature, radius, STEP)),
            ctypes.c_int64(number),
            ctypes.c_uint64(2 * seed + part),
            *(ctypes.c_void_p(a.ctypes.data) for a in (moved, sums)),
        )
    return sums / sweeps, accepted / (sweeps * system.n_particles)
