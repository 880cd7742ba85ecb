"""equiglass quench: write configurations with their inherent structures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from equiglass.commands.closing import closing
from equiglass.commands.predict import FramesOption, TypesOption

if TYPE_CHECKING:
    from equiglass.liquid.system import System

POTENTIAL = typer.Option(
    "--potential", help="Pair potential of configurations whose file states none; also instead of that of a public set."
)


def quench(
    files: Annotated[list[Path], typer.Argument(help="Files or folders of configurations.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Data set (.h5) or extended XYZ (.xyz) to write.")],
    potential: Annotated[str | None, POTENTIAL] = None,
    types: TypesOption = None,
    frames: FramesOption = None,
) -> None:
    """Quench configurations to their inherent structures; the potential is kob-andersen where none is known.

    A stopped quench continues with the same command: OUT.partial holds what is finished.
    """
    from equiglass.commands.progress import progress
    from equiglass.commands.targets import check_saved, name_of, unfinished
    from equiglass.formats import save, stream
    from equiglass.liquid.inherent import quench as quench_one
    from equiglass.liquid.inherent import quenched
    from equiglass.liquid.needs import with_potential
    from equiglass.liquid.potential import KOB_ANDERSEN, mixture_named

    check_saved(out, files)
    mixture = None if potential is None else mixture_named(potential)

    def systems() -> Iterator[System]:
        """One configuration at a time is in memory."""
        for system in stream(files, types=types, frames=frames, potential=mixture, copies=True):
            yield with_potential(system, KOB_ANDERSEN)

    names = [name_of(system, "quench") for system in systems()]
    with unfinished(out, names) as results:
        with progress("quenching", len(names)) as shown:
            shown.begin("quenching", len(names), results.finished(names))
            for number, (system, name) in enumerate(zip(systems(), names, strict=True), start=1):
                if results.get(name) is None:
                    inherent = quench_one(system).positions_inherent
                    assert inherent is not None
                    results.put(name, {"positions_inherent": inherent})
                    shown.update(number, len(names), f"{number} of {len(names)}, {system.name}")

        def finished() -> Iterator[System]:
            for system, name in zip(systems(), names, strict=True):
                found = results.get(name)
                yield quench_one(system) if found is None else quenched(system, found["positions_inherent"])

        save(finished(), out)
    closing(out, f"{len(names)} configuration{'s' if len(names) > 1 else ''}", ("predict", "kalj-T0.44", out))
