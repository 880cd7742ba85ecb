"""equiglass evaluate: rho by type and time, in both conventions, with its ceiling."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from equiglass.commands.train import DataOption

if TYPE_CHECKING:
    from equiglass.liquid.system import System
    from equiglass.prediction.evaluation import Predicted, Row

RunArgument = Annotated[str, typer.Argument(help="Run folder, folder of run folders, or name of a shipped model.")]
CheckpointOption = Annotated[str, typer.Option("--checkpoint", help="last, or best: of the highest validation rho.")]
JsonOption = Annotated[Path | None, typer.Option("--json", help="Write the scores there.")]
FiguresOption = Annotated[Path | None, typer.Option("--figures", help="Folder for scatter and rho(t) figures.")]


def evaluate(
    run: RunArgument,
    data: DataOption,
    json_file: JsonOption = None,
    figures: FiguresOption = None,
    checkpoint: CheckpointOption = "last",
) -> None:
    """Score a model on labelled configurations."""
    from rich.progress import track

    from equiglass.formats import load
    from equiglass.methods.loading import load_model

    model = load_model(run, checkpoint)
    systems = load(data)
    predictions = [model.predict(model.measurable(system)) for system in track(systems, "predicting", transient=True)]
    predicted = [{label: prediction.at(label) for label in prediction.times} for prediction in predictions]
    done = [prediction.system for prediction in predictions]
    report(done, predicted, f"{run} on {len(systems)} configurations", json_file, figures)


def report(
    systems: Sequence[System],
    predicted: Sequence[Predicted],
    title: str,
    json_file: Path | None = None,
    figures: Path | None = None,
) -> None:
    """Score predictions: a table on the screen, and the files that are asked for."""
    from equiglass.files import write_text
    from equiglass.prediction.evaluation import as_json, evaluate

    rows = evaluate(systems, predicted)
    print_rows(rows, title)
    if json_file is not None:
        write_text(json_file, json.dumps(as_json(rows, len(systems)), indent=2) + "\n")
    if figures is not None:
        from equiglass.figures import save_evaluation_figures

        save_evaluation_figures(figures, rows, systems, predicted)


def print_rows(rows: Sequence[Row], title: str) -> None:
    """One table of scores."""
    from rich.console import Console
    from rich.table import Table

    from equiglass.prediction.evaluation import with_error

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
    for row in rows:
        scores = ((row.per_configuration, row.per_configuration_error), (row.pooled, row.pooled_error))
        ceilings = (row.ceiling_per_configuration, row.ceiling_pooled)
        cells = [*(with_error(*score) for score in scores), *map(with_error, ceilings)]
        table.add_row(row.type, f"{row.time:g}", row.label, *cells, f"{row.mse:.3g}", str(row.configurations))
    Console().print(table)
