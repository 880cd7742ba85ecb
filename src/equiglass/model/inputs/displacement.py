"""Node inputs: the displacement of a particle to another structure, as a vector with its length as a scalar."""

from __future__ import annotations

from functools import partial

from equiglass.liquid.arrays import Float
from equiglass.liquid.displacement import displacement, distance
from equiglass.liquid.system import Structure, System
from equiglass.model.inputs import INPUTS, NodeInput


def length_and_vector(structure: Structure, system: System) -> dict[int, Float]:
    """The length |d_i|, (N, 1), and the vector d_i = x_i(structure) - x_i(thermal), (N, 3), LJ length."""
    return {0: distance(system, structure)[:, None], 1: displacement(system, structure)}


INPUTS.add(
    "displacement_inherent",
    NodeInput(
        name="displacement_inherent",
        degrees=(0, 1),
        needs=frozenset({"potential", "inherent"}),
        unit="σ",
        title="displacement to the inherent structure",
        compute=partial(length_and_vector, "inherent"),
    ),
)
INPUTS.add(
    "displacement_cage",
    NodeInput(
        name="displacement_cage",
        degrees=(0, 1),
        needs=frozenset({"potential", "cage"}),
        unit="σ",
        title="displacement to the cage state",
        compute=partial(length_and_vector, "cage"),
    ),
)
