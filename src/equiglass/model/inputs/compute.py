"""The node inputs of a configuration: computed once, then standardised in its graph and averaged over neighbours."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from equiglass.liquid.arrays import Float
from equiglass.liquid.surroundings import neighbourhood_averages
from equiglass.liquid.system import System
from equiglass.model.inputs.choice import Inputs

Computed = Mapping[str, Mapping[int, Float]]
"""Node inputs by name and degree, each (N, 2 l + 1), LJ units."""


def compute(system: System, inputs: Inputs) -> Computed:
    """The node inputs of a configuration that has all of ``inputs.needs``.

    Raises:
        DataError: the potential is not known, or there is no inherent structure.
    """
    return {x.name: x.compute(system) for x in inputs.chosen}


def input_averages(system: System, inputs: Inputs, computed: Computed) -> Float:
    """The scalar node inputs averaged over 0, 1, ... generations of neighbours, (N, G), G = ``inputs.n_averages``.

    Neighbours are those in the positions that make the graph (`neighbourhood_averages`).
    """
    if not inputs.generations:
        return np.empty((system.n_particles, 0))
    scalars = np.column_stack([parts[0] for parts in computed.values() if 0 in parts])
    return neighbourhood_averages(system, scalars, inputs.generations, structure=inputs.positions)
