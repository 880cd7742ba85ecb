"""equiglass experiment: run an experiment from its declaration, and write its table and figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from equiglass.commands.closing import SAME_COMMAND, closing
from equiglass.commands.train import SetOption
from equiglass.machine.console import command_line
from equiglass.machine.signals import saying

if TYPE_CHECKING:
    from equiglass.experiments.plan import Training


def experiment(
    name: Annotated[str | None, typer.Argument(help="Name of an experiment, or a YAML file that declares one.")] = None,
    data: Annotated[
        list[Path] | None,
        typer.Option(
            "--data", help="File or folder of configurations; may be repeated. Default: the package's data set."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder; results are in OUT/NAME, trainings in OUT/runs.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Only a trial: one seed, few epochs and configurations.")
    ] = False,
    seeds: Annotated[int | None, typer.Option("--seeds", min=1, help="Number of models per case.")] = None,
    folds: Annotated[
        int | None, typer.Option("--folds", min=0, help="Test on every configuration once, in so many folds.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="Variant to carry out; may be repeated. Default: all.")
    ] = None,
    set_: SetOption = None,
    list_: Annotated[bool, typer.Option("--list", help="List the experiments of the package.")] = False,
) -> None:
    """Run an experiment of the paper or of your own; the same command continues a stopped one."""
    from equiglass.commands.progress import progress
    from equiglass.errors import ConfigurationError
    from equiglass.experiments.declaration import cases, chosen, declared_names, read_declaration
    from equiglass.experiments.demo import DATASET
    from equiglass.experiments.experiment import carry_out
    from equiglass.files.settings import from_overrides
    from equiglass.files.target import check_folder
    from equiglass.formats import load

    if list_:
        return list_experiments()
    if name is None or out is None:
        names = ", ".join(declared_names())
        raise ConfigurationError(f"name an experiment ({names}, or a YAML file) and --out; --list describes them.")
    check_folder(out)
    declaration, changes = read_declaration(name), from_overrides(set_ or ())
    runs = any(case.configuration.needs_runs for case in cases(chosen(declaration, only or ()), changes))
    systems = {source: load(path, replicas=runs) for source, path in sources(data or [DATASET]).items()}
    with (
        saying(lambda: SAME_COMMAND),
        progress("quenching") as quenching,
        progress("training") as shown,
    ):
        begun: dict[str, tuple[int, int, int]] = {}

        def on_quench(done: int, total: int, name: str) -> None:
            quenching.update(done, total, f"{done} of {total}, {name}")

        def on_plan(planned: Sequence[Training], missing: Sequence[Training]) -> None:
            different = len({training.key for training in planned})
            shown.say(f"trainings: {different}, done before: {different - len(missing)}")
            total = sum(training.steps for training in missing)
            for number, training in enumerate(missing, start=1):
                begun[training.key] = number, sum(before.steps for before in missing[: number - 1]), total
            shown.begin("training", total)

        def on_step(training: Training, step: int) -> None:
            number, before, total = begun[training.key]
            epoch, within = divmod(step, len(training.systems))
            where = f"{number} of {len(begun)}, {training}, epoch {epoch} of {training.epochs}"
            shown.update(before + step, total, where, line=not within)

        carry_out(
            Path(name).stem,
            declaration,
            systems,
            out,
            seeds=seeds,
            folds=folds,
            only=only or (),
            changes=changes,
            quick=quick,
            command=command_line(),
            on_quench=on_quench,
            on_plan=on_plan,
            on_step=on_step,
        )
    folder = out / Path(name).stem
    typer.echo((folder / "table.md").read_text(encoding="utf-8"))
    closing(
        folder,
        f"{folder.name}.json, {folder.name}.csv, table.md, and figures as PNG and PDF",
        ("report", folder, "--out", "report.html"),
    )


def sources(paths: Sequence[Path]) -> dict[str, Path]:
    """Files and folders by their names, or by their paths if two have the same name."""
    named = {path: path.name if path.is_dir() else path.stem for path in map(Path.resolve, paths)}
    several = len(set(named.values())) < len(named)
    return {str(path) if several else name: path for path, name in named.items()}


def list_experiments() -> None:
    """Print a table with one line per experiment."""
    from rich.table import Table

    from equiglass.experiments.declaration import cases, declared_names, read_declaration
    from equiglass.machine.console import console

    table = Table("name", "shows", "source", "cases", "seeds")
    for name in declared_names():
        declaration = read_declaration(name)
        table.add_row(name, declaration.title, declaration.source, str(len(cases(declaration))), str(declaration.seeds))
    console().print(table)
