"""The cell vectors of a box. Only boxes along x, y, z are read."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from equiglass.errors import DataError
from equiglass.liquid.arrays import Float

STRAIGHT, STRAIGHT_SINGLE = 1e-9, 1e-6
"""The largest tilts of an orthorhombic box in double and in single precision, in units of its longest edge.

Rounding causes smaller ones.
"""


def edges_of(cell: ArrayLike, box: str = "the box", straight: float = STRAIGHT) -> Float:
    """The edges of an orthorhombic box, (3,), from its cell vectors, (3, 3). See `refuse_tilted`."""
    cell = np.asarray(cell, dtype=np.float64)
    refuse_tilted(cell[~np.eye(3, dtype=bool)], np.abs(cell).max(), box, straight)
    return np.diag(cell)


def refuse_tilted(tilts: Float, longest: float, box: str = "the box", straight: float = STRAIGHT) -> None:
    """Check that all tilts are rounding errors.

    Args:
        tilts: components of the cell vectors across their axes.
        longest: longest edge, the same unit.
        box: the words for the box in the message.
        straight: largest tilt, in units of the longest edge.

    Raises:
        DataError: the box is tilted.
    """
    if np.any(np.abs(tilts) > straight * longest):
        raise DataError(f"{box} is tilted; only orthorhombic boxes along x, y, z are read.")
