"""What an experiment is, as data: a short YAML file, of the package or of anybody."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, Field, model_validator

from equiglass.errors import ConfigurationError
from equiglass.experiments.published import Published, Scalar, Strict
from equiglass.files.settings import changed, flat, has_key, read_settings, validate
from equiglass.methods import METHODS
from equiglass.methods.loading import DEFAULT, read_configuration
from equiglass.prediction.configuration import MethodConfiguration

DECLARED = Path(__file__).parent / "declared"
BASE = Path(__file__).parent / "base.yaml"
Options = TypeVar("Options", bound=BaseModel)
Settings = dict[str, Any]
"""Values by key of a training configuration, nested keys with dots, and by the two keys below."""

EACH_TIME, AMOUNT = "times", "configurations"
"""``times: each`` trains one model per time; ``configurations: n`` trains on so many."""


class Along(Strict):
    """A key that every variant is trained with at several values; it is the axis of the figure."""

    key: str
    values: tuple[Scalar, ...] = Field(min_length=1)
    label: str = Field(description="of the axis")
    logarithmic: bool = False


class Declaration(Strict):
    """One experiment."""

    title: str
    source: str = Field(description="figure or table that it repeats")
    base: Settings = Field({}, description="changes to `base_configuration`, for all variants")
    variants: dict[str, Settings] = Field(
        min_length=1, description="changes to the base by name; 'method: NAME' trains another method"
    )
    every_method: bool = Field(False, description="each of 'equiglass methods' is a variant, under its own name")
    along: Along | None = None
    folds: int = Field(
        0,
        ge=0,
        description="number of folds, each tested on in turn; 0 tests on the last quarter of the configurations",
    )
    groups: Literal["temperature", "data"] = Field(
        "temperature", description="each trained and tested on its own: a temperature, or what a --data names"
    )
    seeds: int = Field(3, ge=1)
    score_epochs: bool = Field(False, description="score the test configurations after every epoch, for the log")
    measure: str = Field("scores", description="what is measured of the trained models")
    options: dict[str, Any] = Field({}, description="of the measure")
    published: Published | None = None

    @model_validator(mode="before")
    @classmethod
    def _with_every_method(cls, settings: Any) -> Any:
        """The same with one variant per method that is not a variant yet."""
        if not isinstance(settings, dict) or settings.get("every_method") is not True:
            return settings
        named = settings.get("variants", {})
        return {**settings, "variants": {**named, **{name: {"method": name} for name in METHODS if name not in named}}}

    @model_validator(mode="after")
    def _folds_are_several(self) -> Declaration:
        if self.folds == 1:
            raise ValueError("folds must be 0, or 2 or more")
        return self

    @model_validator(mode="after")
    def _numbers_have_a_place(self) -> Declaration:
        for number in self.published.numbers if self.published else ():
            values = self.along.values if self.along else (None,)
            if number.variant not in self.variants or number.at not in values:
                raise ValueError(f"a published number is of {number.variant!r} at {number.at}, which is not run")
        return self


@dataclass(frozen=True)
class Case:
    """A variant at one value of the key that it is trained along.

    Attributes:
        variant: its name.
        at: value of the key of ``along``; None without one.
        configuration: of the training; its seed is the first.
        each_time: whether one model is trained for each time.
        amount: number of training configurations; None for all.
    """

    variant: str
    at: Scalar | None
    configuration: MethodConfiguration
    each_time: bool
    amount: int | None


def declared_names() -> list[str]:
    """Names of the experiments that come with the package."""
    return sorted(path.stem for path in DECLARED.glob("*.yaml"))


def read_declaration(name: str) -> Declaration:
    """Read an experiment of the package, by name, or one's own, by the path of its YAML file.

    Raises:
        ConfigurationError: no such experiment, an unreadable file, an unknown key or a wrong value.
    """
    path = DECLARED / f"{name}.yaml" if name in declared_names() else Path(name)
    if not path.is_file():
        raise ConfigurationError(
            f"there is no experiment {name!r}: name one of {', '.join(declared_names())}, or a YAML file."
        )
    return validate(Declaration, read_settings(path), str(path))


def chosen(declaration: Declaration, only: Collection[str] = (), folds: int | None = None) -> Declaration:
    """The declaration with some of its variants, and with another number of folds.

    Args:
        declaration: the experiment.
        only: names of the variants; all if empty.
        folds: number of folds; as declared if None.

    Raises:
        ConfigurationError: there is no such variant, or a single fold.
    """
    for name in only:
        if name not in declaration.variants:
            near = difflib.get_close_matches(name, declaration.variants, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            known = ", ".join(map(repr, declaration.variants))
            raise ConfigurationError(f"there is no variant {name!r}; there are {known}.{hint}")
    if folds == 1:
        raise ConfigurationError("one fold leaves nothing to train on; give two or more, or 0.")
    variants = {name: own for name, own in declaration.variants.items() if not only or name in only}
    return declaration.model_copy(update={"variants": variants, "folds": declaration.folds if folds is None else folds})


def options_of(declaration: Declaration, kind: type[Options]) -> Options:
    """The options of the measure.

    Raises:
        ConfigurationError: an unknown one, or a wrong value.
    """
    return validate(kind, dict(declaration.options), "options")


def base_configuration() -> MethodConfiguration:
    """The network that all variants start from; another method starts from its own defaults, and this seed."""
    return read_configuration(BASE)


def method_of(settings: Settings) -> str:
    """Name of the method of a variant."""
    return str(settings.get("method", DEFAULT))


def cases(declaration: Declaration, changes: Settings | None = None) -> list[Case]:
    """All variants at all values.

    Args:
        declaration: the experiment.
        changes: to its base, for instance from the command line. A variant whose method lacks a key that another
            variant's method has goes without the change.

    Raises:
        ConfigurationError: a wrong key or value; a change of what the experiment itself varies.
    """
    changes = flat(changes or {})
    along = declaration.along
    varied = {key for settings in declaration.variants.values() for key in settings} | ({along.key} if along else set())
    for key in changes:
        if key in varied or key == "seed":
            raise ConfigurationError(f"--set {key}: this experiment itself varies {key!r}; leave it out.")
    for key in {*changes, *declaration.base, *varied} & {"fold", "folds"}:
        raise ConfigurationError(
            f"{key}: an experiment itself deals the configurations into folds. Set their number with --folds, or as "
            "'folds' of the declaration."
        )
    methods = {method_of(settings) for settings in declaration.variants.values()}
    of_networks = read_settings(BASE)
    made = []
    for (variant, settings), at in itertools.product(declaration.variants.items(), along.values if along else (None,)):
        method = method_of(settings)
        # The base may be meant for networks, and there is none.
        base = {k: v for k, v in flat(declaration.base).items() if _applies(k, method, {*methods, DEFAULT})}
        changed_here = {k: v for k, v in changes.items() if _applies(k, method, methods)}
        own = {**base, **changed_here, **settings, **({along.key: at} if along else {})}
        where = f"variant {variant!r}"
        amount = own.pop(AMOUNT, None)
        if amount is not None and (not isinstance(amount, int) or amount < 1):
            raise ConfigurationError(f"{where}: {AMOUNT} must be a whole number from 1; got {amount!r}.")
        each_time = own.get(EACH_TIME) == "each"
        if each_time:
            del own[EACH_TIME]
        start = of_networks if method == DEFAULT else {"seed": of_networks["seed"]}
        configuration = validate(METHODS[method].configuration, changed(start, own), where)
        made.append(Case(variant, at, configuration, each_time, amount))
    return made


def _applies(key: str, method: str, methods: Collection[str]) -> bool:
    """Whether a change is for a method: it has the key, or none of all has it, which is then an error."""
    return (
        key in (EACH_TIME, AMOUNT)
        or has_key(METHODS[method].configuration, key)
        or not any(has_key(METHODS[name].configuration, key) for name in methods)
    )
