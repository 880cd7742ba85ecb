"""Settings of the network: its inputs, its architecture and its training."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from equiglass.liquid.needs import Need
from equiglass.methods.descent.configuration import DescentConfiguration
from equiglass.methods.network.start import file_of
from equiglass.model.architecture import Architecture
from equiglass.model.inputs.choice import Inputs
from equiglass.prediction.model_file import read_model
from equiglass.prediction.split import Split


class Configuration(DescentConfiguration):
    """Settings of the network: its inputs, its architecture and its training."""

    method: Literal["network"] = "network"
    inputs: Inputs = Inputs()
    architecture: Architecture = Architecture()
    start: str | None = Field(
        None, description="model file or run folder whose weights the training starts from; by default random weights"
    )

    @model_validator(mode="after")
    def _does_not_see_its_target(self) -> Configuration:
        if self.target == "energy" and "energy_inherent" in self.inputs.nodes:
            raise ValueError(
                "the target is the energy in the inherent structure, and the node input energy_inherent contains it; "
                "leave energy_inherent out of inputs.nodes"
            )
        return self

    @property
    def input_needs(self) -> frozenset[Need]:
        """The needs of the inputs."""
        return self.inputs.needs

    @property
    def earlier(self) -> Split | None:
        """The split of the model in ``start``."""
        if self.start is None:
            return None
        split = read_model(file_of(self.start))[1]["data"].get("split")
        return None if split is None else Split.from_plain(split)
