"""Node input: the temperature of the configuration, the same scalar for every particle."""

from __future__ import annotations

import numpy as np

from equiglass.errors import DataError
from equiglass.liquid.arrays import Float
from equiglass.liquid.system import System
from equiglass.model.inputs import INPUTS, NodeInput


def temperature(system: System) -> dict[int, Float]:
    """T, (N, 1), LJ temperature."""
    if system.temperature is None:
        raise DataError(f"{system.name}: the temperature is a node input, and the file names none; name it.")
    return {0: np.full((system.n_particles, 1), system.temperature)}


INPUTS.add(
    "temperature",
    NodeInput(
        name="temperature",
        degrees=(0,),
        needs=frozenset({"temperature"}),
        unit="ε",
        title="temperature of the configuration",
        compute=temperature,
    ),
)
