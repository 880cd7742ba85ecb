"""Data of Bapst et al., Nature Physics 16, 448 (2020), doi 10.1038/s41567-020-0842-8.

The data are published in the repository deepmind-research, folder glassy_dynamics. There is one pickle per
configuration, with a dict:

    positions                     (N, 3)
    types                         (N,), 0 = A, 1 = B
    box                           (3,)
    time                          all times of the trajectory
    time_indices                  (10,), indices of the selected times in ``time``
    is_values                     (10,), self-intermediate scattering function F at the selected times, 1/e last
    trajectory_target_positions   (10, 30, N, 3), unwrapped positions of 30 runs at the selected times
    targets                       (10, N), the propensity, in some files
    metadata                      a dict

Some files hold the positions at one time alone, as (30, N, 3) or (1, 30, N, 3) or with nothing at the other times. The
time is then the one whose ``targets`` are the mean |r(t) - r(0)| of these runs.

The file does not contain the potential. It is cut, not shifted, at the distance 2.5 for all pairs of types, as in
github.com/GerhardJung/StructDynGlass.

A pickle can run any code. The unpickler of this module admits only numpy arrays and builtin containers.
"""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy._core import multiarray

from equiglass.errors import DataError, EquiglassWarning
from equiglass.files import decoding
from equiglass.formats import FORMATS, Format
from equiglass.formats.checks import refuse_stated_units
from equiglass.formats.npz import refuse_half, refuse_whole
from equiglass.liquid.arrays import Float
from equiglass.liquid.labels import numbers
from equiglass.liquid.potential import KOB_ANDERSEN_BAPST
from equiglass.liquid.system import LABELS, System
from equiglass.observables.propensity import labels_from_runs, over_runs
from equiglass.observables.unwrapping import unwrapped

SAME_TARGETS = 0.01
"""The relative difference, root mean square over particles, up to which two propensities are those of one time."""


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """Replace ``_codecs.encode``, by which numpy writes bytes as text in pickles of protocol 2."""
    if encoding not in ("latin1", "latin-1"):
        raise DataError(
            f"the pickle asks for the encoding {encoding!r}, but only latin1 is read. Do not trust this file."
        )
    return text.encode("latin1")


def _from_buffer(buffer: bytes, dtype: np.dtype, shape: tuple[int, ...], order: Literal["C", "F"]) -> np.ndarray:
    """Replace ``_frombuffer``, by which numpy writes arrays in pickles of protocol 5."""
    return np.frombuffer(buffer, dtype=dtype).reshape(shape, order=order)


_ADMITTED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _encode,
}
# numpy.core became numpy._core; there are files with either name.
for _core in ("numpy.core", "numpy._core"):
    _ADMITTED[f"{_core}.multiarray", "_reconstruct"] = multiarray._reconstruct
    _ADMITTED[f"{_core}.multiarray", "scalar"] = multiarray.scalar
    _ADMITTED[f"{_core}.numeric", "_frombuffer"] = _from_buffer


_EXACT = ("positions", "targets", "box", "time")
"""The keys whose values need their digits."""


class _ArraysOnly(pickle.Unpickler):
    """An unpickler that rebuilds numpy arrays and builtin containers, and refuses everything else."""

    def find_class(self, module: str, name: str) -> Any:
        """The admitted object with this name.

        Raises:
            DataError: the object is not admitted.
        """
        try:
            return _ADMITTED[module, name]
        except KeyError:
            raise DataError(
                f"the pickle asks for {module}.{name}, which is refused. Only numpy arrays and builtin "
                "containers are read, because anything else could run code. Do not trust this file."
            ) from None


