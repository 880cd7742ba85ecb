"""What an experiment is, as data: a short YAML file, of the package or of anybody."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from equiglass.errors import EquiglassError
from equiglass.experiments.demo import demo_configuration
from equiglass.methods.network.configuration import Configuration, overridden, validate

DECLARED = Path(__file__).parent / "declared"
Scalar = bool | int | float | str
Options = TypeVar("Options", bound=BaseModel)
Settings = dict[str, Any]
"""Values by key of a training configuration, nested keys with dots, and by the two keys below."""

EACH_TIME, AMOUNT = "times", "configurations"
"""``times: each`` trains one network a time; ``configurations: n`` trains on so many."""


class Along(BaseModel):
    """A key that every variant is trained with at several values; the figure has it as its axis."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str
    values: tuple[Scalar, ...] = Field(min_length=1)
    label: str = Field(description="of the axis")
    logarithmic: bool = False


class Number(BaseModel):
    """A published correlation of the particles of a type."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    variant: str
    at: Scalar | None = Field(None, description="value of the key of 'along'")
    temperature: float | None = Field(None, description="stands beside data of this temperature only, if given")
    time: float | Literal["tau_alpha"]
    type: str = "A"
    convention: Literal["per_configuration", "pooled", "unsaid"] = "unsaid"
    rho: float
    best: float | None = None
    worst: float | None = None


class Published(BaseModel):
    """Numbers of others, drawn as marks and set beside ours."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str = Field(description="where they stand, and on what data they were reached")
    numbers: tuple[Number, ...]


class Declaration(BaseModel):
    """One experiment."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    source: str = Field(description="figure or table that it repeats")
    base: Settings = Field({}, description="changes to `base_configuration`, for all variants")
    variants: dict[str, Settings] = Field(min_length=1, description="changes to the base by name")
    along: Along | None = None
    groups: Literal["temperature", "data"] = Field(
        "temperature", description="each trained and tested on its own: a temperature, or what a --data names"
    )
    seeds: int = Field(3, ge=1)
    score_epochs: bool = Field(False, description="score the test configurations after every epoch, for the log")
    measure: str = Field("scores", description="what is made of the networks")
    options: dict[str, Any] = Field({}, description="of the measure")
    published: Published | None = None

    @model_validator(mode="after")
    def _numbers_have_a_place(self) -> Declaration:
        for number in self.published.numbers if self.published else ():
            values = self.along.values if self.along else (None,)
            if number.variant not in self.variants or number.at not in values:
                raise ValueError(
                    f"a published number stands beside {number.variant!r} at {number.at}, which is not run"
                )
        return self


@dataclass(frozen=True)
class Case:
    """A variant at one value of what it is trained along.

    Attributes:
        variant: its name.
        at: value of the key of ``along``; None without one.
        configuration: of the training; its seed is the first.
        each_time: whether one network is trained for each time.
        amount: number of training configurations; None for all.
    """

    variant: str
    at: Scalar | None
    configuration: Configuration
    each_time: bool
    amount: int | None


def declared_names() -> list[str]:
    """Names of the experiments that come with the package."""
    return sorted(path.stem for path in DECLARED.glob("*.yaml"))


def read_declaration(name: str) -> Declaration:
    """Read an experiment of the package, by name, or one's own, by the path of its YAML file.

    Raises:
        EquiglassError: no such experiment, an unreadable file, an unknown key or a wrong value.
    """
    path = DECLARED / f"{name}.yaml" if name in declared_names() else Path(name)
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError:
        raise EquiglassError(
            f"there is no experiment {name!r}: name one of {', '.join(declared_names())}, or a YAML file."
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise EquiglassError(f"{path} is not valid YAML: {' '.join(str(error).split())}.") from None
    if not isinstance(settings, dict):
        raise EquiglassError(f"{path} must hold keys and values, like 'title: Depth'.")
    return validate(Declaration, settings, str(path))


def options_of(declaration: Declaration, kind: type[Options]) -> Options:
    """The options of the measure.

    Raises:
        EquiglassError: an unknown one, or a wrong value.
    """
    return validate(kind, dict(declaration.options), "options")


def base_configuration() -> Configuration:
    """The network of the demo with the paper's inputs, which all variants start from."""
    return overridden(demo_configuration(), {"inputs.displacement": False}, "the demo")


def cases(declaration: Declaration, changes: Settings | None = None) -> list[Case]:
    """All variants at all values.

    Args:
        declaration: the experiment.
        changes: to its base, for instance from the command line.

    Raises:
        EquiglassError: a wrong key or value; a change of what the experiment itself varies.
    """
    changes = changes or {}
    along = declaration.along
    varied = {key for settings in declaration.variants.values() for key in settings} | ({along.key} if along else set())
    for key in changes:
        if key in varied or key == "seed":
            raise EquiglassError(f"--set {key}: this experiment itself varies {key!r}; leave it out.")
    base = base_configuration()
    made = []
    for (variant, settings), at in itertools.product(declaration.variants.items(), along.values if along else (None,)):
        own = {**declaration.base, **changes, **settings, **({along.key: at} if along else {})}
        where = f"variant {variant!r}"
        amount = own.pop(AMOUNT, None)
        if amount is not None and (not isinstance(amount, int) or amount < 1):
            raise EquiglassError(f"{where}: {AMOUNT} must be a whole number from 1; got {amount!r}.")
        each_time = own.get(EACH_TIME) == "each"
        if each_time:
            del own[EACH_TIME]
        made.append(Case(variant, at, overridden(base, own, where), each_time, amount))
    return made
