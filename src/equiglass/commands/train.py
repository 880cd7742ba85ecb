"""equiglass train: train a model on labelled configurations and write a run folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from equiglass.commands.closing import closing
from equiglass.commands.completion import methods
from equiglass.machine.console import command_line
from equiglass.machine.signals import saying

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
    str | None,
    typer.Option(
        "--method", help="Name from 'equiglass methods'; default: the paper's network.", autocompletion=methods
    ),
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
    from equiglass.files.target import check_folder
    from equiglass.formats import load
    from equiglass.machine import processes
    from equiglass.methods.loading import read_configuration
    from equiglass.prediction.run_folder import RunFolder, refuse_used
    from equiglass.training.train import dealt

    check_folder(out)
    if not resume and members == 1:
        refuse_used(out, "choose another folder, or continue with --resume")
    own = [RunFolder(out), RunFolder(out / "member-1")]

    def how_to_go_on() -> str:
        if any(folder.configuration.is_file() for folder in own):
            return "Continue with --resume."
        return "The training had not begun; give the same command again."

    with processes.joined(), saying(how_to_go_on):
        if resume and config is None:
            # A resumed training has its own settings; --set changes some of them.
            config = next((folder.configuration for folder in own if folder.configuration.is_file()), None)
        configuration = processes.same(lambda: read_configuration(config, set_ or [], method))
        systems, held_out = load(data), load(validation) if validation else None
        # Before any quench.
        dealt(systems, configuration, held_out)
        systems = supply_with_progress(systems, configuration)
        held_out = None if held_out is None else supply_with_progress(held_out, configuration)
        train_with_progress(systems, out, configuration, members, held_out, resume)
        if processes.rank() == 0:
            closing(
                out,
                "the trained model; NEW stands for configurations that it has not seen",
                ("evaluate", out, "--data", "NEW"),
                ("predict", out, "FILE"),
                ("report", out, "--data", "NEW", "--out", "report.html"),
            )


def supply_with_progress(systems: Sequence[System], configuration: MethodConfiguration) -> list[System]:
    """The configurations with everything that training needs; a progress bar shows the quenches."""
    from equiglass.commands.progress import progress
    from equiglass.machine import processes
    from equiglass.training.supply import supply

    with progress("quenching", silent=processes.rank() > 0) as shown:
        return supply(
            systems,
            configuration,
            lambda done, total, name: shown.update(done, total, f"{done} of {total}, {name}"),
        )


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
    """Show steps, loss and validation rho; yield the `Watch`, and a function that sets the name of the training."""
    from equiglass.commands.progress import progress
    from equiglass.machine import processes
    from equiglass.prediction.predictor import Watch

    with progress("training", silent=processes.rank() > 0) as shown:
        steps = (0, 0)

        def step(done: int, total: int, loss: float) -> None:
            nonlocal steps
            steps = done, total
            # A regression sees every configuration once and has no loss.
            shown.update(done, total, f"{done} of {total} configurations" if loss != loss else None, line=loss != loss)

        def epoch(result: Any) -> None:
            rho = " ".join(f"{x:.3f}" for x in result.rho[0] if x == x)
            done, total = steps
            which = f"epoch {result.epoch} of {result.epoch * total // max(done, 1)}"
            shown.update(done, total, f"{which}, loss {result.loss:.3f}" + (f", rho(A) {rho}" if rho else ""))

        yield Watch(step, epoch), shown.begin
