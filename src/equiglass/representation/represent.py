"""The representation: the invariants |h| of every particle, on which the linear read-out of a network acts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from equiglass.errors import ConfigurationError
from equiglass.liquid.arrays import Float
from equiglass.liquid.system import System
from equiglass.methods.network.predictor import NetworkPredictor
from equiglass.model.inputs.compute import Computed, compute, input_averages
from equiglass.prediction.model import Model


@dataclass(frozen=True, eq=False)
class Represented:
    """A configuration and its representation.

    Attributes:
        system: the configuration, with its inherent structure if the model needs it.
        h: invariants |h|, dimensionless, (N, F). F = (l_max + 1) * channels, degree by degree. For an ensemble, the
            invariants of the members are concatenated.
        averages: averages in the linear map to the target, (N, G).
    """

    system: System
    h: Float
    averages: Float

    @property
    def features(self) -> Float:
        """|h| and the averages, concatenated, (N, F + G)."""
        return np.concatenate([self.h, self.averages], axis=1)

    def of_type(self, kind: int) -> Float:
        """|h| of the particles of a type, (n, F)."""
        return self.h[self.system.types == kind]


def networks_of(model: Model) -> tuple[NetworkPredictor, ...]:
    """The members of a model that are networks of the paper. No other method has a representation.

    Raises:
        ConfigurationError: there is no network, or the networks have different inputs or times.
    """
    networks = tuple(member for member in model.members if isinstance(member, NetworkPredictor))
    if not networks:
        methods = ", ".join(dict.fromkeys(member.method for member in model.members))
        raise ConfigurationError(
            f"{model.name} is of the method {methods}, which has no representation; this needs a trained network."
        )
    for what, each in (("inputs", [n.inputs for n in networks]), ("times", [dict(n.times) for n in networks])):
        if any(one != each[0] for one in each):
            raise ConfigurationError(
                f"the networks of {model.name} have different {what}; use them one by one, as the folders member-*."
            )
    return networks


def represent(model: Model, system: System) -> Represented:
    """The representation of a configuration: |h^(L_max)| of eq. 23 of arXiv 2211.03226.

    If the model needs the inherent structure, the configuration is quenched first. Representations are compared
    between temperatures, so that another temperature than that of the training gives no warning.

    Raises:
        DataError: the configuration has more particle types than the model.
        ConfigurationError: the model has no network.
    """
    networks = networks_of(model)
    system = model.prepared(system, any_temperature=True)
    inputs = networks[0].inputs
    computed = compute(system, inputs)
    h = np.concatenate([_invariants(member, system, computed) for member in networks], axis=1)
    return Represented(system, h, input_averages(system, inputs, computed))


def _invariants(member: NetworkPredictor, system: System, computed: Computed) -> Float:
    network = member.network.eval()
    with torch.no_grad():
        return np.asarray(network.representation(member.graph(system, computed)).double().numpy())
