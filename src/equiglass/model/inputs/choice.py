"""The choice of what the network sees of a configuration."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from equiglass.liquid.needs import Need
from equiglass.liquid.system import Structure
from equiglass.model.inputs import INPUTS, NodeInput


class Inputs(BaseModel):
    """What the network sees of a configuration (six combinations are compared in Table 1 of arXiv 2211.03226)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    positions: Structure = Field("thermal", description="positions that make the graph")
    nodes: tuple[str, ...] = Field(("energy_inherent",), description="names of the node inputs; the type is always one")
    generations: int = Field(
        0,
        ge=0,
        description="the line from the network's output to the target includes the scalar node inputs averaged over "
        "this many generations of neighbours",
    )

    @model_validator(mode="before")
    @classmethod
    def _old_keys(cls, given: Any) -> Any:
        """Older files have ``energy`` and ``displacement``; such a key replaces the same input under ``nodes``."""
        if not isinstance(given, dict) or not {"energy", "displacement"} & given.keys():
            return given
        rest = {key: value for key, value in given.items() if key not in ("energy", "displacement")}
        nodes = list(rest.get("nodes", cls.model_fields["nodes"].default))
        if "energy" in given:
            nodes = _with_energy(nodes, given["energy"])
        if "displacement" in given:
            nodes = _with_displacement(nodes, given["displacement"])
        return {**rest, "nodes": nodes}

    @field_validator("nodes")
    @classmethod
    def _known(cls, nodes: tuple[str, ...]) -> tuple[str, ...]:
        for k, name in enumerate(nodes):
            _ = INPUTS[name]
            if name in nodes[:k]:
                raise ValueError(f"the node input {name!r} occurs twice; name it once")
        return nodes

    @model_validator(mode="after")
    def _has_something_to_average(self) -> Inputs:
        if self.generations and not self.n_scalars:
            raise ValueError(
                "generations average the scalar node inputs, and there is none; set generations: 0, or "
                "nodes: [energy_inherent]"
            )
        return self

    @property
    def chosen(self) -> list[NodeInput]:
        """The node inputs in the order of their names here, which is the order of their channels."""
        return [INPUTS[name] for name in self.nodes]

    @property
    def needs(self) -> frozenset[Need]:
        """What a configuration must have."""
        graph: frozenset[Need] = frozenset({"potential", "inherent"} if self.positions == "inherent" else ())
        return graph.union(*(x.needs for x in self.chosen))

    @property
    def n_scalars(self) -> int:
        """Number of scalar node inputs without the one-hot of the type."""
        return sum(0 in x.degrees for x in self.chosen)

    @property
    def n_averages(self) -> int:
        """G, the number of averages in the line to the target; those over no neighbours are included."""
        return (self.generations + 1) * self.n_scalars if self.generations else 0

    def channels(self, n_types: int) -> tuple[int, ...]:
        """Channels of the node inputs by degree, the one-hot of the type included."""
        degrees = [l for x in self.chosen for l in x.degrees]
        return (n_types + degrees.count(0), *(degrees.count(l) for l in range(1, max(degrees, default=0) + 1)))


def _with_energy(nodes: list[str], value: Any) -> list[str]:
    """Names of node inputs with the energy that the old key ``energy`` asks for, in its place or first."""
    if value not in ("none", "thermal", "inherent"):
        raise ValueError(f"energy is none, thermal or inherent, not {value!r}; better, name the node inputs in 'nodes'")
    energies = [name for name in nodes if name.startswith("energy_")]
    place = nodes.index(energies[0]) if energies else 0
    others = [name for name in nodes if name not in energies]
    return others if value == "none" else [*others[:place], f"energy_{value}", *others[place:]]


def _with_displacement(nodes: list[str], value: Any) -> list[str]:
    """Names of node inputs with the displacement, or without, as the old key ``displacement`` asks."""
    if not isinstance(value, bool):
        raise ValueError(f"displacement is true or false, not {value!r}; better, name the node inputs in 'nodes'")
    name = "displacement_inherent"
    if value == (name in nodes):
        return nodes
    return [*nodes, name] if value else [x for x in nodes if x != name]
