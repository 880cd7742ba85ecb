"""What every engine of molecular dynamics takes and returns."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from equiglass.liquid.arrays import Float


class State(NamedTuple):
    """The variables of the equations of motion.

    Attributes:
        positions: positions, wrapped or not, (N, 3).
        types: types, (N,).
        box: edge lengths, (3,).
        velocities: velocities, (N, 3), or those of several runs from the same positions, (R, N, 3).
    """

    positions: Float
    types: NDArray[np.int64]
    box: Float
    velocities: Float


class Run(NamedTuple):
    """The result of a run at constant energy.

    Attributes:
        positions: unwrapped positions at every time, (T, N, 3).
        velocities: velocities at the last time, (N, 3).
        energy: total energy per particle at the start and at every time, (T + 1,).
        temperature: kinetic temperature at the same times, (T + 1,).
    """

    positions: Float
    velocities: Float
    energy: Float
    temperature: Float


def steps_of(duration: float, timestep: float) -> tuple[int, float]:
    """The number and the length of the fewest equal steps of a duration that are not longer than ``timestep``."""
    steps = max(1, math.ceil(duration / timestep - 1e-9))
    return steps, duration / steps
