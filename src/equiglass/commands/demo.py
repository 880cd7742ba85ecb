"""equiglass demo: train, predict and score on the data set of the package, with a baseline and the noise ceiling."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from equiglass.commands.closing import SAME_COMMAND, closing
from equiglass.machine.signals import saying


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for runs, table, figures and extended XYZ.")] = Path(
        "demo"
    ),
) -> None:
    """Train on 16 configurations, validate on 4, test on 4, and compare with a ridge regression."""
    from equiglass.commands.train import train_with_progress
    from equiglass.experiments.demo import DATASET, demo_configuration, demo_data, report, ridge_configuration

    training, validation, test = demo_data()
    for name, configuration in (("run", demo_configuration()), ("ridge", ridge_configuration())):
        run = out / name
        with saying(lambda: SAME_COMMAND):
            train_with_progress(training, run, configuration, validation=validation, resume=run.exists())
    report(out, test)
    closing(
        out,
        "scores.json, rho.png, slice.png, scatter.png, and test.xyz (for OVITO)",
        ("predict", out / "run", "FILE"),
        ("report", out / "run", out / "ridge", "--data", DATASET, "--out", "report.html"),
    )
