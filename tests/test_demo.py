"""The demo's chain with a network too small to be good: every output is there and holds together."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from equiglass.experiments import demo
from equiglass.methods.loading import load_model, read_configuration
from equiglass.training import train


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


def test_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    settings = ["epochs=1", "architecture.l_max=1", "architecture.layers=2", "architecture.channels=2"]
    configuration = read_configuration(demo.CONFIGURATION, settings)
    training, validation, test = demo.demo_data()
    for name, own in (("run", configuration), ("ridge", demo.ridge_configuration(configuration))):
        train(training[:2], tmp_path / name, own, validation=validation[:1])
    scores = demo.report(tmp_path, test[:1])
    printed = capsys.readouterr().out
    stored = json.loads((tmp_path / "scores.json").read_text())
    network, ridge = (
        {(row["type"], row["label"]): row for row in stored[name]["rho"]} for name in ("network", "ridge")
    )
    assert len(scores) == len(network) == len(ridge) == 14
    behind = sum(network[key]["per_configuration"] <= ridge[key]["per_configuration"] for key in ridge if key[0] == "A")
    assert ("does not beat the ridge" in printed) == bool(behind)
    row = ridge["A", "7"]
    assert f"{row['per_configuration']:.3f} ({row['pooled']:.3f})" in printed
    assert f"{row['ceiling_per_configuration']:.3f}" in printed
    for name in ("rho.png", "slice.png", "scatter.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    predicted = load_model(tmp_path / "run").predict(test[0]).at("7")
    assert (tmp_path / "test.xyz").read_text().splitlines()[0] == str(len(predicted))
    assert np.all(predicted >= 0)


def test_the_regression_sees_what_the_network_sees() -> None:
    configuration = demo.demo_configuration()
    ridge = demo.ridge_configuration()
    assert ridge.nodes == configuration.inputs.nodes == ("energy_inherent", "displacement_inherent")
    assert ridge.l_max == configuration.architecture.l_max
