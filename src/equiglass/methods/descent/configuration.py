"""Settings of a gradient descent."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from equiglass.errors import ConfigurationError
from equiglass.machine import processes
from equiglass.methods.descent.device import training_device
from equiglass.prediction.configuration import MethodConfiguration


class Advanced(BaseModel):
    """What made no difference where it was measured (docs/choices.md)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    clip: float = Field(1.0, gt=0, description="largest norm of the gradient")
    standardise_targets: Literal["type", "all"] = Field(
        "type", description="zero mean and unit variance of the targets per particle type, or over all particles"
    )
    standardise_energy: Literal["type", "all"] = Field("type", description="the same for E_pot")


class DescentConfiguration(MethodConfiguration):
    """Settings that every method trained by gradient descent has."""

    epochs: int = Field(40, ge=1, description="how often every configuration is seen")
    learning_rate: float = Field(5e-3, gt=0, description="the highest rate")
    schedule: Literal["one-cycle", "halving", "constant"] = Field("one-cycle", description="of the learning rate")
    weight_decay: float = Field(1e-7, ge=0, description="of Adam")
    mirror: bool = Field(True, description="show every other configuration as its mirror image")
    accumulate: int = Field(1, ge=1, description="configurations per optimiser step")
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="auto: a GPU where there is one and Triton is installed"
    )
    advanced: Advanced = Advanced()

    @model_validator(mode="before")
    @classmethod
    def _former_keys(cls, settings: Any) -> Any:
        """Accept the keys of version 0.1: ``clip``, ``standardise.targets`` and ``standardise.energy``."""
        if not isinstance(settings, dict) or not {"clip", "standardise"} & settings.keys():
            return settings
        settings = dict(settings)
        advanced = dict(settings.get("advanced", {}))
        if "clip" in settings:
            advanced["clip"] = settings.pop("clip")
        for key, value in dict(settings.pop("standardise", {})).items():
            advanced[f"standardise_{key}"] = value
        return settings | {"advanced": advanced}

    def check(self) -> None:
        """Refuse a missing device, and configurations of a step that the processes cannot share evenly."""
        training_device(self.device)
        if self.accumulate % processes.size():
            raise ConfigurationError(
                f"the {self.accumulate} configurations of an optimiser step cannot be shared evenly by "
                f"{processes.size()} processes; set 'accumulate' to a multiple of {processes.size()}."
            )
