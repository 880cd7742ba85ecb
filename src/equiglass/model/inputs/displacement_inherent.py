"""Node input: the displacement of a particle to the inherent structure, as a vector with its length as a scalar."""

from __future__ import annotations

from equiglass.liquid.arrays import Float
from equiglass.liquid.inherent import inherent_displacement, inherent_distance
from equiglass.liquid.system import System
from equiglass.model.inputs import INPUTS, NodeInput


def displacement(system: System) -> dict[int, Float]:
    """The length |d_i|, (N, 1), and the vector d_i = x_i(inherent) - x_i(thermal), (N, 3), LJ length."""
    return {0: inherent_distance(system)[:, None], 1: inherent_displacement(system)}


INPUTS.add(
    "displacement_inherent",
    NodeInput(
        name="displacement_inherent",
        degrees=(0, 1),
        needs=frozenset({"potential", "inherent"}),
        unit="σ",
        title="displacement to the inherent structure",
        compute=displacement,
    ),
)
