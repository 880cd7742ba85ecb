"""The graph of a configuration with standardised node inputs."""

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
    """The graph of a configuration with standardised node inputs. Its scalars begin with the one-hot of the type.

    Args:
        system: the configuration.
        inputs: choice of positions and node inputs.
        computed: node inputs of the configuration, from `equiglass.model.inputs.compute.compute`.
        standardisation: standardisation of the training set.
        cutoff: upper limit d_c of the length of edges, LJ length.
        n_types: number of particle types of the model.
        dtype: precision of the real numbers.
    """
    channels: dict[int, list[Float]] = {}
    for name, parts in computed.items():
        for degree, values in parts.items():
            channels.setdefault(degree, []).append(standardisation.apply(name, degree, values, system.types))
    by_degree = {degree: np.stack(same, axis=2) for degree, same in channels.items()}
    union = inputs.edges == "union"
    return build_graph(system, cutoff, inputs.positions, n_types, by_degree, dtype, union)
