"""equiglass evaluate: rho by type and time in both conventions, with its noise ceiling."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from equiglass.commands.train import DataOption

if TYPE_CHECKING:
    from equiglass.prediction.evaluation import Scores
    from equiglass.prediction.model import Prediction

RunArgument = Annotated[str, typer.Argument(help="Run folder, folder of run folders, or name of a shipped model.")]
CheckpointOption = Annotated[str, typer.Option("--checkpoint", help="last, or best (highest validation rho).")]
JsonOption = Annotated[Path | None, typer.Option("--json", help="JSON file for the scores.")]
FiguresOption = Annotated[Path | None, typer.Option("--figures", help="Folder for scatter and rho(t) figures.")]


def evaluate(
    run: RunArgument,
    data: DataOption,
    json_file: JsonOption = None,
    figures: FiguresOption = None,
    checkpoint: CheckpointOption = "last",
) -> None:
    """Score a model on labelled configurations."""
    from equiglass.commands.progress import tracked
    from equiglass.formats import load
    from equiglass.methods.loading import load_model

    check_outputs(json_file, figures)
    model = load_model(run, checkpoint)
    systems = load(data)
    predictions = [model.predict(model.measurable(system)) for system in tracked(systems, "predicting")]
    report(predictions, f"{run} on {len(systems)} configurations", json_file, figures)


def report(
    predictions: Sequence[Prediction], title: str, json_file: Path | None = None, figures: Path | None = None
) -> None:
    """Score predictions, print a table, and write the requested files."""
    from equiglass.files import write_text
    from equiglass.prediction.evaluation import evaluate as score

    scores = score([prediction.system for prediction in predictions], predictions)
    if json_file is not None:
        write_text(json_file, json.dumps(scores.as_json(), indent=2) + "\n")
    print_scores(scores, title)
    if figures is not None:
        from equiglass.figures import save_evaluation_figures

        save_evaluation_figures(figures, scores.frame(), predictions)


def check_outputs(json_file: Path | None, figures: Path | None) -> None:
    """Check, before any work, that the requested files can be written."""
    from equiglass.commands.targets import check_json
    from equiglass.files.target import check_folder

    check_json(json_file)
    if figures is not None:
        check_folder(figures)


def print_scores(scores: Scores, title: str) -> None:
    """Print a table of scores."""
    from rich.console import Console
    from rich.table import Table

    from equiglass.files.tables import number

    table = Table(title=title)
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
        table.add_row(row.type, f"{row.time:g}", row.label, *cells, f"{row.mse:.3g}", str(row.configurations))
    Console().print(table)
