"""Runs at constant energy that start from the same positions: velocity Verlet in the lanes of a vector.

The runs of an iso-configurational ensemble differ in their velocities alone, so their particles have the same
neighbours for long. Run k lives in lane k of every vector: one list of pairs serves all runs, and every load is
contiguous. The C++ is `lanes.cpp`.

Each slot has a centre, common to all runs, in double precision. The distance of each particle from the centre of its
slot, and its velocity, are in single precision. When particles of one type have changed places, they exchange their
slots, so that the list of pairs stays short.

The runs advance in chunks. A chunk starts from centres, distances and velocities alone. A resumed group therefore gives
the same numbers, bit by bit, as an uninterrupted one.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from equiglass.dynamics.state import Run, State, steps_of
from equiglass.errors import DataError
from equiglass.files import write_arrays
from equiglass.liquid.arrays import Float
from equiglass.liquid.potential import LennardJones, conserved
from equiglass.machine.compiled import CompilerError, library

Precision = Literal["single", "double"]

SKIN, WIDE, MARGIN = 0.16, 0.65, 0.5
"""Beyond the cutoff: the distance of the inner and of the outer list; and the margin of the balls. LJ length."""

CHUNK = 4096 * 1000
"""The number of particle-steps of a run per chunk: a second or two."""

CHECKPOINT = 60.0
"""The seconds between two checkpoints."""

_CELL = 1.2
"""The edge of the cells that give the slots their order in space, LJ length."""


def can_serve(box: Float, potential: LennardJones) -> str | None:
    """None if this engine can do runs in this box; otherwise the reason why it cannot, a clause."""
    if np.min(box) < float(potential.tables[2].max()):
        return "the box is shorter than the cutoff"
    try:
        _library()
    except CompilerError as error:
        return str(error).rstrip(".")
    return None


def groups(runs: int, precision: Precision = "single") -> list[int]:
    """The numbers of runs that advance together: full vectors, and the rest in a smaller one."""
    widest = min(_library().widest(), 8) if precision == "double" else _library().widest()
    return [min(widest, runs - done) for done in range(0, runs, widest)]


def constant_energy(
    start: State,
    potential: LennardJones,
    times: Float,
    timestep: float,
    *,
    checkpoint: Path | None = None,
    advanced: Callable[[float], None] | None = None,
    precision: Precision = "single",
    profile: dict[str, float] | None = None,
) -> list[Run]:
    """Runs at constant energy (NVE, velocity Verlet) from the same positions, which reach every time exactly.

    Args:
        start: positions (N, 3) and the velocities of every run, (R, N, 3). The positions may be unwrapped.
        potential: pair potential.
        times: times after the start, ascending, (T,), LJ units.
        timestep: longest integration step. The interval between two times has the fewest equal steps.
        checkpoint: file with the state of unfinished runs. The runs start from it if it exists.
        advanced: is called after every chunk with the share of the steps that are done. It may raise.
        precision: "single" for distances and velocities in single precision; "double" for tests.
        profile: receives numbers of the lists by name, for a benchmark.

    Returns:
        The runs, R.

    Raises:
        CompilerError: the C++ cannot be compiled.
        DataError: a particle became faster than the integration can follow.
    """
    group = _Group(start, potential, len(times), precision)
    intervals = [steps_of(duration, timestep) for duration in np.diff([0.0, *times])]
    total = sum(steps for steps, _ in intervals)
    if checkpoint is not None:
        group.load(checkpoint)
    if group.done == 0:
        group.measure(0)
    saved, passed = time.monotonic(), 0
    for number, (steps, step) in enumerate(intervals, start=1):
        end = passed + steps
        for chunk in _chunks(steps, group.n_particles):
            passed += chunk
            if passed <= group.done:
                continue
            group.advance(chunk, step, times[number - 1], energy=passed == end)
            group.done = passed
            if passed == end:
                group.measure(number)
            if checkpoint is not None and time.monotonic() - saved > CHECKPOINT:
                group.save(checkpoint)
                saved = time.monotonic()
            if advanced is not None:
                try:
                    advanced(passed / total)
                except BaseException:
                    if checkpoint is not None:
                        group.save(checkpoint)
                    raise
    if profile is not None:
        profile.update(group.profile)
    return group.runs()


def _chunks(steps: int, n_particles: int) -> Iterator[int]:
    longest = max(20, CHUNK // n_particles)
    for done in range(0, steps, longest):
        yield min(longest, steps - done)


class _Group:
    """The state of the runs of a group, and what was measured so far."""

    def __init__(self, start: State, potential: LennardJones, times: int, precision: Precision) -> None:
        self.count, self.n_particles = start.velocities.shape[:2]
        self.lanes = next(width for width in (4, 8, 16) if width >= self.count)
        self.box = np.ascontiguousarray(start.box, dtype=np.float64)
        self.potential, self.precision = potential, precision
        scalar = np.float32 if precision == "single" else np.float64
        order = _order(start.positions, self.box)
        # A lane without a run of its own repeats the first run.
        lanes = np.where(np.arange(self.lanes) < self.count, np.arange(self.lanes), 0)
        self.types = np.ascontiguousarray(start.types[order], dtype=np.int32)
        self.centres = np.round(start.positions[order] * 4096) / 4096
        offsets = start.positions[order] - self.centres
        self.offsets: NDArray[Any] = np.repeat(offsets[:, :, None], self.lanes, axis=2).astype(scalar)
        self.velocities = np.ascontiguousarray(start.velocities[lanes][:, order].transpose(1, 2, 0), dtype=scalar)
        self.particles = np.repeat(order[:, None], self.lanes, axis=1).astype(np.int32)
        self.images = np.zeros((self.n_particles, 3, self.lanes), dtype=np.int32)
        self.done = 0
        self.positions = np.zeros((times, self.count, self.n_particles, 3))
        self.energies = np.zeros((times + 1, 2, self.count))
        self.profile: dict[str, float] = {}
        self._energy = np.zeros((2, self.lanes))

    def advance(self, steps: int, step: float, until: float = 0.0, energy: bool = False) -> None:
        """Advance all runs, and compute their energies at the end if wished."""
        numbers = np.zeros(7)
        table = _table(self.potential)
        function = getattr(_library(), f"advance_{self.precision}_{self.lanes}")
        failed = function(
            ctypes.c_int64(self.n_particles),
            ctypes.c_int32(self.potential.n_types),
            *(_pointer(array) for array in (self.types, self.box, table, self.centres, self.offsets, self.velocities)),
            _pointer(self.particles),
            _pointer(self.images),
            ctypes.c_int64(steps),
            *(ctypes.c_double(x) for x in (step, SKIN, WIDE, MARGIN)),
            _pointer(self._energy) if energy else None,
            _pointer(numbers),
        )
        if failed:
            raise DataError(
                f"A run exploded before t = {until:g}: a particle moves farther than 1 per step. "
                "The positions overlap, or the potential is another one; choose a smaller timestep or check both."
            )
        names = ("searches", "renewals", "prunings", "steps", "pairs_of_balls", "pairs_of_outer", "pairs")
        self.profile = dict(zip(names, numbers.tolist(), strict=True))

    def measure(self, number: int) -> None:
        """Store the energies of time ``number``, and its positions; 0 is the start."""
        if number == 0:
            self.advance(0, 0.0, energy=True)
        else:
            # The sum is formed in double precision.
            at = self.centres[:, :, None] + self.offsets + self.images * self.box[:, None]
            for run in range(self.count):
                self.positions[number - 1, run, self.particles[:, run]] = at[:, :, run]
        self.energies[number] = self._energy[:, : self.count] / self.n_particles

    def runs(self) -> list[Run]:
        """The finished runs."""
        velocities = np.empty((self.count, self.n_particles, 3))
        for run in range(self.count):
            velocities[run, self.particles[:, run]] = self.velocities[:, :, run]
        # All momenta are conserved: there are 3N - 3 degrees of freedom.
        temperature = 2 * self.energies[:, 1] * self.n_particles / (3 * self.n_particles - 3)
        energy = self.energies.sum(1)
        return [
            Run(self.positions[:, run], velocities[run], energy[:, run], temperature[:, run])
            for run in range(self.count)
        ]

    _STATE = ("centres", "offsets", "velocities", "particles", "images", "positions", "energies")

    def save(self, path: Path) -> None:
        """Write the state to an npz file."""
        write_arrays(path, done=self.done, **{name: getattr(self, name) for name in self._STATE})

    def load(self, path: Path) -> None:
        """Read the state from a file of `save`, if it exists and belongs to runs of the same shape and precision."""
        if not path.exists():
            return
        with np.load(path) as saved:
            own = {name: getattr(self, name) for name in self._STATE}
            if any((saved[k].shape, saved[k].dtype) != (array.shape, array.dtype) for k, array in own.items()):
                return
            for name in self._STATE:
                setattr(self, name, np.ascontiguousarray(saved[name]))
            self.done = int(saved["done"])


def _order(positions: Float, box: Float) -> NDArray[np.int64]:
    """The order of the particles by cell, so that neighbours are near in memory."""
    cells = np.maximum(1, (box / _CELL).astype(np.int64))
    cell = np.minimum((positions % box / box * cells).astype(np.int64), cells - 1)
    return np.lexsort((cell[:, 2], cell[:, 1], cell[:, 0]))


def _table(potential: LennardJones) -> Float:
    """The parameters of every pair of types as the C++ needs them, (n_types, n_types, 7)."""
    potential = conserved(potential)
    epsilon, sigma, cutoff = potential.tables
    first, second = np.indices(epsilon.shape).reshape(2, -1)
    of_pairs = potential.of_pairs(first, second)
    constant, slope = (values.reshape(epsilon.shape) for values in (of_pairs.constant, of_pairs.slope))
    return np.ascontiguousarray(
        np.stack(
            [
                48 * epsilon * sigma**12,
                24 * epsilon * sigma**6,
                slope,
                cutoff,
                4 * epsilon * sigma**12,
                4 * epsilon * sigma**6,
                constant,
            ],
            axis=-1,
        )
    )


def _library() -> ctypes.CDLL:
    return library(Path(__file__).with_name("lanes.cpp"), wished=("-ffp-contract=fast",))


def _pointer(array: NDArray[Any]) -> ctypes.c_void_p:
    return array.ctypes.data_as(ctypes.c_void_p)
