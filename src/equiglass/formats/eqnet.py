"""The npz files of eqnet (LucaTeodorescu/eqnet, a kin of the original SE(3)-GNN code), one configuration per file.

    types                         (N,), 0 = A, 1 = B
    positions, positions_IS       (N, 3), thermal and inherent positions
    times                         (T,)
    box                           (3,)
    trajectory_target_positions   (T, runs, N, 3), positions of the runs at every time

The times have the labels "1", "2", ... The files do not state the temperature, nor the potential.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from equiglass.errors import DataError
from equiglass.formats import FORMATS, Format
from equiglass.formats.npz import read_npz, refuse_half, refuse_whole, require
from equiglass.liquid.system import System
from equiglass.observables.propensity import labels_from_runs

_EXACT = ("positions", "positions_IS", "trajectory_target_positions")
"""The keys whose values need their digits."""


def read_eqnet(path: Path) -> System:
    """The configuration of a file, with the labels from its runs.

    Raises:
        DataError: an array is missing or has another shape, or the runs are wrapped and cannot be unwrapped.
    """
    arrays = read_npz(path)
    require(arrays, "types", "positions", "positions_IS", "box")
    refuse_half(arrays, *_EXACT, "box", "times")
    refuse_whole(arrays, *_EXACT)
    box = np.ravel(arrays["box"]).astype(np.float64)
    box = np.full(3, box[0]) if box.size == 1 else box
    start = arrays["positions"].astype(np.float64)
    labels: dict[str, Any] = {}
    times = np.empty(0)
    if "trajectory_target_positions" in arrays:
        require(arrays, "times", "trajectory_target_positions")
        times, ends = np.atleast_1d(arrays["times"]).astype(np.float64), arrays["trajectory_target_positions"]
        ends = ends[None] if ends.ndim == 3 and times.size == 1 else ends
        if len(ends) != times.size:
            raise DataError(f"there are runs at {len(ends)} times, but {times.size} times.")
        if np.any(np.diff(times) <= 0):
            raise DataError(f"the times must ascend; got {times}.")
        labels = labels_from_runs(iter(ends), start, box)
    return System(
        start,
        arrays["types"],
        box,
        name=path.stem,
        positions_inherent=arrays["positions_IS"],
        time_labels=tuple(str(k + 1) for k in range(times.size)),
        times=times,
        provenance={"format": "eqnet", "source": path.name},
        **labels,
    )


FORMATS.add(
    "eqnet",
    Format(
        name="eqnet",
        title="eqnet npz",
        suffixes=(".npz",),
        recognise=lambda content: "positions_IS" in content.keys,
        read=lambda paths, species: [read_eqnet(path) for path in paths],
    ),
)
