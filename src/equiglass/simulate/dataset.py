"""From a protocol, or from given configurations, to a data set, and the checks of what was simulated.

The work is a chain of LAMMPS processes. What each leaves behind is one file in OUT/parts: a simulation that was
stopped, however, goes on after the last file that is there, and ends with the same numbers as one that was not.
"""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from equiglass.errors import EquiglassError, EquiglassWarning
from equiglass.files import write_text
from equiglass.formats import load, save
from equiglass.inherent import quench
from equiglass.simulate.ensemble import run_ensemble
from equiglass.simulate.joining import check_joinable, joined
from equiglass.simulate.lammps import SCRATCH, find_lammps
from equiglass.simulate.parts import write_arrays
from equiglass.simulate.pilot import find_times
from equiglass.simulate.protocol import Ensemble, Protocol, ScatteringTimes
from equiglass.simulate.trajectory import configuration_of, equilibrium, run_trajectory, stages
from equiglass.system import System, type_name

LARGEST_FORCE = 1e-5
"""On any particle of an inherent structure."""

LARGEST_DRIFT = 0.01
"""Of the total energy per particle in a constant-energy run, in units of the temperature."""

LARGEST_MOMENTUM = 1e-8
"""Per particle in a constant-energy run, in units of the root of the temperature."""

Progress = Callable[[int, int, str], None]


