"""Models on labelled configurations: their predictions, scores and figures as blocks of a report."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from equiglass.errors import EquiglassWarning
from equiglass.figures import figure_png, rho_against_time
from equiglass.figures.evaluation import compared, scatter_of_type, slice_of_first
from equiglass.files.tables import number, records
from equiglass.liquid.system import System
from equiglass.liquid.targets import times_of
from equiglass.prediction.evaluation import Scores, evaluate
from equiglass.prediction.model import Model, Prediction
from equiglass.report.page import Block, Fold, Picture, Pictures, Table, Text

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, eq=False)
class Scored:
    """A model and what it predicts of the configurations.

    Attributes:
        model: the model.
        predictions: one per configuration.
        roles: of every configuration in the training: "training", "validation", "not seen" or "unknown".
        scores: by type and time, of the configurations not seen where there are any; empty where nothing is known at
            a time of the model.
        warnings: in which ways a configuration is unlike the training data.
    """

    model: Model
    predictions: Sequence[Prediction]
    roles: Sequence[str]
    scores: DataFrame
    warnings: Sequence[str]

    @property
    def systems(self) -> list[System]:
        """The configurations, with what the model needed."""
        return [prediction.system for prediction in self.predictions]

    @property
    def tested(self) -> list[int]:
        """The configurations that the scores are of."""
        return tested(self.roles)


def tested(roles: Sequence[str]) -> list[int]:
    """Places of the configurations not seen, or of all where there are none."""
    return [k for k, role in enumerate(roles) if role == "not seen"] or list(range(len(roles)))


def score(
    model: Model, systems: Sequence[System], roles: Mapping[str, str], on_done: Callable[[], object] = lambda: None
) -> Scored:
    """Predict every configuration, and score where there are labels.

    Args:
        model: the model.
        systems: the configurations.
        roles: "training" or "validation" by the name of a configuration; empty where it is not known.
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
    own = [roles.get(prediction.system.name, "not seen" if roles else "unknown") for prediction in predictions]
    chosen = [predictions[k] for k in tested(own)]
    known = any(set(times_of(p.system, model.target)) & set(model.times) for p in chosen)
    scores = evaluate([p.system for p in chosen], chosen) if known else Scores((), 0)
    return Scored(model, predictions, own, scores.frame(), unlike)


def score_blocks(scored: Scored) -> list[Block]:
    """Table of scores, figures, and the role of the configurations in the training."""
    from pandas import DataFrame

    roles, target = scored.roles, scored.model.target
    blocks: list[Block] = [Text(warning, warning=True) for warning in scored.warnings]
    if "unknown" in roles:
        blocks.append(Text("The model's folder does not name its training configurations; these may be among them."))
    elif set(roles) != {"not seen"}:
        known = f"{roles.count('training')} trained the model, {roles.count('validation')} validated it"
        if "not seen" in roles:
            text = f"Of {len(roles)} configurations {known}; scores are of the {len(scored.tested)} others."
            blocks.append(Text(text))
        else:
            text = f"Of {len(roles)} configurations {known}: the scores are no test of what it learned."
            blocks.append(Text(text, warning=True))
    blocks.append(Fold(f"{len(roles)} configurations", [_configurations(scored)]))
    if scored.scores.empty:
        measured = "propensities" if target == "propensity" else f"values of the {target}"
        return [*blocks, Text(f"The configurations have no measured {measured} at the times of the model.")]
    body = [
        {
            "type": row["type"],
            "time": f"{row['time']:g}",
            "label": row["label"],
            "ρ": number(row["per_configuration"], row["per_configuration_error"]),
            "ceiling": number(row["ceiling_per_configuration"]),
            "ρ pooled": number(row["pooled"], row["pooled_error"]),
            "ceiling pooled": number(row["ceiling_pooled"]),
            "MSE": f"{row['mse']:.3g}",
            "configurations": row["configurations"],
        }
        for row in scored.scores.to_dict("records")
    ]
    caption = (
        f"Pearson ρ of predicted and measured {target}: mean of the ρ of every configuration, and one ρ over the "
        "particles of all (pooled), each with its bootstrap error over configurations and the highest value that the "
        "noise of the labels allows; mean squared error"
    )
    blocks.append(Table(caption, DataFrame(body)))
    if scored.scores["label"].nunique() > 1:
        caption = "Pearson ρ against time, mean over configurations; dashed: noise ceiling"
        blocks.append(Picture(caption, figure_png(rho_against_time(scored.scores, title="mean per configuration"))))
    return [*blocks, *_field_figures(scored)]


def comparison_blocks(several: Sequence[Scored]) -> list[Block]:
    """ρ per configuration of several models, a table and a figure for each type."""
    from pandas import DataFrame, concat

    names = [scored.model.name for scored in several]
    every = concat([scored.scores.assign(model=scored.model.name) for scored in several])
    body = []
    for (kind, label), own in every.groupby(["type", "label"], sort=False):
        rho, ceiling = own.set_index("model")["per_configuration"], own["ceiling_per_configuration"].iloc[0]
        cells = [number(rho[name]) if name in rho.index else "" for name in names]
        body.append([kind, f"{own['time'].iloc[0]:g}", label, *cells, number(ceiling)])
    caption = "Pearson ρ, mean over configurations, of every model over those that it has not seen"
    header = ["type", "time", "label", *names, "noise ceiling"]
    pictures = [
        Picture(
            f"Type {kind}: Pearson ρ against time, mean over configurations",
            figure_png(rho_against_time(own, curve="model", title=f"type {kind}")),
        )
        for kind, own in every[every["time"] > 0].groupby("type", sort=False)
    ]
    return [Table(caption, DataFrame(body, columns=header)), *([Pictures(pictures)] if pictures else [])]


def _configurations(scored: Scored) -> Table:
    from pandas import DataFrame

    rows = [
        {
            "configuration": system.name,
            "particles": system.n_particles,
            "density": f"{system.density:.4g}",
            "temperature": system.temperature,
            "runs": system.runs,
            "in the training": role,
        }
        for system, role in zip(scored.systems, scored.roles, strict=True)
    ]
    return Table("Configurations", DataFrame(rows))


def _field_figures(scored: Scored) -> list[Block]:
    """A scatter plot of every type and time, and a slice of one configuration at the longest time."""
    target = scored.model.target
    predictions = [scored.predictions[k] for k in scored.tested]
    pictures = []
    for row in records(scored.scores[scored.scores["configurations"] > 0]):
        title = f"{row['type']}, t = {row['time']:g}"
        figure = scatter_of_type(compared(predictions, row["label"]), row["type"], target=target, title=title)
        pictures.append(Picture(f"Type {title} (label {row['label']})", figure_png(figure)))
    blocks: list[Block] = [Pictures(pictures)]
    if len(pictures) > 3:
        blocks = [Fold(f"Predicted against measured {target}, all types and times", blocks)]
    last = scored.scores.loc[scored.scores["time"].idxmax()]
    if last["configurations"]:
        where, figure = slice_of_first(compared(predictions, last["label"]), f"t = {last['time']:g}", target)
        caption = f"{where}: measured and predicted {target} across the middle of the box"
        blocks.append(Picture(caption, figure_png(figure)))
    return blocks
