"""The computation of the node inputs of a configuration, and their averages over neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from equiglass.errors import DataError
from equiglass.liquid.arrays import Float
from equiglass.liquid.surroundings import neighbourhood_averages
from equiglass.liquid.system import System
from equiglass.model.inputs import INPUTS
from equiglass.model.inputs.choice import Inputs

Computed = Mapping[str, Mapping[int, Float]]
"""The node inputs of a configuration by name and degree, each (N, 2 l + 1), LJ units."""


def compute(system: System, inputs: Inputs) -> Computed:
    """The node inputs of a configuration that meets ``inputs.needs``.

    Raises:
        DataError: the potential is unknown, there is no inherent structure, or an input is not a finite number.
    """
    return {x.name: _computed(system, x.name) for x in inputs.chosen}


def _computed(system: System, name: str) -> Mapping[int, Float]:
    parts = INPUTS[name].compute(system)
    wrong = int((~np.isfinite(np.concatenate(list(parts.values()), axis=1))).any(axis=1).sum())
    if wrong:
        raise DataError(
            f"{system.name}: the node input {name} is not a finite number for {wrong} particles. Check the positions "
            "and the inherent structure, which may be no minimum of the energy, or leave the input out."
        )
    return parts


def invariants(system: System, names: Sequence[str]) -> Float:
    """The scalars of node inputs, and the norms of the parts of inputs without a scalar, (N, F)."""
    columns = [np.empty((system.n_particles, 0))]
    for name in names:
        parts = _computed(system, name)
        columns += [parts[0]] if 0 in parts else [np.linalg.norm(x, axis=1, keepdims=True) for x in parts.values()]
    return np.concatenate(columns, axis=1)


def n_invariants(names: Sequence[str]) -> int:
    """The number of columns of `invariants`."""
    return sum(1 if 0 in INPUTS[name].degrees else len(INPUTS[name].degrees) for name in names)


def input_averages(system: System, inputs: Inputs, computed: Computed) -> Float:
    """The scalar node inputs averaged over 0, 1, ... generations of neighbours, (N, G), G = ``inputs.n_averages``.

    The positions that define the graph also define the neighbours; see `neighbourhood_averages`.
    """
    if not inputs.generations:
        return np.empty((system.n_particles, 0))
    scalars = np.column_stack([parts[0] for parts in computed.values() if 0 in parts])
    return neighbourhood_averages(system, scalars, inputs.generations, structure=inputs.positions)
