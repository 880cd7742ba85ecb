"""Extended XYZ (github.com/libAtoms/extxyz) with any number of frames, which OVITO opens.

    N
    Lattice="L 0 0 0 L 0 0 0 L" Properties=species:S:1:pos:R:3:... pbc="T T T" key=value ...
    A 0.1 0.2 0.3 ...

The box must be orthorhombic and periodic. The columns ``species`` (or ``type``), ``pos``, ``pos_inherent``,
``pos_cage`` and ``propensity_LABEL`` are read, and these keys of the comment line:

- ``name``, ``temperature``;
- ``times``, ``time_labels``: values and labels of the times of the propensity columns;
- ``potential``: the name of the mixture;
- ``epsilon``, ``sigma``: tables of a mixture that the package does not know;
- ``cutoff``, ``truncation``: the cutoff of the potential, in units of sigma_ab, and its treatment;
- ``failed``: the failures of the physics checks, in one text;
- ``equilibrated``: T or F.

An ``Origin`` is ignored, since positions are wrapped.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from equiglass.errors import DataError, EquiglassWarning
from equiglass.files import replacing
from equiglass.formats import FORMATS, Format
from equiglass.formats.mixture import potential_named, types_of_species
from equiglass.liquid.potential import KOB_ANDERSEN
from equiglass.liquid.system import System, type_name
from equiglass.liquid.targets.propensity import column

Columns = Mapping[str, NDArray[np.floating]]

_KEY_VALUE = re.compile(r"""([A-Za-z_]\w*)\s*=\s*(?:("[^"]*"|'[^']*')|(\S+))""")
_PROPENSITY = "propensity_"


class _Frame(NamedTuple):
    comment: dict[str, str]
    species: list[str]
    columns: dict[str, NDArray[np.float64]]


def read_xyz(path: Path, order: Sequence[str] | None = None) -> list[System]:
    """One configuration per frame.

    Args:
        path: the file.
        order: species names of types 0, 1, 2, ..., or None.

    Raises:
        DataError: the file is damaged or incomplete, or the box is not orthorhombic and periodic.
    """
    frames = list(_frames(path.read_text(encoding="utf-8").splitlines()))
    if not frames:
        raise DataError("there is no frame in this file.")
    types = types_of_species([frame.species for frame in frames], order)
    default = [path.stem if len(frames) == 1 else f"{path.stem}_{k + 1}" for k in range(len(frames))]
    return [_system(path, *args) for args in zip(frames, types, default, strict=True)]


def _system(path: Path, frame: _Frame, types: NDArray[np.int64], name: str) -> System:
    comment, columns = frame.comment, frame.columns
    labels, times, propensity = _propensity(path, frame)
    potential = None
    if "potential" in comment:
        tables = _values(comment, "epsilon"), _values(comment, "sigma")
        cutoff = float(comment["cutoff"]) if "cutoff" in comment else None
        potential = potential_named(comment["potential"], *tables, cutoff, comment.get("truncation"))
    return System(
        columns["pos"],
        types,
        _box(comment),
        name=comment.get("name", name),
        temperature=float(comment["temperature"]) if "temperature" in comment else None,
        potential=potential,
        positions_inherent=columns.get("pos_inherent"),
        positions_cage=columns.get("pos_cage"),
        time_labels=labels,
        times=times,
        propensity=propensity,
        failures=(comment["failed"],) if "failed" in comment else (),
        equilibrated=_truth(comment["equilibrated"]) if "equilibrated" in comment else None,
        provenance={"format": "extended XYZ", "source": path.name},
    )


