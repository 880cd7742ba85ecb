"""The demo's chain with a network too small to be good: every output is there and holds together."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from equiglass.training.run import train

from equiglass.experiments import demo
from equiglass.methods.loading import load_model
from equiglass.training import read_configuration


def test_the_data_set_of_the_package() -> None:
    training, validation, test = demo.demo_data()
    assert [len(part) for part in (training, validation, test)] == [16, 4, 4]
    names = {s.name for part in (training, validation, test) for s in part}
    assert len(names) == 24
    first = training[0]
    assert first.n_particles == 1290
    assert first.density == pytest.approx(1.2)
    assert first.runs == 32
    assert first.time_labels[-1] == "7"
    assert demo.DATASET.stat().st_size < 8e6


def test_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    settings = ["epochs=1", "architecture.l_max=1", "architecture.layers=2", "architecture.channels=2"]
    configuration = read_configuration(demo.CONFIGURATION, settings)
    training, validation, test = demo.demo_data()
    data = (training[:2], validation[:1], test[:1])
    monkeypatch.setattr(demo, "demo_data", lambda: data)
    monkeypatch.setattr(demo, "demo_configuration", lambda: configuration)
    train(data[0], tmp_path / "run", configuration, validation=data[1])
    rows = demo.report(tmp_path, tmp_path / "run")
    printed = capsys.readouterr().out
    assert "noise ceiling" in printed
    assert "does not beat the ridge" in printed
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert len(scores["network"]["rho"]) == len(scores["ridge"]["rho"]) == len(rows) == 14
    assert all((tmp_path / name).stat().st_size > 5000 for name in ("rho.png", "slice.png", "scatter.png", "test.xyz"))
    predicted = load_model(tmp_path / "run").predict(test[0]).at("7")
    assert np.all(predicted >= 0)
