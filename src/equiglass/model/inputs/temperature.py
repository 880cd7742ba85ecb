"""Node input: the temperature of the configuration, the same scalar for every particle."""

from __future__ import annotations

import numpy as np

from equiglass.liquid.arrays import Float
from equiglass.liquid.needs import temperature_of
from equiglass.liquid.system import System
from equiglass.model.inputs import INPUTS, NodeInput


def temperature(system: System) -> dict[int, Float]:
    """T, (N, 1), LJ temperature."""
    known = temperature_of(system, "the node input")
    return {0: np.full((system.n_particles, 1), known)}


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
