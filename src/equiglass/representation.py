"""The representation: |h| of every particle, the invariants on which a trained network's linear decoders work."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from equiglass.model.inputs import input_energy, input_graph
from equiglass.model.trained import Trained
from equiglass.prediction import Model
from equiglass.system import Float, System


@dataclass(frozen=True, eq=False)
class Represented:
    """A configuration and its representation.

    Attributes:
        system: the configuration, with its inherent structure where the model needed it.
        h: |h|, (N, F), without unit. F = (l_max + 1) * channels, degree by degree; of an ensemble the members' side
            by side.
    """

    system: System
    h: Float

    def of_type(self, kind: int) -> Float:
        """|h| of the particles of a type, (n, F)."""
        return self.h[self.system.types == kind]


def represent(model: Model, system: System) -> Represented:
    """The representation of a configuration, |h^(L_max)| of eq. 23 of arXiv 2211.03226; quenches if the model needs it.

    Raises:
        EquiglassError: the configuration has more particle types than the model.
    """
    system = model.prepared(system)
    return Represented(system, np.concatenate([_invariants(member, system) for member in model.members], axis=1))


def _invariants(trained: Trained, system: System) -> Float:
    energy = input_energy(system, trained.inputs, trained.data.potential)
    network = trained.network.eval()
    cutoff, dtype = network.architecture.cutoff, network.decoder.dtype
    graph = input_graph(system, trained.inputs, energy, trained.standardisation, cutoff, trained.n_types, dtype)
    with torch.no_grad():
        return network.representation(graph).double().numpy()
