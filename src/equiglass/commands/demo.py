"""equiglass demo: the whole chain on the data set in the package, against a baseline and the noise ceiling."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for run, table, figures and extended XYZ.")] = Path("demo"),
) -> None:
    """Train on 16 configurations, validate on 4, test on 4; compare with a ridge regression."""
    from equiglass.commands.train import run_with_progress
    from equiglass.experiments.demo import demo_configuration, demo_data, report

    training, validation, _ = demo_data()
    run = out / "run"
    run_with_progress(training, run, demo_configuration(), validation, resume=run.exists())
    report(out, run)
    typer.echo(f"{out}: scores.json, rho.png, slice.png, scatter.png, and test.xyz (for OVITO) are written")
