"""Time and memory of two sides in one run, with machine and versions.

Time: both sides run alternately in one process, after one warm-up run of each; the result is the median. Memory: each
side runs once in a new process. The result is its peak resident memory minus the memory before the run (libraries,
weights, input). On a GPU it is the memory that torch has allocated. Both sides have the same number of threads. Both
reuse freed memory (:mod:`equiglass.machine.memory`); otherwise e3nn would be several times slower.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from equiglass.errors import SetupError
from equiglass.liquid.system import System
from equiglass.machine.console import command_line
from equiglass.machine.environment import installed_memory, machine, versions
from equiglass.machine.memory import keep_freed_memory
from equiglass.model.convolution.backend import implementation

R = TypeVar("R")


@dataclass(frozen=True)
class Setting:
    """Configuration and conditions of a benchmark.

    Attributes:
        system: the configuration.
        threads: number of threads of both sides.
        repeats: number of timed runs per side.
        device: "cpu" or "cuda".
        on_turn: called after every turn of both sides with (turns done, number of turns).
    """

    system: System
    threads: int
    repeats: int
    device: str
    on_turn: Callable[[int, int], object] | None = None


@dataclass(frozen=True)
class Side:
    """One of the two sides: seconds of every timed run, and peak memory in bytes."""

    seconds: Sequence[float]
    peak_bytes: int

    @property
    def median(self) -> float:
        """Median time of a run, in seconds."""
        return statistics.median(self.seconds)


@dataclass(frozen=True)
class Result:
    """The result of a benchmark.

    Attributes:
        benchmark: name of the benchmark.
        ours: the package.
        reference: the other software.
        reference_name: name of the other software.
        max_relative_error: error of the timed output against the reference in float64 (:func:`relative_error`).
        particles: number of particles of the configuration.
        edges: number of edges of its graph.
        extrapolated: how the numbers of the reference were extrapolated; empty if it ran completely.
        more: further numbers of this benchmark.
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
        """Time of the reference over our time."""
        return self.reference.median / self.ours.median

    def as_json(self, setting: Setting) -> dict[str, Any]:
        """The result for a JSON file, with machine, versions and command."""
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
            "command": command_line(),
        }


def use_threads(threads: int) -> None:
    """Set the number of threads of torch and of the neighbour search."""
    os.environ["OMP_NUM_THREADS"] = str(threads)
    torch.set_num_threads(threads)


def now(device: str) -> float:
    """Time of a clock in seconds, read when the device has finished its work."""
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter()


# Long enough that the caches and threads of the other side no longer matter.
TURN_SECONDS = 0.5


def by_turns(runs: Mapping[str, Callable[[], Any]], setting: Setting) -> dict[str, list[float]]:
    """Seconds per run in every turn, per side; a turn lasts TURN_SECONDS or one run."""
    keep_freed_memory()
    for run in runs.values():
        run()
    times: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(1, setting.repeats + 1):
        for name, run in runs.items():
            start, count, elapsed = now(setting.device), 0, 0.0
            while elapsed < TURN_SECONDS:
                run()
                count += 1
                elapsed = now(setting.device) - start
            times[name].append(elapsed / count)
        if setting.on_turn is not None:
            setting.on_turn(turn, setting.repeats)
    return times


def peak_bytes(prepare: Callable[[Setting], Callable[[], Any]], setting: Setting) -> int:
    """Peak memory, in bytes, of one run of the function that ``prepare`` returns, in a new process."""
    return in_fresh_process(_peak, prepare, replace(setting, on_turn=None))


def in_fresh_process(function: Callable[..., R], *arguments: Any) -> R:
    """The result of a module's function in a new process.

    Raises:
        SetupError: the process was killed, as a system does when it has no memory left.
    """
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            return pool.submit(function, *arguments).result()
        except BrokenProcessPool:
            raise SetupError(
                "A process of the benchmark was killed, most likely because the memory was full; "
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
    """Reset the peak memory, and return the memory in use, in bytes."""
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated()
    # Linux records the peak of a process, and resets it on request.
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return highest_memory(device)


def highest_memory(device: str) -> int:
    """Peak memory since the reset, in bytes: resident, or allocated on the GPU."""
    if device != "cpu":
        return torch.cuda.max_memory_allocated()
    status = _kilobytes("/proc/self/status")
    if "VmHWM" in status:
        return status["VmHWM"] * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def free_memory(device: str) -> int:
    """Free memory, in bytes."""
    if device != "cpu":
        return torch.cuda.mem_get_info()[0]
    memory = _kilobytes("/proc/meminfo")
    return memory["MemAvailable"] * 1024 if "MemAvailable" in memory else installed_memory() // 2


def relative_error(ours: Sequence[Tensor], reference: Sequence[Tensor]) -> float:
    """The largest over all arrays of max |ours - reference| / max |reference|."""
    pairs = zip(ours, reference, strict=True)
    return max(float((a.reshape(b.shape) - b).abs().max() / b.abs().max()) for a, b in pairs)


def _kilobytes(path: str) -> dict[str, int]:
    """Numbers of the lines "name: number kB" of a file of /proc; empty if there is no such file."""
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return {}
    return {line.split(":")[0]: int(line.split()[1]) for line in lines if line.endswith(" kB")}
