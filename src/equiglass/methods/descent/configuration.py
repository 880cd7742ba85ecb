"""Settings of gradient descent."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from equiglass.errors import ConfigurationError
from equiglass.files.settings import moved
from equiglass.machine import processes
from equiglass.methods.descent.device import training_device
from equiglass.prediction.configuration import LeastSquaresConfiguration

OLD_KEYS = {
    "clip": "advanced.clip",
    "standardise.targets": "advanced.standardise_targets",
    "standardise.energy": "advanced.standardise_energy",
}
"""Present key by key of configurations of version 0.1."""


class Advanced(BaseModel):
    """Settings that made no difference where they were measured (docs/choices.md)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    clip: float = Field(1.0, gt=0, description="largest norm of the gradient")
    standardise_targets: Literal["type", "all"] = Field(
        "type", description="standardise the targets per particle type, or over all particles"
    )
    standardise_energy: Literal["type", "all"] = Field(
        "type", description="standardise E_pot per particle type, or over all particles"
    )


class DescentConfiguration(LeastSquaresConfiguration):
    """Settings of every method that gradient descent trains."""

    epochs: int = Field(40, ge=1, description="number of passes over the training configurations")
    learning_rate: float = Field(5e-3, gt=0, le=1e30, description="highest learning rate")
    schedule: Literal["one-cycle", "halving", "constant"] = Field(
        "one-cycle", description="schedule of the learning rate"
    )
    weight_decay: float = Field(1e-7, ge=0, le=1e3, description="weight decay of Adam")
    mirror: bool = Field(True, description="mirror a configuration with probability 1/2")
    accumulate: int = Field(1, ge=1, description="number of configurations per optimiser step")
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="device; auto is a GPU if there is one and Triton is installed"
    )
    advanced: Advanced = Advanced()

    @model_validator(mode="before")
    @classmethod
    def _old_keys(cls, settings: Any) -> Any:
        """Move the keys of version 0.1 under ``advanced``."""
        return moved(settings, OLD_KEYS)

    def check(self) -> None:
        """Check that the device exists, and that the processes can share the configurations of a step evenly.

        Raises:
            SetupError: the device is missing.
            ConfigurationError: ``accumulate`` is not a multiple of the number of processes.
        """
        training_device(self.device)
        if self.accumulate % processes.size():
            raise ConfigurationError(
                f"the {self.accumulate} configurations of an optimiser step cannot be shared evenly by "
                f"{processes.size()} processes; set 'accumulate' to a multiple of {processes.size()}."
            )
