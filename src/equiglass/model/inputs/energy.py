"""Node inputs: the potential energy of a particle in the thermal positions, inherent structure and cage state."""

from __future__ import annotations

from functools import partial

from equiglass.liquid.arrays import Float
from equiglass.liquid.energy import particle_energy
from equiglass.liquid.system import Structure, System
from equiglass.model.inputs import INPUTS, NodeInput


def energy(structure: Structure, system: System) -> dict[int, Float]:
    """The potential energy E_pot,i = sum_{j != i} V(r_ij), the full sum over neighbours, (N, 1), LJ energy."""
    return {0: particle_energy(system, structure)[:, None]}


INPUTS.add(
    "energy_inherent",
    NodeInput(
        name="energy_inherent",
        degrees=(0,),
        needs=frozenset({"potential", "inherent"}),
        unit="ε",
        title="E_pot in the inherent structure",
        compute=partial(energy, "inherent"),
    ),
)
INPUTS.add(
    "energy_thermal",
    NodeInput(
        name="energy_thermal",
        degrees=(0,),
        needs=frozenset({"potential"}),
        unit="ε",
        title="E_pot in the thermal positions",
        compute=partial(energy, "thermal"),
    ),
)
INPUTS.add(
    "energy_cage",
    NodeInput(
        name="energy_cage",
        degrees=(0,),
        needs=frozenset({"potential", "cage"}),
        unit="ε",
        title="E_pot in the cage state",
        compute=partial(energy, "cage"),
    ),
)
