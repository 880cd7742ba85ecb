"""What a method may need of a configuration beyond positions, types and box."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from equiglass.errors import DataError
from equiglass.liquid.mixture import STATED_POTENTIAL
from equiglass.liquid.potential import LennardJones
from equiglass.liquid.system import System

Need = Literal["potential", "inherent", "cage", "short runs", "temperature"]
"""The pair potential, the inherent structure, the state of the cages, short runs, the temperature.

The potential determines the three in the middle. A node input makes its short runs itself.
"""


def potential_of(system: System, what: str) -> LennardJones:
    """The pair potential of the configuration, which ``what`` needs.

    Raises:
        DataError: the potential is unknown.
    """
    if system.potential is None:
        raise DataError(
            f"{system.name}: {what} needs the pair potential, which is unknown. Name it: "
            'load(..., potential="kob-andersen"), or --potential kob-andersen.'
        )
    return system.potential


def temperature_of(system: System, what: str) -> float:
    """The temperature of the configuration, LJ units, which ``what`` needs.

    Raises:
        DataError: the temperature is unknown.
    """
    if system.temperature is None:
        raise DataError(
            f"{system.name}: {what} needs the temperature, which is unknown. Store it in the file, or set it: "
            "dataclasses.replace(system, temperature=0.44)."
        )
    return system.temperature


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
