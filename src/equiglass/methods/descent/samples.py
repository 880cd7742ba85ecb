"""Configurations made ready for training: graph, standardised targets, and which configurations validate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from equiglass.errors import EquiglassError
from equiglass.liquid.arrays import Float
from equiglass.liquid.system import System
from equiglass.liquid.targets import Target, measured, times_of
from equiglass.methods.network.configuration import Standardise
from equiglass.methods.network.trained import TrainingData
from equiglass.model.graph import Graph
from equiglass.model.inputs import Inputs, input_averages, input_graph, known_of
from equiglass.model.standardisation import Standardisation, measure


@dataclass(frozen=True)
class Sample:
    """One configuration as the training loop uses it.

    Attributes:
        name: of the configuration.
        graph: the input; built once, kept for the whole run.
        targets: standardised, (N, T), NaN where missing.
        measured: the same in LJ units, (T, N).
        types: (N,).
        averages: those that the line to propensities takes in, (N, G).
    """

    name: str
    graph: Graph
    targets: Tensor
    measured: Float
    types: np.ndarray
    averages: Float

    def to(self, device: torch.device) -> Sample:
        """The same with graph and targets on a device."""
        return replace(self, graph=self.graph.to(device), targets=self.targets.to(device))


def labels_of(
    systems: Sequence[System], wanted: str | Sequence[str], target: Target = "propensity"
) -> dict[str, float]:
    """Times to learn: value by label, ascending in the value of the first configuration that has it.

    Raises:
        EquiglassError: no propensities, or a wanted label that no configuration has.
    """
    times: dict[str, float] = {}
    for system in systems:
        for label, time in times_of(system, target).items():
            times.setdefault(label, time)
    if not times:
        raise EquiglassError("none of the training configurations has propensities to learn from.")
    if wanted != "all":
        missing = [label for label in wanted if label not in times]
        if missing:
            raise EquiglassError(f"no configuration has times labelled {missing}; there are {list(times)}.")
        times = {label: times[label] for label in wanted}
    return dict(sorted(times.items(), key=lambda item: item[1]))


def fit_standardisation(
    systems: Sequence[System], labels: Sequence[str], inputs: Inputs, n_types: int, choice: Standardise
) -> Standardisation:
    """Standardisation over the training configurations."""
    known = [known_of(s, inputs) for s in systems]
    targets = [measured(s, labels) for s in systems]
    energies, distances = [k.energy for k in known], [k.distance for k in known]
    by_type = (choice.targets == "type", choice.energy == "type")
    return measure(systems, targets, energies, distances, n_types, *by_type, n_averages=inputs.n_averages)


def make_sample(
    system: System,
    labels: Sequence[str],
    inputs: Inputs,
    standardisation: Standardisation,
    cutoff: float,
    n_types: int,
) -> Sample:
    """Graph and targets of one configuration.

    Raises:
        EquiglassError: more types than the model has.
    """
    if system.n_types > n_types:
        raise EquiglassError(f"{system.name} has {system.n_types} particle types; the training set has {n_types}.")
    known = known_of(system, inputs)
    graph = input_graph(system, inputs, known, standardisation, cutoff, n_types)
    values = measured(system, labels)
    targets = torch.from_numpy(standardisation.targets(values, system.types).T.copy()).float()
    return Sample(system.name, graph, targets, values, system.types, input_averages(system, inputs, known))


def describe(systems: Sequence[System], n_types: int) -> TrainingData:
    """What a later prediction must know of the training set."""
    densities = [s.density for s in systems]
    shares = [np.bincount(s.types, minlength=n_types) / s.n_particles for s in systems]
    return TrainingData(
        density=(min(densities), max(densities)),
        composition=tuple(float(x) for x in np.mean(shares, axis=0)),
        temperatures=tuple(sorted({s.temperature for s in systems if s.temperature is not None})),
        configurations=len(systems),
        potential=systems[0].potential,
    )
