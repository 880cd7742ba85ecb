"""Settings of the network: its inputs, its architecture and its training."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from equiglass.liquid.needs import Need
from equiglass.methods.descent.configuration import DescentConfiguration
from equiglass.methods.network.further_targets import FURTHER_TARGETS
from equiglass.methods.network.start import file_of
from equiglass.model.architecture import Architecture
from equiglass.model.inputs.choice import Inputs
from equiglass.prediction.configuration import refuse_the_target
from equiglass.prediction.model_file import read_model
from equiglass.prediction.split import Split


class Configuration(DescentConfiguration):
    """Settings of the network: its inputs, its architecture and its training."""

    method: Literal["network"] = "network"
    inputs: Inputs = Inputs()
    architecture: Architecture = Architecture()
    further_targets: tuple[str, ...] = Field((), description="names of what is learned besides the target")
    start: str | None = Field(
        None, description="model file or run folder whose weights the training starts from; by default random weights"
    )

    @field_validator("further_targets")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for k, name in enumerate(names):
            _ = FURTHER_TARGETS[name]
            if name in names[:k]:
                raise ValueError(f"the further target {name!r} occurs twice; name it once")
        return names

    @model_validator(mode="after")
    def _has_the_degrees_of_its_further_targets(self) -> Configuration:
        for name in self.further_targets:
            if FURTHER_TARGETS[name].degree > self.architecture.l_max:
                raise ValueError(
                    f"the further target {name!r} is read from degree {FURTHER_TARGETS[name].degree} of the field; set "
                    "architecture.l_max to this at least, or leave it out"
                )
        return self

    @model_validator(mode="after")
    def _does_not_see_its_target(self) -> Configuration:
        refuse_the_target(self.target, self.inputs.nodes, "inputs.nodes")
        return self

    @property
    def input_needs(self) -> frozenset[Need]:
        """The needs of the inputs."""
        return self.inputs.needs

    @property
    def further_labels(self) -> frozenset[str]:
        """Those of the further targets too."""
        return super().further_labels | {FURTHER_TARGETS[name].label for name in self.further_targets}

    @property
    def earlier(self) -> Split | None:
        """The split of the model in ``start``."""
        if self.start is None:
            return None
        split = read_model(file_of(self.start))[1]["data"].get("split")
        return None if split is None else Split.from_plain(split)
