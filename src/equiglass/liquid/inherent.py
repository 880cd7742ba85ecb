"""Inherent structures: the minimum of the potential energy that lies downhill from a configuration."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import overload

import numpy as np

from equiglass.errors import DataError, EquiglassError
from equiglass.liquid.arrays import Float
from equiglass.liquid.minimum import largest, minimum
from equiglass.liquid.needs import potential_of
from equiglass.liquid.neighbors import wrap
from equiglass.liquid.potential import LennardJones, PairParameters, mixture_named, pair_force, potential_energy
from equiglass.liquid.system import System
from equiglass.machine.compiled import library

HIGHEST_ENERGY = 1e30
"""Highest potential energy of a particle, LJ units. Beyond it the squares of the forces overflow."""


@overload
def quench(
    systems: System,
    *,
    potential: LennardJones | str | None = None,
    tolerance: float = 1e-5,
    max_steps: int = 50_000,
    progress: Callable[[int, int, str], None] | None = None,
) -> System: ...


@overload
def quench(
    systems: Sequence[System],
    *,
    potential: LennardJones | str | None = None,
    tolerance: float = 1e-5,
    max_steps: int = 50_000,
    progress: Callable[[int, int, str], None] | None = None,
) -> list[System]: ...


def quench(
    systems: System | Sequence[System],
    *,
    potential: LennardJones | str | None = None,
    tolerance: float = 1e-5,
    max_steps: int = 50_000,
    progress: Callable[[int, int, str], None] | None = None,
) -> System | list[System]:
    """Return the configurations with ``positions_inherent``, the minimum of E downhill from the thermal positions.

    Args:
        systems: one configuration, or several.
        potential: pair potential of the systems that have none of their own, or the name of its mixture.
        tolerance: largest force left on any particle, |F_i| in LJ units.
        max_steps: number of steps after which the quench fails.
        progress: is called after every configuration with (number done, number of all, name).

    Returns:
        One system for one system, a list for a list. They also contain ``potential`` and say how they were quenched.

    Raises:
        DataError: a system has no potential, particles overlap, or the forces stay above the tolerance.
        ConfigurationError: no mixture has the name ``potential``.

    Source: `minimum` names the methods.
    """
    if isinstance(systems, System):
        return quench([systems], potential=potential, tolerance=tolerance, max_steps=max_steps, progress=progress)[0]
    mixture = None if potential is None else mixture_named(potential)
    results = []
    for system in systems:
        results.append(_quench(replace(system, potential=system.potential or mixture), tolerance, max_steps))
        if progress is not None:
            progress(len(results), len(systems), system.name)
    return results


def _quench(system: System, tolerance: float, max_steps: int) -> System:
    potential = potential_of(system, "a quench")
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        energy = potential_energy(system.positions, system.types, system.box, potential)
    if not np.all(energy < HIGHEST_ENERGY):
        raise DataError(f"{system.name}: particles overlap, so that the potential energy is practically infinite.")
    return quenched(system, _minimum(system, potential, tolerance, max_steps), tolerance)


def _minimum(system: System, potential: LennardJones, tolerance: float, max_steps: int) -> Float:
    """The positions of the minimum, unwrapped, (N, 3)."""
    x, left = minimum(_Forces(system, potential), np.array(system.positions.T, order="C"), tolerance, max_steps)
    if left > tolerance:
        raise DataError(
            f"{system.name}: the quench left a force of {left:.2g} after {max_steps} steps, "
            f"more than {tolerance:g}; allow more steps or a larger force."
        )
    return x.T


def quenched(system: System, positions: Float, tolerance: float = 1e-5) -> System:
    """The configuration with the positions of its inherent structure, (N, 3), as `quench` returns it."""
    how = {"inherent structure": f"FIRE and L-BFGS, largest force {tolerance:g}, potential {system.potential}"}
    return replace(system, positions_inherent=positions, provenance={**system.provenance, **how})


class _Forces:
    """The forces from a Verlet list, which holds each pair within the cutoff plus a skin once.

    The list is renewed as soon as a particle has moved by half the skin.
    """

    SKIN = 0.2

    def __init__(self, system: System, potential: LennardJones) -> None:
        self.types, self.box, self.potential = system.types, system.box, potential
        self.cutoff = potential.tables[2]
        self.pair = potential.of_pairs(*np.indices(self.cutoff.shape).reshape(2, -1))
        self.origin: Float | None = None
        self.library: ctypes.CDLL | None = None
        # Without a compiler, the plain sums give the same result more slowly.
        with contextlib.suppress(EquiglassError):
            self.library = library(Path(__file__).with_name("pair_forces.cpp"), wished=("-fno-math-errno",))

    def __call__(self, x: Float) -> Float:
        """The forces at the positions x, both (3, N)."""
        if self.origin is None or largest(x - self.origin) > self.SKIN / 2:
            self._renew(x)
        return self._plain(x) if self.library is None else self._compiled(x, self.library)

    def _renew(self, x: Float) -> None:
        from vesin import NeighborList

        search = NeighborList(cutoff=float(self.cutoff.max()) + self.SKIN, full_list=False)
        i, j, vectors, distances = search.compute(
            points=wrap(np.ascontiguousarray(x.T), self.box), box=np.diag(self.box), periodic=True, quantities="ijDd"
        )
        i, j = i.astype(np.int32), j.astype(np.int32)
        near = np.flatnonzero(distances < self.cutoff[self.types[i], self.types[j]] + self.SKIN)
        order = near[np.argsort(i[near], kind="stable")]
        self.i, self.j = i[order], j[order]
        self.lattice = np.ascontiguousarray(vectors[order].T - (x[:, self.j] - x[:, self.i]))
        self.kinds = (self.types[self.i] * len(self.cutoff) + self.types[self.j]).astype(np.int32)
        self.first = np.flatnonzero(np.diff(self.i, prepend=-1))
        self.origin = x.copy()

    def _plain(self, x: Float) -> Float:
        vectors = np.take(x, self.j, axis=1)
        vectors -= np.take(x, self.i, axis=1)
        vectors += self.lattice
        squared = vectors[0] * vectors[0]
        squared += vectors[1] * vectors[1]
        squared += vectors[2] * vectors[2]
        vectors *= pair_force(squared, PairParameters(*(table[self.kinds] for table in self.pair)))
        forces: Float = np.zeros_like(x)
        for axis, component in enumerate(vectors):
            forces[axis] = np.bincount(self.j, component, x.shape[1])
        # The pairs are sorted by i, so the pairs with the same i are consecutive.
        forces[:, self.i[self.first]] -= np.add.reduceat(vectors, self.first, axis=1)
        return forces

    def _compiled(self, x: Float, library: ctypes.CDLL) -> Float:
        forces = np.zeros_like(x)
        p = self.pair
        parameters = (self.kinds, p.epsilon, p.sigma_squared, p.cutoff_squared, p.slope)
        arrays = (x, self.i, self.j, self.lattice, *parameters, forces)
        library.pair_forces(
            ctypes.c_int64(x.shape[1]), ctypes.c_int64(len(self.i)), *(ctypes.c_void_p(a.ctypes.data) for a in arrays)
        )
        return forces
