"""Node input: the force on a particle at the thermal positions, as a vector."""

from __future__ import annotations

from equiglass.errors import DataError
from equiglass.liquid.arrays import Float
from equiglass.liquid.potential import energy_and_forces
from equiglass.liquid.system import System
from equiglass.model.inputs import INPUTS, NodeInput


def force(system: System) -> dict[int, Float]:
    """F_i = -grad_i E, (N, 3), LJ force."""
    if system.potential is None:
        raise DataError(f"{system.name}: the force needs the pair potential, and the file names none; name it.")
    return {1: energy_and_forces(system.positions, system.types, system.box, system.potential)[1]}


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
