"""The representation as a structural order parameter, measured on configurations of one or several temperatures."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from equiglass.files import write_text
from equiglass.liquid.arrays import Float
from equiglass.liquid.system import System, type_name
from equiglass.liquid.targets import E_POT, measured
from equiglass.methods.loading import Model
from equiglass.methods.regression import fit_line
from equiglass.representation.clusters import Structures, energy_correlation, find_structures, populations
from equiglass.representation.decoders import decoders_of, refit
from equiglass.representation.represent import Described, Represented, represent, write_representation


@dataclass(frozen=True)
class Population:
    """One structure at one temperature.

    Attributes:
        type: A, B, ...
        temperature: None where unknown.
        structure: from 1, the slowest first.
        share: of the particles of the type.
        error: bootstrap standard error over configurations.
        propensity: mean of the prediction for the latest time, LJ length; NaN where no particle is.
        energy: mean E_pot in the inherent structure, LJ energy; NaN where no particle is, or unknown.
    """

    type: str
    temperature: float | None
    structure: int
    share: float
    error: float
    propensity: float
    energy: float


@dataclass(frozen=True)
class EnergyScore:
    """Mean rho of E_pot in the inherent structure with its ridge regression on |h| of the other configurations."""

    type: str
    temperature: float | None
    rho: float
    error: float


@dataclass(frozen=True)
class Weight:
    """One component of the decoders refitted at a temperature, without unit.

    Attributes:
        type: A, B, ...
        label: of the time.
        temperature: of the refit.
        member: of an ensemble, from 1.
        degree: l of the component of |h|.
        channel: from 1.
        weight: w D / sigma, with D the standard deviation of the component over all temperatures and sigma that of the
            propensity at this one.
        error: jackknife standard error over configurations.
    """

    type: str
    label: str
    temperature: float
    member: int
    degree: int
    channel: int
    weight: float
    error: float


@dataclass(frozen=True, eq=False)
class OrderParameter:
    """What the representation says of the configurations.

    Attributes:
        model: its name.
        energy_is_input: whether the network is given E_pot in the inherent structure.
        configurations: with representation, first two principal components and structure.
        structures: by particle type.
        populations: by type, temperature and structure.
        energies: empty for a single configuration, or where inherent structures are unknown.
        weights: empty unless two temperatures or more have two configurations with propensities.
    """

    model: str
    energy_is_input: bool
    configurations: list[Described]
    structures: dict[str, Structures]
    populations: list[Population]
    energies: list[EnergyScore]
    weights: list[Weight]


class Particles(NamedTuple):
    """The particles of one type in one configuration."""

    place: int
    temperature: float | None
    chosen: NDArray[np.bool_]
    h: Float
    propensity: Float
    energy: Float


def measure(
    model: Model, systems: Sequence[System], on_done: Callable[[System], object] = lambda system: None
) -> OrderParameter:
    """Represent the configurations; principal components, structures, populations, energies, decoder weights.

    Raises:
        EquiglassError: a model of energies, more particle types than the model knows, or too few particles.
    """
    decoders = decoders_of(model)
    configurations: list[Represented] = []
    for system in systems:
        configurations.append(represent(model, system))
        on_done(system)
    fields = [(decoders.predict(c)[decoders.labels[-1]], _energy(model, c.system)) for c in configurations]
    described = [
        Described(
            c.system.name,
            c.system.temperature,
            c.system.types,
            c.h,
            np.zeros((c.system.n_particles, 2)),
            np.zeros(c.system.n_particles, np.int64),
        )
        for c in configurations
    ]
    structures: dict[str, Structures] = {}
    shares: list[Population] = []
    energies: list[EnergyScore] = []
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
            described[p.place].coordinates[p.chosen] = found.coordinates(p.h)[:, :2]
        shares += _populations(name, particles, [described[p.place].structure[p.chosen] for p in particles], found)
        energies += energy_scores(name, particles)
    given = model.members[0].inputs.energy == "inherent"
    weights = _weights(model, configurations)
    return OrderParameter(model.name, given, described, structures, shares, energies, weights)


def _energy(model: Model, system: System) -> Float:
    """E_pot of every particle in the inherent structure, (N,); NaN where that or the potential is not known."""
    (energy,) = measured(replace(system, potential=system.potential or model.data.potential), [E_POT])
    return energy


def _temperatures(values: Sequence[float | None]) -> list[float | None]:
    return sorted(set(values), key=lambda t: math.inf if t is None else t)


def _populations(
    name: str, particles: Sequence[Particles], assigned: Sequence[NDArray[np.int64]], found: Structures
) -> list[Population]:
    rows = []
    for temperature in _temperatures([p.temperature for p in particles]):
        at = [k for k, p in enumerate(particles) if p.temperature == temperature]
        shares = populations([assigned[k] - 1 for k in at], found.n_clusters)
        every = np.concatenate([assigned[k] for k in at])
        fields = [np.concatenate([getattr(particles[k], key) for k in at]) for key in ("propensity", "energy")]
        for structure, (share, error) in enumerate(zip(*shares, strict=True), start=1):
            inside = every == structure
            means = [float(field[inside].mean()) if inside.any() else math.nan for field in fields]
            rows.append(Population(name, temperature, structure, float(share), float(error), *means))
    return rows


def energy_scores(name: str, particles: Sequence[Particles]) -> list[EnergyScore]:
    """E_pot of each configuration by a ridge regression on |h| of the others, scored at every temperature.

    Args:
        name: of the type.
        particles: of that type; fewer than two configurations with known energies give no scores.
    """
    known = [p for p in particles if np.all(np.isfinite(p.energy))]
    if len(known) < 2:
        return []
    line = fit_line([p.h for p in known], [p.energy for p in known], np.zeros(known[0].h.shape[1]))
    left_out = zip(known, line.weights_without, line.offset_without, strict=True)
    predicted = [p.h @ weights + offset for p, weights, offset in left_out]
    rows = []
    for temperature in _temperatures([p.temperature for p in known]):
        at = [k for k, p in enumerate(known) if p.temperature == temperature]
        rho = energy_correlation([known[k].energy for k in at], [predicted[k] for k in at])
        rows.append(EnergyScore(name, temperature, float(rho.value), float(rho.error)))
    return rows


def _weights(model: Model, configurations: Sequence[Represented]) -> list[Weight]:
    """Decoders refitted at every temperature that has two configurations with propensities."""
    groups: dict[float, list[Represented]] = {}
    for c in configurations:
        if c.system.temperature is not None and c.system.propensity is not None:
            groups.setdefault(c.system.temperature, []).append(c)
    decoders = decoders_of(model)
    fits = {t: refit(decoders, group) for t, group in sorted(groups.items()) if len(group) > 1}
    if len(fits) < 2:
        return []
    every = [c for t in fits for c in groups[t]]
    architectures = [member.network.architecture for member in model.networks]
    components = [
        (member, degree, channel)
        for member, a in enumerate(architectures)
        for degree, channel in np.ndindex(a.l_max + 1, a.channels)
    ]
    rows = []
    for kind in range(model.n_types):
        deviation = np.concatenate([c.of_type(kind) for c in every]).std(axis=0)
        for temperature, fit in fits.items():
            for time, label in enumerate(fit.decoders.labels):
                unit = deviation / fit.decoders.scale[kind, time]
                numbers = (fit.decoders.weights[kind, time] * unit, fit.weights_error[kind, time] * unit)
                for (member, degree, channel), weight, error in zip(components, *numbers, strict=True):
                    where = (type_name(kind), label, temperature, member + 1, degree, channel + 1)
                    rows.append(Weight(*where, float(weight), float(error)))
    return rows


def monotonic(weights: Sequence[Weight]) -> list[dict[str, Any]]:
    """How many components of the decoders rise or fall throughout with temperature (None for fewer than three
    temperatures), and the mean square of the weights, for each type, time and degree.
    """
    curves: dict[tuple[str, str, int], dict[tuple[int, int], list[float]]] = {}
    for w in sorted(weights, key=lambda w: w.temperature):
        curves.setdefault((w.type, w.label, w.degree), {}).setdefault((w.member, w.channel), []).append(w.weight)
    rows = []
    for (kind, label, degree), part in curves.items():
        steps = np.diff(list(part.values()), axis=1)
        throughout = np.all(steps > 0, axis=1) | np.all(steps < 0, axis=1)
        rows.append(
            {
                "type": kind,
                "label": label,
                "degree": degree,
                "components": len(part),
                "monotonic": int(throughout.sum()) if steps.shape[1] > 1 else None,
                "mean_square": float(np.mean(np.square(list(part.values())))),
            }
        )
    return rows


def save(found: OrderParameter, folder: Path) -> None:
    """Write representation.h5, structures.json, and populations.csv, energies.csv, weights.csv where not empty."""
    write_representation(found.configurations, folder / "representation.h5", found.model)
    for name in ("populations", "energies", "weights"):
        rows = [asdict(row) for row in getattr(found, name)]
        if rows:
            text = io.StringIO()
            writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
            write_text(folder / f"{name}.csv", text.getvalue())
    write_text(folder / "structures.json", json.dumps(as_json(found), indent=2) + "\n")


def as_json(found: OrderParameter) -> dict[str, Any]:
    """Plain numbers for a JSON file; what is undefined is null."""

    def plain(row: dict[str, Any]) -> dict[str, Any]:
        return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in row.items()}

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
        "populations": [plain(asdict(row)) for row in found.populations],
        "energies": [plain(asdict(row)) for row in found.energies],
        "weights": monotonic(found.weights),
    }
