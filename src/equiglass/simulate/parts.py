"""The pieces of work already done, one file each: whole or absent, however the run was stopped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from equiglass.files import replacing


def write_arrays(path: Path, **arrays: NDArray[np.floating]) -> None:
    """Arrays by name, in an npz file."""
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
