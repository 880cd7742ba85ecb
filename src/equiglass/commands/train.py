"""equiglass train: train a model on labelled configurations and write a run folder."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from equiglass.liquid.system import System
    from equiglass.prediction.configuration import MethodConfiguration
    from equiglass.prediction.predictor import Watch

DataOption = Annotated[list[Path], typer.Option("--data", help="File or folder of configurations; may be repeated.")]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="YAML file of settings; default: those of the method.")
]
SetOption = Annotated[list[str] | None, typer.Option("--set", help="Setting: key=value; dots separate nested keys.")]
MethodOption = Annotated[
    str | None, typer.Option("--method", help="Name from 'equiglass methods'; default: the paper's network.")
]
MembersOption = Annotated[
    int,
    typer.Option("--members", min=1, help="Number of models to train and average, with successive seeds."),
]


def train(
    data: DataOption,
    out: Annotated[Path, typer.Option("--out", help="New run folder.")],
    method: MethodOption = None,
    config: ConfigOption = None,
    set_: SetOption = None,
    validation: Annotated[
        list[Path] | None,
        typer.Option("--validation", help="Configurations for validation, instead of a fold."),
    ] = None,
    members: MembersOption = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the training in --out.")] = False,
) -> None:
    """Train a model on labelled configurations."""
    from equiglass.formats import load
    from equiglass.liquid.splits import refuse_copies
    from equiglass.machine import processes
    from equiglass.methods.loading import read_configuration
    from equiglass.training.train import VALIDATION_HOLDS

    with processes.joined():
        if resume and config is None and not set_ and (out / "configuration.yaml").is_file():
            config = out / "configuration.yaml"
        configuration = processes.same(lambda: read_configuration(config, set_ or [], method))
        systems, held_out = load(data), load(validation) if validation else None
        # Before any quench.
        refuse_copies(systems, held_out or (), VALIDATION_HOLDS)
        systems = supply_with_progress(systems, configuration)
        held_out = None if held_out is None else supply_with_progress(held_out, configuration)
        train_with_progress(systems, out, configuration, members, held_out, resume)
        if processes.rank() == 0:
            typer.echo(
                f"{out}: trained; 'equiglass evaluate {out} --data NEW' scores it on configurations that it has not "
                "seen, 'equiglass crossvalidate' its method on these"
            )


def command_line() -> str:
    """The command of this process, as typed."""
    return shlex.join(["equiglass", *sys.argv[1:]])


def supply_with_progress(systems: Sequence[System], configuration: MethodConfiguration) -> list[System]:
    """The configurations with everything that training needs; a progress bar shows the quenches."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from equiglass.machine import processes
    from equiglass.training.supply import supply

    columns = (TextColumn("quenching"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, transient=True, disable=processes.rank() > 0) as bar:
        task = bar.add_task("quenching", total=None, visible=False)

        def progress(done: int, total: int, name: str) -> None:
            bar.update(task, completed=done, total=total, visible=True)

        return supply(systems, configuration, progress)


def train_with_progress(
    systems: Sequence[System],
    out: Path,
    configuration: MethodConfiguration,
    members: int = 1,
    validation: Sequence[System] | None = None,
    resume: bool = False,
) -> None:
    """Train with a progress bar."""
    from equiglass.training import train as train_model

    with watching() as (watch, _):
        train_model(
            systems,
            out,
            configuration,
            validation=validation,
            members=members,
            resume=resume,
            command=command_line(),
            watch=watch,
        )


@contextmanager
def watching() -> Iterator[tuple[Watch, Callable[[str], None]]]:
    """Show a progress bar with loss and validation rho; yield its `Watch` and a function that sets its text."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    from equiglass.machine import processes
    from equiglass.prediction.predictor import Watch

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[state]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, disable=processes.rank() > 0) as bar:
        task = bar.add_task("training", total=None, state="")

        def step(done: int, total: int, loss: float) -> None:
            bar.update(task, completed=done, total=total)

        def epoch(result: Any) -> None:
            rho = " ".join(f"{x:.3f}" for x in result.rho[0] if x == x)
            state = f"epoch {result.epoch}, loss {result.loss:.3f}" + (f", rho(A) {rho}" if rho else "")
            bar.update(task, state=state)

        def describe(words: str) -> None:
            bar.reset(task, description=words)

        yield Watch(step, epoch), describe
