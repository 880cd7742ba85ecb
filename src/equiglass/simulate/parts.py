"""The files of the finished pieces of work. A file is complete or absent, even if the simulation was killed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from equiglass.files import replacing


def write_arrays(path: Path, **arrays: NDArray[np.floating]) -> None:
    """Write arrays, by name, to an npz file."""
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
