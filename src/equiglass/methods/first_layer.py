"""Method `ridge`: a ridge regression on the invariants that one equivariant convolution can compute.

The features are the first-layer invariants (`equiglass.methods.linear.descriptors.first_layer_invariants`) of the
thermal positions, and the invariants of the chosen node inputs.
"""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from equiglass.liquid.needs import Need
from equiglass.liquid.system import System
from equiglass.methods import METHODS
from equiglass.methods.linear.descriptors import FIRST_LAYER, first_layer_invariants
from equiglass.methods.linear.predictor import LinearConfiguration, LinearPredictor
from equiglass.model.inputs import INPUTS
from equiglass.model.inputs.compute import invariants, n_invariants
from equiglass.prediction.configuration import refuse_the_target
from equiglass.prediction.predictor import About


class FirstLayerConfiguration(LinearConfiguration):
    """Settings of the method `ridge`."""

    method: Literal["ridge"] = "ridge"
    l_max: int = Field(3, ge=0, description="highest degree of the invariants")
    nodes: tuple[str, ...] = Field(("energy_inherent",), description="node inputs whose invariants are features")

    @model_validator(mode="after")
    def _does_not_see_its_target(self) -> Self:
        refuse_the_target(self.target, self.nodes, "nodes")
        return self

    @property
    def input_needs(self) -> frozenset[Need]:
        """The needs of the chosen node inputs."""
        return frozenset().union(*(INPUTS[name].needs for name in self.nodes))


class FirstLayer(LinearPredictor):
    """The regression on first-layer invariants."""

    method = "ridge"
    about = About(
        "ridge regression on the invariants of one convolution",
        "arXiv 2211.03226, Appendix C",
        "seconds per configuration",
    )
    file_format = "equiglass-first-layer"
    configuration = FirstLayerConfiguration

    @classmethod
    def features(cls, system: System, settings: Any, n_types: int) -> NDArray[np.floating]:
        """Invariants per type, shell and degree, then those of the node inputs, (N, F)."""
        invariants_of_layer = first_layer_invariants(system, l_max=settings.l_max, n_types=n_types)
        return np.column_stack([invariants_of_layer, invariants(system, settings.nodes)])

    @classmethod
    def quantities(cls, settings: Any, n_types: int) -> NDArray[np.int64]:
        """The invariants of the layer are one quantity, and every invariant of a node input is one, (F,)."""
        of_layer = n_types * FIRST_LAYER.number * (settings.l_max + 1)
        return np.concatenate([np.zeros(of_layer, dtype=np.int64), 1 + np.arange(n_invariants(settings.nodes))])


METHODS.add("ridge", FirstLayer)
