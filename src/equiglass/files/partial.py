"""Unfinished results: TARGET.partial holds the results of finished configurations until the target is written.

Every result is one npz file. Its name is a digest of all that the result follows from: the configuration, and the model
or the potential. The same command therefore continues where it was stopped. A result of another model or of another
configuration has another name, and is never used.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from equiglass.errors import DataError
from equiglass.files.whole import reading, write_arrays

if TYPE_CHECKING:
    from numpy.typing import NDArray

Arrays = Mapping[str, "NDArray[np.float64]"]

PARTIAL = ".partial"
"""The suffix of a folder of unfinished results."""


def digest(*parts: object) -> str:
    """A digest of arrays and texts; None counts too."""
    found = hashlib.sha256()
    for part in parts:
        plain = np.ascontiguousarray(part) if isinstance(part, np.ndarray) else None
        head = repr(part) if plain is None else f"{plain.dtype.str}{plain.shape}"
        found.update(f"{len(head)}:{head}".encode())
        if plain is not None:
            found.update(plain.tobytes())
    return found.hexdigest()[:32]


class Partial:
    """The folder TARGET.partial.

    Attributes:
        folder: its path.
    """

    def __init__(self, target: Path) -> None:
        self.folder = target.with_name(target.name + PARTIAL)

    def get(self, name: str) -> dict[str, NDArray[np.float64]] | None:
        """The arrays of a finished result; None if it is not finished or its file is damaged."""
        path = self.folder / f"{name}.npz"
        if not path.is_file():
            return None
        with contextlib.suppress(DataError), reading(path), path.open("rb") as file, np.load(file) as stored:
            return {key: stored[key] for key in stored.files}
        return None

    def put(self, name: str, arrays: Arrays) -> None:
        """Store the arrays of a finished result.

        Raises:
            DataError: they cannot be written.
        """
        write_arrays(self.folder / f"{name}.npz", **arrays)

    def finished(self, names: Iterable[str]) -> int:
        """Number of these results that are finished."""
        return sum((self.folder / f"{name}.npz").is_file() for name in names)


@contextmanager
def partial(target: Path, names: Iterable[str], stopped: Callable[[BaseException, str], object]) -> Iterator[Partial]:
    """The folder TARGET.partial for the duration of the block, whose end removes it.

    If the block raises, finished results remain. ``stopped`` is then called with the exception and a sentence about
    them.
    """
    results, names = Partial(target), list(names)
    try:
        yield results
    except BaseException as error:
        if done := results.finished(names):
            stopped(
                error,
                f"{results.folder} holds {done} of {len(names)} configurations. The same command continues from there.",
            )
        raise
    shutil.rmtree(results.folder, ignore_errors=True)
