"""What a method needs of a configuration beyond positions, types and box, and how it is supplied."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Literal

from equiglass.errors import DataError
from equiglass.liquid.inherent import quench
from equiglass.liquid.potential import LennardJones
from equiglass.liquid.system import System

Need = Literal["potential", "inherent"]
"""The pair potential; the inherent structure, for which the potential is needed too."""


def lacks(system: System, needs: Collection[Need]) -> list[Need]:
    """Which of the needs the configuration does not have."""
    has = {"potential": system.potential is not None, "inherent": system.positions_inherent is not None}
    return [need for need in needs if not has[need]]


def supplied(system: System, needs: Collection[Need], potential: LennardJones | None = None) -> System:
    """The configuration with all that is needed; quenched where the inherent structure is missing.

    Args:
        system: any configuration.
        needs: what is needed.
        potential: the pair potential of a configuration that does not know its own.

    Raises:
        DataError: the potential is needed and not known.
    """
    missing = lacks(system, needs)
    if not missing:
        return system
    known = system.potential or potential
    if known is None:
        raise DataError(
            f"{system.name}: the pair potential is needed, but the file names none. Store the potential with the "
            "configuration, or name it."
        )
    system = replace(system, potential=known)
    return quench(system) if "inherent" in missing else system
