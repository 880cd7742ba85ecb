"""Settings of the network's training: one short YAML file, or ``key=value`` words."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from equiglass.liquid.needs import Need
from equiglass.methods.descent.configuration import DescentConfiguration
from equiglass.model.architecture import Architecture
from equiglass.model.inputs.choice import Inputs


class Configuration(DescentConfiguration):
    """What determines the training of the network."""

    method: Literal["network"] = "network"
    inputs: Inputs = Inputs()
    architecture: Architecture = Architecture()

    @model_validator(mode="after")
    def _does_not_see_its_target(self) -> Configuration:
        if self.target == "energy" and "energy_inherent" in self.inputs.nodes:
            raise ValueError(
                "target: energy learns the energy in the inherent structure, which the node input energy_inherent "
                "gives; leave it out of inputs.nodes"
            )
        return self

    @property
    def input_needs(self) -> frozenset[Need]:
        """The needs of the inputs."""
        return self.inputs.needs
