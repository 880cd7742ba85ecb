"""Node input: the displacement of a particle to the cage state, as a vector with its length as a scalar."""

from __future__ import annotations

import numpy as np

from equiglass.liquid.arrays import Float
from equiglass.liquid.system import System
from equiglass.model.inputs import INPUTS, NodeInput


def displacement(system: System) -> dict[int, Float]:
    """The length |d_i|, (N, 1), and the vector d_i = x_i(cage) - x_i(thermal), (N, 3), LJ length."""
    vectors = system.positions_in("cage") - system.positions
    return {0: np.linalg.norm(vectors, axis=1, keepdims=True), 1: vectors}


INPUTS.add(
    "displacement_cage",
    NodeInput(
        name="displacement_cage",
        degrees=(0, 1),
        needs=frozenset({"potential", "cage"}),
        unit="σ",
        title="displacement to the cage state",
        compute=displacement,
    ),
)
