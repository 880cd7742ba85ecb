"""The iso-configurational runs of a configuration: the engine lanes against the fastest styles of LAMMPS.

Both sides run by turns, on one core each, from the same positions, up to the same time. The seconds are those of the
processor, and include the start of LAMMPS, its neighbour lists and its output. Of LAMMPS, each potential of `STYLES`
runs, and the fastest counts.
"""

from __future__ import annotations

import resource
import statistics
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from equiglass.dynamics import lanes
from equiglass.dynamics.state import State, steps_of
from equiglass.dynamics.velocities import maxwell_boltzmann
from equiglass.errors import DataError, SetupError
from equiglass.formats import load
from equiglass.liquid.potential import KOB_ANDERSEN, LennardJones
from equiglass.liquid.system import System
from equiglass.machine.console import command_line
from equiglass.machine.environment import machine
from equiglass.simulate.lammps import about_lammps, prepare_constant_energy, run_lammps

TIMESTEP = 0.005

STYLES = ("force-shifted", "shifted")
"""The truncations: lj/smooth/linear, and lj/cut in its fastest variant (OPT, INTEL)."""


class Case(NamedTuple):
    """A configuration, the temperature of its runs, and their duration, LJ units."""

    start: System
    temperature: float
    duration: float


def simulate(plateau: Case, relaxation: Case, runs: int = 16, repeats: int = 3) -> dict[str, Any]:
    """Particle-steps per second of both sides.

    Args:
        plateau: runs in the plateau, where the particles stay in their cages.
        relaxation: runs up to the relaxation time.
        runs: number of runs of the engine lanes; LAMMPS does one per turn and potential.
        repeats: number of turns.

    Returns:
        Numbers by name, for a JSON file.

    Raises:
        SetupError: LAMMPS is not installed, or the engine lanes cannot be compiled.
    """
    reason = lanes.can_serve(plateau.start.box, KOB_ANDERSEN)
    if reason is not None:
        raise SetupError(f"The engine lanes cannot run here: {reason}.")
    numbers: dict[str, Any] = {"benchmark": "simulate", "lammps": str(about_lammps()), "runs": runs, "repeats": repeats}
    for name, case in (("plateau", plateau), ("relaxation", relaxation)):
        steps, _ = steps_of(case.duration, TIMESTEP)
        rates: dict[str, list[float]] = {"lanes": [], **{style: [] for style in STYLES}}
        profile: dict[str, float] = {}
        for turn in range(repeats):
            taken = _seconds(resource.RUSAGE_SELF, _lanes, case, runs, turn, profile)
            rates["lanes"].append(runs * steps * case.start.n_particles / taken)
            for style in STYLES:
                with tempfile.TemporaryDirectory() as folder:
                    script = _script(case, style, turn, Path(folder))
                    taken = _seconds(resource.RUSAGE_CHILDREN, run_lammps, script, Path(folder))
                rates[style].append(steps * case.start.n_particles / taken)
        medians = {side: statistics.median(values) for side, values in rates.items()}
        fastest = max(STYLES, key=medians.__getitem__)
        numbers |= {
            f"{name}_ratio": medians["lanes"] / medians[fastest],
            f"{name}_particle_steps_per_second": medians["lanes"],
            f"{name}_lammps_particle_steps_per_second": {style: medians[style] for style in STYLES},
            f"{name}_temperature": case.temperature,
            f"{name}_duration": case.duration,
            f"{name}_lists": profile,
        }
    return {
        **numbers,
        "particle_steps_per_second": numbers["plateau_particle_steps_per_second"],
        "machine": machine(),
        "command": command_line(),
    }


def cases(file: Path | None) -> tuple[Case, Case]:
    """The plateau up to t = 13 at T = 0.44, and the relaxation up to tau_alpha = 16.5 at T = 0.64, of 4096 particles.

    The liquid at T = 0.64 is that of the package, repeated and relaxed. Without a file of an equilibrium configuration
    at T = 0.44, the plateau is that of the inherent structure of this liquid: a glass at T = 0.44, not an equilibrium
    liquid.
    """
    from equiglass.benchmark.liquid import copies, repeated
    from equiglass.experiments.demo import DATASET

    small = load(DATASET)[0]
    whole = repeated(small, copies(small, 4096))
    relaxation = Case(_moved(whole, 0.64), 0.64, 16.5)
    if file is not None:
        start = load(file)[0]
        if start.temperature is None:
            raise DataError(f"{file}: the file names no temperature. Store it with the configuration.")
        return Case(start, start.temperature, 13.0), relaxation
    from equiglass.liquid.inherent import quench

    still = quench(relaxation.start, potential=KOB_ANDERSEN, tolerance=0.1).positions_inherent
    assert still is not None
    # Half of the kinetic energy becomes potential energy.
    glass = _moved(replace(relaxation.start, positions=still, positions_inherent=None), 0.88)
    return Case(glass, 0.44, 13.0), relaxation


def _moved(system: System, temperature: float) -> System:
    """The configuration after a run of 5 LJ times that starts at this kinetic temperature."""
    velocities = maxwell_boltzmann(np.random.default_rng(0), system.n_particles, temperature)
    state = State(system.positions, system.types, system.box, velocities[None])
    (run,) = lanes.constant_energy(state, KOB_ANDERSEN, np.array([5.0]), TIMESTEP)
    return replace(system, positions=run.positions[-1])


def table(numbers: Mapping[str, Any]) -> str:
    """The numbers of `simulate` as a Markdown table."""
    lines = [
        f"Millions of particle-steps per second of one core; {numbers['lammps']}; {numbers['runs']} runs side by side.",
        "",
        "| | T | up to t | lanes | LAMMPS force-shifted | LAMMPS shifted | ratio to the faster |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in ("plateau", "relaxation"):
        theirs = numbers[f"{name}_lammps_particle_steps_per_second"]
        rates = [numbers[f"{name}_particle_steps_per_second"], *(theirs[style] for style in STYLES)]
        cells = [f"{numbers[f'{name}_temperature']:g}", f"{numbers[f'{name}_duration']:g}"]
        cells += [*(f"{rate / 1e6:.2f}" for rate in rates), f"{numbers[f'{name}_ratio']:.1f}"]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _lanes(case: Case, runs: int, turn: int, profile: dict[str, float]) -> None:
    velocities = np.stack([_velocities(case, turn, run) for run in range(runs)])
    state = State(case.start.positions, case.start.types, case.start.box, velocities)
    lanes.constant_energy(state, _potential(STYLES[0]), np.array([case.duration]), TIMESTEP, profile=profile)


def _script(case: Case, style: str, turn: int, folder: Path) -> str:
    state = State(case.start.positions, case.start.types, case.start.box, _velocities(case, turn, 0))
    return prepare_constant_energy(state, _potential(style), np.array([case.duration]), TIMESTEP, folder)


def _velocities(case: Case, turn: int, run: int) -> np.ndarray:
    return maxwell_boltzmann(np.random.default_rng([turn, run]), case.start.n_particles, case.temperature)


def _potential(truncation: str) -> LennardJones:
    return replace(KOB_ANDERSEN, truncation=truncation)


def _seconds(of: int, work: Callable[..., object], *arguments: object) -> float:
    before = resource.getrusage(of)
    work(*arguments)
    after = resource.getrusage(of)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
