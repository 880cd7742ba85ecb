"""The Kob-Andersen configurations of GlassBench, arXiv 2311.14752, data doi 10.5281/zenodo.10118191.

One npz for every configuration, ``T{T}/{train,test}/N4096T{T}_{i}.npz``: ``types`` (N,) **1 = A, 2 = B**;
``initial_positions`` (N, 3) in [-L/2, L/2); ``initial_positions_inherent``; ``md_prop`` (10, N), the
propensity over 32 runs; in test files the published predictions of other methods, (10, N) each. The box is
not stored: L = (N / 1.2)^(1/3). Ten times, the same for all configurations of a temperature, labelled "1" to
"10".
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from equiglass.errors import EquiglassError
from equiglass.formats.npz import Arrays, require
from equiglass.liquid.potential import KOB_ANDERSEN
from equiglass.liquid.system import System

TIMES = {
    0.44: (0.13, 1.3, 13, 130, 412, 1300, 4120, 13000, 41200, 130000),
    0.50: (0.108, 0.434, 2.17, 6.86, 21.7, 68.6, 217, 686, 2170, 6860),
    0.56: (0.104, 0.33, 0.99, 1.65, 5.2, 16.5, 52, 165, 520, 1650),
    0.64: (0.032, 0.1, 0.165, 0.52, 1.65, 5.2, 16.5, 52, 165, 520),
}
"""Times of every temperature; number 7 is tau_alpha (GlassBench; Shiba et al. 2023 use the same)."""

_RUNS = 32
_DENSITY = 1.2
_NAME = re.compile(r"N\d+T(\d+(?:\.\d+)?)_(\d+)")
_FOLDER = re.compile(r"T(\d+(?:\.\d+)?)")
_NOT_PREDICTIONS = (
    "md_prop",
    "bb_prop",
    "initial_positions",
    "initial_positions_inherent",
    "initial_positions_cage",
)


def cubic_box(n: int) -> NDArray[np.float64]:
    """L = (N / 1.2)^(1/3), three times."""
    return np.full(3, (n / _DENSITY) ** (1 / 3))


def times_at(temperature: str) -> tuple[float, ...]:
    """The ten times of a temperature.

    Raises:
        EquiglassError: the data set has no such temperature.
    """
    try:
        return TIMES[float(temperature)]
    except KeyError:
        known = ", ".join(f"{t:.2f}" for t in TIMES)
        raise EquiglassError(f"no times are known for T = {temperature}; the data set has T = {known}.") from None


def is_glassbench(arrays: Arrays) -> bool:
    """Whether these are the arrays of such a file."""
    return "initial_positions" in arrays and "positions" not in arrays


def read_glassbench(path: Path, arrays: Arrays) -> System:
    """One configuration, with the published predictions where the file carries them.

    Every other (10, N) array of floats is taken for a prediction (or a structural descriptor) under its key.
    ``bb_prop``, ``initial_positions_cage`` and arrays of other shapes are not read.
    """
    require(arrays, "types", "initial_positions")
    types = arrays["types"]
    if not np.all(np.isin(types, (1, 2))):
        raise EquiglassError(f"types must be 1 (A) and 2 (B) in GlassBench; got {np.unique(types)[:8]}.")
    predictions = {
        key: array
        for key, array in arrays.items()
        if key not in _NOT_PREDICTIONS and array.shape == (10, types.size) and array.dtype.kind == "f"
    }
    labelled = "md_prop" in arrays or bool(predictions)
    temperature = _temperature(path)
    if labelled and temperature is None:
        raise EquiglassError(
            "the temperature, and with it the times, are not known; they are read from a name like "
            "N4096T0.44_1.npz, or from a parent folder like T0.44."
        )
    times = times_at(temperature) if labelled and temperature else ()
    match = _NAME.fullmatch(path.stem)
    return System(
        arrays["initial_positions"],
        types.astype(np.int64) - 1,
        cubic_box(types.size),
        name=f"T{temperature}_{match[2]}" if match else path.stem,
        temperature=float(temperature) if temperature else None,
        potential=KOB_ANDERSEN,
        positions_inherent=arrays.get("initial_positions_inherent"),
        time_labels=tuple(str(k + 1) for k in range(len(times))),
        times=np.array(times, dtype=np.float64),
        propensity=arrays.get("md_prop"),
        runs=_RUNS if "md_prop" in arrays else None,
        predictions=predictions,
        provenance={"format": "GlassBench", "source": path.name, "doi": "10.5281/zenodo.10118191"},
    )


def _temperature(path: Path) -> str | None:
    match = _NAME.fullmatch(path.stem)
    if match:
        return match[1]
    folders = (_FOLDER.fullmatch(folder.name) for folder in path.absolute().parents)
    return next((folder[1] for folder in folders if folder), None)
