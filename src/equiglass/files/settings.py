"""Settings from YAML files and ``key=value`` words: reading, replacing values, validation."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from equiglass.errors import ConfigurationError

Model = TypeVar("Model", bound=BaseModel)


def read_settings(path: Path) -> dict[str, Any]:
    """Keys and values of a YAML file.

    Raises:
        ConfigurationError: the file cannot be read, is not YAML, or does not hold keys and values.
    """
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not valid YAML: {' '.join(str(error).split())}.") from None
    if not isinstance(settings, dict | None):
        raise ConfigurationError(f"{path} must hold keys and values, like 'epochs: 40'.")
    return settings or {}


def parse_override(override: str) -> tuple[str, Any]:
    """Key and value of ``key=value``; the value is YAML.

    Raises:
        ConfigurationError: there is no "=", or the value is not YAML.
    """
    key, equals, value = override.partition("=")
    if not equals:
        raise ConfigurationError(f"--set takes key=value; got {override!r}.")
    try:
        return key.strip(), yaml.safe_load(value)
    except yaml.YAMLError:
        raise ConfigurationError(f"--set {override}: the value is not valid YAML.") from None


def changed(settings: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with the values of some keys replaced; dots separate the keys of nested sections.

    Raises:
        ConfigurationError: a key names a section that is a value.
    """
    result = dict(settings)
    for key, value in changes.items():
        *sections, last = key.split(".")
        inner = result
        for section in sections:
            below = inner.get(section, {})
            if not isinstance(below, dict):
                raise ConfigurationError(f"{key}={value}: {section!r} is a value, not a section.")
            inner[section] = inner = dict(below)
        inner[last] = value
    return result


def validate(model: type[Model], settings: Any, where: str) -> Model:
    """An instance of a pydantic model from plain settings.

    Args:
        model: the class.
        settings: keys and values.
        where: the source of the settings for messages, for instance the path of the file.

    Raises:
        ConfigurationError: a key is unknown or a value is wrong. The message names the first problem, and the nearest
            known key.
    """
    try:
        return model.model_validate(_completed(settings, {k: f.default for k, f in model.model_fields.items()}))
    except ValidationError as error:
        first, *others = error.errors()
        if first["type"] == "missing":
            section = first["loc"][:-1]
            gone = [e["loc"] for e in (first, *others) if (e["type"], e["loc"][:-1]) == ("missing", section)]
            keys = ", ".join(".".join(map(str, loc)) for loc in gone)
            raise ConfigurationError(f"{where}: missing: {keys}.") from None
        # The forms that a value may have give an error each, at the same place.
        forms = [e for e in others if e["loc"][:-1] == first["loc"][:-1] and e["input"] is first["input"]]
        key = ".".join(str(part) for part in (first["loc"][:-1] if forms else first["loc"]))
        if first["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
            known = known_keys(model)
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.4) or difflib.get_close_matches(
                key.rsplit(".", 1)[-1], known, n=1, cutoff=0.4
            )
            hint = f"Did you mean {near[0]!r}?" if near else f"Known keys: {', '.join(known)}."
            raise ConfigurationError(f"{where}: unknown key {key!r}. {hint}") from None
        message = " or ".join([first["msg"], *(e["msg"].removeprefix("Input should be ") for e in forms)])
        message = (
            message.removeprefix("Value error, ").removesuffix(".").replace("a valid tuple", "a list, such as [a, b]")
        )
        message = message[0].lower() + message[1:]
        got = "" if isinstance(first["input"], dict) else f" (got {first['input']!r})"
        raise ConfigurationError(f"{where}: {key + ': ' if key else ''}{message}{got}.") from None


def _completed(settings: Any, defaults: Mapping[str, Any]) -> Any:
    """The settings where a section that is a dataclass, such as shells, has the default of every key not given."""
    if not isinstance(settings, Mapping):
        return settings
    completed = dict(settings)
    for key, default in defaults.items():
        if isinstance(settings.get(key), Mapping) and is_dataclass(default) and not isinstance(default, type):
            own = {field.name: getattr(default, field.name) for field in fields(default)}
            completed[key] = {**own, **_completed(settings[key], own)}
    return completed


def known_keys(model: type[BaseModel], prefix: str = "") -> list[str]:
    """All keys of a pydantic model; dots separate the keys of nested sections."""
    keys: list[str] = []
    for name, info in model.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            keys += known_keys(info.annotation, f"{prefix}{name}.")
        else:
            keys.append(prefix + name)
    return keys


def has_key(model: type[BaseModel], key: str) -> bool:
    """Whether a pydantic model has a key; dots separate the keys of nested sections."""
    first, _, rest = key.partition(".")
    if first not in model.model_fields:
        return False
    inner = model.model_fields[first].annotation
    if rest and isinstance(inner, type) and issubclass(inner, BaseModel):
        return has_key(inner, rest)
    return not rest or not (isinstance(inner, type) and issubclass(inner, int | float | str))


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Values by key; dots separate the keys of nested sections."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value}
    return found


def moved(settings: Any, places: Mapping[str, str]) -> Any:
    """The settings with the keys of older files at their present places, for a pydantic validator.

    Args:
        settings: what a validator is given; anything but keys and values is returned as it is.
        places: present key by older key; dots separate the keys of nested sections.

    Raises:
        ValueError: both the older and the present key are given.
    """
    if not isinstance(settings, dict):
        return settings
    plain = {k: v.model_dump(exclude_unset=True) if isinstance(v, BaseModel) else v for k, v in settings.items()}
    older = {place: old for old, place in places.items() if _has(plain, old)}
    if not older:
        return settings
    for place, old in older.items():
        if _has(plain, place):
            raise ValueError(f"{old} is the older name of {place}; give one of them")
    values = {place: _taken(plain, old) for place, old in older.items()}
    return changed(plain, values)


def _has(settings: Any, key: str) -> bool:
    first, _, rest = key.partition(".")
    return isinstance(settings, dict) and first in settings and (not rest or _has(settings[first], rest))


def _taken(settings: dict[str, Any], key: str) -> Any:
    """The value of a key, which is removed, with its section if nothing else is there."""
    first, _, rest = key.partition(".")
    if not rest:
        return settings.pop(first)
    settings[first] = section = dict(settings[first])
    value = _taken(section, rest)
    if not section:
        del settings[first]
    return value


def from_overrides(overrides: Sequence[str]) -> dict[str, Any]:
    """Values by key from ``key=value`` words."""
    return dict(map(parse_override, overrides))
