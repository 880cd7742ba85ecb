"""Models of six configurations, their cross-validations, and a combination of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import equiglass
from equiglass.liquid.system import System
from equiglass.methods import METHODS
from samples.command import run
from samples.labelled import labelled_liquid

FOLDS = 3
SETTINGS: dict[str, dict[str, Any]] = {"ridge": {"l_max": 1}, "energy": {"times": ("7",)}, "none": {"times": ("1",)}}
"""`ridge` learns both times, each of the others one."""


def liquid(seed: int) -> System:
    """A labelled configuration whose labels are not a function of the structure alone."""
    system = labelled_liquid(seed)
    assert system.propensity is not None
    rng = np.random.default_rng([seed, 7])
    return replace(system, propensity=system.propensity + rng.normal(0, 0.03, system.propensity.shape))


def configuration(method: str, **further: Any) -> Any:
    return METHODS[method].configuration(folds=FOLDS, **(SETTINGS[method] | further))


def made(folder: Path) -> Path:
    """Six configurations in data.h5, and every method trained on all (NAME) and cross-validated (cv-NAME)."""
    systems = [liquid(seed) for seed in range(6)]
    equiglass.save(systems, folder / "data.h5")
    equiglass.save([liquid(20)], folder / "new.h5")
    for method in SETTINGS:
        equiglass.train(systems, folder / method, configuration(method, fold=0))
        equiglass.crossvalidate(systems, folder / f"cv-{method}", configuration(method))
    words = ("combine", folder / "out", *members(folder, *SETTINGS), "--data", folder / "data.h5")
    assert run(*words, "--json", folder / "scores.json") == 0
    return folder


def members(folder: Path, *methods: str) -> list[object]:
    return [word for name in methods for word in ("--member", f"{folder / name}:{folder / f'cv-{name}'}")]


def pairs(folder: Path, *methods: str) -> list[tuple[Path, Path]]:
    return [(folder / name, folder / f"cv-{name}") for name in methods]


def systems_of(folder: Path) -> list[System]:
    return equiglass.load(folder / "data.h5")
