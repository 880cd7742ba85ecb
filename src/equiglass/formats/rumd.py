"""Configurations and trajectories of RUMD (rumd.org), usually called ``.xyz.gz``.

    N
    ioformat=2 timeStepIndex=0 sim_box=RectangularSimulationBox,Lx,Ly,Lz mass=1,1 columns=type,x,y,z,imx,imy,imz,...
    0 0.1 -0.2 0.3 0 0 0

The box is centred at 0, types are numbered from 0, and ``imx imy imz`` are image flags. The first line of a frame
is the number of particles. In ioformat 1 the box is ``boxLengths=Lx,Ly,Lz``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from equiglass.errors import DataError
from equiglass.formats import FORMATS, Format
from equiglass.formats.text import Lines, name_of, numbers, one_by_one, opened, whole_numbers
from equiglass.liquid.species import Species
from equiglass.liquid.system import System

_START = re.compile(rb"\s*\d+[ \t]*\n[^\n]*\bioformat=")
_COLUMNS = "type,x,y,z"
_IMAGES = ["imx", "imy", "imz"]


def read_rumd(path: Path, order: Sequence[str] | None = None) -> Iterator[System]:
    """One configuration per frame, one at a time.

    Args:
        path: the file, not compressed.
        order: the numbers of types 0, 1, 2, ... as text, or None for the numbers of the file.

    Raises:
        DataError: the file is damaged or incomplete, or the box is not rectangular.
    """
    species, number = Species(order), 0
    with opened(path) as lines:
        for (comment, rows), alone in one_by_one(_frames(lines)):
            number += 1
            name = name_of(path) if alone else f"{name_of(path)}_{number}"
            yield _system(path, name, comment, rows, species, number)
    if not number:
        raise DataError("there is no frame in this file.")


def _frames(lines: Lines) -> Iterator[tuple[dict[str, str], list[list[str]]]]:
    whole = 0
    while (line := lines.next()) is not None:
        if not line.strip():
            continue
        n = int(whole_numbers([line.strip()], f"line {lines.number}, the number of particles")[0])
        comment = dict(word.split("=", 1) for word in (lines.next() or "").split() if "=" in word)
        rows = lines.rows(n)
        if n < 1 or len(rows) < n:
            if whole and n > 0:
                lines.warn(f"the last frame is incomplete and is left out; {whole} whole frames are read.")
                return
            raise DataError(f"{n} particles are announced, but {len(rows)} lines follow.")
        lines.warn_of_last_number(rows)
        whole += 1
        yield comment, rows


def _system(
    path: Path, name: str, comment: dict[str, str], rows: list[list[str]], species: Species, number: int
) -> System:
    columns = comment.get("columns", "type,x,y,z,imx,imy,imz").split(",")
    if not ",".join(columns).startswith(_COLUMNS):
        raise DataError(f"frame {number}: the columns must start with {_COLUMNS}; got {','.join(columns)}.")
    for row in rows:
        if len(row) < len(columns):
            raise DataError(f"frame {number}: {len(columns)} columns, but a line is {' '.join(row)[:60]!r}.")
    box = _box(comment, number)
    where = f"frame {number}"
    words = (word for row in rows for word in row[1:4])
    images = None
    if columns[4:7] == _IMAGES:
        images = whole_numbers((word for row in rows for word in row[4:7]), f"{where}: the image flags").reshape(-1, 3)
    step = comment.get("timeStepIndex")
    return System(
        numbers(words, f"{where}: the positions").reshape(-1, 3) + box / 2,
        species.numbered(whole_numbers((row[0] for row in rows), f"{where}: the types")),
        box,
        name=name,
        images=images,
        origin=-box / 2,
        timestep=None if step is None else int(whole_numbers([step], "timeStepIndex")[0]),
        provenance={"format": "RUMD", "source": path.name},
    )


def _box(comment: dict[str, str], number: int) -> NDArray[np.float64]:
    kind, _, lengths = comment.get("sim_box", "").partition(",")
    if not kind:
        kind, lengths = "RectangularSimulationBox", comment.get("boxLengths", "")
    if kind != "RectangularSimulationBox":
        raise DataError(f"frame {number}: the box is a {kind}; only a RectangularSimulationBox is read.")
    box = numbers(filter(None, lengths.split(",")), "the box")
    if box.shape != (3,):
        raise DataError(f"frame {number}: the box needs three lengths (sim_box=RectangularSimulationBox,Lx,Ly,Lz).")
    return box


FORMATS.add(
    "rumd",
    Format(
        name="rumd",
        title="RUMD",
        suffixes=(".xyz",),
        recognise=lambda content: _START.match(content.text) is not None,
        read=lambda paths, species: (system for path in paths for system in read_rumd(path, species)),
        names_species=True,
    ),
)
