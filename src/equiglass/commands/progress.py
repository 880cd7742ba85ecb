"""Progress of a command: a bar on a terminal; elsewhere, as in the log of a batch job, plain lines with time left."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

T = TypeVar("T")


class Progress:
    """Work that is done in steps. `update` states how much is done.

    Args:
        bar: bar of a terminal; None prints plain lines.
        silent: print nothing.
    """

    def __init__(self, bar: Bar | None, silent: bool = False) -> None:
        self._bar, self._silent = bar, silent
        self._task = None if bar is None else bar.add_task("", total=None, visible=False, state="")
        self._what, self._begun, self._first, self._last = "", time.monotonic(), 0, 0

    def begin(self, what: str, total: int | None = None, done: int = 0) -> None:
        """Begin a piece of work, with the number of its steps and of those done before."""
        self._what, self._begun, self._first, self._last = what, time.monotonic(), done, done
        if self._bar is not None and self._task is not None:
            self._bar.reset(self._task, description=what, total=total, completed=done, visible=True, state="")

    def update(self, done: int, total: int | None, state: str | None = None, *, line: bool = True) -> None:
        """State that so many of all steps are done.

        Args:
            done: number of steps done.
            total: number of all steps; None if it is unknown.
            state: what was done last, in words; None leaves the words of a bar as they are.
            line: whether this step deserves a plain line.
        """
        if done < self._last:
            # Another piece of work, such as the next member.
            self._begun, self._first = time.monotonic(), 0
        elif self._last == self._first == 0 and done > 1:
            # A resumed piece of work begins somewhere.
            self._begun, self._first = time.monotonic(), done
        self._last = done
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, total=total, visible=True)
            if state is not None:
                self._bar.update(self._task, state=state)
        elif line:
            self.say(
                ", ".join(filter(None, [f"{self._what}: {state or f'{done} of {total}'}", self._left(done, total)]))
            )

    def say(self, words: str) -> None:
        """Print a line, above a bar if there is one."""
        if self._silent:
            return
        if self._bar is not None:
            self._bar.console.print(words, markup=False, highlight=False)
        else:
            try:
                print(words, flush=True)
            except OSError:
                # Whoever reads the lines has gone, or their disk is full. The work is still wanted.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def _left(self, done: int, total: int | None) -> str:
        if total is None or done <= self._first or done >= total:
            return ""
        return f"{duration((time.monotonic() - self._begun) * (total - done) / (done - self._first))} left"


@contextmanager
def progress(what: str, total: int | None = None, *, silent: bool = False) -> Iterator[Progress]:
    """Show the progress of the block.

    Args:
        what: the work, in one word.
        total: number of its steps, if it is known.
        silent: show nothing, as in all processes of torchrun but the first.
    """
    if silent or not sys.stdout.isatty():
        shown = Progress(None, silent)
        shown.begin(what, total)
        yield shown
        return
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.completed}/{task.total}"),
        TextColumn("{task.fields[state]}", markup=False),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, transient=True) as bar:
        shown = Progress(bar)
        shown.begin(what, total)
        yield shown


@contextmanager
def counted(what: str, total: int) -> Iterator[Callable[[], None]]:
    """Yield a function to call after every step."""
    done = 0
    with progress(what, total) as shown:

        def count() -> None:
            nonlocal done
            done += 1
            shown.update(done, total, f"{done} of {total}")

        yield count


def tracked(items: Sequence[T], what: str, names: Iterable[str] | None = None) -> Iterator[T]:
    """The items one after the other; each counts as done when the next is asked for."""
    named = list(names) if names is not None else [str(getattr(item, "name", "")) for item in items]
    with progress(what, len(items)) as shown:
        for number, (item, name) in enumerate(zip(items, named, strict=True), start=1):
            yield item
            shown.update(number, len(items), f"{number} of {len(items)}" + (f", {name}" if name else ""))


def duration(seconds: float) -> str:
    """A duration for people: "40 s", "3 min 20 s", "2 h 5 min", "3 d 4 h"."""
    whole = round(seconds)
    for unit, name, smaller, small in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= unit:
            return f"{whole // unit} {name} {whole % unit // smaller} {small}"
    return f"{whole} s"
