"""Reading and replacing files: whatever is wrong with a file becomes one sentence that names it."""

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
    from numpy.typing import NDArray

_OURS = Path(__file__).resolve().parents[1]
_LIBRARIES = tuple(Path(sysconfig.get_path(key)).resolve() for key in ("stdlib", "platstdlib", "purelib", "platlib"))

_BUGS = (AssertionError, AttributeError, LookupError, NameError, TypeError)
"""What wrong code raises, and so does a library that decodes a damaged file."""


class FileError(DataError):
    """A DataError whose sentence names the file already."""


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what a file makes the block raise into a DataError that names ``path``.

    A damaged file can make the libraries that decode it raise anything; the original exception stays attached as the
    cause. An exception that only wrong code raises, such as a TypeError, passes unchanged if it does not come from a
    library: an error of our own code is no damage of a file. Libraries written in C leave no frame in the traceback, so
    code that decodes what a file holds belongs into `decoding`.
    """
    try:
        yield
    except FileError:
        raise
    except EquiglassError as error:
        sentence = " ".join(str(error).split())
        raise FileError(f"{path}: {sentence}") from None
    except Exception as error:
        # A warning is an exception where warnings are errors, and then says nothing of the file.
        if isinstance(error, Warning):
            raise
        if isinstance(error, _BUGS) and not _from_library(error.__traceback__):
            raise
        raise FileError(f"{path}: {_cannot_be_read(error)}") from error


@contextlib.contextmanager
def decoding() -> Iterator[None]:
    """Turn every exception of a block that only decodes (calls a library, looks up keys) into a DataError."""
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
    """A temporary path in the same folder that takes the place of ``path`` once the block has succeeded.

    Raises:
        DataError: the folder is missing, or may not be written to.
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
    """An `h5py.File` to write, which takes the place of ``path`` once the block has succeeded.

    Raises:
        DataError: the folder is missing, or may not be written to, or the disk is full.
    """
    import h5py

    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        try:
            yield file
            file.flush()
        except BaseException as error:
            # Closing writes what could not be written before; truncating makes room for it.
            os.truncate(temporary, 0)
            # HDF5 raises various errors, whose text quotes the error of the system at length.
            of_system = re.search(r"errno = (\d+)", str(error))
            if of_system:
                raise OSError(int(of_system[1]), os.strerror(int(of_system[1]))) from error
            raise


def store(group: Any, key: str, values: NDArray[Any]) -> None:
    """Write an array into a group of an HDF5 file, compressed and with check sums."""
    packing = {"compression": "gzip", "shuffle": True, "fletcher32": True} if values.size else {}
    dataset = group.create_dataset(key, data=values, **packing)
    # An error at the time when the object is freed could not be caught.
    dataset.flush()


def write_text(path: Path, text: str) -> None:
    """Write a text file at once or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
