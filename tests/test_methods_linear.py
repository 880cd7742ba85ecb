"""The methods none, cage, softness, glassmlp and stack: features against slow definitions, fits, files, commands."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from equiglass.dynamics.needs import supplied
from equiglass.errors import EquiglassError, EquiglassWarning
from equiglass.formats import save
from equiglass.liquid.coarse_graining import RADII, REACH, cell_surfaces, coarse_grained
from equiglass.liquid.confinement import confined_cage, confined_mean
from equiglass.liquid.energy import particle_energy
from equiglass.liquid.neighbors import periodic_pairs
from equiglass.liquid.potential import LennardJones, potential_energy
from equiglass.liquid.system import System
from equiglass.methods import METHODS
from equiglass.methods.cage import Cage, CageConfiguration
from equiglass.methods.glassmlp.loss import ShellCorrelation, absolute_error, fluctuation_errors
from equiglass.methods.glassmlp.predictor import GlassMLP, GlassMLPConfiguration
from equiglass.methods.linear.angular import angular_sums
from equiglass.methods.linear.descriptors import describe
from equiglass.methods.linear.shells import Shells
from equiglass.methods.loading import load_model, read_configuration
from equiglass.methods.none import Mean, MeanConfiguration
from equiglass.methods.softness import Softness, SoftnessConfiguration, features, hyperplane
from equiglass.methods.stack import Stack, StackConfiguration, stacking_weights
from equiglass.model.inputs import INPUTS
from equiglass.observables import correlation, pearson
from equiglass.prediction.evaluation import evaluate
from equiglass.prediction.run_folder import RunFolder
from equiglass.training import train
from samples.command import run
from samples.labelled import SMALL, labelled_liquid

FEW = SoftnessConfiguration(
    radial=Shells(0.8, 2.5, 12, 0.1), cutoff=1.6, widths=(1.2,), powers=(1, 4), share=0.3, c=0.1
)
SHORT = {"lengths": [0.0, 0.5, 1.0], "reach": 2.5, "epochs": 6}
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


def shaken(seed: int) -> System:
    """A labelled liquid with an inherent structure and a cage state of its own."""
    system = labelled_liquid(seed)
    rng = np.random.default_rng(seed)
    inherent, cage = (system.positions + rng.normal(0, 0.05, (system.n_particles, 3)) for _ in range(2))
    return replace(system, positions_inherent=inherent, positions_cage=cage)


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


@pytest.mark.parametrize("method", SHRUNK)
def test_missing_labels_and_three_types(method: str) -> None:
    if method == "glassmlp":
        pytest.importorskip("pyvoro2")
    systems = []
    for seed in range(4):
        system = replace(labelled_liquid(seed, n_types=3), potential=None)
        assert system.propensity is not None
        propensity = system.propensity.copy()
        propensity[0, seed::5] = np.nan
        if seed == 1 and method != "stack":
            # With four configurations no part of a stack could lose a time.
            propensity[1] = np.nan
        states = {"positions_cage": system.positions, "potential": of_three_types()}
        systems.append(replace(system, propensity=propensity, **states))
    words = [word for word in SHRUNK[method] if not word.startswith("share")]
    configuration = read_configuration(None, words, method)
    model = METHODS[method].fit(systems, configuration)
    assert model.n_types == 3
    assert np.isfinite(model.values(systems[1])).all()


def of_three_types() -> LennardJones:
    potential = labelled_liquid(0).potential
    assert potential is not None
    return replace(potential, epsilon=((1.0,) * 3,) * 3, sigma=((0.9,) * 3,) * 3, name="three")


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


def test_angular_functions_equal_a_sum_over_triplets() -> None:
    system = labelled_liquid(2, n=40)
    widths, signs, powers = (1.1, 2.0), (-1.0, 1.0), (1, 3)
    found = angular_sums(system.positions, system.types, system.box, 2, 1.4, widths, signs, powers)
    pairs = periodic_pairs(system.positions, system.box, 1.4)
    expected = np.zeros((40, 3, 2, 2, 2))
    for i in range(40):
        near = np.flatnonzero(pairs.receivers == i)
        for j, k in itertools.combinations(near, 2):
            a, b = pairs.vectors[j], pairs.vectors[k]
            cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
            total = a @ a + b @ b + (a - b) @ (a - b)
            kinds = tuple(sorted(system.types[pairs.senders[[j, k]]].tolist()))
            place = [(0, 0), (0, 1), (1, 1)].index(kinds)
            for w, s, p in itertools.product(range(2), repeat=3):
                expected[i, place, w, s, p] += np.exp(-total / widths[w] ** 2) * (1 + signs[s] * cosine) ** powers[p]
    np.testing.assert_allclose(found, expected.reshape(40, -1), rtol=1e-9, atol=1e-12)


def test_radial_functions_are_those_of_the_paper() -> None:
    system = labelled_liquid(2, n=40)
    length = 0.2
    few = FEW.model_copy(update={"radial": Shells(0.8, 2.0, 4, length / np.sqrt(2))})
    found = features(system, few, 2)[:, :8].reshape(40, 2, 4)
    pairs = periodic_pairs(system.positions, system.box, 3.5)
    for s, (k, mu) in itertools.product(range(2), enumerate((0.8, 1.2, 1.6, 2.0))):
        terms = np.exp(-((pairs.distances - mu) ** 2) / length**2) * (system.types[pairs.senders] == s)
        expected = np.bincount(pairs.receivers, terms, 40)
        np.testing.assert_allclose(found[:, s, k], expected, rtol=1e-4, atol=1e-6)


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 1000), shift=st.floats(-3, 3))
def test_hyperplane_of_two_clusters(seed: int, shift: float) -> None:
    rng = np.random.default_rng(seed)
    direction = rng.normal(size=5)
    direction /= np.linalg.norm(direction)
    mobile = rng.random(4000) < 0.5
    x = rng.normal(0, 0.6, (4000, 5)) + np.where(mobile, 1.0, -1.0)[:, None] * direction + shift * direction
    plane = hyperplane(x, mobile + 0.01 * rng.random(4000), 0.4, 1.0)
    assert np.linalg.norm(plane.normal) == pytest.approx(1)
    assert plane.normal @ direction > 0.97
    # Halfway between the clusters.
    assert plane.offset == pytest.approx(-shift, abs=0.25)
    assert np.mean((x @ plane.normal + plane.offset > 0) == mobile) > 0.93


def test_softness_separates_and_is_calibrated() -> None:
    systems = [shaken(k) for k in range(8)]
    model = Softness.fit(systems, FEW)
    test = shaken(9)
    soft, predicted = model.softness(test), model.values(test)
    own = test.types == 0
    assert pearson(soft[1, own], predicted[1, own]) == pytest.approx(1)
    assert pearson(predicted[1, own], test.propensity[1, own]) > 0.5
    median = np.median(test.propensity[1, own])
    assert soft[1, own][test.propensity[1, own] > median].mean() > soft[1, own][test.propensity[1, own] < median].mean()
    flat = [replace(s, propensity=np.ones_like(s.propensity)) for s in systems]
    with pytest.raises(EquiglassError, match="have no mobile and immobile ones"):
        Softness.fit(flat, FEW)


def test_coarse_grained_features_equal_slow_sums() -> None:
    pytest.importorskip("pyvoro2")
    system = shaken(3)
    found = coarse_grained(system, (0.0, 0.7, 2.0), 2, reach=2.5)
    energy, surface = particle_energy(system) / 2, cell_surfaces(system)
    np.testing.assert_allclose(found[:, :2], np.stack([energy, surface], axis=1))
    rest = found[:, 2:].reshape(64, 2, 4, 3)
    pairs = periodic_pairs(system.positions_inherent, system.box, 2.5)
    for i, (k, length) in itertools.product((0, 17), enumerate((0.7, 2.0))):
        near = pairs.receivers == i
        senders = np.append(pairs.senders[near], i)
        weights = np.append(np.exp(-pairs.distances[near] / length), 1.0)
        for s, chosen in enumerate((system.types[senders] == 0, system.types[senders] == 1, senders >= 0)):
            w, e = weights[chosen], energy[senders[chosen]]
            mean = (w @ e) / w.sum()
            expected = [w.sum(), mean, w @ surface[senders[chosen]] / w.sum(), w @ (e - mean) ** 2 / w.sum()]
            np.testing.assert_allclose(rest[i, k, :, s], expected, rtol=1e-8, atol=1e-9)


def test_the_node_inputs_are_the_features_that_their_names_say() -> None:
    pytest.importorskip("pyvoro2")
    system = shaken(4)
    energy, surface = particle_energy(system) / 2, cell_surfaces(system)
    np.testing.assert_allclose(INPUTS["cell_surface"].compute(system)[0][:, 0], surface)
    pairs = periodic_pairs(system.positions_inherent, system.box, REACH)
    near = pairs.receivers == 5
    senders = np.append(pairs.senders[near], 5)
    for length, (suffix, chosen) in itertools.product((1, 3), (("", senders >= 0), ("_A", system.types[senders] == 0))):
        weights = np.append(np.exp(-pairs.distances[near] / length), 1.0)[chosen]
        values = {"energy": energy[senders[chosen]], "surface": surface[senders[chosen]]}
        means = {key: weights @ value / weights.sum() for key, value in values.items()}
        variance = weights @ (values["energy"] - means["energy"]) ** 2 / weights.sum()
        for quantity, expected in {**means, "density": weights.sum(), "variance": variance}.items():
            found = INPUTS[f"coarse_{quantity}{suffix}_{length}"].compute(system)[0][5, 0]
            assert found == pytest.approx(expected, rel=1e-7), (quantity, suffix, length)


def test_surfaces_of_the_power_diagram() -> None:
    pytest.importorskip("pyvoro2")
    side, n = 1.1, 4
    grid = np.stack(np.meshgrid(*[np.arange(n)] * 3, indexing="ij"), -1).reshape(-1, 3)
    parity = grid.sum(axis=1) % 2
    box = np.full(3, n * side)
    cubic = System(grid * side, np.zeros(n**3, int), box, positions_inherent=grid * side)
    np.testing.assert_allclose(cell_surfaces(cubic), 6 * side**2, rtol=1e-9)
    # Two types on a checkerboard: the plane between neighbours moves by (R_A^2 - R_B^2) / (2 d).
    salt = replace(cubic, types=parity)
    edge = side + (RADII[0] ** 2 - RADII[1] ** 2) / side
    surfaces = cell_surfaces(salt)
    # B is a cube; A is the cube of its planes, cut by nothing else.
    other = 2 * side - edge
    assert surfaces[parity == 1] == pytest.approx(6 * other**2, rel=1e-6)
    with pytest.raises(EquiglassError, match="radii for 3"):
        cell_surfaces(replace(cubic, types=np.arange(n**3) % 4))


@pytest.mark.parametrize("edges", [(15.0, 15.0, 15.0), (4.1, 5.0, 6.3)])
def test_shell_correlation_equals_the_sum_over_pairs(edges: tuple[float, float, float]) -> None:
    rng = np.random.default_rng(1)
    box = np.array(edges)
    n = 300
    positions = rng.uniform(0, 1, (n, 3)) * box
    fields = rng.normal(size=(2, n))
    # A field of known correlation: a wave on top of noise.
    fields[1] += 2 * np.sin(2 * np.pi * positions[:, 0] / box[0])
    shells = (2.0, 4.0, 6.0)
    found = ShellCorrelation(positions, box, shells)(torch.from_numpy(fields).float()).numpy()
    pairs = periodic_pairs(positions, box, 12.0)
    other = pairs.receivers != pairs.senders
    for k, r in enumerate(shells):
        # A particle and its own images are no pairs.
        weights = np.exp(-0.5 * (pairs.distances - r) ** 2) * other
        sums = [np.sum(weights * f[pairs.receivers] * f[pairs.senders]) for f in fields]
        np.testing.assert_allclose(found[:, k], np.array(sums) / weights.sum(), atol=5e-3)


def test_loss_of_a_field_that_is_too_flat() -> None:
    rng = np.random.default_rng(2)
    box = np.full(3, 10.0)
    positions = rng.uniform(0, 10, (500, 3))
    correlations = ShellCorrelation(positions, box)
    wave = torch.from_numpy(np.sin(2 * np.pi * positions[None, :, 0] / 10)).float()
    spatial, variance = fluctuation_errors(0.5 * wave, wave, correlations)
    deviation = wave - wave.mean()
    expected = 0.5 * 0.75 * correlations(deviation).abs().sum() / deviation.square().mean()
    assert float(variance) == pytest.approx(0.75, rel=1e-4)
    assert float(spatial) == pytest.approx(float(expected), rel=1e-3)
    assert float(absolute_error(0.5 * wave, wave)) == pytest.approx(0.5 * float(wave.abs().mean()), rel=1e-5)
    assert all(float(x) == pytest.approx(0, abs=1e-6) for x in fluctuation_errors(wave, wave, correlations))


@pytest.mark.parametrize("second", [1, 2])
def test_a_stopped_training_of_glassmlp_continues(second: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if the second type has number 2, so that no particle has number 1."""
    pytest.importorskip("pyvoro2")
    monkeypatch.setattr("equiglass.methods.glassmlp.predictor.SAVED", -1.0)
    systems = [replace(s, types=second * s.types, potential=of_three_types()) for s in map(shaken, range(3))]
    configuration = GlassMLPConfiguration.model_validate(SHORT)
    whole = GlassMLP.fit(systems, configuration)
    folder = RunFolder(tmp_path)

    def stop(done: int, total: int, loss: float) -> None:
        if done == 10:
            raise KeyboardInterrupt

    from equiglass.prediction.predictor import Watch

    with pytest.raises(KeyboardInterrupt):
        GlassMLP.fit(systems, configuration, folder=folder, watch=Watch(step=stop))
    begun: list[int] = []
    again = GlassMLP.fit(systems, configuration, folder=folder, watch=Watch(step=lambda d, t, x: begun.append(d)))
    assert begun[0] == 10
    np.testing.assert_allclose(again.values(systems[0]), whole.values(systems[0]), rtol=1e-6)
    assert not list(tmp_path.iterdir())


