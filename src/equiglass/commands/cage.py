"""equiglass cage: write configurations with the state of their cages, from short runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from equiglass.commands.closing import closing
from equiglass.commands.predict import FramesOption, TypesOption
from equiglass.commands.quench import POTENTIAL

if TYPE_CHECKING:
    from equiglass.liquid.system import System


def cage(
    files: Annotated[list[Path], typer.Argument(help="Files or folders of configurations.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Data set (.h5) or extended XYZ (.xyz) to write.")],
    time: Annotated[
        float | None, typer.Option("--time", help="Time of the plateau, LJ time; by default found.")
    ] = None,
    runs: Annotated[int, typer.Option("--runs", min=2, help="Short runs per configuration.")] = 32,
    temperature: Annotated[float | None, typer.Option("--temperature", help="If the file does not state it.")] = None,
    potential: Annotated[str | None, POTENTIAL] = None,
    types: TypesOption = None,
    frames: FramesOption = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the velocities.")] = 0,
) -> None:
    """Average the positions of particles within their cages, over short runs.

    A stopped command continues with the same command: OUT.partial holds what is finished.
    """
    import numpy as np

    from equiglass.commands.progress import progress
    from equiglass.commands.targets import check_saved, name_of, unfinished
    from equiglass.dynamics.cage import Cages, caged, cages
    from equiglass.errors import ConfigurationError
    from equiglass.formats import save, stream
    from equiglass.liquid.potential import mixture_named

    check_saved(out, files)
    mixture = None if potential is None else mixture_named(potential)

    def systems() -> Iterator[System]:
        """One configuration at a time is in memory."""
        for system in stream(files, types=types, frames=frames, potential=mixture, copies=True):
            if temperature is not None and system.temperature not in (None, temperature):
                raise ConfigurationError(
                    f"{system.name}: the temperature is {system.temperature:g} in the file, but --temperature "
                    f"{temperature:g} is given; leave it out."
                )
            yield replace(system, temperature=temperature if system.temperature is None else system.temperature)

    names = [name_of(system, "cages", str(time), str(runs), str(seed)) for system in systems()]
    with unfinished(out, names) as results:
        with progress("cages", len(names)) as shown:
            shown.begin("cages", len(names), results.finished(names))
            for number, (system, name) in enumerate(zip(systems(), names, strict=True), start=1):
                if results.get(name) is None:
                    found = cages(system, time=time, runs=runs, seed=seed)
                    results.put(name, {key: np.array(value) for key, value in found._asdict().items()})
                    said = caged(system, found, runs).provenance["cage"]
                    shown.update(number, len(names), f"{number} of {len(names)}, {system.name}: {said}")

        def finished() -> Iterator[System]:
            for system, name in zip(systems(), names, strict=True):
                stored = results.get(name)
                if stored is None:
                    found = cages(system, time=time, runs=runs, seed=seed)
                else:
                    positions, covariance, propensity, plateau, error = (stored[key] for key in Cages._fields)
                    found = Cages(positions, covariance, propensity, float(plateau), float(error))
                yield caged(system, found, runs)

        save(finished(), out)
    said = f"{len(names)} configuration{'s' if len(names) > 1 else ''}"
    closing(out, said, ("predict", "kalj-T0.44-cage", out), ("train", "--data", out, "--out", "RUN"))
