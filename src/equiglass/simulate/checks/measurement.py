"""The quantities that are measured on the configurations of a state point. Unknown quantities are NaN."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equiglass.errors import DataError
from equiglass.liquid.arrays import Float
from equiglass.liquid.potential import LennardJones, potential_energy
from equiglass.liquid.system import System, type_name
from equiglass.liquid.targets import refuse_other_times
from equiglass.observables import (
    Estimate,
    bootstrap,
    crystal_like,
    first_crossings,
    known_mean,
    mean_squares,
    radial_distribution,
    self_scattering_by_type,
)
from equiglass.observables.configurational_temperature import PLACES, endings, temperatures, virial_sums

BIN = 0.02
"""The width of the bins of g(r), LJ length."""

FARTHEST = 5.0
"""The end of the last bin of g(r) in boxes that are large enough, LJ length."""


@dataclass(frozen=True)
class StatePoint:
    """The quantities of C configurations of one state point at T times, in LJ units.

    `measure` returns one configuration, and `collect` joins several. The times are those of all configurations, in the
    order of their means.

    Attributes:
        names: names of the C configurations.
        temperature: temperature of the configurations; None if it is unknown.
        potential: pair potential of the configurations; None if it is unknown.
        density: number density, (C,).
        counts: number of particles of every type, (n_types,).
        runs: number of runs per configuration.
        energy: potential energy per particle, (C,).
        inherent_energy: potential energy per particle of the inherent structure, (C,).
        crystal: share of crystal-like particles, in the inherent structure if there is one, (C,).
        radial: g_ab(r) in bins of 0.02 from zero, (C, n_types, n_types, B); B = 0 if a type is absent.
        labels: labels of the times.
        times: values of the times, (T,).
        propensity: propensity by type, the mean over particles, (C, T, n_types).
        squared_displacement: mean squared displacement by type, (C, T, n_types).
        scattering: F_s(7.25, t) by type, (C, T, n_types).
        run_temperature: kinetic temperature, (C, T).
        energy_drift: drift of the total energy per particle, the largest over runs, (C, T).
        momentum: momentum per particle, the largest over runs, (C, T).
        virial: div G and grad U . G with the potentials of `endings`, from `virial_sums`, (C, 2, 1 + K, 8).
        equilibrated: whether the trajectory of the configurations is in equilibrium; None if this is unknown.
        equilibration: statements of the simulation on the equilibrium, one per trajectory.
    """

    names: tuple[str, ...]
    temperature: float | None
    potential: LennardJones | None
    density: Float
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
    virial: Float
    equilibrated: bool | None = None
    equilibration: tuple[str, ...] = ()

    def energies_and_propensities(self) -> dict[str, Float]:
        """Both energies, and the propensity of every type at every time, each (C,), by description."""
        values = {"potential energy": self.energy, "inherent energy": self.inherent_energy}
        for row, label in enumerate(self.labels):
            for kind in range(len(self.counts)):
                values[f"propensity of {type_name(kind)} (time {label})"] = self.propensity[:, row, kind]
        return values

    def configurational_temperatures(self) -> dict[str, dict[LennardJones, Estimate]]:
        """The configurational temperature near "contact" and near the "cutoff" with every potential of `endings`."""
        if self.potential is None:
            return {}
        found = temperatures(self.virial)
        return {
            near: dict(zip(endings(self.potential), row, strict=True)) for near, row in zip(PLACES, found, strict=True)
        }

    def time_at(self, value: float) -> Estimate:
        """The first time when F_s(7.25, t) of A, the mean over configurations, falls to a value; linear in log t."""
        known = ~np.isnan(known_mean(self.scattering[:, :, 0]))
        times, F = self.times[known], self.scattering[:, known, 0]
        return bootstrap(lambda chosen: first_crossings(times, known_mean(F[chosen]), [value])[0], len(F))


_OF_CONFIGURATIONS = ("density", "energy", "inherent_energy", "crystal", "virial")
_OF_TIMES = ("propensity", "squared_displacement", "scattering", "run_temperature", "energy_drift", "momentum")


def measure(system: System) -> StatePoint:
    """The quantities of one configuration, from its labels."""
    counts = np.bincount(system.types)
    n_times, masks = len(system.times), [system.types == kind for kind in range(len(counts))]

    def by_type(field: Float | None) -> Float:
        values = np.full((n_times, len(counts)), np.nan)
        if field is not None:
            for kind in np.flatnonzero(counts):
                values[:, kind] = known_mean(field[:, masks[kind]].T)
        return values

    def known(values: Float | None) -> Float:
        return np.full(n_times, np.nan) if values is None else values

    def energy(positions: Float | None) -> float:
        if system.potential is None or positions is None:
            return float("nan")
        # Every pair counts twice in the full sums over neighbours.
        return float(potential_energy(positions, system.types, system.box, system.potential).mean() / 2)

    scattering = system.self_scattering
    if scattering is None and system.replica_displacements is not None:
        scattering = self_scattering_by_type(system.replica_displacements, system.types)
    statement = system.provenance.get("equilibration")
    return StatePoint(
        names=(system.name,),
        temperature=system.temperature,
        potential=system.potential,
        density=np.array([system.density]),
        counts=counts,
        runs=system.runs,
        energy=np.array([energy(system.positions)]),
        inherent_energy=np.array([energy(system.positions_inherent)]),
        crystal=np.array([_crystal(system)]),
        radial=_radial(system, counts)[None],
        labels=system.time_labels,
        times=system.times,
        propensity=by_type(system.propensity)[None],
        squared_displacement=by_type(mean_squares(system))[None],
        scattering=(np.full((n_times, len(counts)), np.nan) if scattering is None else scattering)[None],
        run_temperature=known(system.run_temperature)[None],
        energy_drift=known(system.energy_drift)[None],
        momentum=known(system.momentum)[None],
        virial=_virial(system)[None],
        equilibrated=system.equilibrated,
        equilibration=(statement,) if statement else (),
    )


def collect(measured: Sequence[StatePoint]) -> StatePoint:
    """The quantities of all configurations of one state point.

    Args:
        measured: quantities of every configuration, from `measure`.

    Raises:
        DataError: there is no configuration, or they differ in temperature, potential or number of types.
    """
    if not measured:
        raise DataError("There are no configurations to check.")
    first = measured[0]
    for other in measured:
        if (other.temperature, other.potential, len(other.counts)) != (
            first.temperature,
            first.potential,
            len(first.counts),
        ):
            raise DataError(
                f"{first.names[0]} and {other.names[0]} differ in temperature, potential or number of types; check "
                "each state point separately."
            )
    values: dict[str, list[tuple[str, float]]] = {}
    for one in measured:
        for label, time in zip(one.labels, one.times, strict=True):
            values.setdefault(label, []).append((one.names[0], float(time)))
    for label, of_label in values.items():
        refuse_other_times(label, of_label)
    times = {label: float(np.mean([time for _, time in of_label])) for label, of_label in values.items()}
    labels = sorted(times, key=times.__getitem__)

    def at_all_times(one: StatePoint, key: str) -> Float:
        own = getattr(one, key)
        table = np.full((len(own), len(labels), *own.shape[2:]), np.nan)
        table[:, [labels.index(label) for label in one.labels]] = own
        return table

    bins = min(one.radial.shape[-1] for one in measured)
    verdicts = {one.equilibrated for one in measured}
    return StatePoint(
        names=tuple(name for one in measured for name in one.names),
        temperature=first.temperature,
        potential=first.potential,
        counts=first.counts,
        runs=first.runs,
        radial=np.concatenate([one.radial[..., :bins] for one in measured]),
        labels=tuple(labels),
        times=np.array([times[label] for label in labels]),
        equilibrated=False if False in verdicts else True if True in verdicts else None,
        equilibration=tuple(dict.fromkeys(statement for one in measured for statement in one.equilibration)),
        **{key: np.concatenate([getattr(one, key) for one in measured]) for key in _OF_CONFIGURATIONS},
        **{key: np.concatenate([at_all_times(one, key) for one in measured]) for key in _OF_TIMES},
    )


def radii(state: StatePoint) -> Float:
    """The centres of the bins of g(r), (B,), LJ length."""
    return np.asarray(BIN * (np.arange(state.radial.shape[-1]) + 0.5))


def _crystal(system: System) -> float:
    try:
        return float(crystal_like(system, "thermal" if system.positions_inherent is None else "inherent").mean())
    except DataError:
        return float("nan")


def _virial(system: System) -> Float:
    if system.potential is None:
        return np.full((len(PLACES), 1, 1), np.nan)
    return virial_sums(system, system.potential, endings(system.potential))


def _radial(system: System, counts: NDArray[np.int64]) -> Float:
    bins = int(min(FARTHEST, system.box.min() / 2) / BIN)
    if np.any(counts == 0) or bins == 0:
        return np.empty((len(counts), len(counts), 0))
    return radial_distribution([system], BIN * np.arange(bins + 1)).value
