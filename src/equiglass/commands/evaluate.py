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

ScoredArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="Run folder, folder of run folders, shipped model, or published:NAME for NAME in the files."
    ),
]
RunArgument = Annotated[str, typer.Argument(help="Run folder, folder of run folders, or name of a shipped model.")]
CheckpointOption = Annotated[str, typer.Option("--checkpoint", help="last, or best (highest validation rho).")]
JsonOption = Annotated[Path | None, typer.Option("--json", help="JSON file for the scores.")]
FiguresOption = Annotated[Path | None, typer.Option("--figures", help="Folder for scatter and rho(t) figures.")]


def evaluate(
    run: ScoredArgument,
    data: DataOption,
    json_file: JsonOption = None,
    figures: FiguresOption = None,
    checkpoint: CheckpointOption = "last",
) -> None:
    """Score a model, or published predictions in the files, on labelled configurations."""
    from rich.progress import track

    from equiglass.formats import load
    from equiglass.methods.loading import load_model
    from equiglass.prediction.published import PREFIX, published_predictions

    if run.startswith(PREFIX):
        systems = load(data)
        predictions = published_predictions(systems, run.removeprefix(PREFIX))
        return report(predictions, f"{run} on {len(systems)} configurations", json_file, figures)
    model = load_model(run, checkpoint)
    systems = load(data)
    predictions = [model.predict(model.measurable(system)) for system in track(systems, "predicting", transient=True)]
    report(predictions, f"{run} on {len(systems)} configurations", json_file, figures)


def report(
    predictions: Sequence[Prediction], title: str, json_file: Path | None = None, figures: Path | None = None
) -> None:
    """Score predictions, print a table, and write the requested files."""
    from equiglass.files import write_text
    from equiglass.prediction.evaluation import evaluate as score

    scores = score([prediction.system for prediction in predictions], predictions)
    print_scores(scores, title)
    if json_file is not None:
        write_text(json_file, json.dumps(scores.as_json(), indent=2) + "\n")
    if figures is not None:
        from equiglass.figures import save_evaluation_figures

        save_evaluation_figures(figures, scores.frame(), predictions)


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
