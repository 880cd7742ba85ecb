"""LAMMPS data files (docs.lammps.org/read_data.html), as ``write_data``, ASE, OVITO and others write them.

One configuration per file. The atom style stands in a comment after ``Atoms``, as in ``Atoms # full``. Without it, five
columns are the style atomic, and so are eight columns that end with three whole numbers, the image flags. Types may be
numbers, or names that ``Atom Type Labels`` lists. Particles are sorted by id, and the origin of the box is subtracted.

The file does not state whether the box is periodic, nor the units unless ``write_data`` wrote it. Periodic boundaries
and LJ units are assumed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from equiglass.errors import DataError
from equiglass.formats import FORMATS, Format
from equiglass.formats.checks import refuse_other_units
from equiglass.formats.text import Lines, name_of, numbers, opened, whole_numbers
from equiglass.liquid.box import refuse_tilted
from equiglass.liquid.species import Species
from equiglass.liquid.system import System


class _Style(NamedTuple):
    """The columns of an atom style: the index of the type, the index of x, and the number without image flags."""

    type: int
    x: int
    width: int


_STYLES = {
    "atomic": _Style(1, 2, 5),
    "angle": _Style(2, 3, 6),
    "body": _Style(1, 4, 7),
    "bond": _Style(2, 3, 6),
    "bpm/sphere": _Style(2, 5, 8),
    "charge": _Style(1, 3, 6),
    "dielectric": _Style(1, 3, 13),
    "dipole": _Style(1, 3, 9),
    "dpd": _Style(1, 3, 6),
    "edpd": _Style(1, 4, 7),
    "electron": _Style(1, 5, 8),
    "ellipsoid": _Style(1, 4, 7),
    "full": _Style(2, 4, 7),
    "line": _Style(2, 5, 8),
    "mdpd": _Style(1, 3, 6),
    "molecular": _Style(2, 3, 6),
    "peri": _Style(1, 4, 7),
    "smd": _Style(1, 10, 13),
    "sph": _Style(1, 5, 8),
    "sphere": _Style(1, 4, 7),
    "spin": _Style(1, 2, 9),
    "template": _Style(1, 5, 8),
    "tri": _Style(2, 5, 8),
}
"""The atom styles, from the table of docs.lammps.org/read_data.html."""

_EDGE = re.compile(r"(\S+)\s+(\S+)\s+([xyz])lo\s+([xyz])hi")
_UNITS = re.compile(r"\bunits\s*(?:=\s*(\w+)|(real|metal|si|cgs|electron|micro|nano)\b)")
"""Units in the first line, as write_data states them, or as the command of LAMMPS."""

_SECTION = re.compile(r"[A-Z][A-Za-z ]+")
_START = re.compile(rb"[^\n]*\n(.*\n)?[ \t]*\d+[ \t]+atoms\b.*([xyz]lo[ \t]+[xyz]hi|avec)", re.DOTALL)


class _Header:
    """The lines before the first section: the number of atoms, and the box."""

    def __init__(self) -> None:
        self.atoms = -1
        self.low, self.high = np.full(3, np.nan), np.full(3, np.nan)

    def take(self, line: str) -> None:
        """Note what a line states."""
        words, edge = line.split(), _EDGE.fullmatch(line)
        if edge is not None and edge[3] == edge[4]:
            axis = "xyz".index(edge[3])
            self.low[axis], self.high[axis] = numbers(edge.groups()[:2], f"the box along {edge[3]}")
        elif words[1:] == ["atoms"]:
            self.atoms = int(whole_numbers(words[:1], "the number of atoms")[0])
        elif words[-3:] == ["xy", "xz", "yz"]:
            self._check_tilt(numbers(words[:-3], "the tilt of the box"))
        elif words[-1:] in (["avec"], ["bvec"], ["cvec"]):
            axis = "abc".index(words[-1][0])
            vector = numbers(words[:-1], "a vector of the box")
            self._check_tilt(np.delete(vector, axis))
            self.high[axis] = vector[axis]
        elif words[-2:] == ["abc", "origin"]:
            self.low = numbers(words[:-2], "the origin of the box")
            self.high = self.high + self.low

    def _check_tilt(self, tilts: NDArray[np.float64]) -> None:
        refuse_tilted(tilts, np.nanmax(np.abs([*self.low, *self.high, 1e-9])))


def read_lammps_data(path: Path, order: Sequence[str] | None = None) -> System:
    """The configuration of a data file.

    Args:
        path: the file.
        order: names of types 0, 1, 2, ... (labels of the file, or its numbers), or None.

    Warns:
        EquiglassWarning: the last number may be cut off.

    Raises:
        DataError: the file is damaged or incomplete, states other units than lj, has an unknown atom style, or its box
            is not orthorhombic.
    """
    header, labels, rows = _Header(), {}, None
    style: str | None = None
    with opened(path) as lines:
        title = lines.next() or ""
        stated = _UNITS.search(title)
        if stated:
            refuse_other_units(stated[1] or stated[2])
        timestep = re.search(r"\btimestep\s*=\s*(\d+)", title)
        section = ""
        while (line := lines.next()) is not None:
            text, _, comment = (part.strip() for part in line.partition("#"))
            if not text:
                continue
            if _SECTION.fullmatch(text):
                section = text
                if section == "Atoms":
                    style = comment.split()[0] if comment else None
                    rows = _atoms(lines, header)
            elif section == "":
                header.take(text)
            elif section == "Atom Type Labels":
                number, name = text.split(maxsplit=1)
                labels[int(whole_numbers([number], "the number of a type")[0])] = name
        if rows is None:
            raise DataError("there is no section Atoms in this data file.")
    box = header.high - header.low
    if not np.all(np.isfinite(box)):
        raise DataError("the box is missing; the header must hold lines like '0.0 9.4 xlo xhi' for x, y and z.")
    return _system(path, header.low, box, rows, style, labels, Species(order), int(timestep[1]) if timestep else None)


def _atoms(lines: Lines, header: _Header) -> list[list[str]]:
    """The words of every line of the section Atoms."""
    if header.atoms < 1:
        raise DataError("the header does not state the number of atoms ('4096 atoms').")
    rows: list[list[str]] = []
    while (line := lines.next()) is not None:
        words = line.partition("#")[0].split()
        if len(rows) == header.atoms:
            # A blank line ends the section.
            if words:
                raise DataError(f"line {lines.number}: {header.atoms} atoms are announced, but more lines follow.")
            break
        if words and _SECTION.fullmatch(line.partition("#")[0].strip()):
            break
        if words:
            rows.append(words)
    if len(rows) < header.atoms:
        raise DataError(f"{header.atoms} atoms are announced, but {len(rows)} lines follow.")
    lines.warn_of_last_number(rows)
    return rows


def _system(
    path: Path,
    low: NDArray[np.float64],
    box: NDArray[np.float64],
    rows: list[list[str]],
    style: str | None,
    labels: dict[int, str],
    species: Species,
    timestep: int | None,
) -> System:
    columns, flagged = _columns(rows, style)
    ids = whole_numbers((row[0] for row in rows), "the ids of the atoms")
    sort = np.argsort(ids, kind="stable")
    if np.any(np.diff(ids[sort]) == 0):
        raise DataError(f"atom {ids[sort][:-1][np.diff(ids[sort]) == 0][0]} occurs twice.")
    words = (word for row in rows for word in row[columns.x : columns.x + 3])
    positions = numbers(words, "the positions of the atoms").reshape(-1, 3) - low
    images = None
    if flagged:
        images = whole_numbers((word for row in rows for word in row[-3:]), "the image flags").reshape(-1, 3)[sort]
    return System(
        positions[sort],
        _types([rows[k][columns.type] for k in sort], labels, species),
        box,
        name=name_of(path),
        images=images,
        ids=ids[sort],
        origin=low,
        timestep=timestep,
        provenance={"format": "LAMMPS data", "source": path.name},
    )


def _columns(rows: list[list[str]], style: str | None) -> tuple[_Style, bool]:
    """The columns of the style, and whether image flags end every line."""
    width = len(rows[0])
    for row in rows:
        if len(row) != width:
            raise DataError(f"{width} columns, but a line of the atoms is {' '.join(row)[:60]!r}.")
    whole = all(re.fullmatch(r"[+-]?\d+", word) for row in rows for word in row[-3:])
    if style is None:
        if width != 5 and not (width == 8 and whole):
            raise DataError(
                f"the atom style is not stated, and {width} columns are not those of the style atomic. Write the style "
                "after Atoms, for instance 'Atoms # full'."
            )
        style = "atomic"
    if style not in _STYLES:
        raise DataError(f"the atom style {style!r} is not known; known: {', '.join(_STYLES)}.")
    columns = _STYLES[style]
    if width not in (columns.width, columns.width + 3):
        raise DataError(f"the atom style {style} has {columns.width} columns, and 3 of image flags; found {width}.")
    return columns, width == columns.width + 3


def _types(words: list[str], labels: dict[int, str], species: Species) -> NDArray[np.int64]:
    """Types from the numbers 1, 2, ... or from the labels of types."""
    number_of = {label: number for number, label in labels.items()}
    if all(word in number_of for word in words):
        kinds = np.array([number_of[word] for word in words], dtype=np.int64)
    else:
        kinds = whole_numbers(words, "the types of the atoms")
    if kinds.min() < 1:
        raise DataError(f"atom types are numbered from 1; found {kinds.min()}.")
    names = [labels.get(k + 1, str(k + 1)) for k in range(int(max(kinds.max(), *labels, 1)))]
    try:
        return species.numbered(kinds - 1, names)
    except DataError:
        if species.order is not None or len(set(names)) < len(names):
            raise
        # Labels are optional in LAMMPS, whose types are numbers.
        return kinds - 1


FORMATS.add(
    "lammps-data",
    Format(
        name="lammps-data",
        title="LAMMPS data file",
        suffixes=(".data", ".lmpdat"),
        recognise=lambda content: _START.match(content.text) is not None,
        read=lambda paths, species: (read_lammps_data(path, species) for path in paths),
        names_species=True,
    ),
)
