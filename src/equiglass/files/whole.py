"""Reading and replacing files: whatever goes wrong becomes one sentence that names the file."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from equiglass.errors import EquiglassError

if TYPE_CHECKING:
    from numpy.typing import NDArray


class FileError(EquiglassError):
    """An EquiglassError whose sentence already names the file."""


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn every exception of the block into an EquiglassError that names ``path``.

    A damaged file can make the libraries that decode it raise anything, hence the broad ``except Exception``;
    the original exception stays attached as the cause.
    """
    try:
        yield
    except FileError:
        raise
    except EquiglassError as error:
        sentence = " ".join(str(error).split())
        raise FileError(f"{path}: {sentence}") from None
    except Exception as error:
        if isinstance(error, OSError) and error.strerror:
            raise FileError(f"{path}: cannot be read ({error.strerror}).") from error
        cause = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise FileError(
            f"{path}: cannot be read ({cause}). The file is damaged, incomplete or not in the format "
            "its name says; fetch or write it again."
        ) from error


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path in the same folder that takes the place of ``path`` once the block has succeeded.

    Raises:
        EquiglassError: the folder is missing, or may not be written to.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise EquiglassError(f"{path}: cannot be written ({error.strerror or error}).") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


@contextlib.contextmanager
def replacing_hdf5(path: Path) -> Iterator[Any]:
    """An `h5py.File` to write, which takes the place of ``path`` once the block has succeeded.

    Raises:
        EquiglassError: the folder is missing, or may not be written to, or the disk is full.
    """
    import h5py

    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        try:
            yield file
            file.flush()
        except BaseException as error:
            # Closing writes what could not be written before: now there is room for it.
            os.truncate(temporary, 0)
            # HDF5 raises one error or another, whose text says at length what the system said.
            of_system = re.search(r"errno = (\d+)", str(error))
            if of_system:
                raise OSError(int(of_system[1]), os.strerror(int(of_system[1]))) from error
            raise


def store(group: Any, key: str, values: NDArray[Any]) -> None:
    """An array in a group of an HDF5 file, compressed and with check sums."""
    packing = {"compression": "gzip", "shuffle": True, "fletcher32": True} if values.size else {}
    dataset = group.create_dataset(key, data=values, **packing)
    # What fails only when the object is freed nobody can catch.
    dataset.flush()


def write_text(path: Path, text: str) -> None:
    """Write a text file at once or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
