"""equiglass quench: write configurations with their inherent structures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def quench(
    files: Annotated[list[Path], typer.Argument(help="Files or folders of configurations.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Data set (.h5) or extended XYZ (.xyz) to write.")],
    potential: Annotated[
        str, typer.Option("--potential", help="Pair potential of configurations whose file names none.")
    ] = "kob-andersen",
    types: Annotated[
        str | None, typer.Option("--types", help="Species of types 0, 1, ..., separated by commas.")
    ] = None,
) -> None:
    """Quench configurations to their inherent structures and save them."""
    from rich.progress import track

    from equiglass.errors import EquiglassError
    from equiglass.formats import load, save
    from equiglass.liquid.inherent import quench as quench_one
    from equiglass.liquid.potential import MIXTURES

    if potential not in MIXTURES:
        raise EquiglassError(f"the potential {potential!r} is not known; known: {', '.join(MIXTURES)}.")
    systems = load(files, types=types.split(",") if types else None)
    quenched = [quench_one(s, potential=MIXTURES[potential]) for s in track(systems, "quenching")]
    save(quenched, out)
