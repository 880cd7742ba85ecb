"""Programs that run for this process, such as LAMMPS and the compiler. They end when a signal ends the process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from equiglass.errors import SetupError

PATIENCE = 5.0
"""Time that a program has after SIGTERM, in seconds. SIGKILL follows."""

_running: dict[subprocess.Popen[str], bool] = {}
"""Programs, and whether each has a process group of its own."""

_ending = threading.Event()


class Finished(NamedTuple):
    """The end of a program: its exit status, negative for a signal, and its output and error stream."""

    status: int
    output: str


def run(
    words: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    text: str = "",
) -> Finished:
    """Run a program to its end.

    Args:
        words: words of its command.
        environment: its environment; None for that of this process.
        folder: its folder; None for that of this process.
        text: its standard input.

    Raises:
        SetupError: the program cannot be started, or `end` was called.
    """
    if _ending.is_set():
        raise SetupError(f"{words[0]} is not started, because this process ends.")
    # A program of a thread has a process group of its own, with the programs that it starts itself. A worker of Parsl
    # runs programs in its main thread; Parsl ends them with the group of the worker.
    own = threading.current_thread() is not threading.main_thread()
    try:
        program = subprocess.Popen(
            words,
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            process_group=0 if own else None,
        )
    except OSError as error:
        raise SetupError(f"{words[0]} cannot be started ({error.strerror}).") from None
    _running[program] = own
    if _ending.is_set():
        # It was started while `end` looked.
        _end({program: own})
    try:
        output, _ = program.communicate(text)
    except BaseException:
        _end({program: own})
        raise
    finally:
        _running.pop(program, None)
    return Finished(program.returncode, output)


def end() -> None:
    """End all programs that run for this process. Until `allow`, no other is started."""
    _ending.set()
    _end(dict(_running))


def allow() -> None:
    """Allow programs again after `end`."""
    _ending.clear()


def _end(ending: Mapping[subprocess.Popen[str], bool]) -> None:
    for program, own in ending.items():
        _send(program, own, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE
    while any(program.poll() is None for program in ending) and time.monotonic() < deadline:
        time.sleep(0.02)
    for program, own in ending.items():
        _send(program, own, signal.SIGKILL)


def _send(program: subprocess.Popen[str], own: bool, number: int) -> None:
    with contextlib.suppress(OSError):
        if own:
            # Also what the program has started, even if it has ended itself.
            os.killpg(program.pid, number)
        else:
            program.send_signal(number)
