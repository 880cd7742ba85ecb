"""Models on labelled configurations: their predictions, scores and figures as parts of a report."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from equiglass.errors import EquiglassWarning
from equiglass.figures import figure_png, reliability, rho_against_time
from equiglass.figures.evaluation import compared, scatter_of_type, slice_of_first
from equiglass.files.tables import number
from equiglass.liquid.system import System
from equiglass.liquid.targets import times_in_common, times_of
from equiglass.prediction.evaluation import Scores, evaluate
from equiglass.prediction.model import Model, Prediction
from equiglass.prediction.split import Role
from equiglass.report.page import html

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, eq=False)
class Scored:
    """A model and what it predicts of the configurations.

    Attributes:
        model: the model.
        predictions: one per configuration.
        warnings: in which ways a configuration is unlike the training data.
    """

    model: Model
    predictions: Sequence[Prediction]
    warnings: Sequence[str]

    @property
    def systems(self) -> list[System]:
        """The configurations, with what the model needed."""
        return [prediction.system for prediction in self.predictions]

    @property
    def roles(self) -> list[Role]:
        """What every configuration was in the training."""
        return [prediction.role for prediction in self.predictions]

    @property
    def tested(self) -> list[int]:
        """Places of the configurations that the scores are of: those not seen, or all where there are none."""
        return [k for k, role in enumerate(self.roles) if role == "not seen"] or list(range(len(self.roles)))

    @cached_property
    def scores(self) -> DataFrame:
        """By type and time, as `Scores.frame`; empty where nothing is known at a time of the model."""
        chosen = [self.predictions[k] for k in self.tested]
        known = any(times_in_common(p.times, times_of(p.system, p.target))[0] for p in chosen)
        # The rows of all are one test, or none: `scores_of` states which.
        chosen = [replace(prediction, role="unknown") for prediction in chosen]
        return (evaluate([p.system for p in chosen], chosen) if known else Scores((), 0)).frame()


def score(model: Model, systems: Sequence[System], on_done: Callable[[], object] = lambda: None) -> Scored:
    """Predict every configuration, and score where there are labels.

    Args:
        model: the model.
        systems: the configurations.
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
    return Scored(model, predictions, unlike)


def scores_of(scored: Scored) -> list[Markup]:
    """The role of the configurations in the training, the table of scores, and figures."""
    roles, target = scored.roles, scored.model.target
    parts = [html.text(sentence, warning=True) for sentence in scored.warnings]
    known = (
        f"Of {len(roles)} configurations {roles.count('training')} trained the model, "
        f"{roles.count('validation') + roles.count('selection')} validated it"
    )
    if "unknown" in roles:
        parts.append(
            html.text("The model's folder does not name its training configurations; these may be among them.")
        )
    elif "not seen" not in roles:
        parts.append(html.text(f"{known}: the scores are no test of what it learned.", warning=True))
    elif set(roles) != {"not seen"}:
        parts.append(html.text(f"{known}; scores are of the {len(scored.tested)} others."))
    parts.append(html.fold(f"{len(roles)} configurations", [_configurations(scored)]))
    if scored.scores.empty:
        measured = "propensities" if target == "propensity" else f"values of the {target}"
        return [*parts, html.text(f"The configurations have no measured {measured} at the times of the model.")]
    parts.append(_table(scored.scores, target))
    if scored.scores["label"].nunique() > 1:
        caption = "Pearson ρ against time, mean over configurations; dashed: noise ceiling"
        parts.append(html.picture(caption, figure_png(rho_against_time(scored.scores, title="mean per configuration"))))
    return [*parts, *_reliability(scored), *_fields(scored)]


