"""The choice of positions and node inputs that enter the network."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from equiglass.liquid.needs import Need
from equiglass.model.inputs import INPUTS, NodeInput


class Inputs(BaseModel):
    """The positions and node inputs that enter the network. Table 1 of arXiv 2211.03226 compares six choices."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    positions: Literal["thermal", "inherent"] = Field("thermal", description="positions that define the graph")
    edges: Literal["positions", "union"] = Field(
        "positions",
        description="the edges join particles that are near in `positions`, or near in the thermal positions or the "
        "inherent structure (`union`); these edges have the lengths in both",
    )
    nodes: tuple[str, ...] = Field(("energy_inherent",), description="names of the node inputs in addition to the type")
    generations: int = Field(
        0,
        ge=0,
        le=10_000,
        description="number of generations of neighbours over which the scalar node inputs are averaged. The averages "
        "enter the linear regression from the output of the network to the target",
    )

    @model_validator(mode="before")
    @classmethod
    def _old_keys(cls, given: Any) -> Any:
        """Read the keys ``energy`` and ``displacement`` of version 0.1, which ``nodes`` replaces."""
        if not isinstance(given, dict) or not {"energy", "displacement"} & given.keys():
            return given
        rest = dict(given)
        energy, displacement = rest.pop("energy", "inherent"), rest.pop("displacement", False)
        if "nodes" in rest:
            raise ValueError(
                "nodes lists all node inputs and replaces the older keys energy and displacement; leave these out"
            )
        if energy not in ("none", "thermal", "inherent"):
            raise ValueError(
                f"energy must be none, thermal or inherent, not {energy!r}; better, name the node inputs in 'nodes'"
            )
        if not isinstance(displacement, bool):
            raise ValueError(
                f"displacement must be true or false, not {displacement!r}; better, name the node inputs in 'nodes'"
            )
        nodes = [] if energy == "none" else [f"energy_{energy}"]
        return {**rest, "nodes": [*nodes, "displacement_inherent"] if displacement else nodes}

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
                "generations average the scalar node inputs, but there is none; set generations: 0, or "
                "nodes: [energy_inherent]"
            )
        return self

    @property
    def chosen(self) -> list[NodeInput]:
        """The chosen node inputs, in the order of ``nodes``, which is the order of their channels."""
        return [INPUTS[name] for name in self.nodes]

    @property
    def needs(self) -> frozenset[Need]:
        """The needs that a configuration must meet."""
        quenched = self.positions == "inherent" or self.edges == "union"
        graph: frozenset[Need] = frozenset({"potential", "inherent"} if quenched else ())
        return graph.union(*(x.needs for x in self.chosen))

    @property
    def n_lengths(self) -> int:
        """The number of lengths per edge."""
        return 2 if self.edges == "union" else 1

    @property
    def n_scalars(self) -> int:
        """The number of scalar node inputs without the one-hot of the type."""
        return sum(0 in x.degrees for x in self.chosen)

    @property
    def n_averages(self) -> int:
        """The number G of averages in the regression to the target, including those over no neighbours."""
        return (self.generations + 1) * self.n_scalars if self.generations else 0

    def channels(self, n_types: int) -> tuple[int, ...]:
        """The numbers of channels of the node inputs by degree, including the one-hot of the type."""
        degrees = [l for x in self.chosen for l in x.degrees]
        return (n_types + degrees.count(0), *(degrees.count(l) for l in range(1, max(degrees, default=0) + 1)))