def test_stacking_weights_find_the_mixture() -> None:
    rng = np.random.default_rng(0)
    parts = rng.normal(size=(1, 2000, 3))
    types = rng.integers(0, 2, 2000)
    truth = np.where(types == 0, 0.3 * parts[0, :, 0] + 0.7 * parts[0, :, 1], parts[0, :, 2] - 0.5 * parts[0, :, 0])
    truth = truth[None] + 2.0
    truth[0, ::7] = np.nan
    weights, offsets = stacking_weights(truth, parts, types, 2)
    np.testing.assert_allclose(weights[0, 0], [0.3, 0.7, 0], atol=1e-6)
    # The weight that would be negative is zero.
    assert weights[1, 0, 0] == 0
    assert weights[1, 0, 2] == pytest.approx(1, abs=0.05)
    assert offsets[0, 0] == pytest.approx(2)


def test_a_method_that_predicts_nothing_has_no_weight() -> None:
    rng = np.random.default_rng(0)
    predicted = rng.normal(size=(1, 50, 3))
    truth, types = predicted[:, :, 0] + 1, np.zeros(50, np.int64)
    predicted[0, :, 1], predicted[0, ::5, 0] = np.nan, np.nan
    weights, offsets = stacking_weights(truth, predicted, types, 2)
    np.testing.assert_allclose(weights[0, 0], [1, 0, 0], atol=1e-6)
    assert offsets[0, 0] == pytest.approx(1)
    assert np.isnan(weights[1]).all()
    assert np.isnan(offsets[1]).all()


