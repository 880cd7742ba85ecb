"""The settings that every method has; a method adds its own."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator

from equiglass.liquid.needs import Need
from equiglass.liquid.potential import MIXTURES
from equiglass.liquid.targets import TARGETS
from equiglass.prediction.split import Split


class MethodConfiguration(BaseModel):
    """Settings of a training. They and the configurations of the liquid determine the model."""

    # YAML reads the label of a time, such as 7, as a number.
    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    method: str = Field(description="name of the method; 'equiglass methods' lists them")
    seed: int = Field(1, ge=0, description="seed of all random numbers")
    target: str = Field("propensity", description="propensity, or energy (in the inherent structure)")
    times: Literal["all"] | tuple[str, ...] = Field("all", description="labels of the times to learn")
    potential: str = Field("kob-andersen", description="pair potential of configurations without one")
    folds: int = Field(5, ge=2, description="number of folds into which the configurations are divided")
    fold: int = Field(1, ge=0, description="number of the validation fold; 0 trains on all configurations")

    @field_validator("potential")
    @classmethod
    def _known_potential(cls, name: str) -> str:
        if name not in MIXTURES:
            raise ValueError(f"known potentials are {', '.join(MIXTURES)}")
        return name

    @field_validator("times")
    @classmethod
    def _some_time(cls, times: Literal["all"] | tuple[str, ...]) -> Literal["all"] | tuple[str, ...]:
        if not times:
            raise ValueError("name at least one label, or leave times out to learn all")
        return times

    @field_validator("target")
    @classmethod
    def _known_target(cls, name: str) -> str:
        if name not in TARGETS:
            raise ValueError(f"known targets are {', '.join(TARGETS)}")
        return name

    @property
    def input_needs(self) -> frozenset[Need]:
        """Needs of the method: what a configuration must have for a prediction."""
        return frozenset()

    @property
    def needs(self) -> frozenset[Need]:
        """Needs of the method and of the target: what a training configuration must have."""
        return self.input_needs | TARGETS[self.target].needs

    @property
    def further_labels(self) -> frozenset[str]:
        """Names of the labels of a configuration that a training reads besides the target."""
        return frozenset()

    @property
    def needs_runs(self) -> bool:
        """Whether a training needs the displacements of every run."""
        return "replica_displacements" in self.further_labels

    @property
    def chooses_on_validation(self) -> bool:
        """Whether the fit depends on the validation configurations, which then must not be scored."""
        return False

    @property
    def earlier(self) -> Split | None:
        """The split of the model whose weights the training starts from; None if it starts from none."""
        return None

    @property
    def fewest(self) -> int:
        """Fewest training configurations: two for a method that leaves out each in turn to choose a penalty."""
        return 1

    @property
    def is_random(self) -> bool:
        """Whether the seed has an effect: a method without epochs solves for its weights at once."""
        return "epochs" in type(self).model_fields

    def with_epochs(self, wanted: Callable[[int], int]) -> Self:
        """The same settings with another number of epochs; unchanged for a method without epochs.

        Args:
            wanted: the new number, from the number that is set.
        """
        if "epochs" not in type(self).model_fields:
            return self
        return self.model_copy(update={"epochs": wanted(int(getattr(self, "epochs", 0)))})

    def check(self) -> None:
        """Check, before any work, that this machine can carry out the training.

        Raises:
            SetupError: a device is missing.
            ConfigurationError: the processes cannot share the work.
        """


def refuse_the_target(target: str, nodes: Collection[str], key: str) -> None:
    """Refuse node inputs that contain the target.

    Raises:
        ValueError: the target is the energy, and ``energy_inherent`` is a node input.
    """
    if target == "energy" and "energy_inherent" in nodes:
        raise ValueError(
            "the target is the energy in the inherent structure, and the node input energy_inherent contains it; leave "
            f"energy_inherent out of {key}"
        )


class LeastSquaresConfiguration(MethodConfiguration):
    """Settings of every method that minimises squared errors of labels."""

    ends: int = Field(
        0,
        ge=0,
        description="number of runs per training configuration whose end frames are training configurations too; they "
        "need the displacements of every run",
    )
    weights: Literal["alike", "noise"] = Field(
        "alike", description="weigh all labels alike, or every configuration, type and time by the noise of its labels"
    )
    standardise: Literal["training", "configuration"] = Field(
        "training",
        description="learn the labels themselves, or labels with the same mean and variance of a type in every "
        "configuration",
    )

    @property
    def further_labels(self) -> frozenset[str]:
        """The variance over runs, if it weighs the labels, and the displacements of the runs whose ends are learned."""
        read = {"replica_variance": self.weights == "noise", "replica_displacements": self.ends > 0}
        return frozenset(name for name, is_read in read.items() if is_read)
