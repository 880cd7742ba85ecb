"""Reading and replacing files. Every failure becomes one sentence that names the file."""

from __future__ import annotations

import contextlib
import os
import re
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from equiglass.errors import DataError, EquiglassError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_OURS = Path(__file__).resolve().parents[1]
_LIBRARIES = tuple(Path(sysconfig.get_path(key)).resolve() for key in ("stdlib", "platstdlib", "purelib", "platlib"))

_BUGS = (AssertionError, AttributeError, LookupError, NameError, TypeError)
"""Exceptions that wrong code raises; a library that decodes a damaged file raises them too."""


class FileError(DataError):
    """A DataError whose message already names the file."""


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn the exceptions of a block that reads a file into a DataError that names ``path``.

    A damaged file can make the decoding libraries raise any exception; it stays attached as the cause. An exception
    that only wrong code raises, such as a TypeError, passes unchanged unless it comes from a library. So a mistake in
    our own code is never reported as a damaged file. Libraries written in C leave no frame in the traceback. Code that
    decodes the contents of a file therefore belongs in a `decoding` block.
    """
    try:
        yield
    except FileError:
        raise
    except EquiglassError as error:
        sentence = " ".join(str(error).split())
        raise FileError(f"{path}: {sentence}") from None
    except Exception as error:
        # Where warnings are errors, a warning arrives here. It says nothing about the file.
        if isinstance(error, Warning):
            raise
        if isinstance(error, _BUGS) and not _from_library(error.__traceback__):
            raise
        raise FileError(f"{path}: {_cannot_be_read(error)}") from error


@contextlib.contextmanager
def decoding() -> Iterator[None]:
    """Turn every exception of a block that only decodes (library calls, look-up of keys) into a DataError."""
    try:
        yield
    except EquiglassError:
        raise
    except Exception as error:
        raise DataError(_cannot_be_read(error)) from error


def _cannot_be_read(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read ({error.strerror})."
    cause = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return (
        f"cannot be read ({cause}). The file is damaged, incomplete or not in the format its name says; "
        "fetch or write it again."
    )


def _from_library(traceback: TracebackType | None) -> bool:
    """Whether the innermost frame is one of the standard library or of an installed package other than this one."""
    name = ""
    while traceback is not None:
        name, traceback = traceback.tb_frame.f_code.co_filename, traceback.tb_next
    # Frames of Cython and of frozen modules have no file.
    if not os.path.isabs(name):
        return True
    path = Path(name).resolve()
    return not path.is_relative_to(_OURS) and any(path.is_relative_to(library) for library in _LIBRARIES)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; it replaces ``path`` if the block succeeds.

    Raises:
        DataError: the folder is missing or not writable.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror or error}).") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


@contextlib.contextmanager
def replacing_hdf5(path: Path) -> Iterator[Any]:
    """Yield a new `h5py.File`; it replaces ``path`` if the block succeeds.

    The file has the format of HDF5 1.10, in which everything but text of variable length has check sums. In older
    formats a damaged byte may give other numbers in silence, or crash the library.

    Raises:
        DataError: the folder is missing or not writable, or the disk is full.
    """
    import h5py

    with replacing(path) as temporary:
        try:
            with h5py.File(temporary, "w", libver=("v110", "v110")) as file:
                try:
                    yield file
                    file.flush()
                except BaseException:
                    # Closing the file writes the rest of its data; truncating makes room for that.
                    os.truncate(temporary, 0)
                    raise
        except BaseException as error:
            # HDF5 raises various errors. Their text quotes the error of the system.
            of_system = re.search(r"errno = (\d+)", str(error))
            if of_system:
                raise OSError(int(of_system[1]), os.strerror(int(of_system[1]))) from error
            raise


def store(group: Any, key: str, values: NDArray[Any]) -> None:
    """Write an array into a group of an HDF5 file, compressed and with check sums."""
    packing = {"compression": "gzip", "shuffle": True, "fletcher32": True} if values.size else {}
    dataset = group.create_dataset(key, data=values, **packing)
    # Without this, the data are written when the object is freed, where an error cannot be caught.
    dataset.flush()


def write_text(path: Path, text: str) -> None:
    """Write a text file, completely or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_arrays(path: Path, /, **arrays: ArrayLike) -> None:
    """Write arrays, by name, to an npz file, completely or not at all; its folder is made if it is missing."""
    import numpy as np

    with replacing(path) as temporary:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
