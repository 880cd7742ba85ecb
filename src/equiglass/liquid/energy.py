"""The potential energy of the particles of a configuration."""

from __future__ import annotations

from equiglass.liquid.arrays import Float
from equiglass.liquid.needs import potential_of
from equiglass.liquid.potential import potential_energy
from equiglass.liquid.system import Structure, System


def particle_energy(system: System, structure: Structure = "inherent") -> Float:
    """The potential energy of every particle, the full sum over its neighbours: E_i = sum_{j != i} V(r_ij).

    Args:
        system: the configuration.
        structure: "thermal" or "inherent" positions.

    Returns:
        E_i, (N,), LJ energy.

    Raises:
        DataError: the potential is unknown, or the system has no inherent structure.
    """
    potential = potential_of(system, "the potential energy")
    return potential_energy(system.positions_in(structure), system.types, system.box, potential)
