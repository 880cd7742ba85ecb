"""Text files: their lines, their numbers, and an end that may be cut off.

A number is read only if it is written as one, so that a damaged number is refused and never read as another. Fortran
exponents (1.5D-03) are numbers. Thousands separators, hexadecimal numbers, units and the words nan and inf are not.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO, TypeVar

import numpy as np
from numpy.typing import NDArray

from equiglass.errors import DataError, EquiglassWarning

T = TypeVar("T")

_PLAIN = frozenset("0123456789+-.eE")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eEdD][+-]?\d{1,4})?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_NAN = re.compile("[+-]?nan", re.IGNORECASE)


class Lines:
    """The lines of a text file, one at a time, without their ends.

    Attributes:
        path: the file.
        number: number of the line returned last, from 1.
        ended: whether that line has a line end.
    """

    def __init__(self, path: Path, stream: TextIO) -> None:
        self.path = path
        self.number = 0
        self.ended = True
        self._stream = stream

    def next(self) -> str | None:
        """The next line; None after the last one."""
        line = self._stream.readline()
        if not line:
            return None
        self.number += 1
        self.ended = line.endswith("\n")
        return line.rstrip("\n")

    def rows(self, n: int, until: str | None = None) -> list[list[str]]:
        """The words of the next n lines without comments (# ...); fewer at the end of the file.

        Raises:
            DataError: a line starts with ``until``, which starts another section.
        """
        rows: list[list[str]] = []
        while len(rows) < n:
            line = self.next()
            if line is None:
                break
            if until is not None and line.startswith(until):
                raise DataError(f"line {self.number}: {n} particles are announced, but {len(rows)} lines follow.")
            rows.append(line.partition("#")[0].split())
        return rows

    def warn(self, sentence: str) -> None:
        """Warn of this file."""
        warnings.warn(f"{self.path}: {sentence}", EquiglassWarning, stacklevel=2)

    def warn_of_last_number(self, rows: Sequence[Sequence[str]]) -> None:
        """Warn if the file ends within a line whose last number may lack digits.

        Nothing is said if all numbers of the last column have equally many digits after the point.
        """
        if self.ended:
            return
        last = rows[-1][-1]
        if len(rows) < 3 or any(_digits(row[-1]) != _digits(last) for row in rows):
            self.warn(
                f"the last line has no line end, so the last number {last!r} (line {self.number}) may lack digits. "
                "Compare the file with its source."
            )


def _digits(word: str) -> int:
    head, point, tail = word.partition(".")
    return len(tail) if point else -len(head)


def name_of(path: Path) -> str:
    """The name of a configuration from its file: without the extension, unless that is a number as in dump.1000."""
    return path.name if re.fullmatch(r"\.\d+", path.suffix) else path.stem


def one_by_one(frames: Iterator[T]) -> Iterator[tuple[T, bool]]:
    """The frames, each with whether it is the only one, with the memory of two."""
    waiting = next(frames, None)
    if waiting is None:
        return
    after = next(frames, None)
    alone = after is None
    while waiting is not None:
        yield waiting, alone
        waiting, after = after, None if after is None else next(frames, None)


@contextmanager
def opened(path: Path) -> Iterator[Lines]:
    """The lines of a text file in UTF-8, with or without a byte-order mark, with the line ends of any system."""
    with path.open(encoding="utf-8-sig") as stream:
        yield Lines(path, stream)


def numbers(words: Iterable[str], what: str, *, may_miss: bool = False) -> NDArray[np.float64]:
    """The words as numbers, (n,).

    Args:
        words: the words.
        what: what the numbers are, for messages.
        may_miss: whether the word nan stands for an unknown value.

    Raises:
        DataError: a word is no number, or its value is beyond the range of numbers.
    """
    words = list(words)
    if not set().union(*words) <= _PLAIN:
        words = [_decimal(word, what, may_miss) for word in words]
    try:
        values = np.array([float(word) for word in words])
    except ValueError:
        wrong = next(word for word in words if not _NUMBER.fullmatch(word))
        raise DataError(f"{what}: a number is expected, found {wrong[:40]!r}.") from None
    if np.any(np.isinf(values)):
        raise DataError(f"{what}: {words[int(np.argmax(np.isinf(values)))]} is beyond the range of numbers.")
    return values


def _decimal(word: str, what: str, may_miss: bool) -> str:
    if _NUMBER.fullmatch(word):
        return word.replace("d", "e").replace("D", "e")
    if may_miss and _NAN.fullmatch(word):
        return "nan"
    raise DataError(f"{what}: a number is expected, found {word[:40]!r}.")


def whole_numbers(words: Iterable[str], what: str) -> NDArray[np.int64]:
    """The words as whole numbers, (n,).

    Raises:
        DataError: a word is no whole number, or has more than 18 digits.
    """
    words = list(words)
    for word in words:
        if not _WHOLE.fullmatch(word):
            raise DataError(f"{what}: a whole number is expected, found {word[:40]!r}.")
    return np.array([int(word) for word in words], dtype=np.int64)
