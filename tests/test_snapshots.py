"""experiments/snapshots.py: the labels of a snapshot whose particles have left the box."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from equiglass.liquid.ends import is_end
from samples.labelled import labelled_liquid

SCRIPT = Path(__file__).resolve().parents[1] / "experiments" / "snapshots.py"


def test_distances_are_from_the_positions_as_the_configuration_holds_them(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("snapshots", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    snapshots = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(snapshots)
    start = labelled_liquid(0)
    moves = np.random.default_rng(0).normal(0, 0.1, (4, 1, start.n_particles, 3))
    monkeypatch.setattr(snapshots, "RUNS", 4)
    monkeypatch.setattr(
        snapshots,
        "short_runs",
        lambda system, *_: [SimpleNamespace(positions=system.positions + move) for move in moves],
    )
    outside = start.positions + start.box * np.arange(-1, 2)
    later = snapshots.labelled(start, outside, 0, {"1": 0.1}, [1])
    assert is_end(later)
    assert later.parent == start.fingerprint
    distances = np.linalg.norm(moves, axis=-1)
    np.testing.assert_allclose(later.propensity, distances.mean(0))
    np.testing.assert_allclose(later.replica_variance, distances.var(0, ddof=1) / 4)