def run_protocol(
    protocol: Protocol,
    out: Path,
    *,
    resume: bool = False,
    progress: Progress | None = None,
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
        One system for each configuration, inherent structure and propensity included; the displacements of every
        run, where they are kept, are in the file alone.

    Raises:
        EquiglassError: LAMMPS is missing or failed, ``out`` holds other work, or a quench failed.
    """
    find_lammps()
    out = Path(out)
    parts = _open_folder(protocol, out, resume)
    finished = _counter(progress, len(stages(protocol)) + _pieces(protocol, protocol.configurations))
    run_trajectory(protocol, parts, finished)
    report: dict[str, Any] = {"warnings": []}
    report |= equilibrium(protocol, parts)
    if not report.pop("steady"):
        report["warnings"].append(f"{report['equilibration']} Give the equilibration more time.")
    told = {"equilibration": report["equilibration"]}
    starts = [configuration_of(protocol, parts, index) for index in range(1, protocol.configurations + 1)]
    starts = [replace(start, provenance={**start.provenance, **told}) for start in starts]
    return _finish(protocol, starts, None, out, parts, report, finished, jobs)


def run_from(
    systems: Sequence[System],
    ensemble: Ensemble,
    out: Path,
    *,
    merge: bool = False,
    resume: bool = False,
    progress: Progress | None = None,
    jobs: int = 1,
) -> list[System]:
    """Label given configurations, and write OUT/dataset.h5, OUT/protocol.yaml and OUT/report.json.

    Args:
        systems: where the runs start.
        ensemble: the runs.
        out: folder of the data set; made if absent.
        merge: keep the labels that the configurations carry beside the new ones.
        resume: go on with what a stopped simulation from the same configurations left in ``out``.
        progress: called with (pieces of work done, their number, what the last one was).
        jobs: LAMMPS processes at once, one core each; they share the runs of a configuration.

    Returns:
        The configurations, labelled, with their inherent structures; the displacements of every run, where they are
        kept, are in the file alone.

    Raises:
        EquiglassError: no potential or temperature is known, or two of them; labels that cannot be merged; LAMMPS is
            missing or failed, ``out`` holds other work, or a quench failed.
    """
    starts = [_start(system, ensemble) for system in systems]
    if merge:
        values = [] if isinstance(ensemble.times, ScatteringTimes) else list(ensemble.times.values())
        for system in systems:
            check_joinable(system, ensemble.time_labels, values, ensemble.runs)
    if isinstance(ensemble.times, ScatteringTimes) and len({(s.temperature, s.potential) for s in starts}) > 1:
        raise EquiglassError(
            "F_k(t) is the mean over all configurations, and these differ in temperature or potential; "
            "label each state point by itself."
        )
    find_lammps()
    out = Path(out)
    parts = _open_folder(ensemble, out, resume)
    _check_same(starts, parts / "configurations.h5", out)
    finished = _counter(progress, _pieces(ensemble, len(starts)))
    return _finish(ensemble, starts, systems if merge else None, out, parts, {"warnings": []}, finished, jobs)


def _start(system: System, ensemble: Ensemble) -> System:
    """The configuration without labels, its temperature and potential known."""
    known = {}
    for key in ("temperature", "potential"):
        own, given = getattr(system, key), getattr(ensemble, key)
        if own is None and given is None:
            raise EquiglassError(f"{system.name}: the {key} is not known; give it in the protocol.")
        if own is not None and given is not None and own != given:
            raise EquiglassError(
                f"{system.name}: the file says {key} {own}, the protocol {given}; leave it out of the protocol, or "
                "choose other configurations."
            )
        known[key] = own if given is None else given
    return System(
        system.positions,
        system.types,
        system.box,
        name=system.name,
        positions_inherent=system.positions_inherent,
        provenance=system.provenance,
        **known,
    )


def _check_same(starts: Sequence[System], path: Path, out: Path) -> None:
    """Are these the configurations of the simulation that is to be resumed? At the first time, they are stored."""
    if not path.exists():
        save(starts, path)
    stored = load(path)
    same = len(stored) == len(starts) and all(
        (one.temperature, one.potential) == (other.temperature, other.potential)
        and all(np.array_equal(getattr(one, key), getattr(other, key)) for key in ("positions", "types", "box"))
        for one, other in zip(stored, starts, strict=True)
    )
    if not same:
        raise EquiglassError(f"{out} holds a simulation from other configurations; choose another folder.")


def _open_folder(protocol: Ensemble, out: Path, resume: bool) -> Path:
    """OUT/parts, made or, to resume, found; scratch folders of a stopped simulation are removed."""
    parts, text = out / "parts", out / "protocol.yaml"
    if text.exists() or parts.exists():
        if not resume:
            raise EquiglassError(f"{out} already holds a simulation; resume it or choose another folder.")
        if text.exists() and text.read_text(encoding="utf-8") != protocol.to_yaml():
            raise EquiglassError(f"{out} holds a simulation of another protocol; choose another folder.")
    try:
        parts.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EquiglassError(f"{out}: the folder cannot be made ({error.strerror}).") from None
    for scratch in parts.glob(f"{SCRATCH}*"):
        shutil.rmtree(scratch, ignore_errors=True)
    write_text(text, protocol.to_yaml())
    return parts


def _pieces(ensemble: Ensemble, configurations: int) -> int:
    """Pieces of work from the configurations on: their runs, averages and inherent structures, and the pilot runs."""
    return (ensemble.runs + 2) * configurations + isinstance(ensemble.times, ScatteringTimes)


def _counter(progress: Progress | None, pieces: int) -> Callable[[str], None]:
    done = 0

    def finished(what: str) -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, pieces, what)

    return finished


def _finish(
    ensemble: Ensemble,
    starts: Sequence[System],
    carried: Sequence[System] | None,
    out: Path,
    parts: Path,
    report: dict[str, Any],
    finished: Callable[[str], None],
    jobs: int,
) -> list[System]:
    """From configurations to the data set, with the labels that ``carried`` has beside the new ones."""
    if isinstance(ensemble.times, ScatteringTimes):
        times = report["times"] = find_times(ensemble.times, ensemble, starts, parts, jobs)
        finished("pilot runs")
    else:
        times = ensemble.times
    values = np.array(list(times.values()))
    for index, start in enumerate(starts, start=1):
        run_ensemble(ensemble, values, start, index, parts, jobs, finished)
    _report_conservation(report, starts, parts, list(times))
    starts = [_with_inherent(start, index, parts, finished) for index, start in enumerate(starts, start=1)]
    systems: list[System] = []

    def labelled() -> Iterator[System]:
        for index, start in enumerate(starts, start=1):
            with np.load(parts / f"configuration-{index:04d}.npz") as saved:
                labels = {key: saved[key] for key in saved.files if key not in ("energy_drift", "momentum")}
            system = replace(
                start,
                time_labels=tuple(times),
                times=values,
                runs=ensemble.runs,
                provenance={**start.provenance, "protocol": ensemble.to_yaml()},
                **labels,
            )
            if carried is not None:
                system = joined(carried[index - 1], system)
            systems.append(replace(system, replica_displacements=None))
            yield system

    save(labelled(), out / "dataset.h5")
    report["mean_propensity"] = _mean_propensity(systems, tuple(times))
    # The warnings last.
    report["warnings"] = report.pop("warnings")
    write_text(out / "report.json", json.dumps(report, indent=2) + "\n")
    for warning in report["warnings"]:
        warnings.warn(warning, EquiglassWarning, stacklevel=3)
    return systems


def _with_inherent(start: System, index: int, parts: Path, finished: Callable[[str], None]) -> System:
    """The configuration with its inherent structure, quenched unless it has one."""
    inherent = parts / f"inherent-{index:04d}.npz"
    if start.positions_inherent is None:
        if not inherent.exists():
            quenched = quench(start, tolerance=LARGEST_FORCE)
            assert quenched.positions_inherent is not None
            write_arrays(inherent, positions=quenched.positions_inherent)
        told = {"inherent structure": f"FIRE, largest force {LARGEST_FORCE:g}, potential {start.potential}"}
        with np.load(inherent) as saved:
            start = replace(start, positions_inherent=saved["positions"], provenance={**start.provenance, **told})
    finished(f"configuration {index}, inherent structure")
    return start


def _report_conservation(report: dict[str, Any], starts: Sequence[System], parts: Path, labels: Sequence[str]) -> None:
    """Do the runs conserve their energy, and their momentum, which is zero? In numbers, and in warnings."""
    drifts, momenta = [], []
    for index, start in enumerate(starts, start=1):
        assert start.temperature is not None
        with np.load(parts / f"configuration-{index:04d}.npz") as saved:
            drifts.append(saved["energy_drift"] / start.temperature)
            momenta.append(float(saved["momentum"]) / start.temperature**0.5)
    drift, momentum = np.max(drifts, axis=0), max(momenta)
    report["largest_energy_drift"] = dict(zip(labels, drift[1:].tolist(), strict=True))
    report["largest_momentum"] = momentum
    if drift.max() > LARGEST_DRIFT:
        report["warnings"].append(
            f"The total energy per particle drifts by up to {drift.max():.2g} of the temperature in the "
            f"constant-energy runs, more than {LARGEST_DRIFT:g}; take a shorter timestep."
        )
    if momentum > LARGEST_MOMENTUM:
        report["warnings"].append(
            f"The centre of mass moves in the constant-energy runs, with up to {momentum:.2g} of the thermal velocity."
        )


def _mean_propensity(systems: Sequence[System], labels: Sequence[str]) -> dict[str, dict[str, float]]:
    """Mean over particles and configurations, by type and time label."""
    table: dict[str, dict[str, float]] = {}
    for kind in range(max(system.n_types for system in systems)):
        for label in labels:
            values = [s.propensity[s.at(label), s.types == kind] for s in systems if s.propensity is not None]
            table.setdefault(type_name(kind), {})[label] = float(np.concatenate(values).mean())
    return table
