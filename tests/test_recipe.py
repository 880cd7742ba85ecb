"""The recipe of conda says what pyproject says."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
CONDA = {"torch": "pytorch"}


@pytest.fixture(scope="module")
def recipe() -> dict:
    return yaml.safe_load((ROOT / "conda" / "recipe.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_version_and_programs(recipe: dict, project: dict) -> None:
    assert recipe["context"]["version"] == project["version"]
    programs = [f"{name} = {place}" for name, place in project["scripts"].items()]
    assert recipe["build"]["python"]["entry_points"] == programs


def test_requirements(recipe: dict, project: dict) -> None:
    wanted = {"python": f"{project['requires-python']}"}
    for line in project["dependencies"]:
        requirement = Requirement(line)
        assert requirement.marker is None
        wanted[CONDA.get(requirement.name, requirement.name)] = str(requirement.specifier)
    found = dict(line.split(maxsplit=1) for line in recipe["requirements"]["run"])
    assert {k: set(v.split(",")) for k, v in found.items()} == {k: set(v.split(",")) for k, v in wanted.items()}
