"""From a protocol to a data set, and the checks of what was simulated.

The work is a chain of LAMMPS processes. What each leaves behind is one file in OUT/parts: a simulation that was
stopped, however, goes on after the last file that is there, and ends with the same numbers as one that was not.
"""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equiglass.errors import EquiglassError, EquiglassWarning
from equiglass.files import write_text
from equiglass.formats import save
from equiglass.inherent import quench
from equiglass.simulate.ensemble import run_ensemble
from equiglass.simulate.lammps import find_lammps
from equiglass.simulate.parts import write_arrays
from equiglass.simulate.protocol import Protocol, load_protocol
from equiglass.simulate.trajectory import compare_halves, positions_of, run_trajectory, stages
from equiglass.system import System, type_name

Float = NDArray[np.float64]

LARGEST_DIFFERENCE = 3.36
"""Between the halves of a trajectory, in standard errors: Student's t at 1 %, two-sided, five blocks against five."""

LARGEST_FORCE = 1e-5
"""On any particle of an inherent structure."""

LARGEST_DRIFT = 0.01
"""Of the total energy per particle in a constant-energy run, in units of the temperature."""


def run_protocol(
    protocol: Protocol,
    out: Path,
    *,
    resume: bool = False,
    progress: Callable[[int, int, str], None] | None = None,
    jobs: int = 1,
) -> list[System]:
    """Simulate, quench, and write OUT/dataset.h5, OUT/protocol.yaml and OUT/report.json.

    Args:
        protocol: what to simulate.
        out: folder of the data set; made if absent.
        resume: go on with what a stopped simulation of the same protocol left in ``out``.
        progress: called with (pieces of work done, their number, what the last one was).
        jobs: LAMMPS processes at once, one core each; they share the runs of a configuration.

    Returns:
        One system for each configuration, inherent structure and propensity included.

    Raises:
        EquiglassError: LAMMPS is missing or failed, ``out`` holds other work, or a quench failed.
    """
    find_lammps()
    out = Path(out)
    parts = _open_folder(protocol, out, resume)
    indices = range(1, protocol.configurations + 1)
    pieces = len(stages(protocol)) + (protocol.runs + 2) * protocol.configurations
    done = 0

    def finished(what: str) -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, pieces, what)

    run_trajectory(protocol, parts, finished)
    for index in indices:
        run_ensemble(protocol, parts, index, jobs, finished)
    report = _report(protocol, parts)
    systems = [_system(protocol, parts, index, report["equilibration"], finished) for index in indices]
    report["mean_propensity"] = _mean_propensity(systems)
    save(systems, out / "dataset.h5")
    write_text(out / "report.json", json.dumps(report, indent=2) + "\n")
    for warning in report["warnings"]:
        warnings.warn(warning, EquiglassWarning, stacklevel=2)
    return systems


def _open_folder(protocol: Protocol, out: Path, resume: bool) -> Path:
    """OUT/parts, made or, to resume, found; scratch folders of a stopped simulation are removed."""
    parts, text = out / "parts", out / "protocol.yaml"
    if text.exists() or parts.exists():
        if not resume:
            raise EquiglassError(f"{out} already holds a simulation; resume it or choose another folder.")
        if text.exists() and load_protocol(text) != protocol:
            raise EquiglassError(f"{out} holds a simulation of another protocol; choose another folder.")
    try:
        parts.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EquiglassError(f"{out}: the folder cannot be made ({error.strerror}).") from None
    for scratch in parts.glob("scratch-*"):
        shutil.rmtree(scratch, ignore_errors=True)
    write_text(text, protocol.to_yaml())
    return parts


def _system(protocol: Protocol, parts: Path, index: int, equilibration: str, finished: Callable[[str], None]) -> System:
    """The configuration with its labels and its inherent structure."""
    with np.load(parts / f"configuration-{index:04d}.npz") as saved:
        labels = {key: saved[key] for key in saved.files if key != "energy_drift"}
    system = System(
        positions=positions_of(parts, index),
        types=protocol.types,
        box=np.full(3, protocol.side),
        name=f"{protocol.potential.name}-T{protocol.temperature:g}-{index:04d}",
        temperature=protocol.temperature,
        potential=protocol.potential,
        time_labels=tuple(protocol.times),
        times=np.array(list(protocol.times.values())),
        runs=protocol.runs,
        provenance={
            "protocol": protocol.to_yaml(),
            "equilibration": equilibration,
            "configuration": f"{index} of {protocol.configurations}, one trajectory, {protocol.spacing:g} apart",
            "inherent structure": f"FIRE, largest force {LARGEST_FORCE:g}",
        },
        **labels,
    )
    inherent = parts / f"inherent-{index:04d}.npz"
    if not inherent.exists():
        quenched = quench(system, tolerance=LARGEST_FORCE)
        assert quenched.positions_inherent is not None
        write_arrays(inherent, positions=quenched.positions_inherent)
    with np.load(inherent) as saved:
        system = replace(system, positions_inherent=saved["positions"])
    finished(f"configuration {index}, inherent structure")
    return system


def _report(protocol: Protocol, parts: Path) -> dict[str, Any]:
    """Is the liquid in equilibrium, and do the runs conserve energy? In numbers, and in words."""
    series: dict[str, list[Float]] = {"energy": [], "temperature": []}
    drift = np.zeros(len(protocol.times) + 1)
    for index in range(1, protocol.configurations + 1):
        with np.load(parts / "trajectory" / f"configuration-{index:04d}.npz") as saved:
            for key, values in series.items():
                values.append(saved[key])
        with np.load(parts / f"configuration-{index:04d}.npz") as saved:
            drift = np.maximum(drift, saved["energy_drift"])
    energy = compare_halves(np.concatenate(series["energy"]))
    temperature = compare_halves(np.concatenate(series["temperature"]))
    steady = max(abs(energy["difference"]), abs(temperature["difference"])) < LARGEST_DIFFERENCE
    statement = (
        f"Along the trajectory of the configurations (time {protocol.configurations * protocol.spacing:g}) the "
        f"potential energy per particle is {energy['first']:.4f} in the first half and {energy['second']:.4f} in the "
        f"second, {abs(energy['difference']):.1f} standard errors apart; the temperature is "
        f"{temperature['first']:.4f} and {temperature['second']:.4f}, {abs(temperature['difference']):.1f} apart: "
        + ("no sign of ageing." if steady else "NOT in equilibrium.")
    )
    told = []
    if not steady:
        told.append(f"{statement} Give the equilibration more time.")
    if drift.max() > LARGEST_DRIFT * protocol.temperature:
        told.append(
            f"The total energy per particle drifts by up to {drift.max():.2g} in the constant-energy runs, more than "
            f"{LARGEST_DRIFT:g} of the temperature; take a shorter timestep."
        )
    return {
        "equilibration": statement,
        "potential_energy": energy,
        "temperature": temperature,
        "largest_energy_drift": dict(zip(protocol.times, drift[1:].tolist(), strict=True)),
        "warnings": told,
    }


def _mean_propensity(systems: list[System]) -> dict[str, dict[str, float]]:
    """Mean over particles and configurations, by type and time label."""
    table: dict[str, dict[str, float]] = {}
    for kind in range(systems[0].n_types):
        chosen = [s.propensity[:, s.types == kind] for s in systems if s.propensity is not None]
        means = np.concatenate(chosen, axis=1).mean(1)
        table[type_name(kind)] = dict(zip(systems[0].time_labels, means.tolist(), strict=True))
    return table
