"""Targets beside the propensity: E_pot in the inherent structure, learned, scored, predicted; what refuses it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import equiglass
from equiglass.errors import EquiglassError
from equiglass.experiments.demo import DATASET
from equiglass.formats import load
from equiglass.liquid.neighbors import periodic_pairs
from equiglass.liquid.potential import potential_energy
from equiglass.liquid.targets import TARGETS, Target, measured, times_of
from equiglass.liquid.targets.energy import LABEL as E_POT
from equiglass.methods.loading import read_configuration
from equiglass.prediction.evaluation import evaluate
from equiglass.training import train
from samples.command import run
from samples.labelled import labelled_liquid
from samples.liquids import random_liquid

ENERGY = [
    "target=energy",
    "inputs.energy=none",
    "inputs.positions=inherent",
    "architecture.l_max=1",
    "architecture.layers=2",
    "architecture.channels=4",
    "architecture.dropout=0.0",
    "learning_rate=0.02",
    "epochs=8",
    "folds=4",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has learned the energy of the package's first eight configurations but two."""
    folder = tmp_path_factory.mktemp("energy")
    equiglass.save(load(DATASET)[:8], folder / "data.h5")
    train(load(folder / "data.h5"), folder / "run", read_configuration(None, ENERGY))
    return folder


def test_the_energy_is_the_full_sum_over_neighbours_in_the_inherent_structure() -> None:
    system = load(DATASET)[0]
    assert system.positions_inherent is not None
    delta = system.positions_inherent[:, None] - system.positions_inherent
    r = np.linalg.norm(delta - system.box * np.round(delta / system.box), axis=-1)
    np.fill_diagonal(r, np.inf)
    pair = np.ix_(system.types, system.types)
    epsilon, sigma = np.array([[1, 1.5], [1.5, 0.5]])[pair], np.array([[1, 0.8], [0.8, 0.88]])[pair]
    u = 4 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6)
    energy = np.where(r < 2.5 * sigma, u - 4 * epsilon * (2.5**-12 - 2.5**-6), 0).sum(1)
    np.testing.assert_allclose(measured(system, [E_POT], "energy")[0], energy, rtol=1e-10)


def test_what_is_known_of_a_configuration() -> None:
    system = labelled_liquid(1)
    assert times_of(system, "propensity") == {"1": 0.1, "7": 16.5}
    assert times_of(system, "energy") == {E_POT: 0.0}
    bare = random_liquid()
    assert times_of(bare, "propensity") == times_of(bare, "energy") == {}
    assert np.isnan(measured(bare, ["1", "7"])).all()
    assert np.isnan(measured(bare, [E_POT], "energy")).all()


def test_a_network_learns_the_energy_of_configurations_that_it_has_not_seen(folder: Path) -> None:
    """The paper finds rho about 0.9 from inherent positions."""
    model = equiglass.load_model(folder / "run")
    unseen = load(DATASET)[20:]
    predictions = [model.predict(model.measurable(system)) for system in unseen]
    rows, systems = evaluate(unseen, predictions), [prediction.system for prediction in predictions]
    assert [(row.label, row.time_index, row.time) for row in rows] == [(E_POT, 0, 0.0)] * 2
    assert all(row.pooled > 0.5 and row.per_configuration > 0.5 for row in rows)
    for row, kind in zip(rows, (0, 1), strict=True):
        truth = np.concatenate([measured(s, [E_POT], "energy")[0][s.types == kind] for s in systems])
        assert row.mse < truth.var()
        assert np.isnan(row.ceiling_pooled)
    # Bound particles: nothing may be cut at zero.
    assert predictions[0].at(E_POT).max() < 0
    with pytest.raises(EquiglassError, match="the energy, not propensities"):
        _ = model.predict(unseen[0]).propensity


def test_evaluate_finds_the_inherent_structures_itself(folder: Path) -> None:
    system = replace(random_liquid(), temperature=0.64)
    model = equiglass.load_model(folder / "run")
    prediction = model.predict(model.measurable(replace(system, potential=None)))
    (row, _), done = evaluate([replace(system, potential=None)], [prediction]), prediction.system
    assert row.configurations == 1
    assert done.positions_inherent is not None
    energy = potential_energy(done.positions_inherent, done.types, done.box, equiglass.KOB_ANDERSEN)
    np.testing.assert_array_equal(measured(done, [E_POT], "energy")[0], energy)


