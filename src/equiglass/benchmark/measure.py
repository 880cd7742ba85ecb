"""Time and memory of two sides in one run, and what they ran on.

Times: both sides run by turns in one process, after one run of each that does not count; the median counts. Memory:
each side runs once in a process of its own; what counts is the highest resident memory above that before the run
(libraries, weights, input). On a GPU it is torch's allocated memory. Both sides have the same threads, and the C
library keeps freed memory on both (:mod:`equiglass.machine.memory`), without which e3nn would be several times slower.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
import shlex
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from equiglass.errors import EquiglassError
from equiglass.liquid.system import System
from equiglass.machine.environment import installed_memory, machine, versions
from equiglass.machine.memory import keep_freed_memory
from equiglass.model.convolution.backend import implementation

R = TypeVar("R")


@dataclass(frozen=True)
class Setting:
    """What is measured and how.

    Attributes:
        system: the configuration.
        threads: of both sides.
        repeats: runs of each side that count.
        device: "cpu" or "cuda".
    """

    system: System
    threads: int
    repeats: int
    device: str


@dataclass(frozen=True)
class Side:
    """One of the two that are compared: seconds of every run and peak memory in bytes."""

    seconds: Sequence[float]
    peak_bytes: int

    @property
    def median(self) -> float:
        """The seconds that count."""
        return statistics.median(self.seconds)


@dataclass(frozen=True)
class Result:
    """What a benchmark found.

    Attributes:
        benchmark: its name.
        ours: the package.
        reference: the other software.
        reference_name: what that is.
        max_relative_error: of the output, as it is timed, against the reference in float64 (:func:`relative_error`).
        particles: of the configuration.
        edges: of its graph.
        extrapolated: how the reference's numbers were formed where it did not run whole, else empty.
        more: numbers of this benchmark alone.
    """

    benchmark: str
    ours: Side
    reference: Side
    reference_name: str
    max_relative_error: float
    particles: int
    edges: int
    extrapolated: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        """How many times faster ours is."""
        return self.reference.median / self.ours.median

    def as_json(self, setting: Setting) -> dict[str, Any]:
        """All of it, with machine, versions and command."""
        sides = {"ours": self.ours, "reference": self.reference}
        return {
            "benchmark": self.benchmark,
            **{f"{name}_s": side.median for name, side in sides.items()},
            f"{self.benchmark}_ratio": self.ratio,
            **{f"{name}_peak_bytes": side.peak_bytes for name, side in sides.items()},
            "max_relative_error": self.max_relative_error,
            **{f"{name}_range_s": [min(side.seconds), max(side.seconds)] for name, side in sides.items()},
            "reference": self.reference_name,
            "reference_extrapolated": bool(self.extrapolated),
            "extrapolation": self.extrapolated,
            "particles": self.particles,
            "edges": self.edges,
            **self.more,
            "implementation": implementation(),
            "device": setting.device,
            "threads": setting.threads,
            "repeats": setting.repeats,
            "machine": machine(),
            "versions": versions(),
            "command": shlex.join(["equiglass", *sys.argv[1:]]),
        }


def use_threads(threads: int) -> None:
    """The number of threads of torch and of the neighbour search."""
    os.environ["OMP_NUM_THREADS"] = str(threads)
    torch.set_num_threads(threads)


def now(device: str) -> float:
    """Seconds of a clock, read when the device has done its work."""
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter()


# Long enough that caches and threads are past the turn of the other side.
TURN_SECONDS = 0.5


def by_turns(runs: Mapping[str, Callable[[], Any]], setting: Setting) -> dict[str, list[float]]:
    """Seconds a run in every turn, of every side; a turn lasts TURN_SECONDS or one run."""
    keep_freed_memory()
    for run in runs.values():
        run()
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(setting.repeats):
        for name, run in runs.items():
            start, count, elapsed = now(setting.device), 0, 0.0
            while elapsed < TURN_SECONDS:
                run()
                count += 1
                elapsed = now(setting.device) - start
            times[name].append(elapsed / count)
    return times


def peak_bytes(prepare: Callable[[Setting], Callable[[], Any]], setting: Setting) -> int:
    """Peak memory of one run of what ``prepare`` returns, in a process of its own."""
    return in_fresh_process(_peak, prepare, setting)


def in_fresh_process(function: Callable[..., R], *arguments: Any) -> R:
    """What a function of a module returns in a new process.

    Raises:
        EquiglassError: the process was ended from outside, as a system does that has no memory left.
    """
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            return pool.submit(function, *arguments).result()
        except BrokenProcessPool:
            raise EquiglassError(
                "A process of the benchmark was ended from outside, most likely for want of memory; "
                "use a smaller configuration (--particles)."
            ) from None


def _peak(prepare: Callable[[Setting], Callable[[], Any]], setting: Setting) -> int:
    use_threads(setting.threads)
    run = prepare(setting)
    keep_freed_memory()
    before = forget_peak(setting.device)
    run()
    return highest_memory(setting.device) - before


def forget_peak(device: str) -> int:
    """Memory in use now, in bytes; later peaks count from here."""
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated()
    # Linux keeps the peak of a process and forgets it on request.
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return highest_memory(device)


def highest_memory(device: str) -> int:
    """Peak memory so far, in bytes: resident, or allocated on the GPU."""
    if device != "cpu":
        return torch.cuda.max_memory_allocated()
    status = _kilobytes("/proc/self/status")
    if "VmHWM" in status:
        return status["VmHWM"] * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def free_memory(device: str) -> int:
    """Bytes that can still be had."""
    if device != "cpu":
        return torch.cuda.mem_get_info()[0]
    memory = _kilobytes("/proc/meminfo")
    return memory["MemAvailable"] * 1024 if "MemAvailable" in memory else installed_memory() // 2


def relative_error(ours: Sequence[Tensor], reference: Sequence[Tensor]) -> float:
    """Largest difference over largest value of the reference, the worst of all arrays."""
    pairs = zip(ours, reference, strict=True)
    return max(float((a.reshape(b.shape) - b).abs().max() / b.abs().max()) for a, b in pairs)


def _kilobytes(path: str) -> dict[str, int]:
    """Lines "name: number kB" of a file of /proc; none where there is no such file."""
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return {}
    return {line.split(":")[0]: int(line.split()[1]) for line in lines if line.endswith(" kB")}
