"""The configuration of a training run: one short YAML file, validated here, overridden by ``key=value``."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from equiglass.errors import EquiglassError
from equiglass.liquid.potential import MIXTURES
from equiglass.liquid.targets import Target
from equiglass.model.architecture import Architecture
from equiglass.model.inputs import Inputs

Model = TypeVar("Model", bound=BaseModel)


class Standardise(BaseModel):
    """Over what targets and energy get zero mean and unit variance."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    targets: Literal["type", "all"] = Field("type", description="each particle type apart, or all together")
    energy: Literal["type", "all"] = Field("type", description="the same for E_pot")


class Configuration(BaseModel):
    """Everything that determines a run, beside the data."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(1, ge=0, description="initial weights, order of configurations, dropout")
    target: Target = Field("propensity", description="what to learn; energy: E_pot in the inherent structure")
    inputs: Inputs = Inputs()
    potential: str = Field("kob-andersen", description="pair potential of configurations whose file names none")
    times: Literal["all"] | tuple[str, ...] = Field("all", description="labels of the times to learn")
    architecture: Architecture = Architecture()
    folds: int = Field(5, ge=2, description="the configurations are dealt into this many folds")
    fold: int = Field(1, ge=0, description="the fold kept for validation; 0 trains on all")
    standardise: Standardise = Standardise()
    epochs: int = Field(40, ge=1)
    learning_rate: float = Field(5e-3, gt=0)
    schedule: Literal["one-cycle", "halving", "constant"] = "one-cycle"
    weight_decay: float = Field(1e-7, ge=0)
    clip: float = Field(1.0, gt=0, description="largest norm of the gradient")
    mirror: bool = Field(True, description="show every other configuration as its mirror image")
    accumulate: int = Field(1, ge=1, description="configurations per optimiser step")
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="auto: a GPU where there is one and Triton is installed"
    )

    @field_validator("potential")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in MIXTURES:
            raise ValueError(f"known potentials are {', '.join(MIXTURES)}")
        return name

    @model_validator(mode="after")
    def _not_given_what_is_sought(self) -> Configuration:
        if self.target == "energy" and self.inputs.energy == "inherent":
            raise EquiglassError(
                "target: energy learns the energy in the inherent structure, which inputs.energy: inherent gives; set "
                "inputs.energy to none or thermal."
            )
        return self

    @property
    def needs_quench(self) -> bool:
        """Whether inherent structures are needed, as an input or for the target."""
        return self.inputs.needs_quench or self.target == "energy"

    @property
    def needs_potential(self) -> bool:
        """Whether the pair potential is needed."""
        return self.inputs.needs_potential or self.needs_quench


def read_configuration(path: Path | None = None, overrides: Sequence[str] = ()) -> Configuration:
    """Read a YAML file, apply ``key=value`` overrides (nested keys with dots), validate.

    Args:
        path: the file; None for the defaults.
        overrides: for instance ``["epochs=10", "architecture.l_max=2"]``; values are YAML.

    Raises:
        EquiglassError: an unreadable file, an unknown key (the nearest is suggested) or a wrong value.
    """
    where = str(path) if path else "the configuration"
    settings: Any = {}
    if path is not None:
        try:
            settings = yaml.safe_load(path.read_text()) or {}
        except OSError as error:
            raise EquiglassError(f"{path} cannot be read: {error.strerror}.") from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise EquiglassError(f"{path} is not valid YAML: {' '.join(str(error).split())}.") from None
    if not isinstance(settings, dict):
        raise EquiglassError(f"{where} must hold keys and values, like 'epochs: 40'.")
    for override in overrides:
        _place(settings, *parse_override(override))
    return validate(Configuration, settings, where)


def overridden(configuration: Configuration, changes: Mapping[str, Any], where: str) -> Configuration:
    """The configuration with other values of some keys, nested keys with dots.

    Raises:
        EquiglassError: an unknown key or a wrong value, said to be in ``where``.
    """
    settings = configuration.model_dump(mode="json")
    for key, value in changes.items():
        _place(settings, key, value)
    return validate(Configuration, settings, where)


def parse_override(override: str) -> tuple[str, Any]:
    """Key and value of ``key=value``; the value is YAML.

    Raises:
        EquiglassError: no "=", or a value that is not YAML.
    """
    key, equals, value = override.partition("=")
    if not equals:
        raise EquiglassError(f"--set takes key=value; got {override!r}.")
    try:
        return key.strip(), yaml.safe_load(value)
    except yaml.YAMLError:
        raise EquiglassError(f"--set {override}: the value is not valid YAML.") from None


def _place(settings: dict[str, Any], key: str, value: Any) -> None:
    *sections, last = key.split(".")
    for section in sections:
        settings = settings.setdefault(section, {})
        if not isinstance(settings, dict):
            raise EquiglassError(f"{key}={value}: {section!r} is a value, not a section.")
    settings[last] = value


def validate(model: type[Model], settings: Any, where: str) -> Model:
    """An instance of a pydantic model from plain settings.

    Raises:
        EquiglassError: the first problem as a sentence; for an unknown key, with the nearest known one.
    """
    try:
        return model.model_validate(settings)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            known = known_keys(model)
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.4) or difflib.get_close_matches(
                key.rsplit(".", 1)[-1], known, n=1, cutoff=0.4
            )
            hint = f"Did you mean {near[0]!r}?" if near else f"Known keys: {', '.join(known)}."
            raise EquiglassError(f"{where}: unknown key {key!r}. {hint}") from None
        message = first["msg"].removeprefix("Value error, ")
        message = message[0].lower() + message[1:]
        raise EquiglassError(f"{where}: {key}: {message} (got {first['input']!r}).") from None


def known_keys(model: type[BaseModel], prefix: str = "") -> list[str]:
    """All keys of a pydantic model, nested ones with dots."""
    keys: list[str] = []
    for name, info in model.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            keys += known_keys(info.annotation, f"{prefix}{name}.")
        else:
            keys.append(prefix + name)
    return keys
