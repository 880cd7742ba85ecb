"""Configurations from files: the public data sets, plain files of anybody, and our own data set.

``load`` recognises the format by extension and content. Every configuration it returns has passed System's
own checks and holds no overlapping particles; whatever is wrong with a file is an EquiglassError that names
it.

The species rule, for formats that name species (extended XYZ, LAMMPS dumps):

- letters A, B, C, ... are types 0, 1, 2, ... (where the file has no gap: A and B, but not B alone);
- whole numbers are LAMMPS types: 1, 2, ... are types 0, 1, ... (where a 0 occurs in the file: 0, 1, ... are
  types 0, 1, ...);
- any other names need an order, ``types=["Ni", "P"]``; a given order goes before the two rules above.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from equiglass.errors import EquiglassError, EquiglassWarning
from equiglass.files import reading
from equiglass.formats.bapst import read_bapst
from equiglass.formats.checks import checked
from equiglass.formats.dataset import read_dataset, write_dataset
from equiglass.formats.glassbench import is_glassbench, read_glassbench
from equiglass.formats.labelled import read_labelled
from equiglass.formats.lammps_dump import read_lammps_dump
from equiglass.formats.npz import read_npz
from equiglass.formats.shiba import configuration_in, is_shiba, read_shiba
from equiglass.formats.xyz import propensity_column, read_xyz, save_xyz, write_xyz
from equiglass.liquid.system import System

__all__ = ["load", "propensity_column", "save", "stream", "write_xyz"]

Paths = str | Path | Iterable[str | Path]

_FORMATS = {
    ".npz": "npz",
    ".pickle": "pickle",
    ".pkl": "pickle",
    ".h5": "hdf5",
    ".hdf5": "hdf5",
    ".xyz": "xyz",
    ".extxyz": "xyz",
    ".dump": "dump",
    ".lammpstrj": "dump",
}
_READABLE = (
    "npz (Shiba, GlassBench, or labelled), pickle (Bapst), h5 (data set of equiglass), "
    "xyz or extxyz (extended XYZ), dump or lammpstrj (LAMMPS text dump)"
)


def load(paths: Paths, *, types: Sequence[str] | None = None, replicas: bool = True) -> list[System]:
    """All configurations in a file, in a folder (not in its sub-folders), or in several of either.

    In a folder the files come in natural order of their names ("2" before "10"), and files of other formats
    are passed over. Files of the Shiba data set that belong to one configuration become one System.

    Args:
        paths: where to look.
        types: species names of types 0, 1, 2, ..., for files whose names the species rule does not cover.
        replicas: keep the displacements of every single run (large); their statistics are kept in any case.

    Raises:
        EquiglassError: nothing readable there, or a file that is damaged, unphysical or ambiguous; names the
        file.
    """
    return list(stream(paths, types=types, replicas=replicas))


def stream(paths: Paths, *, types: Sequence[str] | None = None, replicas: bool = True) -> Iterator[System]:
    """The same as ``load``, one configuration at a time, for more data than fit into memory."""
    if isinstance(types, str) or (types is not None and len(set(types)) != len(types)):
        raise EquiglassError(f"types must be a list of different species names; got {types!r}.")
    for files in _grouped(_files(paths)):
        told: set[str] = set()
        with reading(files[0]):
            for system in _read(files, types):
                failed = " ".join(system.failures)
                if failed and failed not in told:
                    told.add(failed)
                    warnings.warn(f"{files[0]}: FAILED its physics checks. {failed}", EquiglassWarning, stacklevel=2)
                yield checked(system if replicas else replace(system, replica_displacements=None))


def save(systems: System | Iterable[System], path: str | Path) -> None:
    """Write configurations as our data set (.h5, everything) or extended XYZ (.xyz, see formats.xyz).

    Args:
        systems: one or several; an iterator is written as it goes.
        path: the file; an existing one is replaced at once, when everything is written.

    Raises:
        EquiglassError: another extension, or a place that cannot be written to.
    """
    path = Path(path)
    systems = [systems] if isinstance(systems, System) else systems
    kind = _FORMATS.get(path.suffix.lower())
    if kind == "hdf5":
        write_dataset(systems, path)
    elif kind == "xyz":
        save_xyz(systems, path)
    else:
        raise EquiglassError(f"{path}: configurations are saved as .h5 (data set) or .xyz (extended XYZ).")


def _files(paths: Paths) -> list[Path]:
    given = [Path(paths)] if isinstance(paths, str | Path) else [Path(path) for path in paths]
    if not given:
        raise EquiglassError("no file or folder is given to load.")
    files = []
    for path in given:
        with reading(path):
            files += _in_folder(path) if path.is_dir() else [path]
    return files


def _in_folder(folder: Path) -> list[Path]:
    entries = sorted(folder.iterdir(), key=lambda path: _natural_order(path.name))
    files = [p for p in entries if p.is_file() and p.suffix.lower() in _FORMATS and p.name[0] != "."]
    if not files:
        folders = [p.name for p in entries if p.is_dir()]
        hint = f" Sub-folders are not searched; there are {', '.join(folders[:5])}." if folders else ""
        raise EquiglassError(f"there is no configuration in this folder. Readable are {_READABLE}.{hint}")
    return files


def _natural_order(name: str) -> list[str | int]:
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]


def _grouped(files: list[Path]) -> list[list[Path]]:
    """Files of one Shiba configuration together, at the place of the first; every other file alone."""
    groups: dict[object, list[Path]] = {}
    for number, file in enumerate(files):
        groups.setdefault(configuration_in(file.name) or number, []).append(file)
    return list(groups.values())


def _read(files: list[Path], types: Sequence[str] | None) -> Iterable[System]:
    file = files[0]
    if file.stat().st_size == 0:
        raise EquiglassError("the file is empty; fetch or write it again.")
    kind = _FORMATS.get(file.suffix.lower()) or _kind_by_content(file)
    if kind == "pickle":
        return [read_bapst(file)]
    if kind == "hdf5":
        return read_dataset(file)
    if kind == "xyz":
        return read_xyz(file, types)
    if kind == "dump":
        return read_lammps_dump(file, types)
    if configuration_in(file.name):
        return [read_shiba(files)]
    arrays = read_npz(file)
    if is_shiba(arrays):
        return [read_shiba(files)]
    if is_glassbench(arrays):
        return [read_glassbench(file, arrays)]
    return [read_labelled(file, arrays)]


def _kind_by_content(file: Path) -> str:
    with file.open("rb") as stream:
        start = stream.read(64)
    for signature, kind in (
        (b"PK\x03\x04", "npz"),
        (b"\x89HDF", "hdf5"),
        (b"ITEM:", "dump"),
        (b"\x80", "pickle"),
    ):
        if start.startswith(signature):
            return kind
    if re.match(rb"\s*\d+\s*\n", start):
        return "xyz"
    raise EquiglassError(f"the format is not recognised. Readable are {_READABLE}.")
