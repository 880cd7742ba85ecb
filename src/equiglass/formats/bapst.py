"""Data of Bapst et al., Nature Physics 16, 448 (2020), doi 10.1038/s41567-020-0842-8.

Published with the repository deepmind-research, folder glassy_dynamics.

One pickle for every configuration, a dict: ``positions`` (N, 3), ``types`` (N,) 0 = A, 1 = B, ``box`` (3,),
``time``, ``time_indices`` and ``is_values`` (10: the value of the self-intermediate scattering function F at
each of the selected times, 1/e last), ``trajectory_target_positions`` (10, 30, N, 3) unwrapped, ``metadata``;
in some files ``targets`` (10, N) instead.

A pickle can run any code. These are read with an unpickler that admits numpy arrays and builtin containers
and nothing else.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy._core import multiarray

from equiglass.errors import EquiglassError
from equiglass.formats.replicas import labels_from_runs
from equiglass.liquid.potential import KOB_ANDERSEN
from equiglass.liquid.system import System


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """``_codecs.encode`` as numpy uses it in pickles of protocol 2: bytes spelt as text."""
    if encoding not in ("latin1", "latin-1"):
        raise EquiglassError(f"the pickle asks for the encoding {encoding!r}, which is refused.")
    return text.encode("latin1")


def _from_buffer(buffer: bytes, dtype: np.dtype, shape: tuple[int, ...], order: Literal["C", "F"]) -> np.ndarray:
    """An array as numpy spells it in pickles of protocol 5."""
    return np.frombuffer(buffer, dtype=dtype).reshape(shape, order=order)


_ADMITTED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _encode,
}
# numpy moved from numpy.core to numpy._core; files of both times exist.
for _core in ("numpy.core", "numpy._core"):
    _ADMITTED[f"{_core}.multiarray", "_reconstruct"] = multiarray._reconstruct
    _ADMITTED[f"{_core}.multiarray", "scalar"] = multiarray.scalar
    _ADMITTED[f"{_core}.numeric", "_frombuffer"] = _from_buffer


class _ArraysOnly(pickle.Unpickler):
    """An unpickler that rebuilds numpy arrays and builtin containers, and refuses everything else."""

    def find_class(self, module: str, name: str) -> Any:
        """The admitted object of that name."""
        try:
            return _ADMITTED[module, name]
        except KeyError:
            raise EquiglassError(
                f"the pickle asks for {module}.{name}, which is refused: only numpy arrays and builtin "
                "containers are read, because anything else could run code. Do not trust this file."
            ) from None


def read_bapst(path: Path) -> System:
    """One configuration with all its runs; times labelled by the value of F, "F=0.9", ..., "F=1/e", ..."""
    with path.open("rb") as stream:
        data = _ArraysOnly(stream, encoding="latin1").load()
    if not isinstance(data, dict):
        raise EquiglassError(f"the pickle holds a {type(data).__name__}, not the dict of the Bapst data set.")
    for key in ("positions", "types", "box"):
        if key not in data:
            raise EquiglassError(f"key {key!r} is missing; the keys are {', '.join(sorted(map(str, data)))}.")
    metadata = data.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise EquiglassError(f"key 'metadata' holds a {type(metadata).__name__}, not a dict.")
    positions = np.asarray(data["positions"], dtype=np.float64)
    box = np.asarray(data["box"], dtype=np.float64)
    labels, times, order = _times(data)
    fields: dict[str, Any] = {}
    if "trajectory_target_positions" in data:
        targets = data["trajectory_target_positions"]
        _check_count(len(targets), len(order))
        fields = labels_from_runs((np.asarray(targets[k], dtype=np.float64) - positions for k in order), box)
    elif "targets" in data:
        targets = np.asarray(data["targets"], dtype=np.float64)
        _check_count(len(targets), len(order))
        fields = {"propensity": targets[order]}
    fluid = str(metadata.get("fluid", "Kob Andersen"))
    temperature = metadata.get("temperature")
    return System(
        positions,
        np.asarray(data["types"]),
        box,
        name=path.stem,
        temperature=float(temperature) if temperature is not None else None,
        potential=KOB_ANDERSEN if fluid.lower().startswith("kob") else None,
        time_labels=labels if fields else (),
        times=times if fields else np.empty(0),
        provenance={
            "format": "Bapst",
            "source": path.name,
            "doi": "10.1038/s41567-020-0842-8",
            **{str(key): str(value) for key, value in metadata.items()},
        },
        **fields,
    )


def _times(data: dict[str, Any]) -> tuple[tuple[str, ...], np.ndarray, list[int]]:
    """Labels and values of the times, ascending, and where each stands in the file (1/e is last there)."""
    time = np.asarray(data.get("time", ()), dtype=np.float64)
    indices = np.asarray(data.get("time_indices", ()), dtype=np.int64)
    scattering = np.asarray(data.get("is_values", ()), dtype=np.float64)
    if indices.shape != scattering.shape or indices.ndim != 1:
        raise EquiglassError(f"{indices.size} time_indices but {scattering.size} is_values.")
    if indices.size and (indices.min() < 0 or indices.max() >= time.size):
        raise EquiglassError(f"time_indices reach {indices.max()}, but there are {time.size} times.")
    if np.any(np.diff(time) <= 0):
        raise EquiglassError("key 'time' does not ascend.")
    order = sorted(range(indices.size), key=lambda k: (indices[k], -scattering[k]))
    labels = tuple("F=1/e" if abs(f - np.exp(-1)) < 1e-3 else f"F={f:.3g}" for f in scattering[order])
    times = time[indices[order]]
    for k in range(1, len(times)):
        # F may pass two of its values within one frame; the times of System ascend strictly.
        if times[k] <= times[k - 1]:
            times[k] = np.nextafter(times[k - 1], np.inf)
    return labels, times, order


def _check_count(targets: int, times: int) -> None:
    if targets != times:
        raise EquiglassError(f"there are targets at {targets} times, but {times} time_indices.")
