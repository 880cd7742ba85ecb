"""Extended XYZ (github.com/libAtoms/extxyz) with any number of frames, which OVITO opens.

    N
    Lattice="L 0 0 0 L 0 0 0 L" Properties=species:S:1:pos:R:3:... pbc="T T T" key=value ...
    A 0.1 0.2 0.3 ...

The box must be orthorhombic and periodic. The columns ``species`` (or ``type``), ``pos``, ``pos_inherent``,
``pos_cage``, those of the labels (`liquid.columns`) such as ``propensity_LABEL`` are read, the whole numbers ``id`` and
``images``, and these keys of the comment line:

- ``name``, ``temperature``;
- ``times``, ``time_labels``: values and labels of the times of the columns of labels;
- ``runs``: the number of runs behind them; ``self_scattering``, ``run_temperature``, ``energy_drift``, ``momentum``;
- ``parent``: the fingerprint of the configuration from which this one was made;
- ``potential``: the name of the mixture;
- ``epsilon``, ``sigma``: tables of a mixture that the package does not know;
- ``cutoff``, ``truncation``: the cutoff of the potential, one number in units of sigma_ab or a table of distances, and
  its treatment;
- ``failed``: the failures of the physics checks, in one text;
- ``equilibrated``: T or F;
- ``Origin``: the lower corner of the box, which is subtracted; ``Timestep``: the time step of the frame;
- ``predicted_by``: the model that predicted the propensity columns, which are then no measured ones. The columns of
  their uncertainty, ``propensity_LABEL_std``, are left out;
- ``units``: refused unless they are lj.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from equiglass.errors import DataError, EquiglassWarning
from equiglass.files import replacing
from equiglass.formats import FORMATS, Format
from equiglass.formats.checks import refuse_stated_units
from equiglass.formats.comment import Comment
from equiglass.formats.text import Lines, name_of, numbers, one_by_one, opened, whole_numbers
from equiglass.liquid.box import edges_of
from equiglass.liquid.columns import PREDICTED, columns_of, keys_of, labels_in, parent_in, widths
from equiglass.liquid.mixture import potential_in, potential_keys
from equiglass.liquid.species import Species, type_name
from equiglass.liquid.system import LABELS, System

Columns = Mapping[str, NDArray[np.number]]

_TIME = ("Time", "time")
_PLAIN_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_IDS = ("id", "ids", "index")
_POSITIONS = ("pos", "pos_inherent", "pos_cage")
_SHAPES = {**dict.fromkeys(_POSITIONS, (3,)), "cage_covariance": (3, 3), "cage_propensity": ()}
_OF_TIMES = widths(LABELS)
_START = re.compile(rb"(\s*#[^\n]*\n)*\s*\d+[ \t]*\n([^\n]*=|[^\n]*\n[ \t]*[A-Za-z0-9]+([ \t]+[-+.\deE]+){3})")
"""A number of particles, then a comment line with a key or a first particle."""


class _Frame(NamedTuple):
    comment: Comment
    species: list[str]
    columns: dict[str, NDArray[np.float64]]
    ids: NDArray[np.int64] | None
    images: NDArray[np.int64] | None
    numbered: list[str] | None


class _Cut(Exception):  # noqa: N818
    """The file ends within a frame."""


def read_xyz(path: Path, order: Sequence[str] | None = None) -> Iterator[System]:
    """One configuration per frame, one at a time, with the particles in the order of the file.

    Args:
        path: the file.
        order: species names of types 0, 1, 2, ..., or None.

    Warns:
        EquiglassWarning: the last frame is cut off, or the times of propensities are missing.

    Raises:
        DataError: the file is damaged, holds no whole frame, states other units than lj, or its box is not orthorhombic
            and periodic.
    """
    species, number = Species(order), 0
    with opened(path) as lines:
        for frame, alone in one_by_one(_frames(lines)):
            number += 1
            name = name_of(path) if alone else f"{name_of(path)}_{number}"
            yield _system(path, frame, _types(frame, species), name)
    if not number:
        raise DataError("there is no frame in this file.")


def _types(frame: _Frame, species: Species) -> NDArray[np.int64]:
    """The types of the species; those of the column ``type``, as ASE writes it, if they need an order."""
    try:
        return species.types(frame.species)
    except DataError:
        if species.order is not None or frame.numbered is None:
            raise
        return species.types(frame.numbered)


def _system(path: Path, frame: _Frame, types: NDArray[np.int64], name: str) -> System:
    comment, columns = frame.comment, frame.columns
    potential, stated = potential_in(comment)
    origin = comment.numbers("Origin")
    if origin is not None and origin.shape != (3,):
        raise DataError(f"Origin must hold three numbers; got {origin.size}.")
    corner = np.zeros(3) if origin is None else origin
    inherent, cage = columns.get("pos_inherent"), columns.get("pos_cage")
    return System(
        columns["pos"] - corner,
        types,
        _box(comment),
        name=comment.text("name") if "name" in comment else name,
        temperature=comment.number("temperature"),
        potential=potential,
        positions_inherent=None if inherent is None else inherent - corner,
        positions_cage=None if cage is None else cage - corner,
        covariance_cage=columns.get("cage_covariance"),
        propensity_cage=columns.get("cage_propensity"),
        **labels_in(columns, comment, LABELS),
        images=frame.images,
        parent=parent_in(comment),
        failures=(comment.text("failed"),) if "failed" in comment else (),
        equilibrated=_truth(comment, "equilibrated") if "equilibrated" in comment else None,
        ids=frame.ids,
        origin=origin,
        timestep=_timestep(comment),
        time=_time(comment),
        provenance={"format": "extended XYZ", "source": path.name, **stated},
    )


def _timestep(comment: Comment) -> int | None:
    return int(whole_numbers([comment.text("Timestep").strip()], "Timestep")[0]) if "Timestep" in comment else None


def _time(comment: Comment) -> float | None:
    """The time of the frame, if it is one number without a unit."""
    for key in _TIME:
        if key in comment and _PLAIN_NUMBER.fullmatch(comment.text(key).strip()):
            return comment.number(key)
    return None


def _frames(lines: Lines) -> Iterator[_Frame]:
    number = 0
    try:
        while (line := lines.next()) is not None:
            if not line.strip() or line.startswith("#"):
                continue
            try:
                n = int(whole_numbers([line.strip()], "count")[0])
            except DataError:
                raise DataError(
                    f"line {lines.number}: the number of particles of frame {number + 1} is expected, "
                    f"found {line[:40]!r}."
                ) from None
            if number and not lines.ended:
                raise _Cut
            yield _frame(lines, n, number + 1)
            number += 1
    except _Cut:
        lines.warn(f"the last frame is incomplete and is left out; the whole frames before it ({number}) are read.")


def _frame(lines: Lines, n: int, number: int) -> _Frame:
    header = lines.next() or ""
    rows = lines.rows(n)
    if n < 1 or len(rows) < n:
        if number > 1 and n > 0:
            raise _Cut
        raise DataError(f"frame {number} announces {n} particles, but {len(rows)} lines follow.")
    comment = Comment(header)
    refuse_stated_units({key: comment.text(key) for key in comment})
    columns = _Properties(comment, number)
    if number > 1 and not lines.ended and len(rows[-1]) < columns.width:
        raise _Cut
    for k, row in enumerate(rows):
        if len(row) != columns.width:
            at = lines.number - n + k + 1
            raise DataError(
                f"frame {number}, line {at}: {columns.width} columns, but the line is {' '.join(row)[:60]!r}."
            )
    lines.warn_of_last_number(rows)
    table = {}
    for key in columns.at:
        label = next((start for start in _OF_TIMES if key.startswith(start)), None)
        if key in _SHAPES or label is not None:
            shape = (n, *(_SHAPES[key] if label is None else _OF_TIMES[label]))
            words = (word for row in rows for word in row[columns.at[key]])
            values = numbers(words, f"frame {number}, column {key!r}", may_miss=label is not None)
            if values.size != math.prod(shape):
                raise DataError(f"frame {number}: the column {key!r} has another width than expected.")
            table[key] = values.reshape(shape)
    ids = None
    known = next((key for key in _IDS if key in columns.at), None)
    if known is not None:
        first = columns.at[known].start
        ids = whole_numbers((row[first] for row in rows), f"frame {number}, column {known!r}")
    images = None
    if "images" in columns.at:
        words = (word for row in rows for word in row[columns.at["images"]])
        images = whole_numbers(words, f"frame {number}, column 'images'").reshape(n, -1)
    numbered = None if columns.numbered is None else [row[columns.numbered] for row in rows]
    return _Frame(comment, [row[columns.species] for row in rows], table, ids, images, numbered)


class _Properties:
    """The columns: their places by name, those of the species and of their numbers, and how many there are."""

    def __init__(self, comment: Comment, number: int) -> None:
        text = comment.text("Properties") if "Properties" in comment else "species:S:1:pos:R:3"
        words = text.split(":")
        names, widths = words[0::3], words[2::3]
        if len(words) % 3 or not all(re.fullmatch("[1-9][0-9]?", width) for width in widths):
            raise DataError(f"frame {number}: Properties must be name:kind:width, ...; got {text!r}.")
        if len(set(names)) < len(names):
            raise DataError(f"frame {number}: a column occurs twice in Properties; got {text!r}.")
        ends = np.cumsum([int(width) for width in widths]).tolist()
        self.at = {name: slice(end - int(width), end) for name, width, end in zip(names, widths, ends, strict=True)}
        self.width = ends[-1]
        species = next((key for key in ("species", "type") if key in self.at), None)
        pos = self.at.get("pos", slice(0, 0))
        if pos.stop - pos.start == 2:
            raise DataError(f"frame {number}: the positions are two-dimensional; only three dimensions are read.")
        if species is None or pos.stop - pos.start != 3:
            raise DataError(f"frame {number}: Properties must hold species:S:1 and pos:R:3; got {text}.")
        self.species = self.at[species].start
        self.numbered = self.at["type"].start if species == "species" and "type" in self.at else None


def _box(comment: Comment) -> NDArray[np.float64]:
    lattice = comment.numbers("Lattice")
    if lattice is None:
        raise DataError('the box is missing; the comment line must hold Lattice="Lx 0 0 0 Ly 0 0 0 Lz".')
    if lattice.shape != (9,):
        raise DataError(f"Lattice must hold nine numbers; got {lattice.size}.")
    box = edges_of(lattice.reshape(3, 3), "the box (Lattice)")
    if "pbc" in comment:
        periodic = comment.truths("pbc")
        if len(periodic) not in (1, 3):
            raise DataError(f"pbc must hold T or F for each of x, y, z; got {comment.text('pbc')!r}.")
        if not all(periodic):
            raise DataError(f"pbc is {comment.text('pbc')!r}; only boxes periodic in all directions are read.")
    return box


def _truth(comment: Comment, key: str) -> bool:
    (truth,) = comment.truths(key) or (None,)
    if truth is None:
        raise DataError(f"{key} in the comment line must be T or F; got {comment.text(key)!r}.")
    return truth


def origin_of_predictions(model: str, times: Mapping[str, float]) -> dict[str, str]:
    """The keys of the comment line of predictions: the model, the version of equiglass, the labels and the times.

    `read_xyz` returns the propensity columns of such a file as `System.predictions`, never as measured ones.
    """
    return {
        PREDICTED: model,
        "equiglass": version("equiglass"),
        "time_labels": " ".join(times),
        "times": _joined(np.array(list(times.values()))),
    }


def save_xyz(systems: Iterable[System], path: Path) -> None:
    """Write configurations with their inherent and cage positions and their labels, as far as these are known.

    Warns:
        EquiglassWarning: a configuration has predictions, or displacements of every run, which are left out; or it
            lacks a type below its highest, which the names of the species alone do not tell.
    """
    left: dict[str, None] = {}
    write_xyz(path, (_labelled(system, left) for system in systems))
    if left:
        warnings.warn(
            f"{path}: extended XYZ does not hold {' and '.join(left)}, which are left out; save a data set (.h5) to "
            "keep them.",
            EquiglassWarning,
            stacklevel=3,
        )


def _labelled(system: System, left: dict[str, None]) -> tuple[System, Columns, Mapping[str, str]]:
    """A configuration with its columns and keys; ``left`` gains the names of what has no column."""
    order = [type_name(kind) for kind in range(system.n_types)]
    if len(np.unique(system.types)) < len(order):
        warnings.warn(
            f"{system.name} has no particles of a type before {order[-1]}; read the file with --types "
            f"{','.join(order)}, or save a data set (.h5).",
            EquiglassWarning,
            stacklevel=2,
        )
    if system.replica_displacements is not None:
        left["replica_displacements"] = None
    if system.predictions:
        left["predictions"] = None
    columns: dict[str, NDArray[np.number]] = dict(columns_of(system, LABELS))
    if system.images is not None:
        columns["images"] = system.images
    return system, columns, _texts(keys_of(system, LABELS))


def write_xyz(path: Path, frames: Iterable[tuple[System, Columns, Mapping[str, str]]]) -> None:
    """Write configurations with chosen columns. Without the key ``times``, `read_xyz` finds no labels in them.

    Args:
        path: the file. It replaces an existing one after everything is written.
        frames: every configuration, its further columns by name, (N,) or (N, width), and further keys of its comment
            line, such as those of `origin_of_predictions`.
    """
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", errors="replace") as stream:
        for system, columns, comment in frames:
            corner = np.zeros(3) if system.origin is None else system.origin
            shifted = {key: block + corner if key in _POSITIONS else block for key, block in columns.items()}
            blocks = {"pos": system.positions + corner, **shifted}
            kinds = {
                key: f"{key}:{'I' if block.dtype.kind == 'i' else 'R'}:{np.size(block) // system.n_particles}"
                for key, block in blocks.items()
            }
            table = np.column_stack([block.reshape(system.n_particles, -1) for block in blocks.values()]).tolist()
            ids: Sequence[str] = [""] * system.n_particles
            if system.ids is not None:
                kinds["pos"] += ":id:I:1"
                ids = [f" {each}" for each in system.ids.tolist()]
            header = {
                "Lattice": _joined(np.diag(system.box).ravel()),
                "Properties": f"species:S:1:{':'.join(kinds.values())}",
                "pbc": "T T T",
                "name": system.name,
                **_frame_of(system),
                **_physics(system),
                **comment,
                **_verdicts(system),
            }
            words = (f"{key}={_quoted(value)}" for key, value in header.items())
            stream.write(f"{system.n_particles}\n{' '.join(words)}\n")
            line = "%s" + " %.8f" * 3 + "%s" + " %.10g" * (len(table[0]) - 3) + "\n"
            stream.writelines(
                line % (type_name(kind), *row[:3], each, *row[3:])
                for kind, each, row in zip(system.types, ids, table, strict=True)
            )


def _frame_of(system: System) -> dict[str, str]:
    """The time step and the origin of the box in the file from which the configuration comes."""
    frame = {}
    if system.origin is not None and np.any(system.origin != 0):
        frame["Origin"] = _joined(system.origin)
    if system.timestep is not None:
        frame["Timestep"] = str(system.timestep)
    if system.time is not None:
        frame["Time"] = repr(float(system.time))
    return frame


def _physics(system: System) -> dict[str, str]:
    physics = {} if system.temperature is None else {"temperature": repr(float(system.temperature))}
    physics |= _texts(potential_keys(system.potential))
    return physics if system.parent is None else {**physics, "parent": str(system.parent)}


def _texts(keys: Mapping[str, Any]) -> dict[str, str]:
    return {key: _joined(each) if isinstance(each, np.ndarray) else str(each) for key, each in keys.items()}


def _verdicts(system: System) -> dict[str, str]:
    verdicts = {"failed": " ".join(system.failures)} if system.failures else {}
    if system.equilibrated is not None:
        verdicts["equilibrated"] = "T" if system.equilibrated else "F"
    return verdicts


def _joined(values: NDArray[np.floating]) -> str:
    return " ".join(repr(float(value)) for value in values)


def _quoted(value: str) -> str:
    """The text in one line, in double quotes unless it is one plain word."""
    value = " ".join(value.replace('"', "'").replace("\\", "/").split())
    return value if re.fullmatch(r"[\w:.+-]+", value) else f'"{value}"'


FORMATS.add(
    "xyz",
    Format(
        name="xyz",
        title="extended XYZ",
        suffixes=(".xyz", ".extxyz"),
        recognise=lambda content: _START.match(content.text) is not None,
        read=lambda paths, species: (system for path in paths for system in read_xyz(path, species)),
        names_species=True,
        write=save_xyz,
        general=True,
    ),
)