@pytest.mark.parametrize("times", ["all", ("7",)])
def test_a_stack_learns_a_label_of_one_part(times: str | tuple[str, ...]) -> None:
    systems = [shaken(k) for k in range(4)]
    for k in (1, 3):
        first = systems[k].propensity[0]
        systems[k] = replace(systems[k], propensity=np.stack([first, np.full_like(first, np.nan)]))
    configuration = StackConfiguration(methods=("energy", "none"), times=times, parts=2)
    with pytest.warns(EquiglassWarning, match="type A at '7', type B at '7': the methods"):
        model = Stack.fit(systems, configuration)
    assert (model.weights[:, -1] == 0.5).all()
    expected = np.mean([member.values(systems[1])[-1] for member in model.averaged], axis=0)
    np.testing.assert_allclose(model.values(systems[1])[-1], expected)
    assert np.isfinite(expected).all()


def test_stack_is_at_least_as_good_as_its_members_and_continues(tmp_path: Path) -> None:
    systems = [shaken(k) for k in range(8)]
    settings = {"methods": ["energy", "ridge"], "settings": {"ridge": {"l_max": 1}}, "parts": 2, "fold": 0}
    configuration = StackConfiguration.model_validate(settings)
    train(systems, tmp_path / "run", configuration)
    model = load_model(tmp_path / "run")
    assert isinstance(model, Stack)
    assert [member.method for member in model.averaged] == ["energy", "ridge"]
    assert (model.weights >= 0).all()
    tests = [shaken(k) for k in range(20, 24)]
    truth = [s.propensity[1] for s in tests]
    rho = {m.method: correlation(truth, [m.values(s)[1] for s in tests]).pooled for m in (model, *model.averaged)}
    assert rho["stack"] > max(rho["energy"], rho["ridge"]) - 0.02
    (tmp_path / "run" / "last.safetensors").unlink()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("finished.safetensors")}
    assert len(before) == 2 * 3
    train(systems, tmp_path / "run", configuration, resume=True)
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("finished.safetensors")}
    with pytest.warns(EquiglassWarning, match="but there are 2; give 4"):
        few = Stack.fit(systems[:2], configuration)
    assert (few.weights == 0.5).all()
    for wrong, said in (
        ({"methods": ["ridge", "ridge"]}, "named once"),
        ({"methods": ["stack"]}, "cannot be a member"),
        ({"settings": {"network": {}}}, "'methods' does not name"),
        ({"settings": {"ridge": {"lmax": 1}}}, "Did you mean 'l_max'"),
        ({"settings": {"ridge": {"choose_on": "validation"}}}, "choose_on: folds"),
        *[({"settings": {"ridge": {key: 2}}}, f"ridge.{key} would have no") for key in ("ends", "fold", "folds")],
        ({"settings": {"ridge": {"times": ["7"]}}}, "ridge.times would have no effect"),
    ):
        with pytest.raises((EquiglassError, ValueError), match=said):
            StackConfiguration.model_validate(settings | wrong).check()


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
    for one, other in (
        (features(system, FEW, 2), features(turned, FEW, 2)),
        (coarse_grained(system, (0.0, 1.0), 2, 2.5), coarse_grained(turned, (0.0, 1.0), 2, 2.5)),
        (Cage.features(system, few, 2), Cage.features(turned, few, 2)),
    ):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
