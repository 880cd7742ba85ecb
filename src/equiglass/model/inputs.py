"""What the network sees of a configuration: its graph and its node scalars."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field

from equiglass.errors import EquiglassError
from equiglass.graph import Graph, Structure, build_graph, structure_positions
from equiglass.model.standardisation import Standardisation
from equiglass.potential import LennardJones, potential_energy
from equiglass.system import Float, System


class Inputs(BaseModel):
    """What the network sees of a configuration (six combinations, Table 1 of arXiv 2211.03226)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    positions: Structure = Field("thermal", description="positions that make the graph")
    energy: Literal["none", "thermal", "inherent"] = Field(
        "inherent", description="positions in which E_pot, a node scalar, is computed"
    )

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
    potential = system.potential or potential
    if potential is None:
        raise EquiglassError(
            f"{system.name}: the model needs the potential energy, but the file names no potential. "
            "Choose a model without it (inputs.energy: none) or store the potential with the configuration."
        )
    return potential_energy(structure_positions(system, inputs.energy), system.types, system.box, potential)


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
