"""equiglass evaluate: rho by type and time in both conventions, with its noise ceiling."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from equiglass.commands.closing import closing, following
from equiglass.commands.completion import models
from equiglass.commands.train import DataOption
from equiglass.errors import ConfigurationError

if TYPE_CHECKING:
    from equiglass.prediction.evaluation import Scores
    from equiglass.prediction.model import Prediction

ScoredArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="Run folder, folder of run folders, shipped model, or published:NAME for NAME in the files.",
        autocompletion=models,
    ),
]
RunArgument = Annotated[
    str,
    typer.Argument(help="Run folder, folder of run folders, or name of a shipped model.", autocompletion=models),
]
CheckpointOption = Annotated[str, typer.Option("--checkpoint", help="last, or best (highest validation rho).")]
JsonOption = Annotated[Path | None, typer.Option("--json", help="JSON file for the scores.")]
FiguresOption = Annotated[Path | None, typer.Option("--figures", help="Folder for scatter and rho(t) figures.")]

ROLES = {
    "training": "those that trained the model",
    "selection": "those on which the model was chosen",
    "validation": "those that validated the model",
}
"""What the title of a table says of configurations that the training has used."""


def evaluate(
    run: ScoredArgument,
    data: DataOption,
    json_file: JsonOption = None,
    figures: FiguresOption = None,
    checkpoint: CheckpointOption = "last",
    seen: Annotated[
        bool, typer.Option("--seen", help="Score the configurations that trained the model too, in rows of their own.")
    ] = False,
) -> None:
    """Score a model, or published predictions in the files, on labelled configurations that it has not seen."""
    from equiglass.commands.progress import tracked
    from equiglass.formats import load
    from equiglass.methods.loading import load_model
    from equiglass.prediction.evaluation import leave_out_seen
    from equiglass.prediction.published import PREFIX, published_predictions

    check_outputs(json_file, figures)
    if run.startswith(PREFIX):
        if checkpoint != "last" or seen:
            raise ConfigurationError(
                "published predictions have neither checkpoints nor training configurations; leave out --checkpoint "
                "and --seen."
            )
        systems = load(data)
        predictions = published_predictions(systems, run.removeprefix(PREFIX))
        return report(predictions, f"{run} on {len(systems)} configurations", json_file, figures)
    model = load_model(run, checkpoint)
    systems = load(data)
    # Before any work: the model may depend on all of them.
    systems, left_out = (systems, ()) if seen else leave_out_seen(systems, [model.role(system) for system in systems])
    predictions = [model.predict(model.measurable(system)) for system in tracked(systems, "predicting")]
    report(predictions, f"{run} on {len(systems)} configurations", json_file, figures, seen, left_out)
    following("report", run, "--data", *data, "--out", "report.html")


def report(
    predictions: Sequence[Prediction],
    title: str,
    json_file: Path | None = None,
    figures: Path | None = None,
    seen: bool = False,
    left_out: Sequence[str] = (),
) -> None:
    """Score predictions, print a table, and write the requested files."""
    from equiglass.files import write_text
    from equiglass.prediction.evaluation import evaluate as score

    scores = score([prediction.system for prediction in predictions], predictions, seen=seen)
    scores = replace(scores, left_out=tuple(left_out))
    if json_file is not None:
        write_text(json_file, json.dumps(scores.as_json(), indent=2) + "\n")
    if figures is not None:
        from equiglass.figures import save_evaluation_figures

        # Configurations of several roles are never drawn together; the first rows are the fairest.
        role = next(iter(scores)).role
        drawn = [prediction for prediction in predictions if prediction.role == role]
        save_evaluation_figures(figures, scores.frame().query("role == @role"), drawn)
    print_scores(scores, title)
    for path, what in ((json_file, "the scores"), (figures, "the figures")):
        if path is not None:
            closing(path, what)


def check_outputs(json_file: Path | None, figures: Path | None) -> None:
    """Check, before any work, that the requested files can be written."""
    from equiglass.commands.targets import check_json
    from equiglass.files.target import check_folder

    check_json(json_file)
    if figures is not None:
        check_folder(figures)


def print_scores(scores: Scores, title: str) -> None:
    """Print a table of scores for each role of the configurations in the training."""
    from rich.table import Table

    from equiglass.files.tables import number
    from equiglass.machine.console import console

    for role in dict.fromkeys(row.role for row in scores):
        table = Table(title=title if role in ("not seen", "unknown") else f"{title}, {ROLES[role]}")
        for column in (
            "type",
            "time",
            "label",
            "rho",
            "rho pooled",
            "ceiling",
            "ceiling pooled",
            "MSE",
            "configurations",
        ):
            table.add_column(column, justify="left" if column == "type" else "right")
        for row in scores:
            cells = [
                number(row.per_configuration, row.per_configuration_error),
                number(row.pooled, row.pooled_error),
                number(row.ceiling_per_configuration),
                number(row.ceiling_pooled),
            ]
            if row.role == role:
                where = (row.type, f"{row.time:g}", row.label)
                mse = "-" if row.mse != row.mse else f"{row.mse:.3g}"
                table.add_row(*where, *cells, mse, str(row.configurations))
        console().print(table)
