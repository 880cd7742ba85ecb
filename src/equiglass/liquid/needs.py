"""The needs of a method beyond positions, types and box, and how to meet them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Literal

from equiglass.errors import DataError
from equiglass.liquid.inherent import quench
from equiglass.liquid.potential import LennardJones
from equiglass.liquid.system import System

Need = Literal["potential", "inherent"]
"""The pair potential, or the inherent structure, which the potential determines."""


STATED_POTENTIAL = "stated potential"
"""The key of the provenance that holds the name of a potential that a file states and that is not known."""


def with_potential(system: System, default: LennardJones) -> System:
    """The configuration with its own potential, or with the default one if its file states none.

    Raises:
        DataError: the file states a potential that is not known.
    """
    if system.potential is not None:
        return system
    if STATED_POTENTIAL in system.provenance:
        raise DataError(
            f"{system.name}: the file states the potential {system.provenance[STATED_POTENTIAL]!r}, which is not "
            "known. Give its tables epsilon and sigma in the file, or name another potential instead (--potential)."
        )
    return replace(system, potential=default)


def lacks(system: System, needs: Collection[Need]) -> list[Need]:
    """The needs that the configuration does not meet."""
    has = {"potential": system.potential is not None, "inherent": system.positions_inherent is not None}
    return [need for need in needs if not has[need]]


def supplied(system: System, needs: Collection[Need]) -> System:
    """The configuration with everything that is needed. It is quenched if the inherent structure is missing.

    Args:
        system: any configuration.
        needs: the needs of the method.

    Raises:
        DataError: the potential is needed and unknown.
    """
    missing = lacks(system, needs)
    if not missing:
        return system
    if system.potential is None:
        raise DataError(
            f"{system.name}: the pair potential is needed, but the file names none. Store the potential with the "
            "configuration, or name it."
        )
    return quench(system) if "inherent" in missing else system
