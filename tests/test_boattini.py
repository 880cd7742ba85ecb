"""The tuned regression on Boattini's descriptors: features, prediction in blocks, file, commands."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from equiglass.errors import EquiglassError
from equiglass.formats import save
from equiglass.liquid import neighbors
from equiglass.liquid.displacement import distance
from equiglass.liquid.energy import particle_energy
from equiglass.liquid.surroundings import neighbourhood_averages
from equiglass.liquid.system import System
from equiglass.methods.boattini import Boattini, BoattiniConfiguration
from equiglass.methods.linear import descriptors
from equiglass.methods.linear.descriptors import describe
from equiglass.methods.loading import load_model
from equiglass.observables import correlation
from equiglass.training import train
from samples.command import run
from samples.labelled import SMALL, labelled_liquid
from samples.liquids import random_liquid

FEW = BoattiniConfiguration(descriptors=SMALL, thermal=(0.0, 1.0), decay=(0.5,), penalties=(0.1, 1.0))
"""Settings of a tuned regression in a fraction of a second."""

SETTINGS = (
    *(
        "--set",
        "descriptors={radial: [{first: 0.9, last: 1.5, number: 4, width: 0.05}], angular: "
        "{first: 1.0, last: 1.6, number: 3, width: 0.1}, l_max: 6, averaging_radius: 1.6}",
    ),
    *("--set", "thermal=[0.0]", "--set", "decay=[0.5]", "--set", "penalties=[0.1, 1.0]"),
)


def shaken(seed: int) -> System:
    """A labelled liquid with an inherent structure of its own."""
    system = labelled_liquid(seed)
    shift = np.random.default_rng(seed).normal(0, 0.05, (system.n_particles, 3))
    return replace(system, positions_inherent=system.positions + shift)


def test_features_are_both_structures_and_the_averaged_scalars() -> None:
    system, settings = shaken(0), BoattiniConfiguration(descriptors=SMALL)
    features = Boattini.features(system, settings, 2)
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
    assert scalars.shape[1] == 2 * (24 + 1)
    emphases = Boattini.emphases(settings, 2)
    assert emphases.shape == (len(settings.choices), features.shape[1])
    assert emphases[2, [0, n // 3, n, 2 * n - 1, 2 * n]] == pytest.approx([1, 0.5, 0.3, 0.3 * 0.25, 20])


def test_the_regression_learns_and_comes_back_from_its_file(tmp_path: Path) -> None:
    model = Boattini.fit([shaken(k) for k in range(12)], FEW)
    test = shaken(9)
    predicted = model.values(test)
    assert test.propensity is not None
    assert correlation([test.propensity[1]], [predicted[1]]).pooled > 0.7
    assert dict(model.times) == {"1": 0.1, "7": 16.5}
    model.save(tmp_path / "last.safetensors")
    with safe_open(tmp_path / "last.safetensors", framework="np") as file:
        description = json.loads(file.metadata()["equiglass"])
    assert (description["format"], description["version"]) == ("equiglass-boattini", 2)
    assert description["chosen"]["A"]["7"]["validation_rho"] > 0.5
    again = load_model(tmp_path)
    assert isinstance(again, Boattini)
    assert again.settings == FEW
    assert again.predict(replace(test, potential=None)).propensity == pytest.approx(np.maximum(predicted, 0), abs=1e-12)
    captions = [card.caption for card in again.card()]
    assert captions[0] == "Settings"
    assert len(again.card()[1].frame) == 4


def test_prediction_equals_the_regression_on_the_whole_matrix_however_many_particles_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = Boattini.fit([shaken(k) for k in range(4)], FEW)
    system = shaken(9)
    both = [describe(system, SMALL, positions=positions) for positions in ("inherent", "thermal")]
    scalars = np.stack([particle_energy(system), distance(system, "inherent")], axis=1)
    averages = neighbourhood_averages(system, scalars, FEW.generations, SMALL.averaging_radius)
    expected = model.ridge.predict(np.hstack([*both, averages]), system.types)
    for at_once in (1, 17, 4096):
        monkeypatch.setattr(descriptors, "PARTICLES_AT_ONCE", at_once)
        np.testing.assert_allclose(model.values(system), expected, rtol=1e-10)
        np.testing.assert_allclose(describe(system, SMALL), both[0], rtol=1e-10, atol=1e-12)
    with pytest.raises(EquiglassError, match="particle type C"):
        model.predict(replace(system, types=np.where(system.types == 1, 2, 0), potential=None))


def test_prediction_takes_memory_for_few_numbers_per_particle(monkeypatch: pytest.MonkeyPatch) -> None:
    """A particle more takes less than half of its row in the matrix of features."""
    monkeypatch.setattr(descriptors, "PARTICLES_AT_ONCE", 200)
    monkeypatch.setattr(neighbors, "RECEIVERS_AT_ONCE", 200)
    model = Boattini.fit([shaken(k) for k in range(4)], FEW)

    def peak(n: int) -> int:
        system = random_liquid(n, seed=1)
        system = replace(system, positions_inherent=system.positions, potential=model.data.potential)
        tracemalloc.start()
        try:
            model.values(system)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(8000) - peak(4000) < 4000 * 0.5 * model.ridge.mean[0].nbytes


def test_folds_share_the_features_of_a_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def features(cls, system, settings, n_types):
        made.append(system.name)
        return describe(system, SMALL)

    monkeypatch.setattr(Boattini, "features", classmethod(features))
    for name in ("emphases", "quantities"):
        monkeypatch.setattr(Boattini, name, classmethod(lambda cls, settings, n_types: None))
    systems = [shaken(k) for k in range(4)]
    with Boattini.sharing():
        Boattini.fit(systems[:3], FEW)
        Boattini.fit(systems[1:], FEW)
    assert sorted(made) == [f"liquid-{k}" for k in range(4)]
    Boattini.fit(systems[:2], FEW)
    assert len(made) == 6


def test_files_that_are_no_model_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "last.safetensors"
    with pytest.raises(EquiglassError, match="no such"):
        Boattini.load(path)
    path.write_bytes(b"x" * 100)
    with pytest.raises(EquiglassError, match="damaged"):
        load_model(tmp_path)
    metadata = {"equiglass": json.dumps({"format": Boattini.file_format, "version": 9})}
    save_file({"x": np.zeros(1)}, path, metadata=metadata)
    with pytest.raises(EquiglassError, match=r"version 9.*up to version 2"):
        load_model(tmp_path)
    save_file({"x": np.zeros(1)}, path, metadata={"equiglass": json.dumps({"format": "of-tomorrow", "version": 1})})
    with pytest.raises(EquiglassError, match="'of-tomorrow', which no method"):
        load_model(tmp_path)
    with pytest.raises(EquiglassError, match="give two or more"):
        Boattini.fit([shaken(0)], FEW)


def test_commands_train_score_and_crossvalidate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    save([shaken(k) for k in range(5)], tmp_path / "data.h5")
    data = ("--data", tmp_path / "data.h5")
    words = ("train", "--method", "boattini", *data, *SETTINGS)
    assert run(*words, "--out", tmp_path / "run") == 0
    assert run(*words, "--out", tmp_path / "run") == 2
    assert "not empty" in capsys.readouterr().err
    assert run("train", "--method", "boatini", *data, "--out", tmp_path / "no") == 2
    assert "there is no method 'boatini'. Did you mean 'boattini'?" in capsys.readouterr().err
    assert run("represent", tmp_path / "run", *data, "--out", tmp_path / "no") == 2
    assert "this needs a trained network" in capsys.readouterr().err
    assert run("export", tmp_path / "run", "-o", tmp_path / "light") == 0
    np.testing.assert_array_equal(*(load_model(tmp_path / r).predict(shaken(9)).propensity for r in ("run", "light")))
    out = ("--out", tmp_path / "cv", "--json", tmp_path / "cv.json", "--figures", tmp_path / "figures")
    assert run("crossvalidate", "--method", "boattini", *data, *SETTINGS, *out) == 0
    assert len(list((tmp_path / "cv").glob("fold-*/last.safetensors"))) == 5
    assert (tmp_path / "figures" / "rho.png").is_file()
    rows = json.loads((tmp_path / "cv.json").read_text())["rho"]
    assert [(row["type"], row["label"], row["configurations"]) for row in rows[:2]] == [("A", "1", 5), ("B", "1", 5)]


def test_a_regression_and_networks_in_one_folder_are_averaged_fold_by_fold(tmp_path: Path) -> None:
    systems = [shaken(k) for k in range(4)]
    save(systems, tmp_path / "data.h5")
    for fold in (1, 2):
        own = FEW.model_copy(update={"folds": 2, "fold": fold})
        train(systems, tmp_path / "cv" / f"fold-{fold}" / "boattini", own)
    tiny = ("architecture.l_max=0", "architecture.layers=1", "architecture.channels=1", "epochs=1", "folds=2")
    settings = [word for setting in tiny for word in ("--set", setting)]
    words = ("crossvalidate", "--data", tmp_path / "data.h5", "--out", tmp_path / "cv", "--members", 2)
    assert run(*words, "--json", tmp_path / "cv.json", *settings) == 0
    model = load_model(tmp_path / "cv" / "fold-1")
    assert [member.method for member in model.members] == ["boattini", "network", "network"]
    each = [member.values(systems[0]) for member in model.members]
    np.testing.assert_allclose(model.values(systems[0]), (each[0] + (each[1] + each[2]) / 2) / 2)
    assert json.loads((tmp_path / "cv.json").read_text())["configurations"] == 4
