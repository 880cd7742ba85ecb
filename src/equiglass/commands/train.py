"""equiglass train: from labelled configurations to a run folder."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from equiglass.liquid.system import System
    from equiglass.training import Configuration

DataOption = Annotated[list[Path], typer.Option("--data", help="File or folder of configurations; may be repeated.")]
ConfigOption = Annotated[Path | None, typer.Option("--config", help="YAML file; the defaults without it.")]
SetOption = Annotated[list[str] | None, typer.Option("--set", help="Override: key=value, nested with dots.")]

MembersOption = Annotated[
    int,
    typer.Option("--members", min=1, help="Networks to train, seeds counting up from the configuration's."),
]


def train(
    data: DataOption,
    out: Annotated[Path, typer.Option("--out", help="Run folder to make.")],
    config: ConfigOption = None,
    set_: SetOption = None,
    validation: Annotated[
        list[Path] | None,
        typer.Option("--validation", help="Score these after every epoch, in place of a fold."),
    ] = None,
    members: MembersOption = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
) -> None:
    """Train a model on labelled configurations."""
    from equiglass.formats import load
    from equiglass.machine import processes
    from equiglass.training import read_configuration

    with processes.joined():
        if resume and config is None and not set_ and (out / "configuration.yaml").is_file():
            config = out / "configuration.yaml"
        configuration = processes.same(lambda: read_configuration(config, set_ or []))
        systems = quench_with_progress(load(data), configuration)
        held_out = quench_with_progress(load(validation), configuration) if validation else None
        train_members(systems, out, configuration, members, held_out, resume)
        if processes.rank() == 0:
            typer.echo(f"{out}: trained; 'equiglass evaluate {out} --data DIR' scores it")


def quench_with_progress(systems: Sequence[System], configuration: Configuration) -> list[System]:
    """The configurations with all that training needs, their quenches under a progress bar."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from equiglass.machine import processes
    from equiglass.training.run import completed

    columns = (TextColumn("quenching"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, transient=True, disable=processes.rank() > 0) as bar:
        task = bar.add_task("quenching", total=None, visible=False)

        def progress(done: int, total: int, name: str) -> None:
            bar.update(task, completed=done, total=total, visible=True)

        return completed(systems, configuration, progress)


def train_members(
    systems: Sequence[System],
    out: Path,
    configuration: Configuration,
    members: int,
    validation: Sequence[System] | None = None,
    resume: bool = False,
) -> None:
    """One run in ``out``, or several in its sub-folders ``member-1``, ``member-2``, ...: one model for load_model."""
    if members == 1:
        return run_with_progress(systems, out, configuration, validation, resume)
    for member in range(members):
        here = configuration.model_copy(update={"seed": configuration.seed + member})
        run = out / f"member-{member + 1}"
        run_with_progress(systems, run, here, validation, resume and run.exists())


def run_with_progress(
    systems: Sequence[System],
    out: Path,
    configuration: Configuration,
    validation: Sequence[System] | None = None,
    resume: bool = False,
) -> None:
    """Train under a progress bar with loss and validation rho per time."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    from equiglass.liquid.splits import validation_fold
    from equiglass.machine import processes
    from equiglass.methods.descent.loop import EpochResult
    from equiglass.methods.descent.loop import Progress as Stand
    from equiglass.training.run import train as train_run

    n = len(systems)
    if validation is None:
        n = len(validation_fold(systems, configuration.folds, configuration.fold)[0])
    columns = (
        TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
        BarColumn(bar_width=24),
        TextColumn("loss {task.fields[loss]:.3f} {task.fields[rho]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, disable=processes.rank() > 0) as bar:
        task = bar.add_task(
            "train",
            total=configuration.epochs * n,
            epoch=0,
            epochs=configuration.epochs,
            loss=float("nan"),
            rho="",
        )

        def on_step(stand: Stand, loss: float) -> None:
            bar.update(task, completed=stand.step, loss=loss)

        def on_epoch(result: EpochResult) -> None:
            rho = " ".join(f"{x:.3f}" for x in result.rho[0] if x == x)
            bar.update(task, epoch=result.epoch, loss=result.loss, rho=f"rho(A) {rho}" if rho else "")

        train_run(
            systems,
            out,
            configuration,
            validation=validation,
            resume=resume,
            command=shlex.join(["equiglass", *sys.argv[1:]]),
            on_epoch=on_epoch,
            on_step=on_step,
        )
