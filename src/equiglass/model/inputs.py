"""What the network sees of a configuration: its graph and its node scalars."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from equiglass.graph import Graph, Structure, build_graph
from equiglass.model.standardisation import Standardisation
from equiglass.potential import LennardJones
from equiglass.scalars import inherent_distance, neighbourhood_averages, particle_energy
from equiglass.system import Float, System


class Inputs(BaseModel):
    """What the network sees of a configuration (positions and energy: Table 1 of arXiv 2211.03226)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    positions: Structure = Field("thermal", description="positions that make the graph")
    energy: Literal["none", "thermal", "inherent"] = Field(
        "inherent", description="positions in which E_pot, a node scalar, is computed"
    )
    distance: bool = Field(False, description="whether the distance to the inherent structure is a node scalar")
    generations: int = Field(
        0,
        ge=0,
        description="node scalars are averaged over 1, 2, 4, ... generations of neighbours too, up to this many",
    )

    @property
    def needs_quench(self) -> bool:
        """Whether the inherent structure is needed."""
        return self.distance or "inherent" in (self.positions, self.energy)

    @property
    def needs_potential(self) -> bool:
        """Whether the pair potential is needed."""
        return self.needs_quench or self.energy != "none"

    @property
    def averaged(self) -> list[int]:
        """The generations that are node scalars, 0 first: 0, 1, 2, 4, ..."""
        return [0] + [2**k for k in range(self.generations.bit_length())]

    @property
    def scalars(self) -> list[str]:
        """Names of the node scalars beside the type, generation by generation."""
        bare = ["E_pot"] * (self.energy != "none") + ["distance"] * self.distance
        return [f"{name}, generation {n}" if n else name for n in self.averaged for name in bare]


def input_scalars(system: System, inputs: Inputs, potential: LennardJones | None = None) -> Float:
    """The node scalars that ``inputs`` names, as measured, (N, S).

    Args:
        system: with its inherent structure where that is needed.
        inputs: the choice.
        potential: used where the system does not know its own.

    Raises:
        EquiglassError: no potential is known, or no inherent structure is there.
    """
    bare = []
    if inputs.energy != "none":
        bare.append(particle_energy(system, inputs.energy, potential))
    if inputs.distance:
        bare.append(inherent_distance(system))
    values = np.stack(bare, axis=1) if bare else np.empty((system.n_particles, 0))
    if not bare or not inputs.generations:
        return values
    averages = neighbourhood_averages(system, values, inputs.averaged[-1], structure=inputs.positions)
    return averages.reshape(system.n_particles, -1, len(bare))[:, inputs.averaged].reshape(system.n_particles, -1)


def input_graph(
    system: System,
    inputs: Inputs,
    scalars: Float,
    standardisation: Standardisation,
    cutoff: float,
    n_types: int,
    dtype: torch.dtype = torch.float32,
) -> Graph:
    """The graph of a configuration with the one-hot of the type and the standardised scalars as node scalars."""
    standard = standardisation.scalars(scalars, system.types)
    return build_graph(system, cutoff, inputs.positions, n_types, list(standard.T), dtype)
