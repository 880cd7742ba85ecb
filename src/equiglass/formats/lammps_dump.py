"""LAMMPS text dumps (docs.lammps.org/dump.html) with any number of frames.

A dump needs a column ``type`` or ``element``, and the coordinates ``x y z``, ``xs ys zs``, ``xu yu zu`` or
``xsu ysu zsu``; image flags ``ix iy iz`` are read. Particles are sorted by the column ``id``; without it they stay in
the order of the file. The box must be orthorhombic and periodic, and its origin is subtracted. Every frame is a
configuration of its own, with its own number of particles.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from equiglass.errors import DataError
from equiglass.formats import FORMATS, Format
from equiglass.formats.checks import refuse_other_units
from equiglass.formats.text import Lines, name_of, numbers, one_by_one, opened, whole_numbers
from equiglass.liquid.box import refuse_tilted
from equiglass.liquid.species import Species
from equiglass.liquid.system import System

_COORDINATES = (("xu", "yu", "zu"), ("x", "y", "z"), ("xsu", "ysu", "zsu"), ("xs", "ys", "zs"))
_IMAGES = ("ix", "iy", "iz")


class _Frame(NamedTuple):
    timestep: int
    low: NDArray[np.float64]
    box: NDArray[np.float64]
    ids: NDArray[np.int64] | None
    species: list[str]
    positions: NDArray[np.float64]
    images: NDArray[np.int64] | None
    time: float | None


class _Cut(Exception):  # noqa: N818
    """The file ends within a frame."""


def read_lammps_dump(path: Path, order: Sequence[str] | None = None) -> Iterator[System]:
    """One configuration per frame, one at a time.

    Args:
        path: the dump.
        order: species names of types 0, 1, 2, ..., or None. With an order, the column ``element`` has precedence over
            ``type``.

    Warns:
        EquiglassWarning: the last frame is cut off, or the box does not state that it is periodic.

    Raises:
        DataError: the dump is damaged, holds no whole frame, states other units than lj, or its box is not
            orthorhombic and periodic.
    """
    species, whole = Species(order), 0
    with opened(path) as lines:
        for frame, alone in one_by_one(_frames(lines, prefer_element=order is not None)):
            whole += 1
            yield System(
                frame.positions,
                species.types(frame.species),
                frame.box,
                name=name_of(path) if alone else f"{name_of(path)}_{frame.timestep}",
                images=frame.images,
                ids=frame.ids,
                timestep=frame.timestep,
                time=frame.time,
                origin=frame.low,
                provenance={"format": "LAMMPS dump", "source": path.name},
            )
    if not whole:
        raise DataError("there is no frame in this dump.")


def _frames(lines: Lines, prefer_element: bool) -> Iterator[_Frame]:
    """The frames of a dump. Every section starts with a line ``ITEM: ...``, and the section ATOMS ends a frame."""
    whole, silent = 0, True
    timestep: int | None = None
    time: float | None = None
    n, bounds = 0, None
    try:
        while (header := lines.next()) is not None:
            words = header.partition("#")[0].split()
            section = " ".join(words[1:3])
            if not words:
                continue
            if not lines.ended and "ITEM:".startswith(words[0]):
                raise _Cut
            if words[0] != "ITEM:":
                raise DataError(f"line {lines.number}: expected 'ITEM: ...', found {header[:40]!r}.")
            if section == "TIMESTEP":
                timestep, n, bounds = int(_one(lines, "the time step")), 0, None
            elif section == "NUMBER OF":
                n = int(_one(lines, "the number of atoms"))
                if n < 1:
                    raise DataError(f"timestep {timestep}: the number of atoms is {n}.")
            elif section == "BOX BOUNDS":
                bounds = _bounds(lines, words[3:])
                if not any(word.startswith("p") for word in words[3:]) and silent:
                    silent = False
                    lines.warn(
                        "the dump does not state whether the box is periodic (pp pp pp); it is read as periodic."
                    )
            elif words[1:2] == ["ATOMS"]:
                if timestep is None or n == 0 or bounds is None:
                    missing = "TIMESTEP" if timestep is None else "NUMBER OF ATOMS" if n == 0 else "BOX BOUNDS"
                    box = ": the box is missing" if missing == "BOX BOUNDS" else ""
                    raise DataError(f"timestep {timestep}: there is no line 'ITEM: {missing}' before the atoms{box}.")
                yield _frame(lines, timestep, n, *bounds, words[2:], prefer_element)._replace(time=time)
                whole, timestep, n, bounds, time = whole + 1, None, 0, None, None
            elif section == "UNITS":
                refuse_other_units(_line(lines).strip())
            elif section == "TIME":
                time = float(numbers([_line(lines).strip()], f"line {lines.number}, the time")[0])
            else:
                raise DataError(f"line {lines.number}: the section {header[:40]!r} is not known.")
        if timestep is not None:
            raise _Cut
    except _Cut:
        if whole == 0:
            raise DataError("the dump ends within its first frame; it is incomplete.") from None
        lines.warn(f"the last frame is incomplete and is left out; {whole} whole frames are read.")


def _frame(
    lines: Lines,
    timestep: int,
    n: int,
    low: NDArray[np.float64],
    box: NDArray[np.float64],
    columns: list[str],
    prefer_element: bool,
) -> _Frame:
    where = f"timestep {timestep}"
    species = [key for key in ("type", "element") if key in columns]
    coordinates = next((keys for keys in _COORDINATES if all(key in columns for key in keys)), None)
    if not lines.ended:
        raise _Cut
    if len(set(columns)) < len(columns):
        twice = next(key for key in columns if columns.count(key) > 1)
        raise DataError(f"{where}: the column {twice!r} occurs twice.")
    if not species or coordinates is None:
        flat = next((keys for keys in _COORDINATES if all(key in columns for key in keys[:2])), None)
        two = " The positions are two-dimensional; only three dimensions are read." if flat and not coordinates else ""
        raise DataError(
            f"{where}: the columns are {' '.join(columns)!r}; id, type (or element) and x y z "
            f"(or xs ys zs, xu yu zu, xsu ysu zsu) are needed.{two}"
        )
    rows = lines.rows(n, until="ITEM:")
    if len(rows) < n or (not lines.ended and len(rows[-1]) < len(columns)):
        raise _Cut
    for k, row in enumerate(rows):
        if len(row) != len(columns):
            number = lines.number - n + k + 1
            raise DataError(f"{where}, line {number}: {len(columns)} columns, but the line is {' '.join(row)[:60]!r}.")
    lines.warn_of_last_number(rows)
    at = {key: k for k, key in enumerate(columns)}
    chosen = at[species[-1] if prefer_element else species[0]]
    kinds = [row[chosen] for row in rows]
    positions = numbers((row[at[key]] for row in rows for key in coordinates), where).reshape(n, 3)
    positions = positions * box if coordinates[0].startswith("xs") else positions - low
    flags = None
    if coordinates[0] in ("x", "xs") and all(key in at for key in _IMAGES):
        flags = whole_numbers((row[at[key]] for row in rows for key in _IMAGES), f"{where}: the image flags")
        flags = flags.reshape(n, 3)
    if "id" not in at:
        return _Frame(timestep, low, box, None, kinds, positions, flags, None)
    ids = whole_numbers((row[at["id"]] for row in rows), f"{where}: the particle ids")
    sort = np.argsort(ids, kind="stable")
    ids = ids[sort]
    if np.any(np.diff(ids) == 0):
        raise DataError(f"{where}: particle id {ids[:-1][np.diff(ids) == 0][0]} occurs twice.")
    flags = None if flags is None else flags[sort]
    return _Frame(timestep, low, box, ids, [kinds[k] for k in sort], positions[sort], flags, None)


def _bounds(lines: Lines, words: list[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The lower corner and the edges of the box, from its three lines and the words after BOX BOUNDS.

    The words are the boundaries of x, y and z, after 'xy xz yz' in a restricted and 'abc origin' in a general
    triclinic box.
    """
    general, tilted = words[:2] == ["abc", "origin"], words[:3] == ["xy", "xz", "yz"]
    flags = words[2:] if general else words[3:] if tilted else words
    if flags and (len(flags) != 3 or not all(re.fullmatch("p{1,2}", flag) for flag in flags)):
        raise DataError(
            f"line {lines.number}: the boundaries are {' '.join(flags)!r}; only boxes that are periodic in all "
            "directions (pp pp pp) are read."
        )
    width = 4 if general else 3 if tilted else 2
    rows = [_line(lines).split() for _ in range(3)]
    if any(len(row) != width for row in rows):
        raise DataError(f"line {lines.number}: the box needs {width} numbers for each of x, y, z.")
    table = numbers((word for row in rows for word in row), "the box").reshape(3, width)
    if general:
        cell, low = table[:, :3], table[:, 3]
        box, tilts = np.diag(cell), cell[~np.eye(3, dtype=bool)]
    else:
        low, box, tilts = table[:, 0], table[:, 1] - table[:, 0], table[:, 2:]
    refuse_tilted(tilts, np.abs(box).max(), f"line {lines.number}: the box")
    return low, box


def _line(lines: Lines) -> str:
    line = lines.next()
    if line is None or not lines.ended:
        raise _Cut
    return line


def _one(lines: Lines, what: str) -> np.int64:
    return whole_numbers([_line(lines).strip()], f"line {lines.number}, {what}")[0]


FORMATS.add(
    "lammps",
    Format(
        name="lammps",
        title="LAMMPS text dump",
        suffixes=(".dump", ".lammpstrj"),
        recognise=lambda content: re.match(rb"\s*(#[^\n]*\n\s*)*ITEM:", content.text) is not None,
        read=lambda paths, species: (system for path in paths for system in read_lammps_dump(path, species)),
        names_species=True,
    ),
)
