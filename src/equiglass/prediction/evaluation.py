"""Scores of predictions against what was measured: rho in both conventions, its ceiling, the error."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equiglass.errors import EquiglassError
from equiglass.liquid.system import Float, System, type_name
from equiglass.liquid.targets import E_POT, measured, times_of
from equiglass.methods.loading import Model
from equiglass.observables import Score, correlation, correlation_error, noise_ceilings

Predicted = Mapping[str, Float]
"""Predicted propensity by time label, or energy under its label, each (N,)."""


@dataclass(frozen=True)
class Row:
    """Scores of one particle type at one time.

    Attributes:
        type: A, B, ...
        label: of the time, or of the energy.
        time_index: the label as a number where it is one, else the place of the time in the data, from 1; of the
            energy 0.
        time: value of the time in the first configuration that has it.
        per_configuration: mean over configurations of the Pearson rho of each.
        per_configuration_error: its bootstrap standard error over the configurations; NaN for a single one.
        pooled: one Pearson rho over all particles of all configurations.
        pooled_error: its bootstrap standard error.
        ceiling_per_configuration: highest rho that the noise of the labels allows; NaN without replicas.
        ceiling_pooled: the same, pooled.
        mse: mean squared error, LJ units squared.
        configurations: how many count.
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


def evaluate(systems: Sequence[System], predictions: Sequence[Predicted]) -> list[Row]:
    """Score predictions for every type and every time label that both sides have.

    Args:
        systems: with what is predicted of them: propensities, or inherent structure and potential.
        predictions: one for each system, (N,) by label.

    Raises:
        EquiglassError: no label in common.
    """
    labels = dict.fromkeys(k for p in predictions for k in p)
    times = [times_of(s, "propensity") | times_of(s, "energy") for s in systems]
    shared = [k for k in labels if any(k in known for known in times)]
    if not shared:
        known = dict.fromkeys(label for of_system in times for label in of_system)
        raise EquiglassError(
            f"the model predicts what is labelled {list(labels)}, the data have {list(known)}: there is nothing to "
            "compare."
        )
    n_types = max(s.n_types for s in systems)
    rows = []
    for label in shared:
        every = zip(systems, predictions, times, strict=True)
        having = [(s, p, measured(s, [label])[0]) for s, p, known in every if label in known and label in p]
        first = having[0][0]
        index = int(label) if label.isdecimal() else 0 if label == E_POT else first.at(label) + 1
        for kind in range(n_types):
            chosen = [(s, s.types == kind, p, y) for s, p, y in having if np.any(s.types == kind)]
            if not chosen:
                continue
            truth = [y[mask] for _, mask, _, y in chosen]
            predicted = [np.asarray(p[label])[mask] for _, mask, p, _ in chosen]
            score = correlation(truth, predicted)
            error, pooled_error = correlation_error(truth, predicted)
            ceiling = _ceiling([(s, mask) for s, mask, _, _ in chosen], truth, label)
            errors = np.concatenate(truth) - np.concatenate(predicted)
            rows.append(
                Row(
                    type=type_name(kind),
                    label=label,
                    time_index=index,
                    time=next(known[label] for known in times if label in known),
                    per_configuration=score.per_configuration,
                    per_configuration_error=error,
                    pooled=score.pooled,
                    pooled_error=pooled_error,
                    ceiling_per_configuration=ceiling.per_configuration if ceiling else math.nan,
                    ceiling_pooled=ceiling.pooled if ceiling else math.nan,
                    mse=float(np.nanmean(errors**2)),
                    configurations=score.configurations,
                )
            )
    return rows


def evaluate_model(
    model: Model, systems: Sequence[System], on_done: Callable[[System], object] = lambda system: None
) -> tuple[list[Row], list[System], list[Predicted]]:
    """Predict and score: (rows, the systems with what the model added, the predictions)."""
    done: list[System] = []
    predicted: list[Predicted] = []
    for system in systems:
        prediction = model.predict(model.measurable(system))
        done.append(prediction.system)
        predicted.append({label: prediction.at(label) for label in prediction.times})
        on_done(system)
    return evaluate(done, predicted), done, predicted


def as_line(row: Row) -> dict[str, Any]:
    """A row as columns; what is undefined is None."""
    return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in asdict(row).items()}


def as_json(rows: Sequence[Row], configurations: int) -> dict[str, Any]:
    """Plain numbers for a JSON file; what is undefined is null."""
    return {"configurations": configurations, "rho": [as_line(row) for row in rows]}


def with_error(value: float, error: float = math.nan) -> str:
    """For instance "0.783 ± 0.011"; without the error, or "-", where one is not known."""
    if value != value:
        return "-"
    return f"{value:.3f}" if error != error else f"{value:.3f} ± {error:.3f}"


def _ceiling(chosen: Sequence[tuple[System, NDArray[np.bool_]]], truth: Sequence[Float], label: str) -> Score | None:
    """Noise ceiling where every configuration has replicas; an energy has no noise, and no ceiling."""
    runs = [s.runs for s, _ in chosen]
    if label == E_POT or any(m is None or m < 2 for m in runs):
        return None
    variance = [s.replica_variance[s.at(label)][mask] for s, mask in chosen if s.replica_variance is not None]
    if len(variance) < len(chosen):
        return None
    return noise_ceilings(truth, variance, [m for m in runs if m is not None])
