"""The tuned regression on Boattini's descriptors: features, prediction in blocks, file, commands."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from equiglass.methods.linear.boattini import boattini_features, fit_boattini, load_boattini, save_boattini
from safetensors import safe_open
from safetensors.numpy import save_file

from command import run
from conftest import random_liquid
from equiglass.errors import EquiglassError
from equiglass.formats import save
from equiglass.liquid import neighbors
from equiglass.liquid.energy import particle_energy
from equiglass.liquid.inherent import inherent_distance
from equiglass.liquid.surroundings import neighbourhood_averages
from equiglass.liquid.system import System
from equiglass.methods.linear import boattini, descriptors
from equiglass.methods.linear.descriptors import Descriptors, describe
from equiglass.methods.loading import load_model
from equiglass.observables import correlation
from labelled import SMALL, labelled_liquid


@pytest.fixture
def few_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tuned regression in a fraction of a second."""
    monkeypatch.setattr(boattini, "CHOICES", ((0.0, 0.5), (1.0, 0.5)))
    monkeypatch.setattr(boattini, "PENALTIES", (0.1, 1.0))


def shaken(seed: int) -> System:
    """A labelled liquid with an inherent structure of its own."""
    system = labelled_liquid(seed)
    shift = np.random.default_rng(seed).normal(0, 0.05, (system.n_particles, 3))
    return replace(system, positions_inherent=system.positions + shift)


