"""The configuration of a training run: one short YAML file, validated here, overridden by ``key=value``."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from equiglass.errors import EquiglassError
from equiglass.model.architecture import Architecture
from equiglass.model.inputs import Inputs
from equiglass.potential import MIXTURES

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
        key, equals, value = override.partition("=")
        if not equals:
            raise EquiglassError(f"--set takes key=value; got {override!r}.")
        _assign(settings, key.strip(), value)
    return validate(Configuration, settings, where)


def _assign(settings: dict[str, Any], key: str, value: str) -> None:
    *sections, last = key.split(".")
    for section in sections:
        settings = settings.setdefault(section, {})
        if not isinstance(settings, dict):
            raise EquiglassError(f"--set {key}={value}: {section!r} is a value, not a section.")
    try:
        settings[last] = yaml.safe_load(value)
    except yaml.YAMLError:
        raise EquiglassError(f"--set {key}={value}: the value is not valid YAML.") from None


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
        message = first["msg"][0].lower() + first["msg"][1:]
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
