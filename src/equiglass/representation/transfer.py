"""Transfer between temperatures (sec. V of arXiv 2211.03226): a model of one used at another, as it is or refitted.

    transfer test    the model as it is
    transfer learn   its network frozen, its decoders refitted by ridge least squares (`decoders`)

The configurations of a temperature are dealt in two: one part to refit on, the other for the scores of both. What a
model was trained on is never scored.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

from equiglass.errors import EquiglassError
from equiglass.liquid.arrays import Float
from equiglass.liquid.splits import Split
from equiglass.liquid.system import System, type_name
from equiglass.liquid.targets import measured
from equiglass.methods.loading import PRETRAINED, Model, pretrained_names
from equiglass.observables import bootstrap
from equiglass.observables.correlation import both_conventions, known_mean, moments, rho_of
from equiglass.prediction.evaluation import Predicted, evaluate
from equiglass.representation.decoders import Refit, decoders_of, refit, with_decoders
from equiglass.representation.represent import Represented, represent

ALL_TIMES = "mean"
"""In place of a label: the mean over the times."""


class Measure(NamedTuple):
    """A score and its bootstrap standard error over the configurations scored."""

    value: float
    error: float


class Scores(NamedTuple):
    """Of one method, or the difference between two.

    Attributes:
        per_configuration: mean over configurations of the Pearson rho of each.
        pooled: one Pearson rho over all particles.
        mse: mean squared error, LJ length squared.
        each: rho of every configuration scored, in the order of their names in the split.
    """

    per_configuration: Measure
    pooled: Measure
    mse: Measure
    each: tuple[float, ...]


@dataclass(frozen=True)
class Row:
    """One model at one temperature, for one particle type and time.

    Attributes:
        model: its name.
        trained_at: temperatures of its training set.
        temperature: where it is used.
        type: A, B, ...
        label: of the time, or `ALL_TIMES`.
        time: value of the time at this temperature; NaN for the mean over times.
        refitted_on: number of configurations.
        tested_on: number of configurations, none of them among the former.
        unseen: whether they are known not to have been in the training set.
        ceiling_per_configuration: highest rho that the noise of the labels allows; NaN without runs.
        ceiling_pooled: the same, pooled.
        test: transfer test.
        learn: transfer learn.
        gain: learn less test, its error from the differences of the draws.
        penalty: of the ridge regression; NaN for the mean over times.
        refit_mse_test: mean squared error of transfer test on the configurations refitted on.
        refit_mse_learn: of transfer learn there; never larger.
    """

    model: str
    trained_at: tuple[float, ...]
    temperature: float
    type: str
    label: str
    time: float
    refitted_on: int
    tested_on: int
    unseen: bool
    ceiling_per_configuration: float
    ceiling_pooled: float
    test: Scores
    learn: Scores
    gain: Scores
    penalty: float
    refit_mse_test: float
    refit_mse_learn: float


def trained_on(run: Path | str, checkpoint: str = "last") -> set[str] | None:
    """Names of the configurations that a model has learned from or, for "best", was chosen on; None if it tells none.

    Raises:
        EquiglassError: a damaged split.yaml.
    """
    folder = PRETRAINED / str(run) if str(run) in pretrained_names() else Path(run)
    files = [folder / "split.yaml"] if (folder / "split.yaml").is_file() else sorted(folder.glob("*/split.yaml"))
    names: set[str] = set()
    for file in files:
        try:
            split = yaml.safe_load(file.read_text())
            names.update(split["training"], split["validation"] if checkpoint == "best" else ())
        except (OSError, yaml.YAMLError, KeyError, TypeError):
            raise EquiglassError(f"{file} does not hold the names of training and validation configurations.") from None
    return names if files else None


def transfer(
    model: Model,
    data: Mapping[float, Split],
    seen: Collection[str] | None,
    on_done: Callable[[System], object] = lambda system: None,
    labels: Sequence[str] | None = None,
) -> tuple[list[Row], dict[float, Model]]:
    """Transfer test and transfer learn of one model at every temperature.

    Args:
        model: as trained.
        data: by temperature.
        seen: names of its training configurations, none of them to be scored; None if unknown.
        on_done: called after the network has seen a configuration.
        labels: of the times to compare; all those that model and data share if not given.

    Returns:
        (rows by temperature, type and time, the mean over times last; the refitted model of every temperature).

    Raises:
        EquiglassError: no time in common, or more particle types than the model knows.
    """

    def represented(system: System) -> Represented:
        done = represent(model, system)
        on_done(system)
        return done

    rows: list[Row] = []
    refitted = {}
    own = decoders_of(model) if labels is None else decoders_of(model).select(labels)
    for temperature, (to_refit, to_test) in data.items():
        fit = refit(own, [represented(s) for s in to_refit])
        kept = [represented(s) for s in to_test]
        test, learn = (
            [decoders.predict(c) for c in kept] for decoders in (own.select(fit.decoders.labels), fit.decoders)
        )
        unseen = seen is not None or temperature not in model.data.temperatures
        rows += _rows(model, temperature, len(to_refit), unseen, to_test, fit, test, learn)
        refitted[temperature] = with_decoders(model, fit.decoders, to_refit)
    return rows, refitted


def _rows(
    model: Model,
    temperature: float,
    refitted_on: int,
    unseen: bool,
    systems: Sequence[System],
    fit: Refit,
    test: Sequence[Predicted],
    learn: Sequence[Predicted],
) -> list[Row]:
    evaluated = {(row.type, row.label): row for row in evaluate(systems, learn)}
    rows = []
    for kind in range(max(s.n_types for s in systems)):
        labels = [label for label in fit.decoders.labels if (type_name(kind), label) in evaluated]
        if not labels:
            continue
        columns = [fit.decoders.labels.index(label) for label in labels]
        of_type = [evaluated[type_name(kind), label] for label in labels]
        scores = _scores(np.array([_sums(*each, labels, kind) for each in zip(systems, test, learn, strict=True)]))
        numbers = np.array(
            [
                [row.ceiling_per_configuration for row in of_type],
                [row.ceiling_pooled for row in of_type],
                fit.mse_before[kind, columns],
                fit.mse_after[kind, columns],
            ]
        )
        ceiling, ceiling_pooled, before, after = np.column_stack([numbers, known_mean(numbers.T)])
        for t, label in enumerate([*labels, ALL_TIMES]):
            test_scores, learn_scores, gain = scores[t]
            rows.append(
                Row(
                    model=model.name,
                    trained_at=model.data.temperatures,
                    temperature=temperature,
                    type=type_name(kind),
                    label=label,
                    time=of_type[t].time if label != ALL_TIMES else math.nan,
                    refitted_on=refitted_on,
                    tested_on=len(systems),
                    unseen=unseen,
                    ceiling_per_configuration=float(ceiling[t]),
                    ceiling_pooled=float(ceiling_pooled[t]),
                    test=test_scores,
                    learn=learn_scores,
                    gain=gain,
                    penalty=float(fit.penalty[kind, columns[t]]) if label != ALL_TIMES else math.nan,
                    refit_mse_test=float(before[t]),
                    refit_mse_learn=float(after[t]),
                )
            )
    return rows


def _sums(system: System, test: Predicted, learn: Predicted, labels: Sequence[str], kind: int) -> Float:
    """(2, T, 6): n and the sums of y, p, y^2, p^2, y p over the particles of a type whose propensity y is known."""
    chosen = system.types == kind
    predicted = np.array([[method[label][chosen] for label in labels] for method in (test, learn)])
    return moments(measured(system, labels)[:, chosen], predicted)


def _scores(sums: Float) -> list[list[Scores]]:
    """(test, learn, gain) for every time and, last, for the mean over times, from sums (C, 2, T, 6)."""
    values, errors = bootstrap(lambda chosen: _statistic(sums[chosen]), len(sums))
    rho = rho_of(sums)
    rho = np.concatenate([rho, known_mean(np.moveaxis(rho, 2, 0))[:, :, None]], axis=2)
    rho = np.concatenate([rho, rho[:, 1:] - rho[:, :1]], axis=1)

    def scores(m: int, t: int) -> Scores:
        per_configuration, pooled, mse = (Measure(*pair) for pair in zip(values[m, t], errors[m, t], strict=True))
        return Scores(per_configuration, pooled, mse, tuple(rho[:, m, t].tolist()))

    return [[scores(m, t) for m in range(3)] for t in range(values.shape[1])]


def _statistic(sums: Float) -> Float:
    """(test, learn, gain; times and their mean; per configuration, pooled, mse) from sums (C, 2, T, 6)."""
    n, _, _, yy, pp, yp = np.moveaxis(sums.sum(axis=0), -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mse = (yy + pp - 2 * yp) / n
    numbers = np.stack([*both_conventions(sums), mse], axis=-1)
    numbers = np.concatenate([numbers, known_mean(numbers.swapaxes(0, 1))[:, None]], axis=1)
    return np.concatenate([numbers, numbers[1:] - numbers[:1]])


def as_json(rows: Sequence[Row], data: Mapping[float, Split]) -> dict[str, Any]:
    """Plain numbers for a JSON file, the split with them; what is undefined is null."""

    def plain(value: Any) -> Any:
        if isinstance(value, Measure | Scores):
            return {key: plain(part) for key, part in value._asdict().items()}
        if isinstance(value, tuple):
            return [plain(part) for part in value]
        return None if isinstance(value, float) and math.isnan(value) else value

    return {
        "format": "equiglass-transfer",
        "version": 1,
        "configurations": [
            {"temperature": t, "refit": [s.name for s in part.refit], "test": [s.name for s in part.test]}
            for t, part in data.items()
        ],
        "rows": [{f.name: plain(getattr(row, f.name)) for f in fields(row)} for row in rows],
    }


def as_line(row: Row) -> dict[str, str | int | float]:
    """A row as columns: ``test_pooled`` and its error ``test_pooled_error``, ..."""
    line: dict[str, str | int | float] = {}
    for f in fields(row):
        value = getattr(row, f.name)
        if isinstance(value, Scores):
            for key in ("per_configuration", "pooled", "mse"):
                measure: Measure = getattr(value, key)
                line[f"{f.name}_{key}"], line[f"{f.name}_{key}_error"] = measure
        elif isinstance(value, tuple):
            line[f.name] = " ".join(f"{t:g}" for t in value)
        else:
            line[f.name] = value
    return line


def as_csv(rows: Sequence[Row]) -> str:
    """One line a row, in the columns of `as_line`, numbers to six digits."""
    lines = [as_line(row) for row in rows]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in line.items()} for line in lines)
    return text.getvalue()