def _propensity(path: Path, frame: _Frame) -> tuple[tuple[str, ...], NDArray[np.float64], NDArray[np.float64] | None]:
    """The labels, the values of the times and the propensity, (T, N). All are empty if the times are unknown."""
    found = [key.removeprefix(_PROPENSITY) for key in frame.columns if key.startswith(_PROPENSITY)]
    times = _values(frame.comment, "times")
    if found and times is None:
        warnings.warn(
            f"{path}: the propensity columns are left out, because the comment line does not give their "
            'times; add times="..." with one value per column.',
            EquiglassWarning,
            stacklevel=4,
        )
    if not found or times is None:
        return (), np.empty(0), None
    labels = tuple(frame.comment.get("time_labels", " ".join(found)).split())
    missing = [label for label in labels if column(label) not in frame.columns]
    if missing:
        raise DataError(f"there is no column {column(missing[0])!r} for the time {missing[0]!r}.")
    return labels, times, np.stack([frame.columns[column(label)] for label in labels])


def _frames(lines: Sequence[str]) -> Iterator[_Frame]:
    at, number = 0, 0
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        number += 1
        try:
            n = int(lines[at])
        except ValueError:
            raise DataError(
                f"line {at + 1}: the number of particles of frame {number} is expected, found {lines[at][:40]!r}."
            ) from None
        rows = [line.split() for line in lines[at + 2 : at + 2 + n]]
        if n < 1 or len(rows) < n:
            raise DataError(f"frame {number} announces {n} particles, but {len(rows)} lines follow.")
        comment = {key: quoted[1:-1] or word for key, quoted, word in _KEY_VALUE.findall(lines[at + 1])}
        yield _frame(comment, rows, number)
        at += 2 + n


def _frame(comment: dict[str, str], rows: list[list[str]], number: int) -> _Frame:
    properties = comment.get("Properties", "species:S:1:pos:R:3").split(":")
    if len(properties) % 3 or not all(width.isdigit() for width in properties[2::3]):
        raise DataError(f"frame {number}: Properties must be name:kind:width, ...; got {':'.join(properties)!r}.")
    names, widths = properties[0::3], [int(width) for width in properties[2::3]]
    starts = dict(zip(names, np.cumsum([0, *widths[:-1]]).tolist(), strict=True))
    width_of = dict(zip(names, widths, strict=True))
    species = next((key for key in ("species", "type") if key in starts), None)
    if species is None or width_of[species] < 1 or width_of.get("pos") != 3:
        raise DataError(f"frame {number}: Properties must hold species:S:1 and pos:R:3; got {':'.join(properties)}.")
    for row in rows:
        if len(row) != sum(widths):
            raise DataError(f"frame {number}: {sum(widths)} columns, but a line is {' '.join(row)[:60]!r}.")
    columns = {}
    for key in names:
        if key not in ("pos", "pos_inherent", "pos_cage") and not key.startswith(_PROPENSITY):
            continue
        cells = [row[starts[key] : starts[key] + width_of[key]] for row in rows]
        try:
            columns[key] = np.array(cells, dtype=np.float64)
        except ValueError as error:
            raise DataError(f"frame {number}, column {key!r}: a number is expected ({error}).") from None
        if width_of[key] == 1:
            columns[key] = columns[key][:, 0]
    return _Frame(comment, [row[starts[species]] for row in rows], columns)


def _box(comment: dict[str, str]) -> NDArray[np.float64]:
    lattice = _values(comment, "Lattice")
    if lattice is None:
        raise DataError('the box is missing; the comment line must hold Lattice="Lx 0 0 0 Ly 0 0 0 Lz".')
    if lattice.shape != (9,):
        raise DataError(f"Lattice must hold nine numbers; got {lattice.size}.")
    cell = lattice.reshape(3, 3)
    if np.any(cell[~np.eye(3, dtype=bool)] != 0):
        raise DataError("the box (Lattice) is tilted; only orthorhombic boxes along x, y, z are supported.")
    if not all(map(_truth, comment.get("pbc", "T T T").split())):
        raise DataError(f"pbc is {comment['pbc']!r}; only boxes periodic in all directions are read.")
    return np.diag(cell)


def _truth(word: str) -> bool:
    return word.upper() in ("T", "TRUE", "1")


