"""equiglass quench: write configurations with their inherent structures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from equiglass.commands.predict import TypesOption

if TYPE_CHECKING:
    from equiglass.liquid.potential import LennardJones

POTENTIAL = typer.Option("--potential", help="Pair potential of configurations whose file names none.")


def quench(
    files: Annotated[list[Path], typer.Argument(help="Files or folders of configurations.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Data set (.h5) or extended XYZ (.xyz) to write.")],
    potential: Annotated[str, POTENTIAL] = "kob-andersen",
    types: TypesOption = None,
) -> None:
    """Quench configurations to their inherent structures and save them."""
    from rich.progress import track

    from equiglass.formats import load, save
    from equiglass.liquid.inherent import quench as quench_one

    mixture = mixture_named(potential)
    systems = load(files, types=types.split(",") if types else None, copies=True)
    quenched = [quench_one(s, potential=mixture) for s in track(systems, "quenching")]
    save(quenched, out)


def mixture_named(name: str) -> LennardJones:
    """The pair potential of a name.

    Raises:
        ConfigurationError: no mixture has this name.
    """
    from equiglass.errors import ConfigurationError
    from equiglass.liquid.potential import MIXTURES

    if name not in MIXTURES:
        raise ConfigurationError(f"the potential {name!r} is not known; known: {', '.join(MIXTURES)}.")
    return MIXTURES[name]
