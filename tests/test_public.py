"""The public interface (docs/versions.md) loses no name without a warning first.

`stored/public.json` holds the interface as it was last written: names with their parameters, commands with their
options, registries with their names. `python tests/test_public.py` writes it at a release.
"""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import typer.main

import equiglass
from equiglass import observables
from equiglass.commands import app
from equiglass.formats import FORMATS
from equiglass.liquid.targets import TARGETS
from equiglass.methods import METHODS
from equiglass.model.inputs import INPUTS

STORED = Path(__file__).parent / "stored" / "public.json"

DEPRECATED: dict[str, set[str]] = {}
"""What warns and may go after two MINOR versions: parts of ``public`` by key. The changelog lists it."""


def public() -> dict[str, list[str]]:
    """The names of the public interface, by the place where they are used."""
    found: dict[str, list[str]] = {}
    for module in (equiglass, observables):
        found[module.__name__] = sorted(module.__all__)
        for name in module.__all__:
            member = getattr(module, name)
            if inspect.isfunction(member) or (inspect.isclass(member) and not issubclass(member, Exception)):
                found[f"{module.__name__}.{name}"] = sorted(inspect.signature(member).parameters)
    for name, command in commands().items():
        found[f"equiglass {name}"] = sorted(word for parameter in command.params for word in words(parameter))
    for name, registry in {"formats": FORMATS, "inputs": INPUTS, "methods": METHODS, "targets": TARGETS}.items():
        found[name] = sorted(registry)
    return found


def commands() -> dict[str, Any]:
    return dict(typer.main.get_command(app).commands)


def words(parameter: Any) -> list[str]:
    options = [option for option in parameter.opts if option.startswith("-")]
    return options or [parameter.name]


def test_no_public_name_is_lost() -> None:
    now = public()
    for key, names in json.loads(STORED.read_text(encoding="utf-8")).items():
        assert key in now or key in DEPRECATED, f"{key} is gone. It must warn first (docs/versions.md)."
        lost = set(names) - set(now.get(key, ())) - DEPRECATED.get(key, set())
        assert not lost, f"{key} has lost {', '.join(sorted(lost))}. They must warn first (docs/versions.md)."


if __name__ == "__main__":
    STORED.write_text(json.dumps(public(), indent=1) + "\n", encoding="utf-8")
