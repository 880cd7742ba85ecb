"""The Kob-Andersen configurations of GlassBench, arXiv 2311.14752, data doi 10.5281/zenodo.10118191.

There is one npz per configuration, ``T{T}/{train,test}/N4096T{T}_{i}.npz``:

    types                        (N,), **1 = A, 2 = B**
    initial_positions            (N, 3), in [-L/2, L/2)
    initial_positions_inherent   (N, 3)
    initial_positions_cage       (N, 3), in some files
    md_prop                      (10, N), the propensity over 32 runs
    other names, in test files   (10, N), the published predictions of other methods

The files do not contain the box, L = (N / 1.2)^(1/3), nor the times. A box that is in the file has precedence. The ten
times are the published ones (`liquid.state_points`), with labels "1" to "10". The files do not contain the potential,
which is force-shifted at 2.5 sigma_ab in this set.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from equiglass.errors import DataError
from equiglass.formats import FORMATS, Format
from equiglass.formats.checks import refuse_stated_units
from equiglass.formats.npz import Arrays, read_npz, refuse_half, refuse_whole, require
from equiglass.liquid.box import edges_of
from equiglass.liquid.labels import numbers
from equiglass.liquid.potential import KOB_ANDERSEN_FORCE_SHIFTED
from equiglass.liquid.state_points import DENSITY, published_times
from equiglass.liquid.system import System

_RUNS = 32
_NAME = re.compile(r"N\d+T(\d+(?:\.\d+)?)_(\d+)")
_BOX = re.compile("L|(sim(ulation)?_?)?(box|cell|lattice)(_?(L|lengths?|size|edges?|vectors?))?", re.IGNORECASE)
_FOLDER = re.compile(r"T(\d+(?:\.\d+)?)")
_NOT_PREDICTIONS = (
    "md_prop",
    "bb_prop",
    "initial_positions",
    "initial_positions_inherent",
    "initial_positions_cage",
)

_PUBLISHED = {"BOTAN", "CAGE", "GlassMLP", "SE3"}
"""The predictions in the test files of GlassBench."""


def cubic_box(n: int) -> NDArray[np.float64]:
    """The edges L = (N / 1.2)^(1/3) of the cubic box of N particles, (3,), LJ length."""
    return np.full(3, (n / DENSITY) ** (1 / 3))


def stated_box(arrays: Arrays) -> NDArray[np.float64]:
    """The edges of the box, (3,), LJ length: those in the file, or else those of the cubic box of the data set.

    A file may state them under ``box``, ``L``, ``cell`` and the like, as one edge, three edges or a diagonal matrix.
    ``Lx``, ``Ly`` and ``Lz`` are read too.

    Raises:
        DataError: the file states units other than lj, or a box that is not orthorhombic.
    """
    refuse_stated_units(arrays)
    if all(f"L{axis}" in arrays for axis in "xyz"):
        return np.array([numbers(f"key 'L{axis}'", arrays[f"L{axis}"]).item() for axis in "xyz"])
    key = next((key for key in arrays if _BOX.fullmatch(key)), None)
    if key is None:
        return cubic_box(arrays["types"].size)
    box = numbers(f"key {key!r}", arrays[key])
    if box.shape == (3, 3):
        return edges_of(box, f"the box (key {key!r})")
    return np.full(3, box.item()) if box.size == 1 else box


def read_glassbench(path: Path) -> System:
    """One configuration, with the published predictions if the file contains them.

    Every other (10, N) array of floats is taken for a prediction (or a structural descriptor) with the name of its key.
    ``bb_prop`` and arrays of other shapes are not read.

    Raises:
        DataError: an array is missing or has other values, a published prediction has another shape, or the temperature
            of labels is unknown.
    """
    arrays = read_npz(path)
    require(arrays, "types", "initial_positions")
    refuse_half(arrays, "initial_positions", "initial_positions_inherent")
    refuse_whole(arrays, "initial_positions", "initial_positions_inherent", "md_prop")
    types = arrays["types"]
    if not np.all(np.isin(types, (1, 2))):
        raise DataError(f"types must be 1 (A) and 2 (B) in GlassBench; got {np.unique(types)[:8]}.")
    for key in _PUBLISHED & arrays.keys():
        if arrays[key].shape != (10, types.size):
            raise DataError(
                f"the predictions {key} have the shape {arrays[key].shape}; 10 times and {types.size} particles need "
                f"{(10, types.size)}."
            )
        if arrays[key].dtype.kind not in "fiu":
            raise DataError(f"the predictions {key} are of the kind {arrays[key].dtype}; real numbers are needed.")
    predictions = {
        key: array if array.dtype.kind == "f" else array.astype(np.float64)
        for key, array in arrays.items()
        if key not in _NOT_PREDICTIONS and array.shape == (10, types.size) and array.dtype.kind in "fiu"
    }
    labelled = "md_prop" in arrays or bool(predictions)
    temperature = _temperature(path)
    if labelled and temperature is None:
        raise DataError(
            "the temperature is unknown, and with it the times. It is read from a file name like N4096T0.44_1.npz, or "
            "from the name of a parent folder like T0.44."
        )
    times = published_times(float(temperature)) if labelled and temperature else ()
    match = _NAME.fullmatch(path.stem)
    return System(
        arrays["initial_positions"],
        types.astype(np.int64) - 1,
        stated_box(arrays),
        name=f"T{temperature}_{match[2]}" if match else path.stem,
        temperature=float(temperature) if temperature else None,
        potential=KOB_ANDERSEN_FORCE_SHIFTED,
        positions_inherent=arrays.get("initial_positions_inherent"),
        positions_cage=arrays.get("initial_positions_cage"),
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


FORMATS.add(
    "glassbench",
    Format(
        name="glassbench",
        title="GlassBench",
        suffixes=(".npz",),
        recognise=lambda content: "initial_positions" in content.keys and "positions" not in content.keys,
        read=lambda paths, species: [read_glassbench(path) for path in paths],
        states_potential=False,
    ),
)
