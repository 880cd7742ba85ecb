"""Configurations from files: the public data sets, plain files, and the data sets of this package.

`load` recognises the format by extension and content. Every configuration that it returns has passed the checks of
System and has no overlapping particles. A fault in a file raises a DataError that names the file.

A format is one module of this folder, which adds a `Format` to `FORMATS`.

The species rule applies to formats that name species (extended XYZ, LAMMPS dumps):

- Letters A, B, C, ... are types 0, 1, 2, ... The letters must have no gap: A and B, but not B alone.
- Whole numbers are LAMMPS types: 1, 2, ... are types 0, 1, ... If the file contains a 0, then 0, 1, ... are types
  0, 1, ...
- Other names need an order, ``types=["Ni", "P"]``. A given order has precedence over the first two rules.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from equiglass.errors import ConfigurationError, DataError, EquiglassWarning
from equiglass.files import reading
from equiglass.files.registry import Registry
from equiglass.formats.checks import checked
from equiglass.formats.copies import Returned
from equiglass.formats.npz import keys_of
from equiglass.liquid.system import System

Paths = str | Path | Iterable[str | Path]


class Content:
    """The beginning and the keys of a file, from which a format recognises it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def start(self) -> bytes:
        """The first 64 bytes."""
        with self.path.open("rb") as stream:
            return stream.read(64)

    @cached_property
    def keys(self) -> frozenset[str]:
        """The keys of the arrays of an npz archive; no key for any other file.

        Raises:
            DataError: the archive is incomplete, or a file called .npz is no archive.
        """
        if self.start.startswith(b"PK\x03\x04") or self.path.suffix.lower() == ".npz":
            return keys_of(self.path)
        return frozenset()


