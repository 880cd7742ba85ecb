"""What the network sees of a configuration: its graph and its node scalars."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator

from equiglass.graph import Graph, Structure, build_graph
from equiglass.model.standardisation import Standardisation
from equiglass.potential import LennardJones
from equiglass.scalars import neighbourhood_averages, particle_energy
from equiglass.system import Float, System


class Inputs(BaseModel):
    """What the network sees of a configuration (six combinations, Table 1 of arXiv 2211.03226)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    positions: Structure = Field("thermal", description="positions that make the graph")
    energy: Literal["none", "thermal", "inherent"] = Field(
        "inherent", description="positions in which E_pot, a node scalar, is computed"
    )
    generations: int = Field(
        0, ge=0, description="the line from outputs to propensities takes in E_pot averaged over this many generations"
    )

    @model_validator(mode="after")
    def _has_something_to_average(self) -> Inputs:
        if self.generations and self.energy == "none":
            raise ValueError("generations average E_pot, and energy is none; set generations: 0, or energy: inherent")
        return self

    @property
    def needs_quench(self) -> bool:
        """Whether the inherent structure is needed."""
        return "inherent" in (self.positions, self.energy)

    @property
    def needs_potential(self) -> bool:
        """Whether the pair potential is needed."""
        return self.needs_quench or self.energy != "none"

    @property
    def n_energies(self) -> int:
        """Number of energies among the node scalars."""
        return 0 if self.energy == "none" else 1

    @property
    def n_averages(self) -> int:
        """Number of averages of E_pot that the line takes in, that over no neighbours included."""
        return self.generations + 1 if self.generations else 0


def input_energy(system: System, inputs: Inputs, potential: LennardJones | None = None) -> Float | None:
    """E_pot,i = sum_{j != i} V(r_ij) in the positions that ``inputs`` names, (N,), or None where it names none.

    Args:
        system: with its inherent structure where that is needed.
        inputs: the choice.
        potential: used where the system does not know its own.

    Raises:
        EquiglassError: no potential is known, or no inherent structure is there.
    """
    if inputs.energy == "none":
        return None
    return particle_energy(system, inputs.energy, potential)


def input_averages(system: System, inputs: Inputs, energy: Float | None) -> Float:
    """E_pot averaged over 0, 1, ... generations of neighbours, (N, G), G = ``inputs.n_averages``.

    Neighbours are those in the positions that make the graph (`neighbourhood_averages`).
    """
    if energy is None or not inputs.generations:
        return np.empty((system.n_particles, 0))
    return neighbourhood_averages(system, energy[:, None], inputs.generations, structure=inputs.positions)


def input_graph(
    system: System,
    inputs: Inputs,
    energy: Float | None,
    standardisation: Standardisation,
    cutoff: float,
    n_types: int,
    dtype: torch.dtype = torch.float32,
) -> Graph:
    """The graph of a configuration with the one-hot of the type and the standardised energy as node scalars."""
    scalars = [] if energy is None else [standardisation.energy(energy, system.types)]
    return build_graph(system, cutoff, inputs.positions, n_types, scalars, dtype)
