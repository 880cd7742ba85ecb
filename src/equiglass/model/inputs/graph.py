"""The graph of a configuration with its node inputs, standardised."""

from __future__ import annotations

import numpy as np
import torch

from equiglass.liquid.arrays import Float
from equiglass.liquid.system import System
from equiglass.model.graph import Graph, build_graph
from equiglass.model.inputs.choice import Inputs
from equiglass.model.inputs.compute import Computed
from equiglass.model.inputs.standardisation import InputStandardisation


def input_graph(
    system: System,
    inputs: Inputs,
    computed: Computed,
    standardisation: InputStandardisation,
    cutoff: float,
    n_types: int,
    dtype: torch.dtype = torch.float32,
) -> Graph:
    """The graph of a configuration; its scalars are the one-hot of the type, then the inputs in their order.

    Args:
        system: the configuration.
        inputs: the choice.
        computed: its node inputs, from `equiglass.model.inputs.compute.compute`.
        standardisation: of the training set.
        cutoff: d_c, LJ length.
        n_types: number of types of the model.
        dtype: precision of the real numbers.
    """
    channels: dict[int, list[Float]] = {}
    for name, parts in computed.items():
        for degree, values in parts.items():
            channels.setdefault(degree, []).append(standardisation.apply(name, degree, values, system.types))
    by_degree = {degree: np.stack(same, axis=2) for degree, same in channels.items()}
    return build_graph(system, cutoff, inputs.positions, n_types, by_degree, dtype)