@pytest.mark.parametrize("positions", ["thermal", "inherent"])
def test_the_commands_work_with_it(positions: str, tmp_path: Path) -> None:
    equiglass.save([random_liquid(seed=k) for k in range(2)], tmp_path / "bare.h5")
    options = [word for setting in ENERGY for word in ("--set", setting)]
    options += ["--set", f"inputs.positions={positions}", "--set", "epochs=1", "--set", "folds=2"]
    data = ("--data", tmp_path / "bare.h5")
    assert run("crossvalidate", *data, "--out", tmp_path / "cv", "--json", tmp_path / "cv.json", *options) == 0
    scores = ("--json", tmp_path / "scores.json", "--figures", tmp_path)
    assert run("evaluate", tmp_path / "cv", *data, *scores) == 2
    assert run("evaluate", tmp_path / "cv", *data, *scores, "--seen") == 0
    for name in ("cv.json", "scores.json"):
        rows = json.loads((tmp_path / name).read_text())["rho"]
        assert [(row["type"], row["label"], row["configurations"]) for row in rows] == [
            ("A", E_POT, 2),
            ("B", E_POT, 2),
        ]
    assert sorted(path.name for path in tmp_path.glob("*.png")) == [
        "scatter_A_E_pot.png",
        "scatter_B_E_pot.png",
        "slice_E_pot.png",
    ]
    assert run("predict", tmp_path / "cv", tmp_path / "bare.h5", "-o", tmp_path / "out.xyz") == 0
    comment = (tmp_path / "out.xyz").read_text().splitlines()[1]
    assert ":E_pot:R:1" in comment
    assert ("pos_inherent" in comment) == (positions == "inherent")
    assert run("report", tmp_path / "cv", *data, "--out", tmp_path / "report.html") == 0
    text = re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", (tmp_path / "report.html").read_text(encoding="utf-8")))
    assert "target E_pot in the inherent structure (Lennard-Jones energy)" in text
    assert "Pearson ρ of predicted and measured energy" in text


@pytest.mark.parametrize("command", ["transfer", "represent"])
def test_what_is_about_propensities_refuses_it(
    folder: Path, command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command, folder / "run", "--data", folder / "data.h5", "--out", tmp_path / "out") == 2
    assert "run predicts the energy; this needs a model of the propensity." in capsys.readouterr().err


def test_a_model_of_energies_and_one_of_propensities_are_not_averaged(folder: Path, tmp_path: Path) -> None:
    settings = [setting for setting in ENERGY if not setting.startswith(("target", "epochs"))]
    train(load(folder / "data.h5"), tmp_path / "b", read_configuration(None, [*settings, "epochs=1", "times=['7']"]))
    (tmp_path / "a").symlink_to(folder / "run")
    with pytest.raises(EquiglassError, match="another target"):
        equiglass.load_model(tmp_path)


def test_the_answer_may_not_be_an_input() -> None:
    with pytest.raises(EquiglassError, match=r"leave energy_inherent out of inputs\.nodes"):
        read_configuration(None, ["target=energy"])
    assert read_configuration(None, ["target=energy", "inputs.energy=thermal"]).needs == {"potential", "inherent"}


def test_a_further_target_is_one_file(tmp_path: Path) -> None:
    """The number of neighbours, defined in a few lines, is learned, stored, predicted and scored; it may be below 0."""

    def neighbours(system: equiglass.System, label: str) -> np.ndarray:
        pairs = periodic_pairs(system.positions, system.box, 1.5)
        return np.bincount(pairs.receivers, minlength=system.n_particles) - 30.0

    TARGETS.add(
        "neighbours",
        Target(
            name="neighbours",
            title="number of neighbours less thirty",
            unit="",
            negative=True,
            needs=frozenset(),
            times=lambda system: {"near": 0.0},
            measured=neighbours,
            noise=lambda system, label: None,
            column=lambda label: "neighbours",
        ),
    )
    try:
        systems = [random_liquid(64, seed=k) for k in range(4)]
        settings = [setting for setting in ENERGY if not setting.startswith(("target", "epochs", "inputs"))]
        overrides = [*settings, "target=neighbours", "inputs.nodes=[]", "epochs=30"]
        model = train(systems[:3], tmp_path / "run", read_configuration(None, [*overrides, "fold=0"]))
        again = equiglass.load_model(tmp_path / "run")
        prediction = again.predict(systems[3])
        np.testing.assert_array_equal(prediction.values, model.predict(systems[3]).values)
        assert prediction.at("near").min() < 0
        assert evaluate(systems[3:], [prediction]).rows[0].pooled > 0.5
        equiglass.save(systems[3:], tmp_path / "one.h5")
        assert run("predict", tmp_path / "run", tmp_path / "one.h5", "-o", tmp_path / "out.xyz") == 0
        assert ":neighbours:R:1" in (tmp_path / "out.xyz").read_text().splitlines()[1]
        assert run("report", tmp_path / "run", "--data", tmp_path / "one.h5", "--out", tmp_path / "report.html") == 0
        assert "number of neighbours less thirty" in (tmp_path / "report.html").read_text(encoding="utf-8")
    finally:
        TARGETS.remove("neighbours")