def read_bapst(path: Path) -> System:
    """One configuration with all its runs. The labels of the times are the values of F: "F=0.9", ..., "F=1/e", ...

    Raises:
        DataError: the file is damaged, incomplete, or contains anything but arrays.
    """
    # The unpickler is written in C and raises any exception on damaged data.
    with decoding(), path.open("rb") as stream:
        data = _ArraysOnly(stream, encoding="latin1").load()
    if not isinstance(data, dict):
        raise DataError(f"the pickle holds a {type(data).__name__}, not the dict of the Bapst data set.")
    for key in ("positions", "types", "box"):
        if key not in data:
            raise DataError(f"key {key!r} is missing; the keys are {', '.join(sorted(map(str, data)))}.")
    metadata = data.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise DataError(f"key 'metadata' holds a {type(metadata).__name__}, not a dict.")
    refuse_stated_units({**data, **metadata})
    exact = {key: np.asarray(value) for key, value in data.items() if key in _EXACT}
    refuse_half(exact, *_EXACT)
    refuse_whole(exact, "positions", "targets")
    positions, box = _numbers(data, "positions"), _numbers(data, "box")
    labels, times, order = _times(data)
    fields, known = _labels(data, positions, box, order)
    fluid = str(metadata.get("fluid", "Kob Andersen"))
    temperature = metadata.get("temperature")
    return System(
        positions,
        _types(data),
        box,
        name=path.stem,
        temperature=float(numbers("temperature", temperature).item()) if temperature is not None else None,
        potential=KOB_ANDERSEN_BAPST if fluid.lower().startswith("kob") else None,
        time_labels=tuple(labels[k] for k in known),
        times=times[known],
        provenance={
            "format": "Bapst",
            "source": path.name,
            "doi": "10.1038/s41567-020-0842-8",
            **{str(key): str(value) for key, value in metadata.items()},
        },
        **fields,
    )


def _numbers(data: dict[str, Any], key: str) -> Float:
    return numbers(f"key {key!r}", data.get(key, ()))


def _types(data: dict[str, Any]) -> np.ndarray:
    with decoding():
        return np.asarray(data["types"])


def _times(data: dict[str, Any]) -> tuple[tuple[str, ...], Float, list[int]]:
    """The labels and the values of the times, ascending, and the index of each in the file, where 1/e is last."""
    time, scattering = _numbers(data, "time"), _numbers(data, "is_values")
    indices = numbers("key 'time_indices'", data.get("time_indices", ()), np.dtype(np.int64))
    if time.ndim != 1 or indices.shape != scattering.shape or indices.ndim != 1:
        raise DataError(
            f"there are {indices.size} time_indices but {scattering.size} is_values; there must be one F per time."
        )
    if np.any((scattering <= 0) | (scattering > 1)):
        raise DataError("key 'is_values' must hold values of F between 0 and 1.")
    if indices.size and (indices.min() < 0 or indices.max() >= time.size):
        raise DataError(f"time_indices reach {indices.max()}, but there are {time.size} times.")
    if np.any(np.diff(time) <= 0):
        raise DataError("key 'time' does not ascend; its values must be strictly ascending.")
    order = sorted(range(indices.size), key=lambda k: (indices[k], -scattering[k]))
    labels = tuple("F=1/e" if abs(f - np.exp(-1)) < 1e-3 else f"F={f:.3g}" for f in scattering[order])
    times = time[indices[order]]
    for k in range(1, len(times)):
        # F may pass two of its values within one frame, but the times of a System ascend strictly.
        if times[k] <= times[k - 1]:
            times[k] = np.nextafter(times[k - 1], np.inf)
    return labels, times, order


def _labels(data: dict[str, Any], start: Float, box: Float, order: list[int]) -> tuple[dict[str, Any], list[int]]:
    """The labels of a System, and the rows of the times that have any."""
    targets = np.atleast_2d(_numbers(data, "targets")) if "targets" in data else None
    if targets is not None:
        _check_count("targets", len(targets), len(order))
    ends: dict[int, Float] = {}
    entries = _entries(data.get("trajectory_target_positions", ()), start, len(order))
    for index, positions in entries:
        if targets is None and index is None:
            _check_count("runs", len(entries), len(order))
        time = index if targets is None else _time_of(positions, index, targets, start, box)
        if time is not None:
            ends[time] = positions
    if len(ends) < len(entries):
        warnings.warn(
            f"the runs at {len(entries) - len(ends)} of {len(entries)} times are left out: their mean displacements "
            "agree with the targets of no time. The propensity is that of the targets.",
            EquiglassWarning,
            stacklevel=3,
        )
    rows = [row for row, source in enumerate(order) if source in ends]
    known = rows if targets is None else list(range(len(order)))
    fields = labels_from_runs((ends[order[row]] for row in rows), start, box) if rows else {}
    for key, label in LABELS.items():
        if fields.get(key) is not None:
            fields[key] = _spread(fields[key], [known.index(row) for row in rows], len(known), label.axis_of_times)
    if targets is not None:
        fields["propensity"] = targets[order]
    return fields, known


