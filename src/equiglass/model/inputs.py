"""What the network sees of a configuration: its graph and its node scalars."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator

from equiglass.liquid.arrays import Float
from equiglass.liquid.energy import particle_energy
from equiglass.liquid.inherent import inherent_displacement
from equiglass.liquid.potential import LennardJones
from equiglass.liquid.surroundings import neighbourhood_averages
from equiglass.liquid.system import Structure, System
from equiglass.model.architecture import Architecture
from equiglass.model.graph import Graph, build_graph
from equiglass.model.network import Network
from equiglass.model.standardisation import Standardisation


class Inputs(BaseModel):
    """What the network sees of a configuration (six combinations, Table 1 of arXiv 2211.03226)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    positions: Structure = Field("thermal", description="positions that make the graph")
    energy: Literal["none", "thermal", "inherent"] = Field(
        "inherent", description="positions in which E_pot, a node scalar, is computed"
    )
    displacement: bool = Field(
        False, description="show the displacement to the inherent structure: itself, a vector, and its length"
    )
    generations: int = Field(
        0,
        ge=0,
        description="the line from outputs to propensities takes in E_pot and the length of the displacement, "
        "averaged over this many generations",
    )

    @model_validator(mode="after")
    def _has_something_to_average(self) -> Inputs:
        if self.generations and not self.n_scalars:
            raise ValueError(
                "generations average E_pot and the length of the displacement, and there is neither; set generations: "
                "0, or energy: inherent"
            )
        return self

    @property
    def needs_quench(self) -> bool:
        """Whether the inherent structure is needed."""
        return self.displacement or "inherent" in (self.positions, self.energy)

    @property
    def needs_potential(self) -> bool:
        """Whether the pair potential is needed."""
        return self.needs_quench or self.energy != "none"

    @property
    def n_scalars(self) -> int:
        """Number of node scalars beside the type: the energy, and the length of the displacement."""
        return (self.energy != "none") + self.displacement

    @property
    def n_averages(self) -> int:
        """Number of averages that the line takes in, those over no neighbours included."""
        return (self.generations + 1) * self.n_scalars if self.generations else 0


class Known(NamedTuple):
    """What the network is shown of every particle beside its place and type; None where it is not shown.

    Attributes:
        energy: E_pot,i = sum_{j != i} V(r_ij), (N,), LJ energy.
        displacement: x_i(inherent) - x_i(thermal), (N, 3), LJ length.
    """

    energy: Float | None
    displacement: Float | None

    @property
    def distance(self) -> Float | None:
        """Length of the displacement, (N,)."""
        return None if self.displacement is None else np.linalg.norm(self.displacement, axis=1)


def known_of(system: System, inputs: Inputs, potential: LennardJones | None = None) -> Known:
    """What ``inputs`` names.

    Args:
        system: with its inherent structure where that is needed.
        inputs: the choice.
        potential: used where the system does not know its own.

    Raises:
        EquiglassError: no potential is known, or no inherent structure is there.
    """
    energy = None if inputs.energy == "none" else particle_energy(system, inputs.energy, potential)
    return Known(energy, inherent_displacement(system) if inputs.displacement else None)


def input_averages(system: System, inputs: Inputs, known: Known) -> Float:
    """What is known averaged over 0, 1, ... generations of neighbours, (N, G), G = ``inputs.n_averages``.

    Neighbours are those in the positions that make the graph (`neighbourhood_averages`).
    """
    values = [x for x in (known.energy, known.distance) if x is not None]
    if not inputs.generations or not values:
        return np.empty((system.n_particles, 0))
    return neighbourhood_averages(system, np.column_stack(values), inputs.generations, structure=inputs.positions)


def input_graph(
    system: System,
    inputs: Inputs,
    known: Known,
    standardisation: Standardisation,
    cutoff: float,
    n_types: int,
    dtype: torch.dtype = torch.float32,
) -> Graph:
    """The graph of a configuration. Node scalars are the one-hot of the type and what is known, standardised."""
    types, scalars, displacements = system.types, [], None
    if known.energy is not None:
        scalars.append(standardisation.energy(known.energy, types))
    if known.displacement is not None:
        scalars.append(standardisation.distance(known.displacement, types))
        displacements = standardisation.displacement(known.displacement, types)
    return build_graph(system, cutoff, inputs.positions, n_types, scalars, displacements, dtype)


def network_of(architecture: Architecture, inputs: Inputs, n_types: int, n_times: int) -> Network:
    """A network that takes these inputs, its weights drawn from torch's generator."""
    return Network(architecture, n_types + inputs.n_scalars, n_types, n_times, int(inputs.displacement))
