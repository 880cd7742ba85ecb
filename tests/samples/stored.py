"""The stored files of past versions: where they are, and copies of model files with changes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.torch import save_file

from equiglass.liquid.system import System

STORED = Path(__file__).parents[1] / "stored"
WHOLE = ("64ffa84", "bb786ac")
"""Commits whose models of all methods are stored; each learned all three configurations."""

MODELS = sorted(path.parent.name for path in STORED.glob("*/golden.npz"))


def last_liquid() -> System:
    """A configuration with inherent structure and cages, but without its potential, which the models know."""
    with np.load(STORED / "liquids.npz") as arrays:
        return System(
            arrays["positions"][-1],
            arrays["types"][-1],
            arrays["box"],
            temperature=0.5,
            positions_inherent=arrays["positions_inherent"][-1],
            positions_cage=(arrays["positions"][-1] + arrays["positions_inherent"][-1]) / 2,
        )


def rewritten(source: Path, target: Path, /, **changes: Any) -> Path:
    """A copy of a model file with other entries in its description."""
    description = described(source)
    with safe_open(source, framework="pt") as file:
        tensors = {key: file.get_tensor(key) for key in list(file.keys())}
    target.parent.mkdir(exist_ok=True)
    save_file(tensors, target, {"equiglass": json.dumps({**description, **changes})})
    return target


def described(path: Path) -> dict[str, Any]:
    """The description in a model file."""
    with safe_open(path, framework="pt") as file:
        description: dict[str, Any] = json.loads(file.metadata()["equiglass"])
    return description


def model_file(folder: Path) -> Path:
    (path,) = (path for path in folder.glob("*.safetensors") if path.stem != "best")
    return path


def skip_without_its_package(name: str) -> None:
    if name.startswith("glassmlp"):
        pytest.importorskip("pyvoro2")


def stored_format(path: Path) -> tuple[str, int]:
    with safe_open(path, framework="pt") as file:
        description = json.loads(file.metadata()["equiglass"])
    return description["format"], description["version"]
