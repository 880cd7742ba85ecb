"""Transfer between temperatures (sec. V of arXiv 2211.03226): a model of one used at another, as it is or refitted.

    transfer test    the model as it is
    transfer learn   its network frozen, its decoders refitted by ridge least squares (`decoders`)

The configurations of a temperature are dealt in two: one part to refit on, the other to score both. A configuration
that a model was trained on is never scored.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from equiglass.errors import DataError, EquiglassWarning
from equiglass.files.tables import csv, plain, records
from equiglass.liquid.arrays import Float
from equiglass.liquid.splits import Halves
from equiglass.liquid.system import System, type_name
from equiglass.liquid.targets import measured, times_in_common, times_of, times_to_learn
from equiglass.observables import bootstrap
from equiglass.observables.correlation import both_conventions, known_mean, moments, rho_of
from equiglass.prediction.evaluation import Predicted, evaluate
from equiglass.prediction.model import Model
from equiglass.prediction.split import SEEN
from equiglass.representation.decoders import Refit, decoders_of, refit, with_decoders
from equiglass.representation.represent import Represented, represent

if TYPE_CHECKING:
    from pandas import DataFrame

ALL_TIMES = "mean"
"""In place of a label: the mean over the times."""

COMPARED = ("test", "learn", "gain")
"""Transfer test, transfer learn, and learn less test, whose error is that of the differences of the draws."""

SCORES = ("per_configuration", "pooled", "mse")
"""Mean rho per configuration, rho of all particles, mean squared error in LJ length squared."""


def has_seen(model: Model, system: System) -> bool:
    """Whether a model was trained on a configuration, its parent or another end of its parent, or chosen on it."""
    return model.role(system) in SEEN


def transfer(
    model: Model,
    data: Mapping[float, Halves],
    on_done: Callable[[System], object] = lambda system: None,
    labels: Sequence[str] | None = None,
) -> tuple[DataFrame, dict[float, Model]]:
    """Transfer test and transfer learn of one model at every temperature.

    Args:
        model: as trained.
        data: by temperature.
        on_done: called after the network has seen a configuration.
        labels: of the times to compare; all those that model and data share if not given.

    Returns:
        The rows by temperature, type and time, the mean over times last, and the refitted model of every temperature.
        Columns of the rows:

        - model, and trained_at: its name, and the temperatures of its training set, "0.44 0.5";
        - temperature, type, label, time: where it is used; label `ALL_TIMES` and time NaN for the mean over times;
        - refitted_on, tested_on: numbers of configurations; unseen: whether the latter are known as new to the model;
        - ceiling_per_configuration, ceiling_pooled: highest rho that the noise of the labels allows; NaN without runs;
        - METHOD_SCORE and METHOD_SCORE_error for `COMPARED` and `SCORES`; bootstrap errors over the configurations;
        - METHOD_each: rho of every configuration scored, in the order of the split, (tested_on,);
        - penalty: of the ridge regression, NaN for the mean over times;
        - refit_mse_test, refit_mse_learn: mean squared errors on the configurations refitted on; learn never larger.

    Raises:
        DataError: no time in common, or more particle types than the model knows.
    """
    from pandas import concat

    def represented(system: System) -> Represented:
        done = represent(model, system)
        on_done(system)
        return done

    own = decoders_of(model)
    if labels is not None:
        own = own.select([label for label in labels if label in own.labels])
    rows, refitted = [], {}
    for temperature, (to_refit, to_test) in data.items():
        here = own.select(_labels_at(model, own.labels, temperature, [*to_refit, *to_test]))
        fit = refit(here, [represented(s) for s in to_refit])
        tested = [represented(s) for s in to_test]
        before, after = (
            [decoders.predict(c) for c in tested] for decoders in (here.select(fit.decoders.labels), fit.decoders)
        )
        found = _rows(to_test, fit.decoders.labels, before, after, fit)
        found = _with_model(found, model, temperature, len(to_refit), to_test)
        rows.append(found)
        refitted[temperature] = with_decoders(model, fit.decoders, to_refit)
    return concat(rows, ignore_index=True), refitted


def transfer_test(model: Model, data: Mapping[float, Halves], labels: Sequence[str]) -> DataFrame:
    """Transfer test of a model without decoders at every temperature.

    Args:
        model: as trained.
        data: by temperature.
        labels: of the times to compare.

    Returns:
        The rows of `transfer`. The columns of learn and gain, the penalty and the errors of the refit are NaN.
    """
    from pandas import concat

    rows = []
    for temperature, (_, to_test) in data.items():
        known = _labels_at(model, labels, temperature, to_test)
        predictions = [model.predict(system, any_temperature=True) for system in to_test]
        before = [{label: p.at(label) for label in known if label in p.times} for p in predictions]
        rows.append(_with_model(_rows(to_test, known, before), model, temperature, 0, to_test))
    return concat(rows, ignore_index=True)


def _with_model(
    rows: DataFrame, model: Model, temperature: float, refitted_on: int, to_test: Sequence[System]
) -> DataFrame:
    """The rows with the columns that name the model and count configurations."""
    rows.insert(0, "model", model.name)
    rows.insert(1, "trained_at", " ".join(f"{t:.12g}" for t in model.data.temperatures))
    rows.insert(2, "temperature", temperature)
    rows.insert(6, "refitted_on", refitted_on)
    rows.insert(7, "tested_on", len(to_test))
    known = all(model.role(system) in ("not seen", "validation") for system in to_test)
    rows.insert(8, "unseen", known or temperature not in model.data.temperatures)
    return rows


def _labels_at(model: Model, labels: Sequence[str], temperature: float, systems: Sequence[System]) -> list[str]:
    """The labels without those that mean another time in the training data of the same temperature.

    Between temperatures, labels are compared and not times: a label stands for a stage of the relaxation.

    Warns:
        EquiglassWarning: a label is left out.

    Raises:
        DataError: no label is left, or a label has different times in the configurations.
    """
    known = times_to_learn(systems, "all")
    if temperature not in model.data.temperatures:
        return list(labels)
    differing = {
        label: times[label]
        for system in systems
        for times in (model.times_for(system),)
        for label in times_in_common(times, times_of(system))[1]
        if label in labels
    }
    if not differing:
        return list(labels)
    words = "; ".join(
        f"{label!r} is {time:g} in the training data but {known[label]:g} here" for label, time in differing.items()
    )
    said = f"temperature {temperature:g}: of the times of {model.name}, {words}"
    if len(differing) == len(labels):
        raise DataError(f"{said}; there is nothing to compare.")
    warnings.warn(f"{said}; such times are left out.", EquiglassWarning, stacklevel=3)
    return [label for label in labels if label not in differing]


def _rows(
    systems: Sequence[System],
    known: Sequence[str],
    test: Sequence[Predicted],
    learn: Sequence[Predicted] | None = None,
    fit: Refit | None = None,
) -> DataFrame:
    """The columns of `transfer` from the type on, without those that count configurations; NaN without a refit."""
    from pandas import DataFrame, concat

    evaluated = evaluate(systems, test if learn is None else learn).frame()
    ceilings = ["ceiling_per_configuration", "ceiling_pooled"]
    parts = []
    for kind in range(max(s.n_types for s in systems)):
        of_type = evaluated[evaluated["type"] == type_name(kind)].set_index("label")
        labels = [label for label in known if label in of_type.index]
        if not labels:
            continue
        of_type, places = of_type.loc[labels], [list(known).index(label) for label in labels]
        both = zip(systems, test, test if learn is None else learn, strict=True)
        scores = _scores(np.array([_sums(*each, labels, kind) for each in both]))
        if learn is None:
            scores |= {key: _unknown(value) for key, value in scores.items() if not key.startswith("test_")}
        nowhere = np.full(len(labels), np.nan)
        columns: dict[str, Any] = {
            "type": type_name(kind),
            "label": [*labels, ALL_TIMES],
            "time": [*of_type["time"], math.nan],
            **{name: _and_mean(of_type[name]) for name in ceilings},
            **scores,
            "penalty": [*(nowhere if fit is None else fit.penalty[kind, places]), math.nan],
            "refit_mse_test": _and_mean(nowhere if fit is None else fit.mse_before[kind, places]),
            "refit_mse_learn": _and_mean(nowhere if fit is None else fit.mse_after[kind, places]),
        }
        parts.append(DataFrame(columns))
    return concat(parts, ignore_index=True)


def _unknown(value: Any) -> Any:
    """The same array, or list of arrays, with NaN in place of all numbers."""
    return [np.full_like(each, np.nan) for each in value] if isinstance(value, list) else np.full_like(value, np.nan)


def _and_mean(values: Any) -> Float:
    numbers = np.asarray(values, dtype=float)
    return np.append(numbers, known_mean(numbers))


def _sums(system: System, test: Predicted, learn: Predicted, labels: Sequence[str], kind: int) -> Float:
    """(2, T, 6): n and the sums of y, p, y^2, p^2, y p over the particles of a type whose propensity y is known."""
    chosen = system.types == kind
    predicted = np.array([[method[label][chosen] for label in labels] for method in (test, learn)])
    return moments(measured(system, labels)[:, chosen], predicted)


def _scores(sums: Float) -> dict[str, Any]:
    """The columns METHOD_SCORE, METHOD_SCORE_error and METHOD_each from sums (C, 2, T, 6), the mean over times last."""
    values, errors = bootstrap(lambda chosen: _statistic(sums[chosen]), len(sums))
    rho = rho_of(sums)
    rho = np.concatenate([rho, known_mean(np.moveaxis(rho, 2, 0))[:, :, None]], axis=2)
    rho = np.concatenate([rho, rho[:, 1:] - rho[:, :1]], axis=1)
    columns: dict[str, Any] = {}
    for m, method in enumerate(COMPARED):
        for k, score in enumerate(SCORES):
            columns[f"{method}_{score}"] = values[m, :, k]
            columns[f"{method}_{score}_error"] = errors[m, :, k]
        columns[f"{method}_each"] = list(rho[:, m].T)
    return columns


def _statistic(sums: Float) -> Float:
    """(test, learn, gain; times and their mean; per configuration, pooled, mse) from sums (C, 2, T, 6)."""
    n, _, _, yy, pp, yp = np.moveaxis(sums.sum(axis=0), -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mse = (yy + pp - 2 * yp) / n
    numbers = np.stack([*both_conventions(sums), mse], axis=-1)
    numbers = np.concatenate([numbers, known_mean(numbers.swapaxes(0, 1))[:, None]], axis=1)
    return np.concatenate([numbers, numbers[1:] - numbers[:1]])


def as_json(rows: DataFrame, data: Mapping[float, Halves]) -> dict[str, Any]:
    """Plain values for a JSON file, with the split; what is undefined is null."""

    def nested(row: Mapping[str, Any]) -> dict[str, Any]:
        line = {name: value for name, value in row.items() if name.split("_")[0] not in COMPARED}
        line["trained_at"] = [float(t) for t in row["trained_at"].split()]
        for method in COMPARED:
            line[method] = {
                score: {"value": row[f"{method}_{score}"], "error": row[f"{method}_{score}_error"]} for score in SCORES
            }
            line[method]["each"] = row[f"{method}_each"]
        return line

    return {
        "format": "equiglass-transfer",
        "version": 1,
        "configurations": [
            {"temperature": t, "refit": [s.name for s in part.refit], "test": [s.name for s in part.test]}
            for t, part in data.items()
        ],
        "rows": [plain(nested(row)) for row in records(rows)],
    }


def as_csv(rows: DataFrame) -> str:
    """One line per row, without the rho of every configuration."""
    return csv(without_each(rows))


def without_each(rows: DataFrame) -> DataFrame:
    """The rows without the columns that hold one number per configuration."""
    return rows.drop(columns=[f"{method}_each" for method in COMPARED])