def comparison(several: Sequence[Scored]) -> list[Markup]:
    """Rho per configuration of several models: a table, and one figure per type."""
    from pandas import concat

    names = [scored.model.name for scored in several]
    every = concat([scored.scores.assign(model=scored.model.name) for scored in several], ignore_index=True)
    every["rho"] = every["per_configuration"].map(number)
    # Models of other data may have another time at a label: each has a row of its own.
    place = ["type", "label", "time"]
    rows = every.drop_duplicates(place)
    cells = every.pivot(index=place, columns="model", values="rho").reindex(columns=names).fillna("")
    cells = cells.loc[list(rows[place].itertuples(index=False, name=None))].set_axis(rows.index)
    times, ceilings = rows["time"].map("{:g}".format), rows["ceiling_per_configuration"].map(number)
    # A model may have the name of another column, which `concat` allows and `join` does not.
    shown = concat([rows["type"], times, rows["label"], cells, ceilings.rename("noise ceiling")], axis="columns")
    pictures = [
        html.picture(
            f"Type {kind}: Pearson ρ against time, mean over configurations",
            figure_png(rho_against_time(own, curve="model", title=f"type {kind}")),
        )
        for kind, own in every[every["time"] > 0].groupby("type", sort=False)
    ]
    caption = "Pearson ρ, mean over configurations, of every model over those that it has not seen"
    return [html.table(caption, shown), *([html.gallery(pictures)] if pictures else [])]


def _table(scores: DataFrame, target: str) -> Markup:
    shown = scores[["type", "time", "label"]].assign(time=scores["time"].map("{:g}".format))
    for name, column in (("ρ", "per_configuration"), ("ρ pooled", "pooled")):
        shown[name] = list(map(number, scores[column], scores[f"{column}_error"]))
        shown[name.replace("ρ", "ceiling")] = scores[f"ceiling_{column}"].map(number)
    shown = shown.assign(MSE=scores["mse"].map("{:.3g}".format), configurations=scores["configurations"])
    caption = (
        f"Pearson ρ of predicted and measured {target}: the mean over configurations, and pooled over the particles of "
        "all. Each has its bootstrap error over configurations, and its ceiling: the highest value that the noise of "
        "the labels allows. MSE: mean squared error."
    )
    return html.table(caption, shown)


def _configurations(scored: Scored) -> Markup:
    from pandas import DataFrame

    frame = DataFrame(
        {
            "configuration": system.name,
            "particles": system.n_particles,
            "density": f"{system.density:.4g}",
            "temperature": system.temperature,
            "runs": system.runs,
            "in the training": role,
        }
        for system, role in zip(scored.systems, scored.roles, strict=True)
    )
    return html.table("Configurations", frame)


def _reliability(scored: Scored) -> list[Markup]:
    """The error against the predicted uncertainty, one figure per time; none if the model has no uncertainty."""
    predictions = [scored.predictions[k] for k in scored.tested]
    pictures = []
    for label, time in scored.scores.query("configurations > 0").groupby("label", sort=False)["time"].first().items():
        if any((each := p.uncertainty_at(label)) is not None and np.isfinite(each).any() for p in predictions):
            title = f"t = {time:g}" if time > 0 else scored.model.target
            pictures.append(html.picture(title, figure_png(reliability(predictions, label, title=title))))
    if not pictures:
        return []
    caption = (
        "Error against predicted uncertainty: the root mean squared error in bins of the predicted standard deviation, "
        "without the noise of the labels where it is known. On the diagonal the uncertainty is reliable."
    )
    return [html.text(caption), html.gallery(pictures)]


def _fields(scored: Scored) -> list[Markup]:
    """A scatter plot per type and time, and a slice of one configuration at the longest time."""
    target = scored.model.target
    predictions = [scored.predictions[k] for k in scored.tested]
    scatters = []
    for row in scored.scores.query("configurations > 0").itertuples():
        title = f"{row.type}, t = {row.time:g}"
        figure = scatter_of_type(compared(predictions, row.label), row.type, target=target, title=title)
        scatters.append(html.picture(f"Type {title} (label {row.label})", figure_png(figure)))
    parts = [html.gallery(scatters)]
    if len(scatters) > 3:
        parts = [html.fold(f"Predicted against measured {target}, all types and times", parts)]
    last = scored.scores.loc[scored.scores["time"].idxmax()]
    if last["configurations"]:
        where, figure = slice_of_first(compared(predictions, last["label"]), f"t = {last['time']:g}", target)
        caption = f"{where}: measured and predicted {target} across the middle of the box"
        parts.append(html.picture(caption, figure_png(figure)))
    return parts
