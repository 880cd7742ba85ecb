"""Measure: the network beside simpler methods, trained and tested on the same configurations (Fig. 6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

from equiglass.errors import EquiglassError
from equiglass.experiments.curves import PublishedCurves
from equiglass.experiments.declaration import Declaration, options_of
from equiglass.experiments.measured import Line, Measured, over_seeds
from equiglass.experiments.plan import Group
from equiglass.experiments.runs import Run, groups_of_runs
from equiglass.experiments.scores import table
from equiglass.liquid.arrays import Float
from equiglass.liquid.energy import particle_energy
from equiglass.liquid.splits import folds_of
from equiglass.liquid.system import System
from equiglass.methods.linear.boattini import FOLDS, Boattini, boattini_features, fit_boattini
from equiglass.methods.linear.descriptors import first_layer_invariants
from equiglass.methods.linear.ridge import PENALTIES, fit_ridge_by_folds
from equiglass.methods.network.configuration import Configuration
from equiglass.prediction.evaluation import Predicted, Row, as_line, evaluate, evaluate_model
from equiglass.training.run import completed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BOATTINI, FIRST_LAYER, ENERGY = "ridge, Boattini's descriptors", "ridge, first layer", "E_pot(IS) alone"


class MethodOptions(BaseModel):
    """Options of the measure."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    published: PublishedCurves | None = None


def check_methods(groups: Sequence[Group], declaration: Declaration) -> None:
    """Refuse groups on which a baseline cannot choose its penalties.

    Raises:
        EquiglassError: there is one, or an option is wrong.
    """
    options_of(declaration, MethodOptions)
    for group in groups:
        if len(group.training) < 2:
            raise EquiglassError(
                f"{group.name}: the baselines choose penalties by leaving out training configurations; there is one. "
                "Give four configurations."
            )


def methods(runs: Sequence[Run], declaration: Declaration) -> Measured:
    """Rho in both conventions with errors and ceiling, and MSE, by method, seed, type and time."""
    options = options_of(declaration, MethodOptions)
    rows: list[Line] = []
    for run in runs:
        found, _, _ = evaluate_model(run.model, run.training.group.test)
        rows += _lines(run.training.group.name, str(run), run.training.seed, found)
    groups = groups_of_runs(runs)
    for group in groups:
        configuration = next(run.training.configuration for run in runs if run.training.group is group)
        for name, predicted in baseline_predictions(group.training, group.test, configuration).items():
            rows += _lines(group.name, name, None, evaluate(group.test, predicted))
    ceilings = ("ceiling_per_configuration", "ceiling_pooled")
    by = ("group", "variant", "type", "label")
    summary = over_seeds(rows, by, ("per_configuration", "pooled"), ("time", *ceilings))
    for line in summary:
        own = [row for row in rows if all(row[key] == line[key] for key in by)]
        for column in ("per_configuration_error", "pooled_error"):
            errors = [error for row in own if isinstance(error := row[column], float)]
            line[column] = float(np.median(errors)) if errors else None
    published = options.published
    marks = published.lines([(group.name, group.temperature) for group in groups]) if published else []

    def draw() -> Mapping[str, Figure]:
        from equiglass.figures.methods import methods_figure

        kinds = list(dict.fromkeys(str(line["type"]) for line in summary))
        return {f"_{kind}": methods_figure(summary, marks, kind) for kind in kinds}

    notes = [
        "Errors: bootstrap over the test configurations. The baselines choose their penalties within the training set."
    ]
    if published:
        notes.append(
            f"Published, other data ({'drawn' if marks else 'no group here is like them'}): {published.source}."
        )
    return Measured(rows, summary, table(summary, None), draw, tuple(notes))


def baseline_predictions(
    training: Sequence[System], test: Sequence[System], configuration: Configuration
) -> dict[str, list[Predicted]]:
    """Predictions of every baseline for the test configurations.

    Args:
        training: two configurations or more.
        test: others.
        configuration: of the network beside them: its potential, and l_max of the first layer.
    """
    every = completed([*training, *test], configuration.model_copy(update={"inputs": Boattini.inputs}))
    training, test = every[: len(training)], every[len(training) :]
    n_types = max(system.n_types for system in training)
    features = [boattini_features(system, n_types) for system in training]
    boattini = fit_boattini(list(zip(features, training, strict=True)))
    l_max = configuration.architecture.l_max
    return {
        BOATTINI: [dict(zip(boattini.times, boattini.predict(system), strict=True)) for system in test],
        FIRST_LAYER: _ridge(training, test, lambda system: first_layer_invariants(system, l_max=l_max)),
        ENERGY: _ridge(training, test, lambda system: particle_energy(system)[:, None]),
    }


def _ridge(training: Sequence[System], test: Sequence[System], features: Callable[[System], Float]) -> list[Predicted]:
    described = [(features(system), system) for system in training]
    folds = folds_of(described, FOLDS)
    ridge = fit_ridge_by_folds(folds, PENALTIES, np.ones((1, described[0][0].shape[1])))
    return [dict(zip(ridge.time_labels, ridge.predict(features(s), s.types), strict=True)) for s in test]


def _lines(group: str, method: str, seed: int | None, rows: Sequence[Row]) -> list[Line]:
    return [{"group": group, "variant": method, "seed": seed, **as_line(row)} for row in rows]
