"""What is measured of every configuration, and of all configurations of a state point together.

A quantity that a data set does not tell is NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equiglass.errors import EquiglassError
from equiglass.liquid.arrays import Float
from equiglass.liquid.potential import LennardJones, potential_energy
from equiglass.liquid.system import System, type_name
from equiglass.observables import (
    Estimate,
    bootstrap,
    crystal_like,
    first_crossings,
    radial_distribution,
    self_scattering_by_type,
)

BIN = 0.02
"""Width of the bins of g(r), LJ length."""

FARTHEST = 5.0
"""End of the last one, in boxes that are large enough."""


@dataclass(frozen=True)
class Measured:
    """One configuration.

    Attributes:
        name: its own.
        temperature: as the file says; None where it does not.
        potential: the same.
        density: number density.
        counts: particles of every type, (n_types,).
        runs: runs behind the labels.
        energy: potential energy per particle.
        inherent_energy: of the inherent structure.
        crystal: share of crystal-like particles, of the inherent structure where there is one.
        radial: g_ab(r), (n_types, n_types, B), the bins 0.02 wide from zero; B = 0 where a type is absent.
        labels: of the times, T of them.
        times: (T,).
        propensity: mean over particles by type, (T, n_types).
        squared_displacement: mean squared displacement by type, (T, n_types).
        scattering: F_s(7.25, t) by type, (T, n_types).
        run_temperature: kinetic temperature, (T,).
        energy_drift: largest of any run, per particle, (T,).
        momentum: largest of any run, per particle, (T,).
        equilibration: what the simulation said of the equilibrium of its trajectory, or nothing.
    """

    name: str
    temperature: float | None
    potential: LennardJones | None
    density: float
    counts: NDArray[np.int64]
    runs: int | None
    energy: float
    inherent_energy: float
    crystal: float
    radial: Float
    labels: tuple[str, ...]
    times: Float
    propensity: Float
    squared_displacement: Float
    scattering: Float
    run_temperature: Float
    energy_drift: Float
    momentum: Float
    equilibration: str


@dataclass(frozen=True)
class StatePoint:
    """All configurations of a data set: the arrays of `Measured` with a first axis over C configurations.

    The times are those of any configuration, T of them, in the order of their means; energies and the like are (C,).
    """

    names: tuple[str, ...]
    temperature: float | None
    potential: LennardJones | None
    density: float
    counts: NDArray[np.int64]
    runs: int | None
    energy: Float
    inherent_energy: Float
    crystal: Float
    radial: Float
    labels: tuple[str, ...]
    times: Float
    propensity: Float
    squared_displacement: Float
    scattering: Float
    run_temperature: Float
    energy_drift: Float
    momentum: Float
    equilibration: tuple[str, ...]

    def energies_and_propensities(self) -> dict[str, Float]:
        """Both energies, and the mean propensity of every type at every time, (C,) each, by what they are."""
        values = {"potential energy": self.energy, "inherent energy": self.inherent_energy}
        for row, label in enumerate(self.labels):
            for kind in range(len(self.counts)):
                values[f"propensity of {type_name(kind)} (time {label})"] = self.propensity[:, row, kind]
        return values

    def time_at(self, value: float) -> Estimate:
        """The time when F_s(7.25, t) of A, the mean over configurations, first falls to a value; linear in log t."""
        known = ~np.isnan(mean(self.scattering[:, :, 0]))
        times, F = self.times[known], self.scattering[:, known, 0]
        return bootstrap(lambda chosen: first_crossings(times, mean(F[chosen]), [value])[0], len(F))


def measure(system: System) -> Measured:
    """All of it, from one configuration with whatever labels it has."""
    counts = np.bincount(system.types)
    n_times, of_types = len(system.times), [system.types == kind for kind in range(len(counts))]

    def by_type(field: Float | None) -> Float:
        values = np.full((n_times, len(counts)), np.nan)
        if field is not None:
            for kind in np.flatnonzero(counts):
                values[:, kind] = mean(field[:, of_types[kind]].T)
        return values

    def known(values: Float | None) -> Float:
        return np.full(n_times, np.nan) if values is None else values

    def energy(positions: Float | None) -> float:
        if system.potential is None or positions is None:
            return float("nan")
        # Half of the full sums over neighbours.
        return float(potential_energy(positions, system.types, system.box, system.potential).mean() / 2)

    thermal, inherent = system.positions, system.positions_inherent
    scattering = system.self_scattering
    if scattering is None and system.replica_displacements is not None:
        scattering = self_scattering_by_type(system.replica_displacements, system.types)
    squared = None
    if system.propensity is not None and system.replica_variance is not None and system.runs is not None:
        # The mean square is the square of the mean and the variance, here with the divisor M.
        squared = system.propensity**2 + system.replica_variance * (1 - 1 / system.runs)
    return Measured(
        name=system.name,
        temperature=system.temperature,
        potential=system.potential,
        density=system.density,
        counts=counts,
        runs=system.runs,
        energy=energy(thermal),
        inherent_energy=energy(inherent),
        crystal=_crystal(thermal if inherent is None else inherent, system.box),
        radial=_radial(system, counts),
        labels=system.time_labels,
        times=system.times,
        propensity=by_type(system.propensity),
        squared_displacement=by_type(squared),
        scattering=np.full((n_times, len(counts)), np.nan) if scattering is None else scattering,
        run_temperature=known(system.run_temperature),
        energy_drift=known(system.energy_drift),
        momentum=known(system.momentum),
        equilibration=system.provenance.get("equilibration", ""),
    )


def collect(measured: Sequence[Measured]) -> StatePoint:
    """The configurations of one state point together.

    Raises:
        EquiglassError: there is none, or they differ in temperature, potential or number of types.
    """
    if not measured:
        raise EquiglassError("There are no configurations to check.")
    first = measured[0]
    for other in measured:
        if (other.temperature, other.potential, len(other.counts)) != (
            first.temperature,
            first.potential,
            len(first.counts),
        ):
            raise EquiglassError(
                f"{first.name} and {other.name} differ in temperature, potential or number of types; check each state "
                "point by itself."
            )
    values: dict[str, list[float]] = {}
    for one in measured:
        for label, time in zip(one.labels, one.times, strict=True):
            values.setdefault(label, []).append(float(time))
    times = {label: float(np.mean(of_label)) for label, of_label in values.items()}
    labels = sorted(times, key=times.__getitem__)

    def stacked(key: str) -> Float:
        like = getattr(first, key)
        table = np.full((len(measured), len(labels), *like.shape[1:]), np.nan)
        for row, one in zip(table, measured, strict=True):
            row[[labels.index(label) for label in one.labels]] = getattr(one, key)
        return table

    bins = min(one.radial.shape[-1] for one in measured)
    return StatePoint(
        names=tuple(one.name for one in measured),
        temperature=first.temperature,
        potential=first.potential,
        density=float(np.mean([one.density for one in measured])),
        counts=first.counts,
        runs=first.runs,
        energy=np.array([one.energy for one in measured]),
        inherent_energy=np.array([one.inherent_energy for one in measured]),
        crystal=np.array([one.crystal for one in measured]),
        radial=np.stack([one.radial[..., :bins] for one in measured]),
        labels=tuple(labels),
        times=np.array([times[label] for label in labels]),
        propensity=stacked("propensity"),
        squared_displacement=stacked("squared_displacement"),
        scattering=stacked("scattering"),
        run_temperature=stacked("run_temperature"),
        energy_drift=stacked("energy_drift"),
        momentum=stacked("momentum"),
        equilibration=tuple(dict.fromkeys(one.equilibration for one in measured if one.equilibration)),
    )


def radii(state: StatePoint) -> Float:
    """Middles of the bins of g(r), (B,)."""
    return np.asarray(BIN * (np.arange(state.radial.shape[-1]) + 0.5))


def mean(values: ArrayLike) -> Float:
    """Mean over the first axis of what is known; NaN where nothing is."""
    values = np.asarray(values, dtype=np.float64)
    known = ~np.isnan(values)
    number = known.sum(axis=0)
    return np.where(number > 0, np.where(known, values, 0).sum(axis=0) / np.maximum(number, 1), np.nan)


def _crystal(positions: Float, box: Float) -> float:
    try:
        return float(crystal_like(positions, box).mean())
    except EquiglassError:
        return float("nan")


def _radial(system: System, counts: NDArray[np.int64]) -> Float:
    bins = int(min(FARTHEST, system.box.min() / 2) / BIN)
    if np.any(counts == 0) or bins == 0:
        return np.empty((len(counts), len(counts), 0))
    edges = BIN * np.arange(bins + 1)
    return radial_distribution([system.positions], [system.types], [system.box], edges).value
