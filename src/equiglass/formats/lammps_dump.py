"""LAMMPS text dumps (docs.lammps.org/dump.html) with any number of frames.

A dump needs the column ``id``, a column ``type`` or ``element``, and the coordinates ``x y z``, ``xs ys zs``,
``xu yu zu`` or ``xsu ysu zsu``. The box must be orthorhombic and periodic. Particles are sorted by id, and the origin
of the box is subtracted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from equiglass.errors import DataError
from equiglass.formats import FORMATS, Format
from equiglass.formats.mixture import types_of_species
from equiglass.liquid.system import System

_COORDINATES = (("xu", "yu", "zu"), ("x", "y", "z"), ("xsu", "ysu", "zsu"), ("xs", "ys", "zs"))


class _Frame(NamedTuple):
    timestep: str
    bounds: NDArray[np.float64]
    ids: NDArray[np.int64]
    species: list[str]
    positions: NDArray[np.float64]


def read_lammps_dump(path: Path, order: Sequence[str] | None = None) -> list[System]:
    """One configuration per frame.

    Args:
        path: the dump.
        order: species names of types 0, 1, 2, ..., or None. With an order, the column ``element`` has precedence over
            ``type``.

    Raises:
        DataError: the dump is damaged or incomplete, or the box is not orthorhombic and periodic.
    """
    frames = list(_frames(path.read_text(encoding="utf-8").splitlines(), prefer_element=order is not None))
    if not frames:
        raise DataError("there is no frame in this dump.")
    for frame in frames:
        if not np.array_equal(frame.ids, frames[0].ids):
            raise DataError(f"timestep {frame.timestep} holds other particle ids than timestep {frames[0].timestep}.")
    types = types_of_species([frame.species for frame in frames], order)
    return [
        System(
            frame.positions,
            types[k],
            frame.bounds[:, 1] - frame.bounds[:, 0],
            name=path.stem if len(frames) == 1 else f"{path.stem}_{frame.timestep}",
            provenance={"format": "LAMMPS dump", "source": path.name, "timestep": frame.timestep},
        )
        for k, frame in enumerate(frames)
    ]


def _frames(lines: Sequence[str], prefer_element: bool) -> Iterator[_Frame]:
    """The frames of a dump. Every section starts with a line ``ITEM: ...``, and the section ATOMS ends a frame."""
    timestep, n, bounds, at = "", -1, None, 0
    while at < len(lines):
        header = lines[at].strip()
        at += 1
        if header == "ITEM: TIMESTEP":
            timestep, n, bounds = _line(lines, at).strip(), -1, None
            at += 1
        elif header == "ITEM: NUMBER OF ATOMS":
            n = int(_line(lines, at))
            at += 1
        elif header.startswith("ITEM: BOX BOUNDS"):
            _check_box(header.split()[3:], timestep)
            rows = [_line(lines, at + k).split() for k in range(3)]
            bounds = _numbers(rows, timestep)
            if bounds.shape != (3, 2):
                raise DataError(f"timestep {timestep}: the box needs two bounds for each of x, y, z.")
            at += 3
        elif header.startswith("ITEM: ATOMS"):
            if bounds is None:
                raise DataError(f"timestep {timestep}: the box (ITEM: BOX BOUNDS) is missing.")
            if n < 1 or at + n > len(lines):
                raise DataError(
                    f"timestep {timestep}: {max(n, 0)} particles are announced, but {len(lines) - at} lines follow."
                )
            rows = [line.split() for line in lines[at : at + n]]
            yield _frame(timestep, bounds, header.split()[2:], rows, prefer_element)
            at += n
        elif header.startswith("ITEM: "):
            # UNITS and TIME have one line each, which is not needed.
            at += 1
        elif header:
            raise DataError(f"line {at}: expected 'ITEM: ...', found {header[:40]!r}.")


def _frame(
    timestep: str,
    bounds: NDArray[np.float64],
    columns: list[str],
    rows: list[list[str]],
    prefer_element: bool,
) -> _Frame:
    species = [key for key in ("type", "element") if key in columns]
    coordinates = next((keys for keys in _COORDINATES if all(key in columns for key in keys)), None)
    if "id" not in columns or not species or coordinates is None:
        raise DataError(
            f"timestep {timestep}: the columns are {' '.join(columns)!r}; id, type (or element) and x y z "
            "(or xs ys zs, xu yu zu, xsu ysu zsu) are needed."
        )
    for row in rows:
        if len(row) != len(columns):
            raise DataError(f"timestep {timestep}: {len(columns)} columns, but a line is {' '.join(row)[:60]!r}.")
    where = {key: k for k, key in enumerate(columns)}
    chosen = where[species[-1] if prefer_element else species[0]]
    try:
        ids = np.array([int(row[where["id"]]) for row in rows], dtype=np.int64)
    except ValueError as error:
        raise DataError(f"timestep {timestep}: a particle id is not a whole number ({error}).") from None
    order = np.argsort(ids, kind="stable")
    ids = ids[order]
    if np.any(np.diff(ids) == 0):
        raise DataError(f"timestep {timestep}: particle id {ids[:-1][np.diff(ids) == 0][0]} occurs twice.")
    positions = _numbers([[row[where[key]] for key in coordinates] for row in rows], timestep)[order]
    if coordinates[0].startswith("xs"):
        positions = positions * (bounds[:, 1] - bounds[:, 0])
    else:
        positions = positions - bounds[:, 0]
    return _Frame(timestep, bounds, ids, [rows[k][chosen] for k in order], positions)


def _check_box(words: list[str], timestep: str) -> None:
    """Check the words after BOX BOUNDS: three boundaries, after 'xy xz yz' or 'abc origin' if the box is tilted."""
    if words[-3:] != ["pp", "pp", "pp"]:
        raise DataError(
            f"timestep {timestep}: the boundaries are {' '.join(words[-3:]) or 'not given'}; "
            "only periodic boxes (pp pp pp) are read."
        )
    if len(words) > 3:
        raise DataError(f"timestep {timestep}: the box is tilted (triclinic); only orthorhombic boxes are supported.")


def _line(lines: Sequence[str], at: int) -> str:
    if at >= len(lines):
        raise DataError("the dump ends within the header of a frame; it is incomplete.")
    return lines[at]


def _numbers(rows: list[list[str]], timestep: str) -> NDArray[np.float64]:
    try:
        return np.array(rows, dtype=np.float64)
    except ValueError as error:
        raise DataError(f"timestep {timestep}: a number is expected ({error}).") from None


FORMATS.add(
    "lammps",
    Format(
        name="lammps",
        title="LAMMPS text dump",
        suffixes=(".dump", ".lammpstrj"),
        recognise=lambda content: content.start.startswith(b"ITEM:"),
        read=lambda paths, species: [system for path in paths for system in read_lammps_dump(path, species)],
    ),
)
