"""The tables and equations of docs/training.md are those of the code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from equiglass.files.settings import known_keys
from equiglass.liquid.targets import TARGETS
from equiglass.methods import METHODS
from equiglass.methods.descent.configuration import DescentConfiguration
from equiglass.methods.descent.schedule import learning_rates
from equiglass.methods.loading import read_configuration
from equiglass.methods.messages.predictor import MessageConfiguration
from equiglass.methods.network.configuration import Configuration
from equiglass.methods.network.further_targets import FURTHER_TARGETS
from equiglass.model.inputs import INPUTS
from equiglass.prediction.configuration import LeastSquaresConfiguration, MethodConfiguration

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "training.md").read_text(encoding="utf-8")
SHARED = set(known_keys(LeastSquaresConfiguration))


def rows_of(heading: str) -> list[list[str]]:
    """Cells of the tables below a heading, without their heads."""
    section = re.split(r"^#+ ", PAGE.split(f"# {heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def default_of(settings: MethodConfiguration, key: str) -> Any:
    value: Any = settings.model_dump(mode="json")
    for part in key.split("."):
        value = value[part]
    return value


def test_every_key_of_the_network_has_its_default() -> None:
    rows = rows_of("Every method") + rows_of("Labels") + rows_of("Network")
    keys = [row[0].strip("`") for row in rows]
    assert sorted(keys) == sorted(known_keys(Configuration))
    for key, (_, default, _) in zip(keys, rows, strict=True):
        assert yaml.safe_load(default.strip("`")) == default_of(Configuration(), key), key


def test_every_key_of_the_regressions_has_its_default() -> None:
    rows = rows_of("Regressions")
    shown = {(method.strip("`"), key.strip("`")): default for method, key, default, _ in rows}
    regressions = {name for name in METHODS if not issubclass(METHODS[name].configuration, DescentConfiguration)}
    own = {(name, key) for name in regressions for key in set(known_keys(METHODS[name].configuration)) - SHARED}
    assert set(shown) == own
    for (method, key), default in shown.items():
        value = default_of(read_configuration(method=method), key)
        if default.startswith("`"):
            assert yaml.safe_load(default.strip("`")) == value, key
        elif key == "penalties":
            assert default == f"{len(value)} values from {value[0]:g} to {value[-1]:g}".replace("1e-08", "1e-8")


def test_every_key_of_message_passing_has_its_default() -> None:
    names = [name for name in METHODS if issubclass(METHODS[name].configuration, MessageConfiguration)]
    shown: dict[str, dict[str, str]] = {name: {} for name in names}
    for key, *defaults, _ in rows_of("Message passing"):
        for name, default in zip(names, defaults, strict=True):
            if default != "-":
                shown[name][key.strip("`")] = default.strip("`")
    for name in names:
        assert sorted(shown[name]) == sorted(set(known_keys(METHODS[name].configuration)) - SHARED), name
        for key, default in shown[name].items():
            assert yaml.safe_load(default) == default_of(read_configuration(method=name), key), (name, key)


def test_the_methods_and_their_files() -> None:
    shown = {row[0].strip("`"): row[-1] for row in rows_of("Methods")}
    assert shown == {name: f"`{METHODS[name].file_format}` version {METHODS[name].version}" for name in METHODS}


def test_the_further_targets() -> None:
    shown = {row[0].strip("`"): row[1].strip("`") for row in rows_of("Further targets")}
    assert shown == {name: FURTHER_TARGETS[name].label for name in FURTHER_TARGETS}


def test_the_node_inputs_and_targets() -> None:
    shown = {row[0].strip("`"): row[1:3] for row in rows_of("Node inputs")}
    words = {
        "inherent": "inherent structure",
        "cage": "cage state",
        **{n: n for n in ("potential", "short runs", "temperature")},
    }
    assert shown == {
        name: [", ".join(map(str, INPUTS[name].degrees)), ", ".join(words[n] for n in sorted(INPUTS[name].needs))]
        for name in INPUTS
    }
    targets = PAGE.split("## Targets\n")[1].split("## ")[0]
    assert all(f"`{name}`" in targets for name in TARGETS)


@pytest.mark.parametrize("steps", [1, 7, 640])
def test_the_equation_of_the_schedule(steps: int) -> None:
    n, peak = np.arange(steps), 0.005
    rising, falling = n / (0.3 * steps), (n - 0.3 * steps) / (0.7 * steps)
    up = peak / 25 + 24 * peak / 25 * (1 - np.cos(np.pi * rising)) / 2
    down = peak * (1 + np.cos(np.pi * falling)) / 2
    np.testing.assert_allclose(learning_rates("one-cycle", peak, steps), np.where(rising < 1, up, down), rtol=1e-9)


def test_links_inside_the_page_lead_somewhere() -> None:
    headings = {re.sub(r"[^a-z0-9 -]", "", h.lower()).replace(" ", "-") for h in re.findall(r"^#+ (.+)$", PAGE, re.M)}
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= headings
