"""The equilibrium trajectory: melt, ramp, wait, then one configuration after another; NVT."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from equiglass.neighbors import wrap
from equiglass.simulate.lammps import (
    dump_positions,
    header,
    read_positions,
    run_lammps,
    steps_of,
    write_state,
)
from equiglass.simulate.parts import write_arrays
from equiglass.simulate.protocol import Protocol

Float = NDArray[np.float64]


def stages(protocol: Protocol) -> list[tuple[str, float, float, float]]:
    """Pieces of the trajectory, one LAMMPS process each: (name, duration, first and last temperature)."""
    way, T = protocol.equilibration, protocol.temperature
    pieces = max(1, round(way.time / protocol.spacing))
    return [
        ("melt", way.melt_time, way.melt_temperature, way.melt_temperature),
        ("ramp", way.ramp_time, way.melt_temperature, T),
        *[(f"equilibration-{i:04d}", way.time / pieces, T, T) for i in range(1, pieces + 1)],
        *[(f"configuration-{i:04d}", protocol.spacing, T, T) for i in range(1, protocol.configurations + 1)],
    ]


def run_trajectory(protocol: Protocol, parts: Path, finished: Callable[[str], None]) -> None:
    """NVT (Nose-Hoover, damping time 0.5): leaves NAME.npz (positions, energy, temperature) and NAME.restart."""
    folder = parts / "trajectory"
    folder.mkdir(exist_ok=True)
    previous: Path | None = None
    for name, duration, first, last in stages(protocol):
        restart = folder / f"{name}.restart"
        if not restart.exists():
            with tempfile.TemporaryDirectory(prefix="scratch-", dir=parts) as scratch:
                _run_stage(protocol, Path(scratch), previous, duration, first, last)
                series = np.loadtxt(Path(scratch, "series.txt"), ndmin=2)
                write_arrays(
                    folder / f"{name}.npz",
                    positions=wrap(read_positions(Path(scratch, "end.dump")), np.full(3, protocol.side)),
                    energy=series[:, 1] / protocol.n_particles,
                    temperature=series[:, 2],
                )
                os.replace(Path(scratch, "end.restart"), restart)
        previous = restart
        finished(name)


def _run_stage(
    protocol: Protocol, scratch: Path, previous: Path | None, duration: float, first: float, last: float
) -> None:
    steps, timestep = steps_of(duration, protocol.timestep)
    if previous is None:
        _write_lattice(protocol, scratch / "start.data")
        start = header("read_data start.data", protocol.potential)
        start += f"velocity all create {first} {protocol.seed_of(0)} mom yes rot no dist gaussian\n"
    else:
        shutil.copy(previous, scratch / "start.restart")
        start = header("read_restart start.restart", protocol.potential)
    every = max(1, min(20, steps // 10))
    run_lammps(
        f"{start}"
        f"fix dynamics all nvt temp {first} {last} 0.5\n"
        f"fix series all ave/time {every} 1 {every} c_thermo_pe c_thermo_temp file series.txt\n"
        f"timestep {timestep:.17g}\n"
        f"run {steps}\n"
        f"{dump_positions('end.dump')}"
        "write_restart end.restart\n",
        scratch,
    )


def _write_lattice(protocol: Protocol, path: Path) -> None:
    """A simple cubic lattice, some sites empty, types at random."""
    rng = np.random.default_rng(np.random.SeedSequence(protocol.seed, spawn_key=(1,)))
    cells = int(np.ceil(protocol.n_particles ** (1 / 3) - 1e-9))
    sites = np.stack(np.meshgrid(*[np.arange(cells)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    chosen = rng.permutation(len(sites))[: protocol.n_particles]
    positions = (sites[chosen] + 0.5) * protocol.side / cells
    write_state(path, positions, protocol.types, np.full(3, protocol.side), protocol.potential.n_types)


def positions_of(parts: Path, index: int) -> Float:
    """Positions of configuration ``index``, from 1; (N, 3), wrapped."""
    with np.load(parts / "trajectory" / f"configuration-{index:04d}.npz") as saved:
        return np.asarray(saved["positions"])


def compare_halves(series: Float) -> dict[str, float]:
    """Means of the two halves and their difference in standard errors, from five blocks each."""
    blocks = np.array([block.mean() for block in np.array_split(series, 10)])
    first, second = blocks[:5], blocks[5:]
    error = np.sqrt((first.var(ddof=1) + second.var(ddof=1)) / 5)
    difference = (second.mean() - first.mean()) / error
    return {"first": first.mean().item(), "second": second.mean().item(), "difference": difference.item()}
