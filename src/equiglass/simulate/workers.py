"""The workers for the pieces of work: threads of this process with one LAMMPS process each, or workers of Parsl."""

from __future__ import annotations

import os
import runpy
import sysconfig
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from equiglass.errors import ConfigurationError, EquiglassError, SetupError, missing
from equiglass.machine import programs

GLANCE = 0.5
"""Time between two looks for a signal while the main thread waits for a piece of work, in seconds."""


@dataclass(frozen=True)
class Workers:
    """Workers, and the number of simultaneous pieces of work.

    Attributes:
        executor: executor of the pieces.
        jobs: number of simultaneous pieces.
        stop: whether the pieces under way must stop; None if they are in other processes, which end by themselves.
        during: says what is under way, in words; None if that is not shown, or not possible.
    """

    executor: Executor
    jobs: int
    stop: Callable[[], bool] | None = None
    during: Callable[[str], None] | None = None

    def do(self, function: Callable[..., Any], work: Iterable[tuple[Any, ...] | None]) -> Iterator[Any]:
        """The results of a function, in the order of its arguments; None for a piece of work that is already done.

        Args:
            function: function of a module, so that it can be pickled.
            work: arguments of every piece, or None. The iterable advances only when they are needed.

        Raises:
            SetupError: a piece of work failed, or its worker was lost.
        """
        given: deque[Future[Any] | None] = deque()
        for arguments in work:
            given.append(None if arguments is None else self.executor.submit(function, *arguments))
            # As many pieces wait as there are workers, so that no worker has to wait.
            if len(given) >= 2 * self.jobs:
                yield _result(given.popleft())
        while given:
            yield _result(given.popleft())


def _result(future: Future[Any] | None) -> Any:
    if future is None:
        return None
    # A signal that comes just before the main thread waits, or to another thread, does not wake it.
    while wait([future], GLANCE).not_done:
        pass
    try:
        return future.result()
    except EquiglassError:
        raise
    except Exception as error:
        cause = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise SetupError(f"A piece of work was not finished ({cause}); --resume continues with it.") from error


@contextmanager
def working(jobs: int, parsl: Path | None = None, during: Callable[[str], None] | None = None) -> Iterator[Workers]:
    """Workers for the duration of the block.

    Args:
        jobs: number of simultaneous pieces of work.
        parsl: a Python file that defines ``config``, a ``parsl.Config``; None for threads of this process.
        during: says what is under way, in words.

    Raises:
        SetupError: Parsl is not installed.
        ConfigurationError: the file cannot be read or defines no configuration.
    """
    executor = ThreadPoolExecutor(jobs) if parsl is None else _parsl(parsl)
    stopped = threading.Event()
    try:
        yield Workers(executor, jobs, stopped.is_set, during) if parsl is None else Workers(executor, jobs)
    except BaseException:
        stopped.set()
        # The threads wait for their programs.
        programs.end()
        # Parsl cannot cancel submitted work, so its workers end instead.
        executor.shutdown(**({"cancel_futures": True} if parsl is None else {"wait": False}))
        programs.allow()
        raise
    executor.shutdown()


def _parsl(file: Path) -> Executor:
    try:
        from parsl.concurrent import ParslPoolExecutor
    except ImportError:
        raise missing(f"{file}: the configuration", "Parsl", "parsl") from None
    try:
        config = runpy.run_path(str(file))["config"]
    except OSError as error:
        raise ConfigurationError(f"{file}: the file cannot be read ({error.strerror}).") from None
    except KeyError:
        raise ConfigurationError(f"{file}: the file must define config = parsl.Config(...).") from None
    # Parsl needs its own programs on the PATH. If the environment is not activated, they are missing there.
    os.environ["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)])
    return ParslPoolExecutor(config)
