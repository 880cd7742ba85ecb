"""The potential energy of the particles of a configuration."""

from __future__ import annotations

from equiglass.errors import DataError
from equiglass.liquid.arrays import Float
from equiglass.liquid.potential import LennardJones, potential_energy
from equiglass.liquid.system import Structure, System


def particle_energy(system: System, structure: Structure = "inherent", potential: LennardJones | None = None) -> Float:
    """The potential energy of every particle, the full sum over its neighbours: E_i = sum_{j != i} V(r_ij).

    Args:
        system: the configuration.
        structure: "thermal" or "inherent" positions.
        potential: the pair potential if the system has none of its own.

    Returns:
        E_i, (N,), LJ energy.

    Raises:
        DataError: the potential is unknown, or the system has no inherent structure.
    """
    potential = system.potential or potential
    if potential is None:
        raise DataError(
            f"{system.name}: the potential energy is needed, but the file names no potential. Store the potential "
            "with the configuration, or choose a model that does not use the energy."
        )
    return potential_energy(system.positions_in(structure), system.types, system.box, potential)
