"""equiglass label: a data set from a starting configuration and one's own runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from equiglass.commands.closing import closing
from equiglass.commands.predict import FramesOption, TypesOption


def label(
    start: Annotated[Path, typer.Argument(help="File of the starting configuration, in any format.")],
    runs: Annotated[list[Path], typer.Option("--runs", help="Trajectory files or folders, one per run.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Data set (.h5) or extended XYZ (.xyz) to write.")],
    timestep: Annotated[
        float | None, typer.Option("--timestep", help="Integration step, LJ time, for files without times.")
    ] = None,
    times: Annotated[
        str | None, typer.Option("--times", help="Times of the frames after the first, e.g. 1,10,100.")
    ] = None,
    frames: FramesOption = None,
    types: TypesOption = None,
    temperature: Annotated[float | None, typer.Option("--temperature", help="If the file does not state it.")] = None,
    potential: Annotated[str | None, typer.Option("--potential", help="If the file names none.")] = None,
    displacements: Annotated[
        bool, typer.Option("--displacements", help="Store the displacements of every run too.")
    ] = False,
) -> None:
    """Compute the propensity of a starting configuration from runs of any simulation program."""
    from equiglass.commands.targets import check_saved
    from equiglass.errors import ConfigurationError
    from equiglass.formats import save
    from equiglass.simulate.runs import label as label_start

    check_saved(out, [start, *runs])
    try:
        known = [float(word) for word in times.split(",")] if times else None
    except ValueError:
        raise ConfigurationError(f"--times takes numbers separated by commas; got {times!r}.") from None
    system = label_start(
        start,
        runs,
        timestep=timestep,
        times=known,
        frames=frames,
        types=types,
        temperature=temperature,
        potential=potential or None,
        displacements=displacements,
    )
    save(system, out)
    assert system.propensity is not None
    for name, time, row in zip(system.time_labels, system.times, system.propensity, strict=True):
        typer.echo(f"{name}: t = {time:g}, mean propensity {row.mean():.4g}")
    closing(
        out,
        f"{system.name}, {system.runs} run{'s' if system.runs != 1 else ''}",
        ("check", out),
        ("evaluate", "MODEL", "--data", out),
    )
    typer.echo("A training needs several configurations: label more of them, and give all files to equiglass train.")
