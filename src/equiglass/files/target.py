"""Targets: whether a file or a folder can be written, checked before any work."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from equiglass.errors import ConfigurationError


def check_file(
    path: Path,
    suffixes: Sequence[str],
    *,
    inputs: Iterable[Path] = (),
    ours: Callable[[Path], bool] = lambda path: True,
) -> None:
    """Check that a file can be written, without writing it.

    Args:
        path: the file.
        suffixes: extensions that its content may have, in lower case.
        inputs: files and folders that are read.
        ours: whether an existing file is one that this package wrote, which may be replaced.

    Raises:
        ConfigurationError: the extension does not fit, the path is a folder or an input, its folder is missing or not
            writable, or it holds a file of another origin.
    """
    if path.is_dir():
        raise ConfigurationError(f"{path} is a folder; name the file to write, ending in {' or '.join(suffixes)}.")
    if not path.name.lower().endswith(tuple(suffixes)):
        raise ConfigurationError(f"{path}: the file to write must end in {' or '.join(suffixes)}.")
    _check_folder(path, path.parent)
    for given in inputs:
        files = given.iterdir() if given.is_dir() else [given]
        if path.exists() and any(file.exists() and path.samefile(file) for file in files):
            raise ConfigurationError(f"{path} is read as an input and would be replaced; choose another name.")
    if path.exists():
        if not path.is_file():
            raise ConfigurationError(f"{path} is no regular file; choose another name.")
        if path.stat().st_size and not ours(path):
            raise ConfigurationError(
                f"{path} exists, and equiglass did not write it; remove it, or choose another name."
            )


def check_folder(path: Path, *, new: bool = False) -> None:
    """Check that a folder can be made or written, without making it.

    Args:
        path: the folder.
        new: whether it must be absent or empty.

    Raises:
        ConfigurationError: it or the nearest existing folder above it is a file or not writable, or it is not empty.
    """
    if path.exists() and not path.is_dir():
        raise ConfigurationError(f"{path} is a file; name a folder.")
    if new and path.is_dir() and any(path.iterdir()):
        raise ConfigurationError(f"{path} is not empty; choose another folder.")
    existing = path.absolute()
    while not existing.exists():
        existing = existing.parent
    _check_folder(path, existing)


def _check_folder(path: Path, folder: Path) -> None:
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist; make it"
        raise ConfigurationError(f"{path}: the folder {folder} {what}, or choose another path.")
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"\0")
    except OSError as error:
        raise ConfigurationError(
            f"{path}: nothing can be written in the folder {folder} ({error.strerror}); choose another path."
        ) from None


def holds(mark: bytes) -> Callable[[Path], bool]:
    """A function of a file: whether its first 64 kB hold these bytes."""

    def found(path: Path) -> bool:
        with path.open("rb") as file:
            return mark in file.read(1 << 16)

    return found
