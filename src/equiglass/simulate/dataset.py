"""From a protocol, or from given configurations, to a data set, and the checks of what was simulated.

The work is a chain of LAMMPS processes. What each leaves behind is one file in OUT/parts: a simulation that was
stopped, however, goes on after the last file that is there, and ends with the same numbers as one that was not.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from equiglass.errors import EquiglassError, EquiglassWarning
from equiglass.files import write_text
from equiglass.formats import load, save
from equiglass.liquid.inherent import quench
from equiglass.liquid.system import System
from equiglass.simulate.checks import check, collect, failures, measure, write_report
from equiglass.simulate.checks.checks import NOT_IN_EQUILIBRIUM
from equiglass.simulate.ensemble import run_ensembles
from equiglass.simulate.joining import check_joinable, joined
from equiglass.simulate.lammps import SCRATCH, about_lammps
from equiglass.simulate.parts import write_arrays
from equiglass.simulate.pilot import find_times
from equiglass.simulate.protocol import Ensemble, Protocol, ScatteringTimes
from equiglass.simulate.trajectory import configuration_of, equilibrium, run_trajectory, stages
from equiglass.simulate.workers import Workers, working

LARGEST_FORCE = 1e-5
"""On any particle of an inherent structure."""

Progress = Callable[[int, int, str], None]


def run_protocol(
    protocol: Protocol,
    out: Path,
    *,
    resume: bool = False,
    progress: Progress | None = None,
    jobs: int = 1,
    parsl: Path | None = None,
) -> list[System]:
    """Simulate, quench, check, and write OUT/dataset.h5, OUT/protocol.yaml and OUT/report.*.

    Args:
        protocol: what to simulate.
        out: folder of the data set; made if absent.
        resume: go on with what a stopped simulation of the same protocol left in ``out``.
        progress: called with (pieces of work done, their number, what the last one was).
        jobs: runs at once, one core each.
        parsl: a Python file that defines ``config``, a ``parsl.Config``: its workers do all the work.

    Returns:
        One system for each configuration, inherent structure and propensity included; the displacements of every
        run, where they are kept, are in the file alone.

    Raises:
        EquiglassError: LAMMPS is missing or failed, ``out`` holds other work, or a quench failed.
    """
    about_lammps()
    out = Path(out).absolute()
    parts = _open_folder(protocol, out, resume)
    finished = _counter(progress, len(stages(protocol)) + _pieces(protocol, protocol.configurations))
    with working(jobs, parsl) as workers:
        run_trajectory(protocol, parts, workers, finished)
        statement, halves = equilibrium(protocol, parts)
        starts = [configuration_of(protocol, parts, index) for index in range(1, protocol.configurations + 1)]
        steady = not statement.endswith(NOT_IN_EQUILIBRIUM)
        starts = [
            replace(s, equilibrated=steady, provenance={**s.provenance, "equilibration": statement}) for s in starts
        ]
        return _finish(protocol, starts, None, out, parts, halves, finished, workers)


def run_from(
    systems: Sequence[System],
    ensemble: Ensemble,
    out: Path,
    *,
    merge: bool = False,
    resume: bool = False,
    progress: Progress | None = None,
    jobs: int = 1,
    parsl: Path | None = None,
) -> list[System]:
    """Label given configurations, check, and write OUT/dataset.h5, OUT/protocol.yaml and OUT/report.*.

    Args:
        systems: where the runs start.
        ensemble: the runs.
        out: folder of the data set; made if absent.
        merge: keep the labels that the configurations carry beside the new ones.
        resume: go on with what a stopped simulation from the same configurations left in ``out``.
        progress: called with (pieces of work done, their number, what the last one was).
        jobs: runs at once, one core each.
        parsl: a Python file that defines ``config``, a ``parsl.Config``: its workers do all the work.

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
    if len({(s.temperature, s.potential, s.n_types) for s in starts}) > 1:
        raise EquiglassError(
            "These configurations differ in temperature, potential or number of types; label each state point by "
            "itself."
        )
    about_lammps()
    out = Path(out).absolute()
    parts = _open_folder(ensemble, out, resume)
    _check_same(starts, parts / "configurations.h5", out)
    finished = _counter(progress, _pieces(ensemble, len(starts)))
    with working(jobs, parsl) as workers:
        return _finish(ensemble, starts, systems if merge else None, out, parts, {}, finished, workers)


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
        # Not its failures: the new labels are checked anew.
        equilibrated=system.equilibrated,
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
    trajectory: Mapping[str, Mapping[str, float]],
    finished: Callable[[str], None],
    workers: Workers,
) -> list[System]:
    """From configurations to the data set, with the labels that ``carried`` has beside the new ones."""
    times: Mapping[str, float]
    if isinstance(ensemble.times, ScatteringTimes):
        times = find_times(ensemble.times, ensemble, starts, parts, workers)
        finished("pilot runs")
    else:
        times = ensemble.times
    values = np.array(list(times.values()))
    run_ensembles(ensemble, values, starts, parts, workers, finished)
    starts = _with_inherent(starts, parts, workers, finished)

    def labelled(failed: Sequence[str] = ()) -> Iterator[System]:
        for index, start in enumerate(starts, start=1):
            with np.load(parts / f"configuration-{index:04d}.npz") as saved:
                labels = {key: saved[key] for key in saved.files}
            system = replace(start, time_labels=tuple(times), times=values, runs=ensemble.runs, **labels)
            if carried is not None:
                system = joined(carried[index - 1], system)
            made = {"protocol": ensemble.to_yaml(), "engine": str(about_lammps())}
            yield replace(system, failures=tuple(failed), provenance={**system.provenance, **made})

    state = collect([measure(system) for system in labelled()])
    checks = check(state)
    failed = failures(checks)
    write_report(out, state, checks, {"trajectory": trajectory})
    systems: list[System] = []

    def stored() -> Iterator[System]:
        for system in labelled(failed):
            systems.append(replace(system, replica_displacements=None))
            yield system

    save(stored(), out / "dataset.h5")
    for statement in failed:
        warnings.warn(statement, EquiglassWarning, stacklevel=3)
    return systems


def _with_inherent(
    starts: Sequence[System], parts: Path, workers: Workers, finished: Callable[[str], None]
) -> list[System]:
    """The configurations with their inherent structures, quenched unless they have one."""
    files = [parts / f"inherent-{index:04d}.npz" for index in range(1, len(starts) + 1)]
    work = (
        None if start.positions_inherent is not None or file.exists() else (start, file)
        for start, file in zip(starts, files, strict=True)
    )
    quenched = []
    for index, (start, file, _) in enumerate(zip(starts, files, workers.do(_quench, work), strict=True), start=1):
        finished(f"configuration {index}, inherent structure")
        if start.positions_inherent is not None:
            quenched.append(start)
            continue
        told = {"inherent structure": f"FIRE, largest force {LARGEST_FORCE:g}, potential {start.potential}"}
        with np.load(file) as saved:
            quenched.append(
                replace(start, positions_inherent=saved["positions"], provenance={**start.provenance, **told})
            )
    return quenched


def _quench(start: System, file: Path) -> None:
    inherent = quench(start, tolerance=LARGEST_FORCE).positions_inherent
    assert inherent is not None
    write_arrays(file, positions=inherent)
