"""Descriptors against literal sums over periodic images; ridge regression against its normal equations."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file
from scipy.special import sph_harm_y
from scipy.stats import ortho_group

from conftest import random_liquid
from equiglass import compiled, neighbors
from equiglass.__main__ import main
from equiglass.baselines import boattini, descriptors
from equiglass.baselines import shells as shell_sums
from equiglass.baselines.boattini import boattini_features, fit_boattini, load_boattini, save_boattini
from equiglass.baselines.descriptors import Descriptors, describe, first_layer_invariants
from equiglass.baselines.ridge import fit_ridge, fit_ridge_by_folds
from equiglass.baselines.shells import Shells, radial_sums, shell_norms, unit_harmonics
from equiglass.errors import EquiglassError
from equiglass.formats import save
from equiglass.neighbors import periodic_pairs
from equiglass.observables import correlation
from equiglass.prediction import load_model
from equiglass.scalars import inherent_distance, neighbourhood_averages, particle_energy
from equiglass.system import System
from labelled import labelled_liquid

SMALL = Descriptors(
    radial=(Shells(0.9, 1.5, 4, 0.05), Shells(1.7, 2.5, 3, 0.1)),
    angular=Shells(1.0, 1.6, 3, 0.1),
    l_max=6,
    generations=2,
    averaging_radius=1.6,
)


def images(system: System, reach: float) -> list[tuple[int, int, NDArray[np.float64], float]]:
    """(i, j, a_ij, |a_ij|) of all pairs and periodic images within reach, by trying every one."""
    shifts = np.array(list(product(range(-2, 3), repeat=3))) * system.box
    pairs = []
    for i, j in product(range(system.n_particles), repeat=2):
        for vector in system.positions[j] - system.positions[i] + shifts:
            distance = float(np.linalg.norm(vector))
            if 0 < distance < reach:
                pairs.append((i, j, vector, distance))
    return pairs


def harmonics(l: int, vector: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Orthonormal complex Y_lm of a direction, m = -l ... l."""
    x, y, z = vector / np.linalg.norm(vector)
    return np.array([sph_harm_y(l, m, np.arccos(z), np.arctan2(y, x)) for m in range(-l, l + 1)])


def small_liquid(seed: int = 0) -> System:
    """24 particles in a box smaller than the reach of the descriptors."""
    system = random_liquid(24, seed=seed)
    return replace(system, positions_inherent=system.positions)


def turned(system: System, matrix: NDArray[np.float64]) -> System:
    """The configuration rotated or reflected in a box so wide that nothing crosses its faces."""
    box = np.full(3, 20.0)
    positions = (system.positions - system.box / 2) @ matrix.T + box / 2
    return replace(system, positions=positions, positions_inherent=positions, box=box)


def test_harmonics_are_the_orthonormal_ones_up_to_their_norm() -> None:
    vectors = np.vstack([np.random.default_rng(0).normal(size=(20, 3)), np.eye(3), -np.eye(3)])
    ours = unit_harmonics(vectors, 12)
    for l in range(13):
        of_l = ours[:, l**2 : (l + 1) ** 2]
        theirs = np.sqrt(4 * np.pi / (2 * l + 1)) * np.array([harmonics(l, v) for v in vectors])
        assert np.sum(of_l**2, axis=1) == pytest.approx(1.0, abs=1e-12)
        assert of_l @ of_l.T == pytest.approx((theirs @ theirs.conj().T).real, abs=1e-12)