def _entries(given: Any, start: Float, n_times: int) -> list[tuple[int | None, Float]]:
    """The positions of the runs, (runs, N, 3) per time, each with the index of its time, or None if that is open.

    Entries without positions are left out.
    """
    what = "trajectory_target_positions"
    if not isinstance(given, list | tuple | np.ndarray):
        raise DataError(f"key {what!r} holds a {type(given).__name__}, not a list.")
    if len(given) and all(_shape(entry) == start.shape for entry in given):
        given = [given]
    entries: list[tuple[int | None, Float]] = []
    for index, entry in enumerate(given):
        if entry is None or 0 in _shape(entry):
            continue
        with decoding():
            arrays = {what: np.asarray(entry)}
        refuse_half(arrays, what)
        refuse_whole(arrays, what)
        positions = numbers(what, entry)
        positions = positions[0] if positions.ndim == 4 and len(positions) == 1 else positions
        if positions.ndim != 3 or positions.shape[1:] != start.shape:
            raise DataError(f"the positions of the runs have shape {positions.shape}, not (runs, {len(start)}, 3).")
        if not np.all(np.isnan(positions)):
            entries.append((index if len(given) == n_times else None, positions))
    return entries


def _shape(entry: Any) -> tuple[int, ...]:
    with decoding():
        return np.shape(entry)


def _time_of(positions: Float, index: int | None, targets: Float, start: Float, box: Float) -> int | None:
    """The index of the time whose targets are the mean |r(t) - r(0)| of the runs, ``index`` if possible; else None."""
    moves, wrapped = unwrapped(positions, start, box)
    found = _same_targets(targets, moves, index)
    if found is None and wrapped and _same_targets(targets, positions - start, index) is not None:
        raise DataError(
            "the targets are the mean displacements between positions that are wrapped into the box. Compute them "
            "from unwrapped positions."
        )
    return found


def _same_targets(targets: Float, moves: Float, index: int | None) -> int | None:
    """The index of the time whose targets are the mean lengths of these displacements; None if there is none."""
    mean = over_runs(moves).propensity
    if targets.shape[1] != len(mean):
        raise DataError(f"there are targets of {targets.shape[1]} particles, but {len(mean)} positions.")
    with np.errstate(invalid="ignore"):
        difference = np.sqrt(np.nanmean((targets - mean) ** 2, axis=1) / np.nanmean(targets**2, axis=1))
    if index is not None and difference[index] < SAME_TARGETS:
        return index
    nearest = int(np.argmin(np.where(np.isfinite(difference), difference, np.inf)))
    return nearest if difference[nearest] < SAME_TARGETS else None


def _spread(values: np.ndarray, rows: list[int], n_times: int, axis: int) -> np.ndarray:
    """The values at some of the times, with NaN at the others."""
    shape = list(values.shape)
    shape[axis] = n_times
    spread = np.full(shape, np.nan, values.dtype)
    np.moveaxis(spread, axis, 0)[rows] = np.moveaxis(values, axis, 0)
    return spread


def _check_count(what: str, found: int, times: int) -> None:
    if found != times:
        raise DataError(f"there are {what} at {found} times, but {times} time_indices.")


FORMATS.add(
    "bapst",
    Format(
        name="bapst",
        title="Bapst et al.",
        suffixes=(".pickle", ".pkl"),
        recognise=lambda content: content.start.startswith(b"\x80"),
        read=lambda paths, species: [read_bapst(path) for path in paths],
        states_potential=False,
    ),
)
