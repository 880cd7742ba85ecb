"""Scores of predictions against measured values: rho in both conventions, its noise ceiling, the squared error."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from equiglass.errors import ConfigurationError
from equiglass.files.tables import plain
from equiglass.liquid.arrays import Float
from equiglass.liquid.system import System, type_name
from equiglass.liquid.targets import TARGETS, measured, times_of
from equiglass.observables import Score, ceilings_of_noise, correlation, correlation_error
from equiglass.prediction.model import Prediction

if TYPE_CHECKING:
    from pandas import DataFrame

Predicted = Mapping[str, Float]
"""Predicted values by label, each (N,)."""


@dataclass(frozen=True)
class Row:
    """Scores of one particle type at one time.

    Attributes:
        type: A, B, ...
        label: label of the time, or of the energy.
        time_index: the label as a number, if it is one; else the place of the time in the data, from 1. It is 0 for
            the energy.
        time: value of the time in the first configuration that has it, LJ time.
        per_configuration: Pearson rho of a configuration, averaged over the configurations.
        per_configuration_error: bootstrap standard error of this average; NaN for a single configuration.
        pooled: Pearson rho over the particles of all configurations together.
        pooled_error: bootstrap standard error of the pooled rho.
        ceiling_per_configuration: highest per-configuration rho that the noise of the labels allows; NaN without
            replicas.
        ceiling_pooled: highest pooled rho that this noise allows; NaN without replicas.
        mse: mean squared error, LJ units squared.
        configurations: number of configurations behind the row.
    """

    type: str
    label: str
    time_index: int
    time: float
    per_configuration: float
    per_configuration_error: float
    pooled: float
    pooled_error: float
    ceiling_per_configuration: float
    ceiling_pooled: float
    mse: float
    configurations: int


@dataclass(frozen=True, repr=False)
class Scores:
    """Scores by particle type and time.

    Attributes:
        rows: one row per type and time.
        configurations: number of configurations that were predicted.
    """

    rows: tuple[Row, ...]
    configurations: int

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        columns = ["type", "label", "time", "per_configuration", "pooled", "ceiling_per_configuration"]
        table = self.frame()[columns].to_string(index=False) if self.rows else "nothing to score"
        return f"Scores of {self.configurations} configurations\n{table}"

    def frame(self) -> DataFrame:
        """The scores as a data frame with the columns of `Row`."""
        from pandas import DataFrame

        return DataFrame([asdict(row) for row in self.rows], columns=list(Row.__dataclass_fields__))

    def as_json(self) -> dict[str, Any]:
        """The scores for a JSON file; an undefined number is null."""
        return {"configurations": self.configurations, "rho": [plain(asdict(row)) for row in self.rows]}


def evaluate(
    systems: Sequence[System], predictions: Sequence[Prediction | Predicted], target: str = "propensity"
) -> Scores:
    """Score predictions for every type and every label that both sides have.

    Args:
        systems: configurations with propensities; for the energy, with inherent structure and potential.
        predictions: one per system: a `Prediction`, or values (N,) by label.
        target: target of the values by label; a `Prediction` names its own.

    Returns:
        Scores by type and time. The true energy is computed from the system in the `Prediction`.

    Raises:
        ConfigurationError: there are more systems than predictions, or fewer; several targets; or no common label.
    """
    if len(systems) != len(predictions):
        raise ConfigurationError(f"{len(systems)} configurations, but {len(predictions)} predictions of them.")
    found = {p.target for p in predictions if isinstance(p, Prediction)} or {target}
    if len(found) > 1:
        raise ConfigurationError(
            f"the predictions have several targets, {', '.join(sorted(found))}; score each target separately."
        )
    (target,) = found
    if TARGETS[target].needs:
        pairs = zip(systems, predictions, strict=True)
        systems = [p.system if isinstance(p, Prediction) and not times_of(s, target) else s for s, p in pairs]
    by_label = [_by_label(p) for p in predictions]
    labels = dict.fromkeys(k for p in by_label for k in p)
    times = [times_of(s, target) for s in systems]
    shared = [k for k in labels if any(k in known for known in times)]
    if not shared:
        known = dict.fromkeys(label for of_system in times for label in of_system)
        raise ConfigurationError(
            f"the model predicts the labels {list(labels)}, the data have the labels {list(known)}: there is nothing "
            "to compare."
        )
    rows = []
    for label in shared:
        every = zip(systems, by_label, times, strict=True)
        having = [
            (s, np.asarray(p[label]), measured(s, [label], target)[0])
            for s, p, known in every
            if label in known and label in p
        ]
        time = next(known[label] for known in times if label in known)
        for kind in range(max(s.n_types for s in systems)):
            chosen = [(s, s.types == kind, p, y) for s, p, y in having if np.any(s.types == kind)]
            if chosen:
                rows.append(_row(chosen, kind, label, time, target))
    return Scores(tuple(rows), len(systems))


def _by_label(prediction: Prediction | Predicted) -> Predicted:
    if isinstance(prediction, Prediction):
        return {label: prediction.at(label) for label in prediction.times}
    return prediction


def _row(
    chosen: Sequence[tuple[System, NDArray[np.bool_], Float, Float]], kind: int, label: str, time: float, target: str
) -> Row:
    """Scores of one type and label, from (system, mask of the type, prediction, truth) per configuration."""
    truth = [y[mask] for _, mask, _, y in chosen]
    predicted = [p[mask] for _, mask, p, _ in chosen]
    score = correlation(truth, predicted)
    error, pooled_error = correlation_error(truth, predicted)
    ceiling = _ceiling([(s, mask) for s, mask, _, _ in chosen], truth, label, target)
    errors = np.concatenate(truth) - np.concatenate(predicted)
    place = list(times_of(chosen[0][0], target)).index(label) + 1 if time else 0
    return Row(
        type=type_name(kind),
        label=label,
        time_index=int(label) if label.isdecimal() else place,
        time=time,
        per_configuration=score.per_configuration,
        per_configuration_error=error,
        pooled=score.pooled,
        pooled_error=pooled_error,
        ceiling_per_configuration=ceiling.per_configuration if ceiling else math.nan,
        ceiling_pooled=ceiling.pooled if ceiling else math.nan,
        mse=float(np.nanmean(errors**2)),
        configurations=score.configurations,
    )


def _ceiling(
    chosen: Sequence[tuple[System, NDArray[np.bool_]]], truth: Sequence[Float], label: str, target: str
) -> Score | None:
    """Noise ceiling, or None if the noise of a configuration is unknown."""
    noise = [TARGETS[target].noise(system, label) for system, _ in chosen]
    known = [variance[mask] for variance, (_, mask) in zip(noise, chosen, strict=True) if variance is not None]
    return ceilings_of_noise(truth, known) if len(known) == len(chosen) else None