@dataclass(frozen=True)
class Format:
    """A way to store configurations in files.

    Attributes:
        name: name of the format, one word.
        title: name with the source or the kind of data, for lists.
        suffixes: extensions in lower case, such as ".xyz". If no other format has the extension, it decides alone.
        recognise: function that returns whether a file has this format, from its name and content.
        read: function that returns the configurations in the files of one group. Its second argument is the list of
            species names of types 0, 1, 2, ..., or None.
        write: function that writes configurations to a file; None if the format is only read.
        group: function from a file name to the key that all files of one configuration share; None for a single file.
        general: whether `load` tries the format after all others.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    recognise: Callable[[Content], bool]
    read: Callable[[Sequence[Path], Sequence[str] | None], Iterable[System]]
    write: Callable[[Iterable[System], Path], None] | None = None
    group: Callable[[str], Hashable | None] = lambda name: None
    general: bool = False

    def __str__(self) -> str:
        return f"{self.title} ({', '.join(self.suffixes)})"


FORMATS: Registry[Format] = Registry("format", __name__)


def load(
    paths: Paths, *, types: Sequence[str] | None = None, replicas: bool = True, copies: bool = False
) -> list[System]:
    """All configurations in files and folders, without sub-folders.

    The files of a folder are read in the natural order of their names ("2" before "10"). Files with other extensions
    are ignored. Files that belong to one configuration (data set of Shiba et al.) become one System.

    Args:
        paths: a file, a folder, or several of them.
        types: species names of types 0, 1, 2, ..., for species that the species rule does not cover.
        replicas: whether to return the displacements of every run, which are large. Their statistics are always
            returned.
        copies: whether to return copies of a configuration too. By default each configuration is returned once,
            wherever it stands; `liquid.fingerprint` has the criterion.

    Returns:
        The configurations, in the order of the files.

    Warns:
        EquiglassWarning: copies are left out, or a configuration failed its physics checks.

    Raises:
        DataError: there is no readable file, or a file is damaged, unphysical or ambiguous, or a copy of a
            configuration has other labels; the message names it.
        ConfigurationError: ``types`` is not a list of different names.
    """
    return list(stream(paths, types=types, replicas=replicas, copies=copies))


def stream(
    paths: Paths, *, types: Sequence[str] | None = None, replicas: bool = True, copies: bool = False
) -> Iterator[System]:
    """The configurations of `load`, one at a time, for data that do not fit into memory."""
    if isinstance(types, str) or (types is not None and len(set(types)) != len(types)):
        raise ConfigurationError(f"types must be a list of different species names; got {types!r}.")
    returned = Returned()
    for files in _grouped(_files(paths)):
        warned: set[tuple[str, ...]] = set()
        with reading(files[0]), returned.from_file(files[0]):
            for system in format_of(files[0]).read(files, types):
                if system.failures and system.failures not in warned:
                    warned.add(system.failures)
                    said = f"{files[0]}: FAILED its physics checks. {' '.join(system.failures)}"
                    warnings.warn(said, EquiglassWarning, stacklevel=2)
                if copies or returned.is_new(system):
                    yield checked(system if replicas else replace(system, replica_displacements=None))


def save(systems: System | Iterable[System], path: str | Path) -> None:
    """Write configurations to a data set (.h5, everything) or to extended XYZ (.xyz, see `formats.xyz`).

    Args:
        systems: one or several configurations. An iterator needs the memory of one configuration only.
        path: the file. It replaces an existing one after everything is written.

    Raises:
        ConfigurationError: no format with this extension can be written.
        DataError: the file cannot be written.
    """
    path = Path(path)
    systems = [systems] if isinstance(systems, System) else systems
    for each in FORMATS.values():
        if each.write is not None and path.suffix.lower() in each.suffixes:
            each.write(systems, path)
            return
    writeable = " or ".join(str(each) for each in FORMATS.values() if each.write is not None)
    raise ConfigurationError(f"{path}: configurations are saved as {writeable}.")


def format_of(path: Path) -> Format:
    """The format of a file.

    Raises:
        DataError: the file is empty, or the format is not recognised.
    """
    if path.stat().st_size == 0:
        raise DataError("the file is empty; fetch or write it again.")
    formats = sorted(FORMATS.values(), key=lambda each: each.general)
    of_suffix = [each for each in formats if path.suffix.lower() in each.suffixes]
    if len(of_suffix) == 1:
        return of_suffix[0]
    content = Content(path)
    for each in of_suffix or formats:
        if each.recognise(content):
            return each
    raise DataError(f"the format is not recognised. Readable formats are {_readable()}.")


def _readable() -> str:
    return ", ".join(map(str, FORMATS.values()))


def _files(paths: Paths) -> list[Path]:
    given = [Path(paths)] if isinstance(paths, str | Path) else [Path(path) for path in paths]
    if not given:
        raise DataError("no file or folder is given to load.")
    files = []
    for path in given:
        with reading(path):
            files += _in_folder(path) if path.is_dir() else [path]
    return files


def _in_folder(folder: Path) -> list[Path]:
    suffixes = {suffix for each in FORMATS.values() for suffix in each.suffixes}
    entries = sorted(folder.iterdir(), key=lambda path: _natural_order(path.name))
    files = [p for p in entries if p.is_file() and p.suffix.lower() in suffixes and p.name[0] != "."]
    if not files:
        folders = [p.name for p in entries if p.is_dir()]
        hint = f" Sub-folders are not searched; there are {', '.join(folders[:5])}." if folders else ""
        raise DataError(f"there is no configuration in this folder. Readable formats are {_readable()}.{hint}")
    return files


def _natural_order(name: str) -> list[str | int]:
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]


def _grouped(files: list[Path]) -> list[list[Path]]:
    """The files in groups, one group per configuration, at the place of its first file."""
    groups: dict[object, list[Path]] = {}
    for number, file in enumerate(files):
        keys = ((each.name, each.group(file.name)) for each in FORMATS.values())
        key = next(((name, key) for name, key in keys if key is not None), number)
        groups.setdefault(key, []).append(file)
    return list(groups.values())
