"""equiglass report: write one HTML file about models and results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from equiglass.commands.closing import closing
from equiglass.commands.completion import models
from equiglass.commands.evaluate import CheckpointOption
from equiglass.machine.console import command_line


def report(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN|RESULTS...",
            help="Run folders, names of shipped models, and folders with PNG, TXT, MD, CSV, JSON results.",
            autocompletion=models,
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="HTML file to write.")],
    data: Annotated[
        list[Path] | None,
        typer.Option("--data", help="Configurations to predict, score and show; may be repeated."),
    ] = None,
    checkpoint: CheckpointOption = "last",
) -> None:
    """Write a self-contained HTML report: model card, scores, learning curves, fields in 3D, results."""
    from equiglass.commands.progress import counted
    from equiglass.commands.targets import check_html
    from equiglass.formats import load
    from equiglass.methods.loading import folder_of
    from equiglass.report import write_report

    check_html(out)
    systems = load(data) if data else []
    models = sum(bool(folder_of(source).members()) for source in dict.fromkeys(sources))
    with counted("predicting", models * len(systems)) as count:
        write_report(out, sources, systems, checkpoint=checkpoint, command=command_line(), on_done=count)
    closing(out, f"{out.stat().st_size / 1e6:.1f} MB; open it in a browser")
