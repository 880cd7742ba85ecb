"""Reading and replacing files: whatever goes wrong becomes one sentence that names the file."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from equiglass.errors import EquiglassError


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


def write_text(path: Path, text: str) -> None:
    """Write a text file at once or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
