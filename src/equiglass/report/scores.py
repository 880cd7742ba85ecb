"""Models on labelled configurations: their predictions, scores and figures as blocks of a report."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from equiglass.errors import EquiglassWarning
from equiglass.figures import Curve, figure_png, propensity_slice, rho_against_time, rho_of_rows, scatter
from equiglass.liquid.system import System, type_name
from equiglass.liquid.targets import measured, times_of
from equiglass.methods.loading import Model
from equiglass.prediction.evaluation import Predicted, Row, evaluate, with_error
from equiglass.report.page import Block, Fold, Picture, Pictures, Table, Text


@dataclass(frozen=True)
class Scored:
    """A model and what it says of the configurations.

    Attributes:
        model: the model.
        systems: the configurations, with what the model needed.
        predicted: propensity or energy (N,) by label, one for each configuration.
        roles: of every configuration in the training: "training", "validation", "not seen" or "unknown".
        rows: scores, of the configurations not seen where there are any; none where nothing is known at a time of
            the model.
        warnings: in which ways a configuration is unlike the training data.
    """

    model: Model
    systems: Sequence[System]
    predicted: Sequence[Predicted]
    roles: Sequence[str]
    rows: Sequence[Row]
    warnings: Sequence[str]

    @property
    def tested(self) -> list[int]:
        """The configurations that the scores are of: those not seen, or all where there are none."""
        unseen = [k for k, role in enumerate(self.roles) if role == "not seen"]
        return unseen or list(range(len(self.roles)))


def score(
    model: Model,
    systems: Sequence[System],
    split: Mapping[str, str],
    on_done: Callable[[], object] = lambda: None,
) -> Scored:
    """Predict every configuration, and score where there are labels.

    Args:
        model: the model.
        systems: the configurations.
        split: "training" or "validation" by the name of a configuration; empty where it is not known.
        on_done: called after every prediction.
    """
    predictions = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", EquiglassWarning)
        for system in systems:
            predictions.append(model.predict(model.measurable(system)))
            on_done()
    unlike = list(dict.fromkeys(str(one.message) for one in caught))
    for sentence in unlike:
        warnings.warn(sentence, EquiglassWarning, stacklevel=2)
    done = [prediction.system for prediction in predictions]
    predicted = [{label: prediction.at(label) for label in prediction.times} for prediction in predictions]
    roles = [split.get(system.name, "not seen" if split else "unknown") for system in done]
    scored = Scored(model, done, predicted, roles, [], unlike)
    tested = [done[k] for k in scored.tested]
    if not any(set(times_of(s, model.target)) & set(model.times) for s in tested):
        return scored
    return replace(scored, rows=evaluate(tested, [predicted[k] for k in scored.tested]))


def score_blocks(scored: Scored) -> list[Block]:
    """Table of scores, figures, and what the configurations were to the training."""
    roles = scored.roles
    blocks: list[Block] = [Text(warning, warning=True) for warning in scored.warnings]
    if "unknown" in roles:
        text = "The model's folder does not say which configurations trained it; it may know some of these."
        blocks.append(Text(text))
    elif set(roles) != {"not seen"}:
        known = f"{roles.count('training')} trained the model, {roles.count('validation')} validated it"
        if "not seen" in roles:
            blocks.append(
                Text(f"Of {len(roles)} configurations {known}; scores are of the {len(scored.tested)} others.")
            )
        else:
            text = f"Of {len(roles)} configurations {known}: the scores are no test of what it learned."
            blocks.append(Text(text, warning=True))
    blocks.append(Fold(f"{len(roles)} configurations", [_configurations(scored.systems, roles)]))
    if not scored.rows:
        return [*blocks, Text("The configurations have no measured propensities at the times of the model.")]
    blocks.append(_table(scored))
    if len({row.label for row in scored.rows}) > 1:
        caption = "Pearson ρ against time, mean over configurations; dashed: noise ceiling"
        blocks.append(Picture(caption, figure_png(rho_of_rows(scored.rows))))
    return [*blocks, *_field_figures(scored)]


def comparison_blocks(several: Sequence[Scored]) -> list[Block]:
    """The models beside one another: ρ per configuration, a table and a figure for each type."""
    names = [scored.model.name for scored in several]
    by_place = [{(row.type, row.label): row for row in scored.rows} for scored in several]
    places = list(dict.fromkeys(place for rows in by_place for place in rows))
    body, pictures = [], []
    for kind, label in places:
        rows = [rows.get((kind, label)) for rows in by_place]
        first = next(row for row in rows if row)
        cells = [with_error(row.per_configuration) if row else "" for row in rows]
        body.append([kind, f"{first.time:g}", label, *cells, with_error(first.ceiling_per_configuration)])
    for kind in dict.fromkeys(kind for kind, _ in places):
        of_kind = [[row for row in scored.rows if row.type == kind and row.time > 0] for scored in several]
        if not any(of_kind):
            continue
        curves = [
            Curve(name, [row.time for row in rows], [row.per_configuration for row in rows])
            for name, rows in zip(names, of_kind, strict=True)
            if rows
        ]
        longest = max(of_kind, key=len)
        ceiling = [row.ceiling_per_configuration for row in longest]
        ceilings = [] if np.all(np.isnan(ceiling)) else [Curve("noise ceiling", [r.time for r in longest], ceiling)]
        figure = rho_against_time(curves, ceilings=ceilings, title=f"type {kind}")
        pictures.append(Picture(f"Type {kind}: Pearson ρ against time, mean over configurations", figure_png(figure)))
    caption = "Pearson ρ, mean over configurations, of every model over those that it has not seen"
    table = Table(caption, ["type", "time", "label", *names, "noise ceiling"], body)
    return [table, *([Pictures(pictures)] if pictures else [])]


def _configurations(systems: Sequence[System], roles: Sequence[str]) -> Table:
    header = ["configuration", "particles", "density", "temperature", "runs", "in the training"]
    rows = [
        [
            system.name,
            str(system.n_particles),
            f"{system.density:.4g}",
            "" if system.temperature is None else f"{system.temperature:g}",
            "" if system.runs is None else str(system.runs),
            role,
        ]
        for system, role in zip(systems, roles, strict=True)
    ]
    return Table("Configurations", header, rows)


def _table(scored: Scored) -> Table:
    header = ["type", "time", "label", "ρ", "ceiling", "ρ pooled", "ceiling pooled", "MSE", "configurations"]
    body = []
    for row in scored.rows:
        numbers = [
            with_error(row.per_configuration, row.per_configuration_error),
            with_error(row.ceiling_per_configuration),
            with_error(row.pooled, row.pooled_error),
            with_error(row.ceiling_pooled),
        ]
        body.append([row.type, f"{row.time:g}", row.label, *numbers, f"{row.mse:.3g}", str(row.configurations)])
    caption = (
        f"Pearson ρ of predicted and measured {scored.model.target}: mean of the ρ of every configuration, and one ρ "
        "over the particles of all (pooled), each with its bootstrap error over configurations and the highest value "
        "that the noise of the labels allows; mean squared error"
    )
    return Table(caption, header, body)


def _field_figures(scored: Scored) -> list[Block]:
    """A scatter plot of every type and time, and a slice of one configuration at the longest time."""
    target = scored.model.target
    tested = [(scored.systems[k], scored.predicted[k]) for k in scored.tested]
    pictures = []
    for row in scored.rows:
        if row.configurations == 0:
            continue
        masks = [np.array([type_name(kind) == row.type for kind in system.types]) for system, _ in tested]
        truth = [measured(system, [row.label])[0][mask] for (system, _), mask in zip(tested, masks, strict=True)]
        predicted = [fields[row.label][mask] for (_, fields), mask in zip(tested, masks, strict=True)]
        title = f"{row.type}, t = {row.time:g}"
        figure = scatter(np.concatenate(truth), np.concatenate(predicted), target=target, title=title)
        pictures.append(Picture(f"Type {row.type}, t = {row.time:g} (label {row.label})", figure_png(figure)))
    blocks: list[Block] = [Fold(f"Predicted against measured {target}, all types and times", [Pictures(pictures)])]
    if len(pictures) <= 3:
        blocks = [Pictures(pictures)]
    last = max(scored.rows, key=lambda row: row.time)
    for system, fields in tested:
        truth_there = measured(system, [last.label])[0]
        if not np.all(np.isnan(truth_there)):
            where = f"{system.name}, t = {last.time:g}"
            figure = propensity_slice(system, truth_there, fields[last.label], target=target, title=where)
            caption = f"{where}: measured and predicted {target} across the middle of the box"
            return [*blocks, Picture(caption, figure_png(figure))]
    return blocks
