"""The settings that every method has; a method adds its own."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from equiglass.liquid.needs import Need
from equiglass.liquid.potential import MIXTURES
from equiglass.liquid.targets import TARGETS


class MethodConfiguration(BaseModel):
    """What determines a training, apart from its configurations of the liquid."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: str = Field(description="how to predict; 'equiglass methods' lists the methods")
    seed: int = Field(1, ge=0, description="of everything random")
    target: str = Field("propensity", description="what to learn: propensity or energy (in the inherent structure)")
    times: Literal["all"] | tuple[str, ...] = Field("all", description="labels of the times to learn")
    potential: str = Field("kob-andersen", description="pair potential of configurations whose file names none")
    folds: int = Field(5, ge=2, description="number of folds into which the configurations are dealt")
    fold: int = Field(1, ge=0, description="the fold that validates; 0 trains on all configurations")

    @field_validator("potential")
    @classmethod
    def _known_potential(cls, name: str) -> str:
        if name not in MIXTURES:
            raise ValueError(f"known potentials are {', '.join(MIXTURES)}")
        return name

    @field_validator("target")
    @classmethod
    def _known_target(cls, name: str) -> str:
        if name not in TARGETS:
            raise ValueError(f"known targets are {', '.join(TARGETS)}")
        return name

    @property
    def input_needs(self) -> frozenset[Need]:
        """What the method needs of a configuration to predict."""
        return frozenset()

    @property
    def needs(self) -> frozenset[Need]:
        """What a training configuration must have: the needs of the method and of the target."""
        return self.input_needs | TARGETS[self.target].needs

    @property
    def chooses_on_validation(self) -> bool:
        """Whether the fit depends on the validation configurations, which then must not be scored."""
        return False

    def check(self) -> None:
        """Refuse what cannot be done on this machine, before any work.

        Raises:
            SetupError: a device is missing.
            ConfigurationError: the processes cannot share the work.
        """