def test_descriptors_are_the_literal_sums() -> None:
    system = small_liquid()
    assert np.all(system.box < 2 * 2.0)
    n, pairs = system.n_particles, images(system, 3.2)
    columns = []
    for shells in SMALL.radial:
        for s, r in product(range(2), shells.centres):
            g = np.zeros(n)
            for i, j, _, distance in pairs:
                if system.types[j] == s:
                    g[i] += np.exp(-((distance - r) ** 2) / (2 * shells.width**2))
            columns.append(g)
    for r, l in product(SMALL.angular.centres, range(1, SMALL.l_max + 1)):
        z, q_lm = np.zeros(n), np.zeros((n, 2 * l + 1), dtype=complex)
        for i, _, vector, distance in pairs:
            weight = np.exp(-((distance - r) ** 2) / (2 * SMALL.angular.width**2))
            if weight > 1e-9:
                z[i] += weight
                q_lm[i] += weight * harmonics(l, vector)
        q_lm /= z[:, None]
        columns.append(np.sqrt(4 * np.pi / (2 * l + 1) * np.sum(np.abs(q_lm) ** 2, axis=1)))
    expected = [np.stack(columns, axis=1)]
    for _ in range(2):
        total, weights = expected[-1].copy(), np.ones((n, 1))
        for i, j, _, distance in pairs:
            if distance < SMALL.averaging_radius:
                total[i] += np.exp(-distance / SMALL.averaging_radius) * expected[-1][j]
                weights[i] += np.exp(-distance / SMALL.averaging_radius)
        expected.append(total / weights)

    features = describe(system, SMALL)
    names = SMALL.names()
    assert features.shape == (n, len(names))
    assert len(set(names)) == len(names)
    assert features == pytest.approx(np.hstack(expected), rel=1e-5, abs=1e-6)
    assert features[:, names.index("G_B(r=1.100) n=0")] == pytest.approx(columns[5], rel=1e-5, abs=1e-6)
    assert features[:, names.index("q3(r=1.30) n=0")] == pytest.approx(columns[14 + 8], rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("set_", [Shells(0.9, 1.9, 3, 0.2), Shells(0.8, 2.0, 25, 0.025), Shells(1.2, 1.2, 1, 0.1)])
def test_compiled_sums_equal_the_plain_ones(set_: Shells, monkeypatch: pytest.MonkeyPatch) -> None:
    if isinstance(compiled.compiler(), str):
        pytest.skip("no C++ compiler")
    system = small_liquid(3)
    pairs = periodic_pairs(system.positions, system.box, 2.5)
    where = (system.positions, system.types, system.box, 3)
    every = np.ones(system.n_particles, dtype=bool)

    def both() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return radial_sums(*where, (set_,), every)[0], shell_norms(pairs, system.types, 3, set_, 7)

    assert shell_sums._compiled() is not None
    fast = both()
    monkeypatch.setattr(shell_sums, "_compiled", lambda: None)
    plain = both()
    for a, b in zip(fast, plain, strict=True):
        assert np.abs(b).max() > 0.1
        assert a == pytest.approx(b, rel=1e-10, abs=1e-12)


def test_first_layer_invariants_are_the_literal_sums() -> None:
    system, shells = small_liquid(1), Shells(0.9, 1.9, 3, 0.2)
    features = first_layer_invariants(system, shells, energy=False)
    moments = np.zeros((system.n_particles, 2, 3, 4, 7), dtype=complex)
    for i, j, vector, distance in images(system, 2.0):
        radial = np.exp(-((distance - shells.centres) ** 2) / (2 * shells.width**2))
        for l in range(4):
            y = np.sqrt(4 * np.pi / (2 * l + 1)) * harmonics(l, vector)
            moments[i, system.types[j], :, l, : 2 * l + 1] += radial[:, None] * y
    expected = np.sqrt(np.sum(np.abs(moments) ** 2, axis=-1)).reshape(system.n_particles, -1)
    assert features == pytest.approx(expected, rel=1e-7, abs=1e-7)


def test_one_neighbour_has_q_of_one_and_none_has_zero() -> None:
    positions = np.array([[1.0, 1.0, 1.0], [1.0, 1.588, 1.784], [15.0, 15.0, 15.0]])
    system = System(positions, np.array([0, 1, 0]), np.full(3, 30.0), positions_inherent=positions)
    features = describe(system, replace(SMALL, generations=0))
    q = features[:, -SMALL.angular.number * SMALL.l_max :]
    # At 0.98, the pair lies within the reach of the shells at 1.0 and 1.3, not of that at 1.6.
    assert q[:2, : 2 * SMALL.l_max] == pytest.approx(1.0)
    assert np.all(q[:2, 2 * SMALL.l_max :] == 0)
    assert np.all(q[2] == 0)
    assert np.all(first_layer_invariants(system, energy=False)[2] == 0)


@settings(deadline=None, max_examples=5)
@given(st.integers(0, 10**6))
def test_descriptors_do_not_change_under_rotations_reflections_and_translations(seed: int) -> None:
    rng = np.random.default_rng(seed)
    system = small_liquid(seed)
    still, moved = turned(system, np.eye(3)), turned(system, ortho_group.rvs(3, random_state=seed))
    shift = rng.uniform(-30, 30, 3)
    moved = replace(moved, positions=moved.positions + shift, positions_inherent=moved.positions + shift)
    assert describe(moved, SMALL) == pytest.approx(describe(still, SMALL), rel=1e-6, abs=1e-7)
    assert first_layer_invariants(moved) == pytest.approx(first_layer_invariants(still), rel=1e-6, abs=1e-7)


@settings(deadline=None, max_examples=5)
@given(st.integers(0, 10**6))
def test_descriptors_follow_the_order_of_the_particles(seed: int) -> None:
    system = small_liquid(seed)
    order = np.random.default_rng(seed).permutation(system.n_particles)
    shuffled = replace(
        system,
        positions=system.positions[order],
        positions_inherent=system.positions[order],
        types=system.types[order],
    )
    assert describe(shuffled, SMALL) == pytest.approx(describe(system, SMALL)[order], rel=1e-9, abs=1e-9)
    expected = first_layer_invariants(system)[order]
    assert first_layer_invariants(shuffled) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_the_state_described_is_the_one_asked_for() -> None:
    system = random_liquid(60)
    inherent = replace(system, positions_inherent=system.positions + 0.02)
    rng = np.random.default_rng(0)
    moved = replace(system, positions_inherent=system.positions + rng.normal(0, 0.05, (60, 3)))
    at_rest = replace(system, positions=moved.positions_inherent)
    assert describe(moved, SMALL) == pytest.approx(describe(at_rest, SMALL, positions="thermal"), abs=1e-9)
    assert describe(inherent, SMALL) == pytest.approx(describe(inherent, SMALL, positions="thermal"), abs=1e-6)
    with pytest.raises(EquiglassError, match=r"liquid-0.*quench"):
        describe(system)
    with pytest.raises(EquiglassError, match=r"liquid-0.*potential"):
        first_layer_invariants(replace(moved, potential=None))


def test_shells_that_make_no_sense_are_refused() -> None:
    for shells in ((2.0, 1.0, 3, 0.1), (1.0, 2.0, 0, 0.1), (1.0, 2.0, 3, 0.0)):
        with pytest.raises(EquiglassError, match="Shells"):
            Shells(*shells)


def labelled(seed: int, n: int = 80, n_features: int = 6, noise: float = 0.1) -> tuple[NDArray[np.float64], System]:
    """Random features and a propensity linear in them, for each type and time another one, plus noise."""
    rng = np.random.default_rng(seed)
    weights = np.random.default_rng(99).normal(size=(2, 3, n_features))
    features = rng.normal(3.0, [0.1, 1.0, 10.0, 1.0, 2.0, 0.5], (n, n_features))
    types = np.tile([0, 0, 0, 1], n // 4)
    z = (features - 3.0) / [0.1, 1.0, 10.0, 1.0, 2.0, 0.5]
    propensity = 50 + np.einsum("ntf,nf->tn", weights[types], z) + noise * rng.normal(size=(3, n))
    positions = rng.uniform(0, 9, (n, 3))
    labels, times = ("1", "2", "3"), np.array([1.0, 2.0, 3.0])
    system = System(
        positions,
        types,
        np.full(3, 9.0),
        name=f"c{seed}",
        time_labels=labels,
        times=times,
        propensity=propensity,
    )
    return features, system


def forget(
    pair: tuple[NDArray[np.float64], System], time: int, particles: slice | NDArray[np.bool_]
) -> tuple[NDArray[np.float64], System]:
    """The same with the propensity of some particles at a time unknown."""
    features, system = pair
    assert system.propensity is not None
    propensity = system.propensity.copy()
    propensity[time, particles] = np.nan
    return features, replace(system, propensity=propensity)


def test_ridge_solves_the_normal_equations_with_the_penalty_asked_for() -> None:
    train, penalty = [forget(labelled(0), 1, slice(0, 30)), labelled(1)], 0.3
    ridge = fit_ridge(train, [labelled(2)], penalties=[penalty])
    assert ridge.time_labels == ("1", "2", "3")
    features, system = labelled(3)
    predicted = ridge.predict(features, system.types)
    for s, time in product(range(2), range(3)):
        x = np.vstack([f[c.types == s] for f, c in train])
        y = np.concatenate([c.propensity[time, c.types == s] for _, c in train])
        mean, scale, known = x.mean(0), x.std(0), ~np.isnan(y)
        z, y = (x[known] - mean) / scale, y[known]
        centred = z - z.mean(0)
        weights = np.linalg.solve(
            centred.T @ centred / len(y) + penalty * np.eye(z.shape[1]), centred.T @ (y - y.mean()) / len(y)
        )
        at = system.types == s
        expected = y.mean() + ((features[at] - mean) / scale - z.mean(0)) @ weights
        assert predicted[time, at] == pytest.approx(expected, abs=1e-9)


def test_ridge_recovers_a_linear_law_and_reports_the_correlation_reached() -> None:
    validation = [labelled(2), labelled(3)]
    ridge = fit_ridge([labelled(0), labelled(1)], validation)
    for s, time in product(range(2), range(3)):
        truth = [c.propensity[time, c.types == s] for _, c in validation]
        predicted = [ridge.predict(f, c.types)[time, c.types == s] for f, c in validation]
        rho = correlation(truth, predicted).per_configuration
        assert rho > 0.99
        assert ridge.validation[s, time] == pytest.approx(rho, abs=1e-12)


def test_the_penalty_is_chosen_on_the_validation_configurations() -> None:
    """Few noisy training particles of type B ask for a large penalty; many quiet ones for a small one."""
    noisy = fit_ridge([labelled(0, n=32, noise=8.0)], [labelled(k, noise=0.0) for k in (5, 6)])
    quiet = fit_ridge([labelled(0, n=400, noise=0.01)], [labelled(k, noise=0.0) for k in (5, 6)])
    assert noisy.penalties[1].mean() > 100 * quiet.penalties[1].mean()


def test_an_emphasis_divides_the_penalty_and_zero_leaves_out() -> None:
    folds, penalty = [[labelled(0)], [labelled(1)]], 0.3
    emphasis = np.array([[1.0, 0.0, 2.0, 1.0, 0.5, 10.0]])
    ridge = fit_ridge_by_folds(folds, [penalty], emphasis)
    for s in range(2):
        x = np.vstack([f[c.types == s] for ((f, c),) in folds])
        y = np.concatenate([c.propensity[1, c.types == s] for ((_, c),) in folds])
        z, used = (x - x.mean(0)) / x.std(0), emphasis[0] > 0
        gram = z[:, used].T @ z[:, used] / len(y) + penalty * np.diag(1 / emphasis[0, used] ** 2)
        weights = np.linalg.solve(gram, z[:, used].T @ (y - y.mean()) / len(y))
        assert ridge.weights[s, 1, used] == pytest.approx(weights, abs=1e-9)
        assert ridge.weights[s, 1, ~used] == 0


def test_folds_choose_what_predicts_the_configurations_left_out() -> None:
    """Scores of every choice from regressions on the other folds, one by one; the winner is fitted to all folds."""
    items = [labelled(k, noise=3.0) for k in range(5)]
    folds, penalties = [items[0:2], items[2:4], items[4:]], [0.01, 0.3, 3.0]
    emphases = np.array([[1.0, 0, 0, 0, 0, 0], np.ones(6), [0.2, 1, 1, 1, 1, 1]])
    ridge = fit_ridge_by_folds(folds, penalties, emphases)

    def part(some: list, s: int, time: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        x = np.vstack([f[c.types == s] for f, c in some])
        return (x - ridge.mean[s]) / ridge.scale[s], np.concatenate([c.propensity[time, c.types == s] for _, c in some])

    def rho(s: int, time: int, e: int, penalty: float) -> float:
        each = []
        for k, fold in enumerate(folds):
            z, y = part([item for j, other in enumerate(folds) if j != k for item in other], s, time)
            z, y, centre = (z - z.mean(0)) * emphases[e], y - y.mean(), z.mean(0)
            weights = np.linalg.solve(z.T @ z / len(y) + penalty * np.eye(6), z.T @ y / len(y)) * emphases[e]
            for item in fold:
                left_out, truth = part([item], s, time)
                each.append(np.corrcoef((left_out - centre) @ weights, truth)[0, 1])
        return float(np.mean(each))

    for s, time in product(range(2), range(3)):
        scores = {(e, p): rho(s, time, e, p) for e in range(3) for p in penalties}
        assert (ridge.emphasis[s, time], ridge.penalties[s, time]) == max(scores, key=lambda key: scores[key])
        assert ridge.validation[s, time] == pytest.approx(max(scores.values()), abs=1e-9)
    assert not np.any(ridge.emphasis == 0)


def test_times_are_matched_by_label() -> None:
    features, system = labelled(0)
    assert system.propensity is not None
    late = replace(system, time_labels=("2", "3"), times=system.times[1:], propensity=system.propensity[1:])
    ridge = fit_ridge([(features, late), labelled(1)], [labelled(2)])
    reference = fit_ridge([forget((features, system), 0, slice(None)), labelled(1)], [labelled(2)])
    assert ridge.time_labels == ("2", "3", "1")
    assert ridge.weights == pytest.approx(reference.weights[:, [1, 2, 0]], abs=1e-12)


def test_features_that_do_not_vary_are_left_out() -> None:
    def widened(pair: tuple[NDArray[np.float64], System], tail: float) -> tuple[NDArray[np.float64], System]:
        features, system = pair
        return np.column_stack([features, np.full(len(features), 2.0), np.full(len(features), tail)]), system

    train, validation = widened(labelled(0), 1e-9), widened(labelled(1), 5.0)
    plain = fit_ridge([labelled(0)], [labelled(1)])
    ridge = fit_ridge([train], [validation])
    expected = plain.predict(labelled(1)[0], labelled(1)[1].types)
    assert ridge.predict(validation[0], validation[1].types) == pytest.approx(expected, abs=1e-9)


def test_what_was_never_seen_is_nan_and_what_is_wrong_is_said() -> None:
    unseen = forget(labelled(0), 2, slice(None))
    ridge = fit_ridge([unseen], [labelled(1)])
    predicted = ridge.predict(*(labelled(2)[0], labelled(2)[1].types))
    assert np.all(np.isnan(predicted[2]))
    assert np.all(np.isfinite(predicted[:2]))

    features, system = labelled(0)
    with pytest.raises(EquiglassError, match="6 features"):
        ridge.predict(features[:, :4], system.types)
    with pytest.raises(EquiglassError, match="2 particle types"):
        ridge.predict(features, system.types + 1)
    with pytest.raises(EquiglassError, match="training and validation"):
        fit_ridge([(features, system)], [])
    with pytest.raises(EquiglassError, match=r"c0: .*shape"):
        fit_ridge([(features[:-1], system)], [labelled(1)])
    with pytest.raises(EquiglassError, match=r"c0: .*finite"):
        fit_ridge([(features * np.nan, system)], [labelled(1)])
    with pytest.raises(EquiglassError, match=r"c0: .*propensity"):
        fit_ridge([(features, replace(system, propensity=None))], [labelled(1)])
    with pytest.raises(EquiglassError, match="'3'"):
        fit_ridge([(features, system)], [forget(labelled(1), 2, slice(None))])
    with pytest.raises(EquiglassError, match="positive"):
        fit_ridge([(features, system)], [labelled(1)], penalties=[0.0])


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

    def run(*words: object) -> int:
        monkeypatch.setattr("sys.argv", ["equiglass", *map(str, words)])
        try:
            main()
        except SystemExit as stop:
            return int(stop.code or 0)
        return 0

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
