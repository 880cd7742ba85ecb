"""experiments/history.py: the quantities of the files that commands write."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def history() -> ModuleType:
    spec = importlib.util.spec_from_file_location("history", ROOT / "experiments" / "history.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_of_the_engine_both_ratios_count(history: ModuleType) -> None:
    measured = {
        "benchmark": "simulate",
        "runs": 16,
        "command": "equiglass benchmark simulate",
        "plateau_ratio": 17.0,
        "plateau_temperature": 0.44,
        "plateau_duration": 13.0,
        "relaxation_ratio": 10.0,
        "relaxation_temperature": 0.64,
        "relaxation_duration": 16.5,
    }
    plateau, relaxation = history.quantities("engine", measured)
    assert plateau["value"] == 17.0
    assert plateau["quantity"] == "engine, LAMMPS over equiglass, plateau"
    assert plateau["conditions"] == "T = 0.44 up to t = 13, 16 runs, one core"
    assert relaxation["value"] == 10.0


def test_of_scores_the_last_time_counts_and_no_member(history: ModuleType) -> None:
    measured = json.loads((ROOT / "results" / "shipped" / "kalj-T0.44.json").read_text(encoding="utf-8"))
    found = history.quantities("kalj-T0.44", measured)
    assert [row["quantity"] for row in found] == ["kalj-T0.44, rho A", "kalj-T0.44, rho B"]
    assert all("t = 4120" in row["conditions"] for row in found)


def test_every_record_has_a_value_and_a_commit() -> None:
    stored = json.loads((ROOT / "results" / "history.json").read_text(encoding="utf-8"))
    assert stored["version"] == 1
    for record in stored["records"]:
        assert isinstance(record["value"], float)
        assert len(record["commit"]) == 40
