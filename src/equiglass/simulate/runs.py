"""Labels from one's own runs: a starting configuration, and trajectories of any simulation program.

All runs are read side by side, one frame at a time. Displacements are those of the positions in the file where these
are unwrapped or have image flags; wrapped positions are unwrapped by following the particles from frame to frame.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equiglass.errors import ConfigurationError, DataError, EquiglassWarning
from equiglass.formats import load, stream
from equiglass.liquid.arrays import Float
from equiglass.liquid.neighbors import minimum_image
from equiglass.liquid.potential import LennardJones, mixture_named
from equiglass.liquid.system import System, unlabelled
from equiglass.observables import self_scattering_by_type
from equiglass.observables.propensity import OverRuns, over_runs
from equiglass.observables.unwrapping import check_not_folded, unwrapped

SAME_POSITION = 2e-3
"""The largest distance per axis between the start and the first frame of a run, LJ length: the digits of text files."""

SAME_BOX = 1e-5
"""The largest relative difference of box edges."""

SAME_TIME = 1e-6
"""The largest relative difference of times."""

DRIFT = 5.0
"""The largest mean displacement of all particles, in units of its standard error for independent particles."""


def label(
    start: System | str | Path,
    runs: Sequence[str | Path],
    *,
    timestep: float | None = None,
    times: Sequence[float] | None = None,
    frames: str | None = None,
    types: Sequence[str] | None = None,
    temperature: float | None = None,
    potential: LennardJones | str | None = None,
    displacements: bool = False,
) -> System:
    """The starting configuration with propensity, variance, halves and mean displacement from runs of any program.

        p_i(t) = (1/M) sum_m |r_i^m(t) - r_i(0)|

    Args:
        start: the starting configuration, or a file that holds it alone.
        runs: a file or folder per run, in any format that `load` reads, wrapped or not. The first frame is the start.
        timestep: integration step, LJ time, which turns time steps into times. None if the files state times.
        times: times of the frames after the first, LJ time, for files that state neither times nor time steps.
        frames: which frames of every run are read, "start:stop:step"; they must hold the first one.
        types: species names of types 0, 1, 2, ..., for species that the species rule does not cover.
        temperature: temperature, if the file of the start does not state it.
        potential: pair potential, or the name of its mixture, if the file of the start does not state it.
        displacements: whether the result holds the displacements of every run, which are large.

    Returns:
        The start with the labels "1", "2", ... for the times after the start, ascending.

    Raises:
        DataError: a run is not one of the start (other particles, types or box; another first frame), its times are
            unknown or differ from those of the first run, two runs are the same, or positions cannot be unwrapped.
        ConfigurationError: there is no run, both ``timestep`` and ``times`` are given, or no mixture has the name
            ``potential``.

    Source: A. Widmer-Cooper, P. Harrowell and H. Fynewever, Phys. Rev. Lett. 93, 135701 (2004),
    doi 10.1103/PhysRevLett.93.135701.
    """
    if isinstance(runs, str | Path) or not runs:
        raise ConfigurationError("runs must be a list of one file or folder per run.")
    if timestep is not None and times is not None:
        raise ConfigurationError("give either the timestep or the times of the frames.")
    mixture = None if potential is None else mixture_named(potential)
    system = _start(start, types, temperature, mixture)
    names = [str(run) for run in runs]
    trajectories = [_Run(run, system, timestep, times, frames, types) for run in runs]
    labelled = _Labels(system, names, displacements)
    for number, of_all in enumerate(_side_by_side(trajectories, names)):
        labelled.add(number, *of_all)
    return labelled.system(timestep)


def _start(
    start: System | str | Path, types: Sequence[str] | None, temperature: float | None, potential: LennardJones | None
) -> System:
    if not isinstance(start, System):
        path, found = start, load(start, types=types, replicas=False, copies=True)
        if len(found) != 1:
            raise DataError(f"{path} holds {len(found)} configurations; a file with the starting one alone is needed.")
        start = found[0]
    for key, given in (("temperature", temperature), ("potential", potential)):
        own = getattr(start, key)
        if None not in (own, given) and own != given:
            raise DataError(f"{start.name}: the {key} is {own} in the file, but {given} is given; leave it out.")
    return unlabelled(
        start,
        temperature=start.temperature if temperature is None else temperature,
        potential=start.potential if potential is None else potential,
    )


class _Run:
    """A trajectory: (time, positions) of every frame after the start, in the order of its particles.

    Attributes:
        first: the positions of the source at the start, (N, 3), known after the first step of the iteration.
    """

    def __init__(
        self,
        path: str | Path,
        start: System,
        timestep: float | None,
        times: Sequence[float] | None,
        frames: str | None,
        types: Sequence[str] | None,
    ) -> None:
        self.path, self.start, self.timestep, self.times = path, start, timestep, times
        self._frames = stream(path, types=types, replicas=False, frames=frames, copies=True)
        self.first = start.positions

    def __iter__(self) -> Iterator[tuple[float, Float]]:
        frames = (self._checked(frame) for frame in self._frames)
        first = next(frames)
        distance = np.abs(minimum_image(first.positions - self.start.positions, self.start.box)).max()
        if distance > SAME_POSITION:
            raise DataError(
                f"{self.path}: the first frame is not the starting configuration; particles are up to {distance:.3g} "
                "apart. A run must start from the given configuration and hold it as its first frame."
            )
        self.first = first.unwrapped
        before, n_frames = first, 0
        for frame in frames:
            if _same_moment(before, frame):
                continue
            n_frames += 1
            yield self._time(first, frame, n_frames), frame.unwrapped
            before = frame
        if self.times is not None and n_frames != len(self.times):
            raise DataError(f"{self.path}: there are {n_frames} frames after the first, but {len(self.times)} times.")

    def _checked(self, frame: System) -> System:
        """The frame with its particles in the order of the start."""
        start = self.start
        if frame.n_particles != start.n_particles:
            raise DataError(f"{self.path}: {frame.n_particles} particles, but the start has {start.n_particles}.")
        if np.any(np.abs(frame.box / start.box - 1) > SAME_BOX):
            raise DataError(f"{self.path}: the box is {frame.box}, but that of the start is {start.box}.")
        if frame.ids is not None and start.ids is not None and not np.array_equal(frame.ids, start.ids):
            frame = _in_order(frame, start.ids, self.path)
        if not np.array_equal(frame.types, start.types):
            order = " The file has no particle ids; sort it." if frame.ids is None else ""
            raise DataError(f"{self.path}, {frame.name}: the types of the particles differ from the start.{order}")
        return frame

    def _time(self, first: System, frame: System, number: int) -> float:
        """The time since the start."""
        if self.times is not None:
            if number > len(self.times):
                raise DataError(f"{self.path}: there are more frames after the first than the {len(self.times)} times.")
            return float(self.times[number - 1])
        own = None if frame.time is None or first.time is None else frame.time - first.time
        counted = None
        if self.timestep is not None:
            if frame.timestep is None or first.timestep is None:
                raise DataError(f"{self.path}: the frames have no time steps; give their times.")
            counted = (frame.timestep - first.timestep) * self.timestep
        if own is not None and counted is not None and abs(own - counted) > SAME_TIME * abs(counted):
            raise DataError(
                f"{self.path}: {frame.name} is at the time {own:g} by the file, but {counted:g} by its steps."
            )
        time = counted if counted is not None else own
        if time is None:
            how = "timestep (--timestep)" if frame.timestep is not None else "times of the frames (--times)"
            raise DataError(f"{self.path}: the file states no times; give the {how}.")
        return time


def _in_order(frame: System, ids: NDArray[np.int64], path: str | Path) -> System:
    assert frame.ids is not None
    sort = np.argsort(frame.ids)
    place = np.minimum(np.searchsorted(frame.ids, ids, sorter=sort), len(ids) - 1)
    if not np.array_equal(frame.ids[sort][place], ids):
        raise DataError(f"{path}, {frame.name}: the particle ids differ from those of the start.")
    chosen = sort[place]
    images = None if frame.images is None else frame.images[chosen]
    return replace(
        frame, positions=frame.positions[chosen], types=frame.types[chosen], images=images, ids=frame.ids[chosen]
    )


def _same_moment(before: System, frame: System) -> bool:
    """Whether a frame was written twice, as at a restart."""
    stated = [(getattr(before, key), getattr(frame, key)) for key in ("timestep", "time")]
    known = [pair for pair in stated if None not in pair]
    return bool(known) and all(a == b for a, b in known) and np.array_equal(before.positions, frame.positions)


def _side_by_side(runs: Sequence[_Run], names: Sequence[str]) -> Iterator[tuple[float, Float, Float]]:
    """The time, the positions of all runs and those at their start, (M, N, 3), for every time that all runs have."""
    iterators = [iter(run) for run in runs]
    times: list[float] = []
    while True:
        found = [next(iterator, None) for iterator in iterators]
        ended = [name for name, each in zip(names, found, strict=True) if each is None]
        whole = [each for each in found if each is not None]
        if not whole or ended:
            if whole:
                warnings.warn(
                    f"{ended[0]}: the run ends after {len(times)} times and others go further; only the times of all "
                    "runs are used.",
                    EquiglassWarning,
                    stacklevel=3,
                )
            return
        at = [time for time, _ in whole]
        for name, time in zip(names, at, strict=True):
            if abs(time - at[0]) > SAME_TIME * abs(at[0]):
                raise DataError(
                    f"{name}: frame {len(times) + 1} after the start is at the time {time:g}, but in "
                    f"{names[0]} at {at[0]:g}; all runs must have the same times."
                )
        times.append(at[0])
        if at[0] <= 0 or any(b <= a for a, b in pairwise(times)):
            raise DataError(f"{names[0]}: the times must ascend from the start; got {times[-2:]}.")
        yield at[0], np.stack([positions for _, positions in whole]), np.stack([run.first for run in runs])


class _Labels:
    """The labels of a start, from the positions of all runs at one time after another."""

    def __init__(self, start: System, names: Sequence[str], displacements: bool) -> None:
        self.start, self.names, self.displacements = start, names, displacements
        self.times: list[float] = []
        self.each: list[OverRuns] = []
        self.scattering: list[Float] = []
        self.all: list[NDArray[np.float32]] = []
        self.previous: Float | float = 0.0
        self.wrapped = False
        self.drift = 0.0

    def add(self, number: int, time: float, ends: Float, first: Float) -> None:
        """Take the positions of all runs, (M, N, 3), and those at their start."""
        moves, wrapped = unwrapped(ends, first, self.start.box, self.previous)
        check_not_folded(moves, self.start.box)
        self.previous = moves
        if number == 0:
            self._refuse_same_runs(moves)
        centre = moves.mean(axis=1, keepdims=True)
        allowed = DRIFT * np.sqrt(np.square(moves - centre).sum(axis=-1).mean(axis=1) / moves.shape[1])
        drifts = np.linalg.norm(centre[:, 0], axis=-1)
        if np.any(drifts > np.maximum(allowed, SAME_POSITION)):
            self.drift = max(self.drift, float(drifts.max()))
            moves = moves - centre
        self.wrapped |= wrapped
        self.times.append(time)
        self.each.append(over_runs(moves))
        self.scattering.append(self_scattering_by_type(moves[None], self.start.types)[0])
        if self.displacements:
            self.all.append(moves.astype(np.float32))

    def _refuse_same_runs(self, moves: Float) -> None:
        seen: dict[bytes, str] = {}
        for name, each in zip(self.names, moves, strict=True):
            earlier = seen.setdefault(each.round(9).tobytes(), name)
            if np.any(each) and (earlier != name or self.names.count(name) > 1):
                raise DataError(f"{name} and {earlier} are the same run; give every run once.")

    def system(self, timestep: float | None) -> System:
        """The start with all labels."""
        if not self.times:
            raise DataError(f"{self.names[0]}: there is no frame after the start.")
        if self.wrapped:
            self._warn(
                "the positions of the runs look wrapped into the box and have no image flags. The particles were "
                "followed from frame to frame to unwrap them."
            )
        if self.drift:
            self._warn(
                f"the runs drift: the mean displacement of all particles reaches {self.drift:.3g}, which means that "
                "their momentum is not 0. It was subtracted. Start runs with zero momentum."
            )
        labels: dict[str, Any] = {key: [getattr(one, key) for one in self.each] for key in OverRuns._fields}
        several = len(self.names) > 1
        return replace(
            self.start,
            time_labels=tuple(str(k + 1) for k in range(len(self.times))),
            times=np.array(self.times),
            propensity=np.stack(labels["propensity"]),
            mean_displacement=np.stack(labels["mean_displacement"]),
            replica_variance=np.stack(labels["replica_variance"]) if several else None,
            propensity_halves=np.stack(labels["propensity_halves"], axis=1) if several else None,
            self_scattering=np.stack(self.scattering),
            replica_displacements=np.stack(self.all) if self.displacements else None,
            runs=len(self.names),
            provenance={
                **self.start.provenance,
                "runs": ", ".join(Path(name).name for name in self.names),
                **({} if timestep is None else {"timestep of the runs": repr(timestep)}),
            },
        )

    def _warn(self, sentence: str) -> None:
        warnings.warn(f"{self.names[0]} and others: {sentence}", EquiglassWarning, stacklevel=4)
