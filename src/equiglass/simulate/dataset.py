"""Simulate a data set from a protocol or from given configurations, and check its physics.

Each piece of work is a process, which writes one file in OUT/parts. A simulation that stopped for any reason continues
after the last of these files, and gives the same numbers as an uninterrupted one.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import yaml

from equiglass.errors import ConfigurationError, DataError, EquiglassWarning, SetupError
from equiglass.files import write_arrays, write_text
from equiglass.formats import load, save
from equiglass.liquid.inherent import quench, quenched
from equiglass.liquid.system import System, unlabelled
from equiglass.simulate.checks import check, collect, failures, measure, write_report
from equiglass.simulate.engine import about, choose
from equiglass.simulate.ensemble import run_ensembles
from equiglass.simulate.joining import check_joinable, joined
from equiglass.simulate.lammps import SCRATCH, about_lammps
from equiglass.simulate.pilot import find_times
from equiglass.simulate.protocol import Ensemble, Protocol, ScatteringTimes
from equiglass.simulate.trajectory import configuration_of, equilibrium, run_trajectory, stages
from equiglass.simulate.workers import Workers, working

LARGEST_FORCE = 1e-5
"""The largest force on any particle of an inherent structure, LJ units."""

Progress = Callable[[int, int, str], None]
"""A function of the number of finished pieces of work, the number of all pieces, and the name of the last one."""


def run_protocol(
    protocol: Protocol,
    out: Path,
    *,
    resume: bool = False,
    progress: Progress | None = None,
    jobs: int = 1,
    parsl: Path | None = None,
) -> list[System]:
    """Simulate, quench and check a data set, and write OUT/dataset.h5, OUT/protocol.yaml and OUT/report.*.

    Args:
        protocol: protocol of the simulation.
        out: folder of the data set; it is made if absent.
        resume: whether to continue a stopped simulation of the same protocol in ``out``.
        progress: is called after every piece of work with (number finished, number of all, name of the last one), and
            during long runs with their share.
        jobs: number of simultaneous runs. Each needs one core.
        parsl: a Python file that defines ``config``, a ``parsl.Config``, whose workers do all the work.

    Returns:
        One system per configuration, with inherent structure and propensity. If the protocol stores the displacements
        of every run, they are only in the file.

    Raises:
        SetupError: LAMMPS is not installed, or it failed.
        ConfigurationError: ``out`` contains another simulation.
        DataError: a quench failed.
    """
    about_lammps()
    engine = choose(protocol.engine, [(protocol.first_box, protocol.potential)])
    protocol = protocol.model_copy(update={"engine": engine})
    out = Path(out).absolute()
    parts = _open_folder(protocol, out, resume)
    finished = _Counter(progress, len(stages(protocol)) + _pieces(protocol, protocol.configurations))
    with working(jobs, parsl, finished.during) as workers:
        run_trajectory(protocol, parts, workers, finished)
        found = equilibrium(protocol, parts)
        starts = [configuration_of(protocol, parts, index) for index in range(1, protocol.configurations + 1)]
        starts = [
            replace(s, equilibrated=found.steady, provenance={**s.provenance, "equilibration": found.statement})
            for s in starts
        ]
        return _finish(protocol, starts, None, out, parts, found.halves, finished, workers)


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
    """Label and check given configurations, and write OUT/dataset.h5, OUT/protocol.yaml and OUT/report.*.

    Args:
        systems: configurations from which the runs start.
        ensemble: protocol of the runs.
        out: folder of the data set; it is made if absent.
        merge: whether to add the new labels to those of the configurations.
        resume: whether to continue a stopped simulation from the same configurations in ``out``.
        progress: is called after every piece of work with (number finished, number of all, name of the last one), and
            during long runs with their share.
        jobs: number of simultaneous runs. Each needs one core.
        parsl: a Python file that defines ``config``, a ``parsl.Config``, whose workers do all the work.

    Returns:
        The configurations with labels and inherent structures. If the protocol stores the displacements of every run,
        they are only in the file.

    Raises:
        DataError: the potential or temperature of a configuration is unknown or contradicts the ensemble, labels
            cannot be merged, or a quench failed.
        SetupError: LAMMPS is not installed, or it failed.
        ConfigurationError: ``out`` contains another simulation.
    """
    starts = [_start(system, ensemble) for system in systems]
    if merge:
        values = [] if isinstance(ensemble.times, ScatteringTimes) else list(ensemble.times.values())
        for system in systems:
            check_joinable(system, ensemble.time_labels, values, ensemble.runs)
    if len({(s.temperature, s.potential, s.n_types) for s in starts}) > 1:
        raise DataError(
            "These configurations differ in temperature, potential or number of types; label each state point "
            "separately."
        )
    liquids = [(start.box, start.potential) for start in starts if start.potential is not None]
    ensemble = ensemble.model_copy(update={"engine": choose(ensemble.engine, liquids)})
    out = Path(out).absolute()
    parts = _open_folder(ensemble, out, resume)
    _check_same(starts, parts / "configurations.h5", out)
    finished = _Counter(progress, _pieces(ensemble, len(starts)))
    with working(jobs, parsl, finished.during) as workers:
        return _finish(ensemble, starts, systems if merge else None, out, parts, {}, finished, workers)


def _start(system: System, ensemble: Ensemble) -> System:
    """The configuration without labels, with its temperature and potential.

    Its failures are omitted, since those of the old labels do not apply to the new ones.
    """
    known = {}
    for key in ("temperature", "potential"):
        own, given = getattr(system, key), getattr(ensemble, key)
        if own is None and given is None:
            raise DataError(f"{system.name}: the {key} is unknown; give it in the protocol.")
        if own is not None and given is not None and own != given:
            raise DataError(
                f"{system.name}: the {key} is {own} in the file but {given} in the protocol; remove it from the "
                "protocol, or choose other configurations."
            )
        known[key] = own if given is None else given
    return unlabelled(system, **known)


def _check_same(starts: Sequence[System], path: Path, out: Path) -> None:
    """Check that the simulation to resume has the same configurations. A new simulation stores them."""
    if not path.exists():
        save(starts, path)
    stored = load(path, copies=True)
    same = len(stored) == len(starts) and all(
        (one.temperature, one.potential) == (other.temperature, other.potential)
        and all(np.array_equal(getattr(one, key), getattr(other, key)) for key in ("positions", "types", "box"))
        for one, other in zip(stored, starts, strict=True)
    )
    if not same:
        raise ConfigurationError(f"{out} contains a simulation from other configurations; choose another folder.")


def _open_folder(protocol: Ensemble, out: Path, resume: bool) -> Path:
    """The folder OUT/parts of a new simulation or of the one to resume, without scratch folders."""
    parts, text = out / "parts", out / "protocol.yaml"
    if text.exists() or parts.exists():
        if not resume:
            raise ConfigurationError(f"{out} already contains a simulation; resume it or choose another folder.")
        if text.exists() and not _same(text.read_text(encoding="utf-8"), protocol):
            raise ConfigurationError(f"{out} contains a simulation of another protocol; choose another folder.")
    try:
        parts.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"{out}: the folder cannot be made ({error.strerror}).") from None
    for scratch in parts.glob(f"{SCRATCH}*"):
        shutil.rmtree(scratch, ignore_errors=True)
    write_text(text, protocol.to_yaml())
    return parts


def _same(stored: str, protocol: Ensemble) -> bool:
    # A protocol from before there was a choice has no engine: LAMMPS did the runs.
    engine = "" if "\nengine:" in stored else "engine: lammps\n"
    return yaml.safe_load(stored + engine) == yaml.safe_load(protocol.to_yaml())


def _pieces(ensemble: Ensemble, configurations: int) -> int:
    """The number of pieces of work after the trajectory: runs, averages, inherent structures and pilot runs."""
    return (ensemble.runs + 2) * configurations + isinstance(ensemble.times, ScatteringTimes)


class _Counter:
    """Counts the finished pieces of work, and passes on what is under way."""

    def __init__(self, progress: Progress | None, pieces: int) -> None:
        self._progress, self._pieces, self._done = progress, pieces, 0

    def __call__(self, what: str) -> None:
        self._done += 1
        self.during(what)

    def during(self, what: str) -> None:
        if self._progress is not None:
            self._progress(self._done, self._pieces, what)


def _finish(
    ensemble: Ensemble,
    starts: Sequence[System],
    merged: Sequence[System] | None,
    out: Path,
    parts: Path,
    trajectory: Mapping[str, Mapping[str, float]],
    finished: Callable[[str], None],
    workers: Workers,
) -> list[System]:
    """Compute the labels, and write the data set with these labels and those of ``merged``."""
    times: Mapping[str, float]
    if isinstance(ensemble.times, ScatteringTimes):
        times = find_times(ensemble.times, ensemble, starts, parts, workers)
        finished("pilot runs")
    else:
        times = ensemble.times
    values = np.array(list(times.values()))
    run_ensembles(ensemble, values, starts, parts, workers, finished)
    starts = _with_inherent(starts, parts, workers, finished)

    def labelled(failed: Sequence[str]) -> Iterator[System]:
        for index, start in enumerate(starts, start=1):
            with np.load(parts / f"configuration-{index:04d}.npz") as saved:
                labels = {key: saved[key] for key in saved.files}
            system = replace(start, time_labels=tuple(times), times=values, runs=ensemble.runs, **labels)
            if merged is not None:
                system = joined(merged[index - 1], system)
            source = {"protocol": ensemble.to_yaml(), "engine": about(ensemble.engine)}
            yield replace(system, failures=tuple(failed), provenance={**system.provenance, **source})

    state = collect([measure(system) for system in labelled([])])
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
    """The configurations with their inherent structures. A configuration without one is quenched."""
    files = [parts / f"inherent-{index:04d}.npz" for index in range(1, len(starts) + 1)]
    work = (
        None if start.positions_inherent is not None or file.exists() else (start, file)
        for start, file in zip(starts, files, strict=True)
    )
    cold = []
    for index, (start, file, _) in enumerate(zip(starts, files, workers.do(_quench, work), strict=True), start=1):
        finished(f"configuration {index}, inherent structure")
        if start.positions_inherent is not None:
            cold.append(start)
            continue
        with np.load(file) as saved:
            cold.append(quenched(start, saved["positions"], LARGEST_FORCE))
    return cold


def _quench(start: System, file: Path) -> None:
    inherent = quench(start, tolerance=LARGEST_FORCE).positions_inherent
    assert inherent is not None
    write_arrays(file, positions=inherent)