def test_features_are_both_structures_and_the_averaged_scalars() -> None:
    system = shaken(0)
    features = boattini_features(system, 2, SMALL)
    n = len(SMALL.names())
    assert features[:, :n] == pytest.approx(describe(system, SMALL), rel=1e-5, abs=1e-6)
    assert features[:, n : 2 * n] == pytest.approx(describe(system, SMALL, positions="thermal"), rel=1e-5, abs=1e-6)
    assert features[:, 2 * n] == pytest.approx(particle_energy(system), rel=1e-5)
    assert system.positions_inherent is not None
    distance = np.linalg.norm(system.positions_inherent - system.positions, axis=1)
    assert features[:, 2 * n + 1] == pytest.approx(distance, rel=1e-5)
    scalars = features[:, 2 * n :].astype(float)
    average = neighbourhood_averages(system, scalars[:, -4:-2], 1, SMALL.averaging_radius)
    assert scalars[:, -2:] == pytest.approx(average[:, 2:], rel=1e-4)
    assert scalars.shape[1] == 2 * (boattini.GENERATIONS + 1)
    emphases = boattini._emphases(SMALL, 2)
    assert emphases.shape == (len(boattini.CHOICES), features.shape[1])
    assert emphases[2, [0, n // 3, n, 2 * n - 1, 2 * n]] == pytest.approx([1, 0.5, 0.3, 0.3 * 0.25, 20])


def test_the_baseline_learns_and_comes_back_from_its_file(few_choices: None, tmp_path: Path) -> None:
    data = [(boattini_features(s, 2, SMALL), s) for s in map(shaken, range(12))]
    model = fit_boattini(data, SMALL)
    test = shaken(9)
    predicted = model.predict(test)
    assert correlation([test.propensity[1]], [predicted[1]]).pooled > 0.7
    assert dict(model.times) == {"1": 0.1, "7": 16.5}
    save_boattini(model, tmp_path / "boattini.safetensors")
    with safe_open(tmp_path / "boattini.safetensors", framework="np") as file:
        description = json.loads(file.metadata()["equiglass"])
    assert (description["format"], description["version"]) == ("equiglass-boattini", 1)
    assert description["chosen"]["A"]["7"]["validation_rho"] > 0.5
    again = load_model(tmp_path).predict(replace(test, potential=None))
    assert again.propensity == pytest.approx(np.maximum(predicted, 0), abs=1e-12)


def test_prediction_equals_the_regression_on_the_whole_matrix_however_many_particles_at_once(
    few_choices: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = [(boattini_features(s, 2, SMALL), s) for s in map(shaken, range(4))]
    model = fit_boattini(data, SMALL)
    system = shaken(9)
    both = [describe(system, SMALL, positions=positions) for positions in ("inherent", "thermal")]
    scalars = np.stack([particle_energy(system), inherent_distance(system)], axis=1)
    averages = neighbourhood_averages(system, scalars, boattini.GENERATIONS, SMALL.averaging_radius)
    expected = model.ridge.predict(np.hstack([*both, averages]), system.types)
    for at_once in (1, 17, 4096):
        monkeypatch.setattr(descriptors, "PARTICLES_AT_ONCE", at_once)
        np.testing.assert_allclose(model.predict(system), expected, rtol=1e-10)
        np.testing.assert_allclose(describe(system, SMALL), both[0], rtol=1e-10, atol=1e-12)
    with pytest.raises(EquiglassError, match="3 particle types, not 2"):
        model.predict(replace(system, types=np.where(system.types == 1, 2, 0), potential=None))


def test_prediction_takes_memory_for_few_numbers_a_particle(few_choices: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A particle more takes less than half of its row in the matrix of features."""
    monkeypatch.setattr(descriptors, "PARTICLES_AT_ONCE", 200)
    monkeypatch.setattr(neighbors, "RECEIVERS_AT_ONCE", 200)
    model = fit_boattini([(boattini_features(s, 2, SMALL), s) for s in map(shaken, range(4))], SMALL)

    def peak(n: int) -> int:
        system = random_liquid(n, seed=1)
        system = replace(system, positions_inherent=system.positions, potential=model.data.potential)
        tracemalloc.start()
        try:
            model.predict(system)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(8000) - peak(4000) < 4000 * 0.5 * model.ridge.mean[0].nbytes


def test_files_that_are_no_baseline_are_refused(few_choices: None, tmp_path: Path) -> None:
    path = tmp_path / "boattini.safetensors"
    with pytest.raises(EquiglassError, match="no such"):
        load_boattini(path)
    path.write_bytes(b"x" * 100)
    with pytest.raises(EquiglassError, match="damaged"):
        load_boattini(path)
    save_file({"x": np.zeros(1)}, path, metadata={"equiglass": json.dumps({"format": boattini.FORMAT, "version": 9})})
    with pytest.raises(EquiglassError, match="newer"):
        load_boattini(path)
    with pytest.raises(EquiglassError, match="training and validation"):
        fit_boattini([(boattini_features(shaken(0), 2, SMALL), shaken(0))], SMALL)


def test_commands_train_score_and_crossvalidate(
    few_choices: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")

    monkeypatch.setattr(boattini, "Descriptors", partial(Descriptors, **vars(SMALL)))
    save([shaken(k) for k in range(5)], tmp_path / "data.h5")
    data = ("--data", tmp_path / "data.h5")
    assert run("baseline", "boattini", *data, "--out", tmp_path / "run") == 0
    assert run("baseline", "boattini", *data, "--out", tmp_path / "run") == 2
    assert "not empty" in capsys.readouterr().err
    assert run("baseline", "boattini", *data, "--out", tmp_path / "no", "--json", tmp_path / "no.json") == 2
    assert run("represent", tmp_path / "run", *data, "--out", tmp_path / "no") == 2
    assert "is a baseline" in capsys.readouterr().err
    assert run("export", tmp_path / "run", "-o", tmp_path / "light") == 0
    np.testing.assert_array_equal(*(load_model(tmp_path / r).predict(shaken(9)).propensity for r in ("run", "light")))
    out = ("--out", tmp_path / "cv", "--json", tmp_path / "cv.json", "--figures", tmp_path / "figures")
    assert run("baseline", "boattini", *data, "--crossvalidate", *out) == 0
    assert len(list((tmp_path / "cv").glob("fold-*/boattini.safetensors"))) == 5
    assert (tmp_path / "figures" / "rho.png").stat().st_size > 5000
    tiny = (
        "architecture.l_max=0",
        "architecture.layers=1",
        "architecture.channels=1",
        "epochs=1",
        "inputs.generations=1",
    )
    settings = [word for setting in tiny for word in ("--set", setting)]
    assert run("crossvalidate", *data, "--out", tmp_path / "cv", "--members", 2, *settings) == 0
    assert [len(load_model(tmp_path / "cv" / f"fold-{k}").members) for k in range(1, 6)] == [3] * 5
    rows = json.loads((tmp_path / "cv.json").read_text())["rho"]
    assert [(row["type"], row["label"], row["configurations"]) for row in rows[:2]] == [("A", "1", 5), ("B", "1", 5)]