def _values(comment: dict[str, str], key: str) -> NDArray[np.float64] | None:
    if key not in comment:
        return None
    try:
        return np.array([float(word) for word in comment[key].split()])
    except ValueError as error:
        raise DataError(f"{key} in the comment line must hold numbers ({error}).") from None


def write_xyz(path: Path, frames: Iterable[tuple[System, Columns]]) -> None:
    """Write configurations with chosen columns. `read_xyz` finds no labels in them, because the file has no times.

    Args:
        path: the file. It replaces an existing one after everything is written.
        frames: every system with its further columns, (N,) or (N, width), by name.
    """
    _write(path, ((system, columns, {}) for system, columns in frames))


def save_xyz(systems: Iterable[System], path: Path) -> None:
    """Write configurations, with their inherent positions and propensity if these are known."""
    _write(path, (_labelled(system) for system in systems))


def _labelled(system: System) -> tuple[System, Columns, dict[str, str]]:
    columns: dict[str, NDArray[np.floating]] = {}
    comment = {}
    if system.positions_inherent is not None:
        columns["pos_inherent"] = system.positions_inherent
    if system.positions_cage is not None:
        columns["pos_cage"] = system.positions_cage
    if system.propensity is not None:
        labels = zip(system.time_labels, system.propensity, strict=True)
        columns.update((column(label), values) for label, values in labels)
        comment = {"time_labels": " ".join(system.time_labels), "times": _joined(system.times)}
    return system, columns, comment


def _write(path: Path, frames: Iterable[tuple[System, Columns, dict[str, str]]]) -> None:
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as stream:
        for system, columns, comment in frames:
            blocks = {"pos": system.positions, **columns}
            table = np.column_stack(list(blocks.values()))
            kinds = ":".join(f"{key}:R:{np.size(block) // system.n_particles}" for key, block in blocks.items())
            header = {
                "Lattice": _joined(np.diag(system.box).ravel()),
                "Properties": f"species:S:1:{kinds}",
                "pbc": "T T T",
                "name": system.name,
                **_physics(system),
                **comment,
                **_verdicts(system),
            }
            words = (f"{key}={_quoted(value)}" for key, value in header.items())
            stream.write(f"{system.n_particles}\n{' '.join(words)}\n")
            line = "%s" + " %.8f" * 3 + " %.10g" * (table.shape[1] - 3) + "\n"
            stream.writelines(
                line % (type_name(kind), *row) for kind, row in zip(system.types, table.tolist(), strict=True)
            )


def _physics(system: System) -> dict[str, str]:
    physics = {}
    if system.temperature is not None:
        physics["temperature"] = repr(float(system.temperature))
    if system.potential is not None:
        physics["potential"] = system.potential.name
        if system.potential != KOB_ANDERSEN:
            physics["epsilon"] = _joined(np.ravel(system.potential.epsilon))
            physics["sigma"] = _joined(np.ravel(system.potential.sigma))
            physics["cutoff"] = repr(system.potential.cutoff)
            physics["truncation"] = system.potential.truncation
    return physics


def _verdicts(system: System) -> dict[str, str]:
    verdicts = {"failed": " ".join(system.failures)} if system.failures else {}
    if system.equilibrated is not None:
        verdicts["equilibrated"] = "T" if system.equilibrated else "F"
    return verdicts


def _joined(values: NDArray[np.floating]) -> str:
    return " ".join(repr(float(value)) for value in values)


def _quoted(value: str) -> str:
    """The text in one line, in double quotes unless it is one plain word."""
    value = " ".join(value.replace('"', "'").split())
    return value if re.fullmatch(r"[\w:.+-]+", value) else f'"{value}"'


FORMATS.add(
    "xyz",
    Format(
        name="xyz",
        title="extended XYZ",
        suffixes=(".xyz", ".extxyz"),
        recognise=lambda content: re.match(rb"\s*\d+\s*\n", content.start) is not None,
        read=lambda paths, species: [system for path in paths for system in read_xyz(path, species)],
        write=save_xyz,
    ),
)
