"""Supply a configuration with what a method needs of it."""

from __future__ import annotations

from collections.abc import Collection

from equiglass.dynamics.cage import cage
from equiglass.liquid.inherent import quench
from equiglass.liquid.needs import Need, potential_of, temperature_of
from equiglass.liquid.system import System


def lacks(system: System, needs: Collection[Need]) -> list[Need]:
    """The needs that the configuration does not meet."""
    has = {
        "potential": system.potential is not None,
        "inherent": system.positions_inherent is not None,
        "cage": system.positions_cage is not None,
        "short runs": True,
        "temperature": system.temperature is not None,
    }
    return [need for need in needs if not has[need]]


def supplied(system: System, needs: Collection[Need]) -> System:
    """The configuration with everything that is needed. What is missing of inherent structure and cage state is made.

    Args:
        system: any configuration.
        needs: the needs of the method.

    Raises:
        DataError: the potential or the temperature is needed and unknown.
    """
    missing = lacks(system, needs)
    if not missing:
        return system
    if "temperature" in missing:
        temperature_of(system, "the method")
    potential_of(system, "the method")
    system = quench(system) if "inherent" in missing else system
    return cage(system)[0] if "cage" in missing else system
