"""Configurations from files: the public data sets, plain files of anybody, and our own data set.

`load` recognises the format by extension and content. Every configuration it returns has passed System's own checks and
holds no overlapping particles. Whatever is wrong with a file is a DataError that names it.

A format is one module of this folder that adds a `Format` to `FORMATS`.

The species rule, for formats that name species (extended XYZ, LAMMPS dumps):

- letters A, B, C, ... are types 0, 1, 2, ... (where the file has no gap: A and B, but not B alone);
- whole numbers are LAMMPS types: 1, 2, ... are types 0, 1, ... (where a 0 occurs in the file: 0, 1, ... are
  types 0, 1, ...);
- any other names need an order, ``types=["Ni", "P"]``; a given order goes before the two rules above.
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
from equiglass.formats.npz import keys_of
from equiglass.liquid.system import System

Paths = str | Path | Iterable[str | Path]


class Content:
    """What a file looks like, to recognise its format by."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def start(self) -> bytes:
        """The first bytes."""
        with self.path.open("rb") as stream:
            return stream.read(64)

    @cached_property
    def keys(self) -> frozenset[str]:
        """Keys of the arrays of an npz archive; none for any other file.

        Raises:
            DataError: the file is the beginning of an archive, or is called .npz and is none.
        """
        if self.start.startswith(b"PK\x03\x04") or self.path.suffix.lower() == ".npz":
            return keys_of(self.path)
        return frozenset()


@dataclass(frozen=True)
class Format:
    """One way to store configurations in files.

    Attributes:
        name: a word.
        title: name with the source or the kind of data, for lists.
        suffixes: extensions in lower case, ".xyz". Where no other format has the suffix, the content is not looked at.
        recognise: whether a file has this format, by its name and content.
        read: the configurations, from the files of one group and the species names of types 0, 1, 2, ... where given.
        write: writes configurations to a file; None where the format is only read.
        group: what the files of one configuration have in common, from a file name; None for a file on its own.
        general: whether the format is tried after all others.
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


def load(paths: Paths, *, types: Sequence[str] | None = None, replicas: bool = True) -> list[System]:
    """All configurations in a file, in a folder (not in its sub-folders), or in several of either.

    The files of a folder are read in natural order of their names ("2" before "10"); files of other formats are passed
    over. Files that belong to one configuration (data set of Shiba et al.) become one System.

    Args:
        paths: where to look.
        types: species names of types 0, 1, 2, ..., for files whose names the species rule does not cover.
        replicas: whether to return the displacements of every single run, which are large. Their statistics are
            returned in any case.

    Raises:
        DataError: nothing readable there, or a file that is damaged, unphysical or ambiguous; names the file.
        ConfigurationError: ``types`` is not a list of different names.
    """
    return list(stream(paths, types=types, replicas=replicas))


def stream(paths: Paths, *, types: Sequence[str] | None = None, replicas: bool = True) -> Iterator[System]:
    """The same as `load`, one configuration at a time, for more data than fit into memory."""
    if isinstance(types, str) or (types is not None and len(set(types)) != len(types)):
        raise ConfigurationError(f"types must be a list of different species names; got {types!r}.")
    for files in _grouped(_files(paths)):
        warned: set[tuple[str, ...]] = set()
        with reading(files[0]):
            for system in format_of(files[0]).read(files, types):
                if system.failures and system.failures not in warned:
                    warned.add(system.failures)
                    said = f"{files[0]}: FAILED its physics checks. {' '.join(system.failures)}"
                    warnings.warn(said, EquiglassWarning, stacklevel=2)
                yield checked(system if replicas else replace(system, replica_displacements=None))


def save(systems: System | Iterable[System], path: str | Path) -> None:
    """Write configurations as our data set (.h5, everything) or extended XYZ (.xyz, see `formats.xyz`).

    Args:
        systems: one or several; an iterator is written as it goes.
        path: the file; an existing one is replaced at once, when everything is written.

    Raises:
        ConfigurationError: an extension of no format that can be written.
        DataError: a place that cannot be written to.
    """
    path = Path(path)
    systems = [systems] if isinstance(systems, System) else systems
    writeable = [each for each in FORMATS.values() if each.write is not None]
    for each in writeable:
        if path.suffix.lower() in each.suffixes and each.write is not None:
            each.write(systems, path)
            return
    raise ConfigurationError(f"{path}: configurations are saved as {' or '.join(map(str, writeable))}.")


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
    raise DataError(f"the format is not recognised. Readable are {_readable()}.")


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
        raise DataError(f"there is no configuration in this folder. Readable are {_readable()}.{hint}")
    return files


def _natural_order(name: str) -> list[str | int]:
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]


def _grouped(files: list[Path]) -> list[list[Path]]:
    """The files of one configuration together, at the place of the first; every other file alone."""
    groups: dict[object, list[Path]] = {}
    for number, file in enumerate(files):
        keys = ((each.name, each.group(file.name)) for each in FORMATS.values())
        key = next(((name, key) for name, key in keys if key is not None), number)
        groups.setdefault(key, []).append(file)
    return list(groups.values())
