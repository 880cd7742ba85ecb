"""equiglass simulate: a data set of one's own, by molecular dynamics with LAMMPS."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def simulate(
    protocol: Annotated[Path, typer.Argument(help="YAML file that says what to simulate.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the data set.")],
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what a stopped simulation left.")] = False,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="LAMMPS processes at once, one core each.")] = 1,
) -> None:
    """Equilibrate a liquid, take configurations, run their iso-configurational ensembles."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from equiglass.simulate import load_protocol, run_protocol

    wanted = load_protocol(protocol)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as bar:
        task = bar.add_task("simulate", total=None)

        def progress(done: int, total: int, what: str) -> None:
            bar.update(task, completed=done, total=total, description=what)

        run_protocol(wanted, out, resume=resume, progress=progress, jobs=jobs)
    typer.echo(f"{out / 'dataset.h5'}: {wanted.configurations} configurations; the checks are in {out / 'report.json'}")
