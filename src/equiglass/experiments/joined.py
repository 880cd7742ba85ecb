"""The predictions of a variant for all test configurations of a group, joined over folds and over models of a time."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from equiglass.errors import DataError
from equiglass.experiments.plan import Group
from equiglass.experiments.runs import Run
from equiglass.liquid.arrays import Float
from equiglass.liquid.fingerprint import Fingerprint
from equiglass.liquid.needs import Need
from equiglass.liquid.system import System
from equiglass.prediction.model import Model
from equiglass.prediction.split import Role
from equiglass.prediction.training_data import TrainingData


@dataclass(frozen=True, repr=False, eq=False)
class Joined(Model):
    """Predictions of models that have not seen the configurations, as one model.

    Attributes:
        name: the variant.
        group: name of the group.
        seed: seed of the trainings.
        systems: the test configurations of all folds.
        predicted: values by fingerprint of a configuration, LJ units, (T, N); NaN where no model predicts.
        parameters: number of fitted parameters of the models of one fold.
        training_seconds: CPU time of the trainings of one fold, the mean over the folds; NaN if unknown.
        prediction_seconds: CPU time of the prediction of one configuration, the mean over configurations.
    """

    method = "held out"

    name: str
    group: str
    seed: int
    target: str
    times: Mapping[str, float]
    data: TrainingData
    systems: tuple[System, ...]
    predicted: Mapping[Fingerprint, Float]
    parameters: int
    training_seconds: float
    prediction_seconds: float
    needs: frozenset[Need] = frozenset()

    def role(self, system: System) -> Role:
        """Not seen: the model of each fold predicts the configurations that it was not trained on."""
        return "not seen"

    def values(self, system: System) -> Float:
        """The prediction for one of the test configurations, LJ units, (T, N).

        Raises:
            DataError: it is none of them.
        """
        if system.fingerprint not in self.predicted:
            raise DataError(f"{system.name} is not among the configurations that were held out.")
        return self.predicted[system.fingerprint]


def joined(runs: Sequence[Run]) -> list[Joined]:
    """The predictions of the runs for the test configurations of their groups, per group, variant and seed."""
    cases: dict[tuple[str, str, int], list[Run]] = {}
    for run in runs:
        cases.setdefault((run.training.group.name, str(run), run.training.seed), []).append(run)
    return [_over_folds(group, variant, seed, own) for (group, variant, seed), own in cases.items()]


def _over_folds(group: str, variant: str, seed: int, runs: Sequence[Run]) -> Joined:
    folds: dict[Group, list[Run]] = {}
    for run in runs:
        folds.setdefault(run.training.group, []).append(run)
    times = dict(sorted({k: v for run in runs for k, v in run.model.times.items()}.items(), key=lambda item: item[1]))
    systems: list[System] = []
    predicted: dict[Fingerprint, Float] = {}
    spent = 0.0
    for fold, own in folds.items():
        for system in map(runs[0].model.measurable, fold.test):
            values = np.full((len(times), system.n_particles), np.nan)
            for run in own:
                begun = time.process_time()
                prediction = run.model.predict(system)
                spent += time.process_time() - begun
                for label, row in zip(prediction.times, prediction.values, strict=True):
                    values[list(times).index(label)] = row
            systems.append(system)
            predicted[system.fingerprint] = values
    first = runs[0].model
    parameters = sum(getattr(run.model, "parameters", 0) for run in next(iter(folds.values())))
    densities = [run.model.data.density for run in runs]
    data = replace(first.data, density=(min(d[0] for d in densities), max(d[1] for d in densities)))
    training = sum(run.cpu_seconds for run in runs) / len(folds)
    held = tuple(systems)
    return Joined(
        variant, group, seed, first.target, times, data, held, predicted, parameters, training, spent / len(held)
    )
