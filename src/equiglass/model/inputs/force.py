"""Node input: the force on a particle at the thermal positions, as a vector."""

from __future__ import annotations

from equiglass.liquid.arrays import Float
from equiglass.liquid.needs import potential_of
from equiglass.liquid.potential import energy_and_forces
from equiglass.liquid.system import System
from equiglass.model.inputs import INPUTS, NodeInput


def force(system: System) -> dict[int, Float]:
    """F_i = -grad_i E, (N, 3), LJ force."""
    potential = potential_of(system, "the force")
    return {1: energy_and_forces(system.positions, system.types, system.box, potential)[1]}


INPUTS.add(
    "force",
    NodeInput(
        name="force",
        degrees=(1,),
        needs=frozenset({"potential"}),
        unit="ε/σ",
        title="force at the thermal positions",
        compute=force,
    ),
)
