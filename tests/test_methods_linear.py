"""The methods none, cage, softness, glassmlp and stack: files, commands, missing labels, three types, frames."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equiglass.dynamics.needs import supplied
from equiglass.errors import EquiglassError, EquiglassWarning
from equiglass.formats import save
from equiglass.liquid.coarse_graining import coarse_grained
from equiglass.liquid.confinement import confined_cage, confined_mean
from equiglass.liquid.potential import potential_energy
from equiglass.liquid.system import System
from equiglass.methods import METHODS
from equiglass.methods.cage import Cage, CageConfiguration
from equiglass.methods.linear.descriptors import describe
from equiglass.methods.linear.shells import Shells
from equiglass.methods.loading import load_model, read_configuration
from equiglass.methods.none import Mean, MeanConfiguration
from equiglass.methods.softness import SoftnessConfiguration, features
from equiglass.prediction.evaluation import evaluate
from equiglass.training import train
from samples.command import run
from samples.labelled import SMALL, labelled_liquid, of_types, shaken

SHRUNK = {
    "none": (),
    "cage": (
        "descriptors={radial: [{first: 0.9, last: 1.5, number: 4, width: 0.05}], angular: "
        "{first: 1.0, last: 1.6, number: 3, width: 0.1}, l_max: 4, averaging_radius: 1.6}",
        "penalties=[0.1, 1.0]",
    ),
    "softness": ("radial={first: 0.8, last: 2.5, number: 8, width: 0.1}", "cutoff=1.5", "powers=[1]", "share=0.3"),
    "glassmlp": ("lengths=[0, 0.5]", "reach=2.0", "epochs=4"),
    "stack": ("methods=[ridge, energy, none]", "settings.ridge.l_max=1", "parts=2"),
}
"""Settings that make the training of a method small."""


@pytest.mark.parametrize("method", SHRUNK)
def test_every_method_trains_predicts_evaluates_and_reports(
    method: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if method == "glassmlp":
        pytest.importorskip("pyvoro2")
    save([shaken(k) for k in range(5)], tmp_path / "data.h5")
    data = ("--data", tmp_path / "data.h5")
    words = [word for setting in SHRUNK[method] for word in ("--set", setting)]
    assert run("train", "--method", method, *data, "--out", tmp_path / "run", *words) == 0
    assert run("evaluate", tmp_path / "run", *data, "--json", tmp_path / "scores.json") == 0
    assert run("predict", tmp_path / "run", tmp_path / "data.h5", "-o", tmp_path / "all.xyz") == 0
    if method == "stack":
        pytest.importorskip("matplotlib")
        assert run("report", tmp_path / "run", *data, "-o", tmp_path / "report.html") == 0
        page = (tmp_path / "report.html").read_text()
        assert "Weights of the average" in page
        assert "ridge: Settings" in page
    assert run("export", tmp_path / "run", "-o", tmp_path / "light") == 0
    rows = json.loads((tmp_path / "scores.json").read_text(), parse_constant=lambda name: pytest.fail(name))["rho"]
    assert [(row["type"], row["label"], row["configurations"] > 0) for row in rows[:2]] == [
        ("A", "1", method != "none"),
        ("B", "1", method != "none"),
    ]
    one, other = load_model(tmp_path / "run"), load_model(tmp_path / "light")
    np.testing.assert_array_equal(one.values(shaken(9)), other.values(shaken(9)))
    assert one.parameters > 0
    assert one.card()
    wrong = tmp_path / "run" / "last.safetensors"
    wrong.write_bytes(wrong.read_bytes()[:-20])
    with pytest.raises(EquiglassError, match="damaged"):
        load_model(tmp_path / "run")


@pytest.mark.parametrize("n_types", [1, 3])
@pytest.mark.parametrize("method", SHRUNK)
def test_missing_labels_and_other_numbers_of_types(method: str, n_types: int, tmp_path: Path) -> None:
    if method == "glassmlp":
        pytest.importorskip("pyvoro2")
    systems = []
    for seed in range(4):
        system = replace(labelled_liquid(seed, n_types=n_types), potential=None)
        assert system.propensity is not None
        propensity = system.propensity.copy()
        propensity[0, seed::5] = np.nan
        if seed == 1 and method != "stack":
            # With four configurations no part of a stack could lose a time.
            propensity[1] = np.nan
        states = {"positions_cage": system.positions, "potential": of_types(n_types)}
        systems.append(replace(system, propensity=propensity, **states))
    words = [word for word in SHRUNK[method] if not word.startswith("share")]
    configuration = read_configuration(None, words, method)
    model = METHODS[method].fit(systems, configuration)
    assert model.n_types == n_types
    values = model.values(systems[1])
    assert np.isfinite(values).all()
    model.save(tmp_path / "last.safetensors")
    np.testing.assert_array_equal(load_model(tmp_path).values(systems[1]), values)


@pytest.mark.parametrize("method", ["glassmlp", "none", "softness", "stack"])
def test_what_has_no_labels_is_not_learned(method: str, tmp_path: Path) -> None:
    """Two configurations have no labels, and no configuration has those of type B at time 7."""
    if method == "glassmlp":
        pytest.importorskip("pyvoro2")
    systems = [shaken(k) for k in range(8)]
    for k, system in enumerate(systems):
        assert system.propensity is not None
        unknown = np.full((2, system.n_particles), k < 2)
        unknown[1] |= system.types == 1
        noise = np.random.default_rng(k).uniform(0, 0.01, unknown.shape)
        systems[k] = replace(system, propensity=np.where(unknown, np.nan, system.propensity + noise))
    model = train(systems, tmp_path / "run", read_configuration(None, [*SHRUNK[method], "fold=0"], method))
    np.testing.assert_array_equal(model.learned(), [[True, True], [True, False]])
    with pytest.warns(EquiglassWarning, match="has not learned type B at the time labelled '7'"):
        values = model.predict(shaken(9)).values
    np.testing.assert_array_equal(np.isfinite(values), model.learned()[shaken(9).types].T)


def test_none_is_the_mean_by_type() -> None:
    systems = [shaken(k) for k in range(3)]
    model = Mean.fit(systems, MeanConfiguration())
    a = np.concatenate([s.propensity[:, s.types == 0] for s in systems], axis=1)
    predicted = model.predict(systems[0])
    np.testing.assert_allclose(predicted.values[:, systems[0].types == 0], np.repeat(a.mean(axis=1)[:, None], 52, 1))
    scores = evaluate(systems[:1], [predicted], seen=True)
    assert all(np.isnan(row.per_configuration) and np.isfinite(row.mse) for row in scores)


def test_cage_features_are_both_states_and_the_averaged_distance() -> None:
    system, configuration = shaken(0), CageConfiguration(descriptors=SMALL)
    found = Cage.features(system, configuration, 2)
    n = len(SMALL.names())
    assert found[:, :n] == pytest.approx(describe(system, SMALL, positions="thermal"), rel=1e-5, abs=1e-6)
    assert found[:, n : 2 * n] == pytest.approx(describe(system, SMALL, positions="cage"), rel=1e-5, abs=1e-6)
    assert found.shape[1] == 2 * n + 3
    assert found[:, 2 * n] == pytest.approx(np.linalg.norm(system.positions_cage - system.positions, axis=1), rel=1e-5)
    model = Cage.fit([shaken(k) for k in range(4)], configuration)
    whole = model.ridge.predict(Cage.features(shaken(9), configuration, 2).astype(float), shaken(9).types)
    np.testing.assert_allclose(model.values(shaken(9)), whole, rtol=1e-4)


def test_monte_carlo_with_confinement_samples_the_boltzmann_weight() -> None:
    """Two particles, against an average over points drawn directly."""
    box = np.full(3, 20.0)
    pair = System(np.array([[5.0, 5, 5], [6.0, 5, 5]]), np.array([0, 0]), box, temperature=0.5)
    pair = replace(pair, potential=labelled_liquid(0).potential)
    radius = 0.3
    mean, accepted = confined_mean(pair, radius=radius, equilibration=200, sweeps=600_000, seed=3)
    assert 0.2 < accepted < 0.99
    # Direct sampling: both particles uniform in their spheres, weighted by exp(-E / T).
    rng = np.random.default_rng(0)
    u = rng.uniform(-radius, radius, (400_000, 2, 3))
    u = u[(np.square(u).sum(axis=2) < radius**2).all(axis=1)]
    x = pair.positions + u
    distance = np.linalg.norm(x[:, 1] - x[:, 0], axis=1)
    energy = 4 * (distance**-12.0 - distance**-6.0)
    weight = np.exp(-energy / 0.5)
    expected = np.average(u, axis=0, weights=weight)
    np.testing.assert_allclose(mean, expected, atol=0.006)
    assert expected[0, 0] < -0.02


SWEEPS = {"equilibration": 5, "sweeps": 20}


@pytest.fixture(autouse=True)
def _cages_of_particles_that_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    """The particles of the samples overlap, so that no run can start from them; the Monte Carlo can."""

    def confined(systems: System | Sequence[System], **_: object) -> list[System]:
        return [confined_cage(s, **SWEEPS) for s in ([systems] if isinstance(systems, System) else systems)]

    monkeypatch.setattr("equiglass.dynamics.needs.cage", confined)
    monkeypatch.setattr("equiglass.training.supply.cage", confined)


def test_the_cage_state_is_near_and_reproducible_and_needs_a_temperature() -> None:
    system = labelled_liquid(1)
    one, again = confined_cage(system, **SWEEPS), confined_cage(system, **SWEEPS)
    np.testing.assert_array_equal(one.positions_cage, again.positions_cage)
    assert one.positions_cage is not None
    moved = np.linalg.norm(one.positions_cage - system.positions, axis=1)
    assert 0 < moved.max() < 0.3
    energy = [
        potential_energy(x, system.types, system.box, system.potential).mean()
        for x in (one.positions_cage, system.positions)
    ]
    assert energy[0] < energy[1]
    again = supplied(replace(system, positions_cage=None), {"potential", "cage"})
    assert again.positions_cage is not None
    with pytest.raises(EquiglassError, match="needs the temperature"):
        confined_cage(replace(system, temperature=None))
    with pytest.raises(EquiglassError, match="has no cage state"):
        system.positions_in("cage")


@settings(deadline=None, max_examples=5)
@given(axes=st.permutations(range(3)), mirrored=st.booleans(), shift=st.floats(-10, 10))
def test_features_do_not_depend_on_the_frame(axes: list[int], mirrored: bool, shift: float) -> None:
    pytest.importorskip("pyvoro2")
    system = shaken(4)
    sign = np.array([-1.0 if mirrored else 1.0, 1.0, 1.0])
    moved = {
        key: (getattr(system, key) + shift)[:, axes] * sign
        for key in ("positions", "positions_inherent", "positions_cage")
    }
    turned = replace(system, **moved)
    few = CageConfiguration(descriptors=SMALL)
    soft = SoftnessConfiguration(radial=Shells(0.8, 2.5, 12, 0.1), cutoff=1.6, widths=(1.2,), powers=(1, 4))
    for one, other in (
        (features(system, soft, 2), features(turned, soft, 2)),
        (coarse_grained(system, (0.0, 1.0), 2, 2.5), coarse_grained(turned, (0.0, 1.0), 2, 2.5)),
        (Cage.features(system, few, 2), Cage.features(turned, few, 2)),
    ):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
