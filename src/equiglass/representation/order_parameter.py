"""The representation as a structural order parameter, measured on configurations of one or several temperatures."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from equiglass.files import write_text
from equiglass.files.tables import csv, plain, records
from equiglass.liquid.arrays import Float
from equiglass.liquid.system import System, type_name
from equiglass.liquid.targets import measured
from equiglass.liquid.targets.energy import LABEL as E_POT
from equiglass.methods.linear.line import fit_line
from equiglass.prediction.model import Model
from equiglass.representation.clusters import Structures, energy_correlation, find_structures, populations
from equiglass.representation.decoders import decoders_of, refit
from equiglass.representation.file import Described, write_representation
from equiglass.representation.represent import Represented, networks_of, represent

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = {
    "populations": ("type", "temperature", "structure", "share", "error", "propensity", "energy"),
    "energies": ("type", "temperature", "rho", "error"),
    "weights": ("type", "label", "temperature", "member", "degree", "channel", "weight", "error"),
}


@dataclass(frozen=True, eq=False)
class OrderParameter:
    """What the representation says of the configurations.

    Attributes:
        model: its name.
        energy_is_input: whether the network is given E_pot in the inherent structure.
        configurations: with representation, first two principal components and structure.
        structures: locally favoured structures by particle type.
        populations: a row per type, temperature and structure (from 1, the slowest first). Columns: share of the
            particles of the type with its bootstrap ``error`` over configurations; mean predicted ``propensity`` at the
            latest time, LJ length; mean ``energy``, E_pot in the inherent structure, LJ energy. NaN where no particle
            is, or unknown.
        energies: a row per type and temperature. Columns: mean ``rho`` of E_pot in the inherent structure with its
            ridge regression on |h| of the other configurations, and ``error``. Empty for a single configuration, or
            where inherent structures are unknown.
        weights: a row per component of the decoders refitted at a temperature: type, label of the time, temperature,
            member of the ensemble and channel from 1, degree l. Columns: ``weight`` w D / sigma without unit, with D
            the standard deviation of the component over all temperatures and sigma that of the propensity at this one;
            ``error``, the jackknife standard error over configurations. Empty unless two temperatures or more have
            two configurations with propensities.
    """

    model: str
    energy_is_input: bool
    configurations: list[Described]
    structures: dict[str, Structures]
    populations: DataFrame
    energies: DataFrame
    weights: DataFrame

    def particles(self) -> dict[str, tuple[Float, NDArray[np.int64]]]:
        """Coordinates (n, 2) and structure (n,) of the particles of all configurations, by type."""
        types = np.array([type_name(kind) for c in self.configurations for kind in c.types])
        coordinates = np.concatenate([c.coordinates for c in self.configurations])
        structure = np.concatenate([c.structure for c in self.configurations])
        return {name: (coordinates[types == name], structure[types == name]) for name in self.structures}


class Particles(NamedTuple):
    """The particles of one type in one configuration."""

    place: int
    temperature: float | None
    chosen: NDArray[np.bool_]
    h: Float
    propensity: Float
    energy: Float


def order_parameter(
    model: Model, systems: Sequence[System], on_done: Callable[[System], object] = lambda system: None
) -> OrderParameter:
    """Represent the configurations; principal components, structures, populations, energies, decoder weights.

    Raises:
        ConfigurationError: a model without a network, or of energies.
        DataError: more particle types than the model knows, or too few particles.
    """
    decoders = decoders_of(model)
    configurations: list[Represented] = []
    for system in systems:
        configurations.append(represent(model, system))
        on_done(system)
    fields = [(decoders.predict(c)[decoders.labels[-1]], _energy(model, c.system)) for c in configurations]
    described = [
        Described(s.name, s.temperature, s.types, c.h, np.zeros((s.n_particles, 2)), np.zeros(s.n_particles, np.int64))
        for c in configurations
        for s in [c.system]
    ]
    structures: dict[str, Structures] = {}
    shares: list[Mapping[str, Any]] = []
    energies: list[Mapping[str, Any]] = []
    for kind in range(model.n_types):
        particles = [
            Particles(k, c.system.temperature, chosen, c.h[chosen], propensity[chosen], energy[chosen])
            for k, (c, (propensity, energy)) in enumerate(zip(configurations, fields, strict=True))
            if np.any(chosen := c.system.types == kind)
        ]
        if not particles:
            continue
        name = type_name(kind)
        found = structures[name] = find_structures(
            [p.h for p in particles], [p.propensity for p in particles], [p.temperature for p in particles]
        )
        for p in particles:
            described[p.place].structure[p.chosen] = found.assign(p.h) + 1
            # A type with one principal component has 0 as the second.
            shown = found.coordinates(p.h)[:, :2]
            described[p.place].coordinates[p.chosen, : shown.shape[1]] = shown
        assigned = [described[p.place].structure[p.chosen] for p in particles]
        shares += _populations(name, particles, assigned, found.n_clusters)
        energies += energy_scores(name, particles)
    return OrderParameter(
        model.name,
        "energy_inherent" in networks_of(model)[0].inputs.nodes,
        described,
        structures,
        _frame("populations", shares),
        _frame("energies", energies),
        _weights(model, configurations),
    )


def _frame(name: str, rows: Sequence[Mapping[str, Any]]) -> DataFrame:
    from pandas import DataFrame

    return DataFrame(rows, columns=list(COLUMNS[name])).astype({"temperature": "float64"})


def _energy(model: Model, system: System) -> Float:
    """E_pot of every particle in the inherent structure, (N,); NaN where that or the potential is not known."""
    (energy,) = measured(replace(system, potential=system.potential or model.data.potential), [E_POT], "energy")
    return energy


def _by_temperature(particles: Sequence[Particles]) -> list[tuple[float | None, list[int]]]:
    """Places by temperature, ascending, the unknown last."""
    known = sorted({p.temperature for p in particles}, key=lambda t: np.inf if t is None else t)
    return [(t, [k for k, p in enumerate(particles) if p.temperature == t]) for t in known]


def _populations(
    name: str, particles: Sequence[Particles], assigned: Sequence[NDArray[np.int64]], n_clusters: int
) -> list[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = []
    for temperature, at in _by_temperature(particles):
        shares = populations([assigned[k] - 1 for k in at], n_clusters)
        every = np.concatenate([assigned[k] for k in at])
        fields = {key: np.concatenate([getattr(particles[k], key) for k in at]) for key in ("propensity", "energy")}
        for structure, (share, error) in enumerate(zip(*shares, strict=True), start=1):
            inside = every == structure
            means = {key: field[inside].mean() if inside.any() else np.nan for key, field in fields.items()}
            where = {"type": name, "temperature": temperature, "structure": structure}
            rows.append({**where, "share": share, "error": error, **means})
    return rows


def energy_scores(name: str, particles: Sequence[Particles]) -> list[Mapping[str, Any]]:
    """E_pot of each configuration by a ridge regression on |h| of the others, scored at every temperature.

    Args:
        name: of the type.
        particles: of that type; fewer than two configurations with known energies give no scores.

    Returns:
        Rows of the energies of `OrderParameter`.
    """
    known = [p for p in particles if np.all(np.isfinite(p.energy))]
    if len(known) < 2:
        return []
    line = fit_line([p.h for p in known], [p.energy for p in known], np.zeros(known[0].h.shape[1]))
    left_out = zip(known, line.weights_without, line.offset_without, strict=True)
    predicted = [p.h @ weights + offset for p, weights, offset in left_out]
    rows: list[Mapping[str, Any]] = []
    for temperature, at in _by_temperature(known):
        rho, error = energy_correlation([known[k].energy for k in at], [predicted[k] for k in at])
        rows.append({"type": name, "temperature": temperature, "rho": float(rho), "error": float(error)})
    return rows


def _weights(model: Model, configurations: Sequence[Represented]) -> DataFrame:
    """Decoders refitted at every temperature that has two configurations with propensities."""
    groups: dict[float, list[Represented]] = {}
    for c in configurations:
        if c.system.temperature is not None and c.system.propensity is not None:
            groups.setdefault(c.system.temperature, []).append(c)
    decoders = decoders_of(model)
    fits = {t: refit(decoders, group) for t, group in sorted(groups.items()) if len(group) > 1}
    rows: list[Mapping[str, Any]] = []
    if len(fits) < 2:
        return _frame("weights", rows)
    every = [c for t in fits for c in groups[t]]
    components = [
        {"member": member, "degree": degree, "channel": channel + 1}
        for member, one in enumerate(networks_of(model), start=1)
        for degree, channel in np.ndindex(one.network.architecture.l_max + 1, one.network.architecture.channels)
    ]
    for kind in range(model.n_types):
        deviation = np.concatenate([c.of_type(kind) for c in every]).std(axis=0)
        for temperature, fit in fits.items():
            for time, label in enumerate(fit.decoders.labels):
                unit = deviation / fit.decoders.scale[kind, time]
                weights, errors = fit.decoders.weights[kind, time] * unit, fit.weights_error[kind, time] * unit
                where = {"type": type_name(kind), "label": label, "temperature": temperature}
                for component, weight, error in zip(components, weights, errors, strict=True):
                    rows.append({**where, **component, "weight": weight, "error": error})
    return _frame("weights", rows)


def monotonic(weights: DataFrame) -> DataFrame:
    """How many components of the decoders rise or fall throughout with temperature.

    Args:
        weights: of `OrderParameter`.

    Returns:
        A row per type, time and degree: number of ``components``; ``monotonic`` ones, missing for fewer than three
        temperatures; ``mean_square`` of the weights.
    """
    from pandas import DataFrame

    rows = []
    ordered = weights.sort_values("temperature", kind="stable")
    for (kind, label, degree), part in ordered.groupby(["type", "label", "degree"], sort=False):
        curves = part.pivot(index=["member", "channel"], columns="temperature", values="weight").to_numpy()
        steps = np.diff(curves, axis=1)
        throughout = np.all(steps > 0, axis=1) | np.all(steps < 0, axis=1)
        number = int(throughout.sum()) if steps.shape[1] > 1 else None
        rows.append((kind, label, degree, len(curves), number, np.mean(np.square(curves))))
    columns = ["type", "label", "degree", "components", "monotonic", "mean_square"]
    return DataFrame(rows, columns=columns).astype({"monotonic": "Int64"})


def save(found: OrderParameter, folder: Path) -> None:
    """Write representation.h5, structures.json, and populations.csv, energies.csv, weights.csv where not empty."""
    write_representation(found.configurations, folder / "representation.h5", found.model)
    for name in COLUMNS:
        if len(rows := getattr(found, name)):
            write_text(folder / f"{name}.csv", csv(rows))
    write_text(folder / "structures.json", json.dumps(as_json(found), indent=2) + "\n")


def as_json(found: OrderParameter) -> dict[str, Any]:
    """Plain values for a JSON file; what is undefined is null."""
    return {
        "format": "equiglass-structures",
        "version": 1,
        "model": found.model,
        "energy_is_input": found.energy_is_input,
        "structures": {
            name: {
                "clusters": s.n_clusters,
                "components_kept": len(s.components),
                "explained_variance": s.explained.tolist(),
                "criteria": [plain(c._asdict()) for c in s.criteria],
            }
            for name, s in found.structures.items()
        },
        "populations": records(found.populations),
        "energies": records(found.energies),
        "weights": records(monotonic(found.weights)),
    }
