"""Signals that end the process: Ctrl-C, SIGTERM of a batch system, SIGHUP of a closed terminal.

A batch system sends SIGTERM, and SIGKILL about 30 seconds later. `caught` turns a signal into an exception, so that
every block cleans up. `deferred` lets a block finish its step first.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from equiglass.machine import programs

ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))

PATIENCE = 2.0
"""Time within which a repeated signal counts as the same one, in seconds. Batch systems send some of them twice."""


class Interrupted(SystemExit):
    """A signal ends the process, with exit status 128 + its number: 143 for SIGTERM, 130 for Ctrl-C."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.number = number

    @property
    def name(self) -> str:
        """Name of the signal, such as "SIGTERM"."""
        return "Ctrl-C" if self.number == signal.SIGINT else signal.Signals(self.number).name


@contextmanager
def caught() -> Iterator[None]:
    """In this block a signal ends the programs that run for this process, and raises `Interrupted`.

    Signals that the process ignores, as under nohup, remain ignored.
    """
    last = -PATIENCE

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal last
        again = time.monotonic() - last < PATIENCE
        last = time.monotonic()
        if not again:
            programs.end()
            raise Interrupted(number)

    with _handled(handle):
        try:
            yield
        finally:
            programs.allow()


@contextmanager
def deferred() -> Iterator[Callable[[], bool]]:
    """In this block a signal takes effect only at its end. Yields a function: whether a signal has come.

    A signal that comes again, two seconds later or more, takes effect at once.
    """
    came: list[tuple[int, float]] = []
    before: dict[int, Any] = {}

    def handle(number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if not came:
            came.append((number, now))
        elif now - came[0][1] >= PATIENCE:
            _restore(before)
            signal.raise_signal(number)

    with _handled(handle) as replaced:
        before.update(replaced)
        yield lambda: bool(came)
    if came:
        signal.raise_signal(came[0][0])


@contextmanager
def saying(sentence: Callable[[], str]) -> Iterator[None]:
    """Attach a sentence to the exception of a signal: what is saved, and how to continue."""
    try:
        yield
    except (Interrupted, KeyboardInterrupt) as stop:
        stop.add_note(sentence())
        raise


@contextmanager
def _handled(handle: Callable[[int, FrameType | None], None]) -> Iterator[dict[int, Any]]:
    before: dict[int, Any] = {}
    # Python lets only the main thread set handlers.
    if threading.current_thread() is threading.main_thread():
        for number in ENDING:
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, handle)
    try:
        yield before
    finally:
        _restore(before)


def _restore(before: dict[int, Any]) -> None:
    for number, handler in before.items():
        signal.signal(number, handler)
