"""The engines of the iso-configurational runs, and the choice between them.

"lanes" does the runs of a configuration side by side and is many times faster. "lammps" does one run per process, for
every machine and box. Both take and return the same.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import numpy as np

from equiglass.dynamics import lanes
from equiglass.dynamics.state import Run, State
from equiglass.errors import ConfigurationError, EquiglassWarning
from equiglass.liquid.arrays import Float
from equiglass.liquid.potential import LennardJones
from equiglass.simulate import lammps

Engine = Literal["lanes", "lammps"]


def choose(wanted: Engine | None, liquids: Iterable[tuple[Float, LennardJones]]) -> Engine:
    """The engine of the runs of these liquids, box and potential: the wanted one, else lanes where it can serve.

    Warns:
        EquiglassWarning: lanes cannot serve here, so LAMMPS does the runs.

    Raises:
        ConfigurationError: lanes is wanted but cannot serve.
        SetupError: LAMMPS is wanted, or needed, and it is not installed.
    """
    if wanted != "lammps":
        reason = next(filter(None, (lanes.can_serve(box, potential) for box, potential in liquids)), None)
        if reason is None:
            return "lanes"
        if wanted == "lanes":
            raise ConfigurationError(f"The engine lanes cannot do these runs: {reason}. Set engine to lammps.")
        warnings.warn(f"LAMMPS does the runs, one by one: {reason}.", EquiglassWarning, stacklevel=3)
    lammps.about_lammps()
    return "lammps"


def about(engine: Engine | None) -> str:
    """What did the runs, for the provenance of a data set."""
    return str(lammps.about_lammps()) if engine == "lammps" else f"lanes, equiglass {version('equiglass')}"


def group_sizes(engine: Engine, runs: int) -> list[int]:
    """The numbers of runs that the engine does together."""
    return [1] * runs if engine == "lammps" else lanes.groups(runs)


def constant_energy(
    engine: Engine,
    start: State,
    potential: LennardJones,
    times: Float,
    timestep: float,
    folder: Path,
    *,
    checkpoint: Path | None = None,
    advanced: Callable[[float], None] | None = None,
) -> list[Run]:
    """Runs at constant energy (NVE, velocity Verlet) from the same positions, which reach every time exactly.

    Args:
        engine: the engine.
        start: positions (N, 3) and the velocities of every run, (R, N, 3). The positions may be unwrapped.
        potential: pair potential.
        times: times after the start, ascending, (T,), LJ units.
        timestep: longest integration step. The interval between two times has the fewest equal steps.
        folder: folder of temporary files.
        checkpoint: file with the state of unfinished runs, for the engine lanes.
        advanced: is called with the share of the steps that are done. It may raise.

    Returns:
        The runs, R.

    Raises:
        SetupError: the engine is not installed, or stopped with an error.
    """
    if engine == "lanes":
        return lanes.constant_energy(start, potential, times, timestep, checkpoint=checkpoint, advanced=advanced)
    states = [start._replace(velocities=velocities) for velocities in np.asarray(start.velocities)]
    return [lammps.constant_energy(state, potential, times, timestep, folder) for state in states]
