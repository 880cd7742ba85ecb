"""equiglass check: check that a data set is a liquid in equilibrium, and that its runs obey conservation laws."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from equiglass.commands.closing import closing
from equiglass.commands.predict import TypesOption
from equiglass.commands.quench import POTENTIAL

if TYPE_CHECKING:
    from equiglass.liquid.system import System
    from equiglass.simulate.checks.measurement import StatePoint


def check(
    files: Annotated[list[Path], typer.Argument(help="Files or folders of configurations of one state point.")],
    out: Annotated[Path | None, typer.Option("--out", help="Folder for the report and its figures.")] = None,
    against: Annotated[
        list[Path] | None, typer.Option("--against", help="Data set to compare with; may be repeated.")
    ] = None,
    potential: Annotated[str | None, POTENTIAL] = None,
    types: TypesOption = None,
) -> None:
    """Check the physics of a data set; the exit status is 1 if a check fails."""
    from rich.table import Table

    from equiglass.commands.progress import progress
    from equiglass.files.target import check_folder
    from equiglass.formats import stream
    from equiglass.liquid.potential import mixture_named
    from equiglass.machine.console import console
    from equiglass.simulate.checks import check as check_state
    from equiglass.simulate.checks import collect, failures, measure, write_report

    if out is not None:
        check_folder(out)
    mixture = mixture_named(potential) if potential is not None else None

    def systems(paths: list[Path]) -> Iterator[System]:
        return stream(paths, types=types, potential=mixture)

    with progress("checking") as shown:

        def measured(paths: list[Path]) -> Iterator[StatePoint]:
            for number, system in enumerate(systems(paths), start=1):
                yield measure(system)
                shown.update(number, None, f"{number} done, {system.name}")

        state, other = (collect(list(measured(paths))) if paths else None for paths in (files, against))
    assert state is not None
    checks = check_state(state, other)
    table = Table()
    for column in ("check", "verdict", ""):
        table.add_column(column)
    for each in checks:
        table.add_row(*each)
    console().print(table)
    if out is not None:
        write_report(out, state, checks)
        closing(out, "report and figures", ("report", out, "--out", "report.html"))
    if failures(checks):
        raise typer.Exit(1)
