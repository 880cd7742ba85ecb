"""The displacement of every particle from the thermal positions to the inherent structure or to the cage state."""

from __future__ import annotations

import numpy as np

from equiglass.liquid.arrays import Float
from equiglass.liquid.system import Structure, System


def displacement(system: System, structure: Structure) -> Float:
    """The displacement to a structure, d_i = x_i(structure) - x_i(thermal), (N, 3), LJ length.

    Raises:
        DataError: the configuration has no inherent structure, or no cage state.
    """
    return system.positions_in(structure) - system.positions


def distance(system: System, structure: Structure) -> Float:
    """The distance to a structure, |d_i|, (N,), LJ length.

    Raises:
        DataError: the configuration has no inherent structure, or no cage state.
    """
    length: Float = np.linalg.norm(displacement(system, structure), axis=1)
    return length
