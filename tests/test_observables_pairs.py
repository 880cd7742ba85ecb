"""G4, its length and g(r): fields of known correlation, the sum rule, slow sums over pairs, symmetries of the box."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equiglass import load
from equiglass.errors import ConfigurationError, DataError
from equiglass.liquid.neighbors import periodic_pairs
from equiglass.liquid.system import System
from equiglass.observables import (
    Step,
    chi4,
    chi4_of_fields,
    correlation_length,
    correlation_length_of_sums,
    four_point,
    four_point_of_sums,
    mobility_indicator,
    overlap,
    pair_sums,
    radial_distribution,
    radial_distribution_of_positions,
)
from equiglass.observables.pairs import shell_volumes
from samples.liquids import random_liquid
from samples.state_points import with_runs

quick = settings(deadline=None, max_examples=15)


def liquids(configurations: int = 3, n: int = 70, seed: int = 0) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Random positions, some outside their boxes, which differ."""
    rng = np.random.default_rng(seed)
    boxes = [np.array([4.0, 5.0, 6.0]) + 0.1 * k for k in range(configurations)]
    return [rng.uniform(-0.5, 1.5, (n, 3)) * box for box in boxes], boxes


def lattice(cells: int) -> np.ndarray:
    """The simple cubic lattice of spacing 1 and its box."""
    return np.stack(np.meshgrid(*[np.arange(cells, dtype=float)] * 3, indexing="ij"), -1).reshape(-1, 3)


def to_the_corner(boxes: list[np.ndarray], bins: int = 20) -> np.ndarray:
    return np.linspace(0, max(float(np.linalg.norm(box)) for box in boxes) / 2 * 1.001, bins + 1)


def test_four_point_against_a_slow_sum() -> None:
    positions, boxes = liquids()
    c = [np.random.default_rng(k).uniform(size=(2, 70)) for k in range(3)]
    edges = np.array([0.3, 1.0, 1.5, 2.5, 4.0])
    result = four_point_of_sums(pair_sums(positions, boxes, c, edges))
    for t in range(2):
        mean = np.mean([field[t].mean() for field in c])
        g4, products, pairs, self_term = np.zeros(4), np.zeros(4), np.zeros(4), 0.0
        for x, box, field in zip(positions, boxes, c, strict=True):
            scale = math.prod(box) / 70 / 3
            for i in range(70):
                self_term += scale * (field[t, i] - mean) ** 2
                for j in range(70):
                    vector = (x[i] - x[j] + box / 2) % box - box / 2
                    r = math.hypot(*vector)
                    if i == j or not 0.3 <= r < 4.0:
                        continue
                    b = sum(r >= edge for edge in edges) - 1
                    product = (field[t, i] - mean) * (field[t, j] - mean)
                    g4[b] += scale * product / (4 / 3 * math.pi * (edges[b + 1] ** 3 - edges[b] ** 3))
                    products[b] += product
                    pairs[b] += 1
        np.testing.assert_allclose(result.g4.value[t], g4, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(result.pair_average.value[t], products / pairs, rtol=1e-9, atol=1e-14)
        assert result.self_term.value[t] == pytest.approx(self_term, rel=1e-10)


@quick
@given(st.integers(0, 10**6), st.integers(1, 5))
def test_the_integral_over_space_is_volume_times_chi4(seed: int, configurations: int) -> None:
    rng = np.random.default_rng(seed)
    box = rng.uniform(3, 6, 3)
    positions = [rng.uniform(0, 1, (50, 3)) * box for _ in range(configurations)]
    moved = [rng.gamma(2, rng.uniform(0.1, 0.4), size=(2, 50)) for _ in range(configurations)]
    edges = to_the_corner([box])
    boxes = [box] * configurations
    result = four_point_of_sums(pair_sums(positions, boxes, [mobility_indicator(m) for m in moved], edges))
    integral = result.g4.value @ shell_volumes(edges) + result.self_term.value
    np.testing.assert_allclose(
        integral, np.prod(box) * chi4_of_fields(moved).value, rtol=1e-9, atol=1e-9 * np.prod(box)
    )


def test_sum_rule_with_configurations_of_different_size() -> None:
    positions, boxes = liquids(4)
    positions = [x[: 70 - 5 * k] for k, x in enumerate(positions)]
    c = [np.random.default_rng(k).uniform(size=len(x)) for k, x in enumerate(positions)]
    edges = to_the_corner(boxes)
    result = four_point_of_sums(pair_sums(positions, boxes, c, edges))
    q = np.array([field.mean() for field in c])
    expected = np.mean([np.prod(box) * len(f) * (f.mean() - q.mean()) ** 2 for box, f in zip(boxes, c, strict=True)])
    assert result.g4.value @ shell_volumes(edges) + result.self_term.value == pytest.approx(expected, rel=1e-10)


def test_a_checkerboard_alternates() -> None:
    """c = 0 or 1 on a simple cubic lattice: dc_i dc_j = (-1)^(x + y + z) / 4 at every distance."""
    sites = lattice(8)
    c = sites.sum(axis=1) % 2
    edges = np.sqrt(np.array([0.5, 1.5, 2.5, 3.5, 4.5, 5.5]))
    result = four_point_of_sums(pair_sums([sites], [np.full(3, 8.0)], [c], edges))
    np.testing.assert_allclose(result.pair_average.value, np.array([-1, 1, -1, 1, -1]) / 4, atol=1e-12)
    # V times 6, 12, 8, 6, 24 neighbours at sqrt(1, 2, 3, 4, 5): G4 is extensive.
    products = np.array([6, 12, 8, 6, 24]) * np.array([-1, 1, -1, 1, -1]) / 4
    np.testing.assert_allclose(result.g4.value, 8**3 * products / shell_volumes(edges), rtol=1e-12)
    assert np.all(np.isnan(result.g4.error))


def test_a_plane_wave_gives_its_cosine() -> None:
    """Fields cos(k x + phase), phases 0 and pi/2: the average of dc_i dc_j is cos(k . r_ij) / 2, shell by shell."""
    sites, k = lattice(10), 2 * np.pi * np.array([1, 2, 0]) / 10
    c = [np.cos(sites @ k + phase) for phase in (0, np.pi / 2)]
    edges = np.sqrt(np.array([0.5, 1.5, 2.5, 3.5]))
    result = four_point_of_sums(pair_sums([sites] * 2, [np.full(3, 10.0)] * 2, c, edges))
    cube = lattice(3) - 1
    shell = (cube**2).sum(axis=1)
    expected = [np.mean(np.cos(cube[shell == s] @ k)) / 2 for s in (1, 2, 3)]
    np.testing.assert_allclose(result.pair_average.value, expected, atol=1e-12)


def test_a_field_that_is_the_same_everywhere_is_correlated_everywhere() -> None:
    """Whole configurations frozen or liquid: dc_i dc_j = 1/4 at all distances, G4 follows g(r)."""
    positions, boxes = liquids(2)
    edges = np.linspace(0.5, 2.0, 6)
    sums = pair_sums(positions, boxes, [np.zeros(70), np.ones(70)], edges)
    np.testing.assert_allclose(four_point_of_sums(sums).pair_average.value, 0.25)
    assert np.isnan(correlation_length_of_sums(sums, shortest=0.5).value)


def test_bootstrap_draws_take_their_own_mean() -> None:
    """The value for a draw is the value for these configurations by themselves."""
    positions, boxes = liquids(3)
    c = [np.random.default_rng(k).uniform(size=70) + 0.1 * k for k in range(3)]
    edges = np.linspace(0.5, 2.0, 4)
    draws = np.sort(np.random.default_rng(0).integers(3, size=(200, 3)), axis=1)
    distinct, which = np.unique(draws, axis=0, return_inverse=True)
    alone = [
        four_point_of_sums(pair_sums([positions[k] for k in d], [boxes[k] for k in d], [c[k] for k in d], edges))
        for d in distinct
    ]
    together = four_point_of_sums(pair_sums(positions, boxes, c, edges))
    for quantity in ("g4", "pair_average", "self_term"):
        values = np.array([getattr(one, quantity).value for one in alone])[which.ravel()]
        expected = np.std(values, axis=0) * np.sqrt(3 / 2)
        np.testing.assert_allclose(getattr(together, quantity).error, expected, rtol=1e-9)


@quick
@given(st.integers(0, 10**6))
def test_symmetries_of_the_periodic_box(seed: int) -> None:
    rng = np.random.default_rng(seed)
    positions, boxes = liquids(2, 40, seed)
    c = [rng.uniform(size=40) for _ in range(2)]
    types = [rng.permutation([0] * 30 + [1] * 10) for _ in range(2)]
    edges = np.linspace(0.2, 1.9, 8)
    before = four_point_of_sums(pair_sums(positions, boxes, c, edges))
    g_before = radial_distribution_of_positions(positions, types, boxes, edges)

    axes, order, flip = rng.permutation(3), rng.permutation(40), rng.choice([-1, 1], 3)
    moved = []
    for x, box in zip(positions, boxes, strict=True):
        shifted = x + rng.normal(size=3) + rng.integers(-3, 4, (40, 3)) * box
        moved.append((flip * shifted)[order][:, axes])
    turned = [box[axes] for box in boxes]
    after = four_point_of_sums(pair_sums(moved, turned, [field[order] for field in c], edges))
    np.testing.assert_allclose(after.g4.value, before.g4.value, atol=1e-9)
    np.testing.assert_allclose(after.g4.error, before.g4.error, atol=1e-9)
    g_after = radial_distribution_of_positions(moved, [kind[order] for kind in types], turned, edges)
    np.testing.assert_allclose(g_after.value, g_before.value, atol=1e-12)


@quick
@given(st.floats(0.7, 5), st.floats(0.01, 0.3))
def test_the_length_of_an_exact_exponential(xi: float, amplitude: float) -> None:
    positions, boxes = liquids(2, 200)
    sums = pair_sums(positions, boxes, [np.zeros((1, 200)), np.ones((1, 200))], np.linspace(0.5, 2.0, 16))
    r = (sums.edges[1:] + sums.edges[:-1]) / 2
    exact = sums._replace(
        products=(amplitude * np.exp(-r / xi) * sums.pairs)[:, None],
        singles=0 * sums.singles,
        mean=0 * sums.mean,
    )
    estimate = correlation_length_of_sums(exact, shortest=0.6)
    assert estimate.value.shape == (1,)
    assert estimate.value[0] == pytest.approx(xi, rel=1e-4)
    assert estimate.error[0] == pytest.approx(0, abs=1e-4)
    assert np.isnan(correlation_length_of_sums(exact._replace(products=-exact.products), shortest=0.6).value[0])


def test_the_length_of_gaussian_fields_is_recovered() -> None:
    """Fields on a lattice with covariance exp(-r / 1.2) by construction, through the eigenvalues of the torus."""
    n, xi = 12, 1.2
    sites, box = lattice(n), np.full(3, float(n))
    r = np.linalg.norm(sites - n * np.round(sites / n), axis=1).reshape(n, n, n)
    spectrum = np.fft.fftn(np.exp(-r / xi)).real
    assert spectrum.min() > 0
    rng = np.random.default_rng(7)
    fields = []
    for _ in range(30):
        noise = rng.normal(size=(n, n, n)) + 1j * rng.normal(size=(n, n, n))
        fields.append(np.fft.fftn(np.sqrt(spectrum) * noise).real.ravel() / n**1.5)
    sums = pair_sums([sites] * 30, [box] * 30, fields, np.arange(0.95, 6.0, 0.1))
    estimate = correlation_length_of_sums(sums)
    assert abs(estimate.value - xi) < 3 * estimate.error
    assert estimate.error < 0.15


def test_radial_distribution_against_the_pair_list() -> None:
    positions, boxes = liquids()
    types = [np.random.default_rng(k).permutation([0] * 50 + [1] * 20) for k in range(3)]
    edges = np.linspace(0.2, 2.0, 10)
    g = radial_distribution_of_positions(positions, types, boxes, edges)
    expected = np.zeros((2, 2, 9))
    for x, kind, box in zip(positions, types, boxes, strict=True):
        pairs = periodic_pairs(x, box, 2.0)
        for a in range(2):
            for b in range(2):
                chosen = (kind[pairs.receivers] == a) & (kind[pairs.senders] == b)
                counts = np.histogram(pairs.distances[chosen], edges)[0]
                ideal = np.sum(kind == a) * np.sum(kind == b) / np.prod(box) * shell_volumes(edges)
                expected[a, b] += counts / ideal / 3
    np.testing.assert_allclose(g.value, expected, rtol=1e-12)
    assert g.error.shape == (2, 2, 9)


def test_radial_distribution_of_rock_salt() -> None:
    """Six unlike neighbours at 1, twelve like ones at sqrt(2), none of the other kind."""
    sites = lattice(6)
    types = (sites.sum(axis=1) % 2).astype(int)
    edges = np.array([0.9, 1.1, 1.3, 1.5])
    g = radial_distribution_of_positions([sites], [types], [np.full(3, 6.0)], edges).value
    coordination = g * 0.5 * shell_volumes(edges)
    np.testing.assert_allclose(coordination[0, 1], [6, 0, 0], atol=1e-12)
    np.testing.assert_allclose(coordination[0, 0], [0, 0, 12], atol=1e-12)
    np.testing.assert_allclose(coordination[1, 1], [0, 0, 12], atol=1e-12)


def test_radial_distribution_of_an_ideal_gas_is_one() -> None:
    rng = np.random.default_rng(8)
    box = np.full(3, 5.0)
    positions = [rng.uniform(0, 5, (400, 3)) for _ in range(10)]
    g = radial_distribution_of_positions(positions, [np.zeros(400, int)] * 10, [box] * 10, np.linspace(0.5, 2.5, 5))
    np.testing.assert_allclose(g.value[0, 0], 1 - 1 / 400, atol=0.02)
    assert np.all(np.abs(g.value[0, 0] - (1 - 1 / 400)) < 4 * g.error[0, 0])


def test_input_that_does_not_fit_is_refused() -> None:
    positions, boxes = liquids(2)
    c = [np.ones(70)] * 2
    with pytest.raises(ConfigurationError, match="ascending"):
        pair_sums(positions, boxes, c, [1.0, 0.5])
    with pytest.raises(DataError, match="positions of shape"):
        pair_sums([positions[0][:5], positions[1]], boxes, c, [0.5, 1.0])
    with pytest.raises(DataError, match="numbers of configurations"):
        pair_sums(positions, boxes[:1], c, [0.5, 1.0])
    with pytest.raises(ConfigurationError, match="three bins"):
        correlation_length_of_sums(pair_sums(positions, boxes, c, [0.5, 1.0]))
    types = [np.zeros(70, int), np.ones(70, int)]
    with pytest.raises(DataError, match="all 2 types"):
        radial_distribution_of_positions(positions, types, boxes, [0.5, 1.0])
    with pytest.raises(ConfigurationError, match="half the box"):
        radial_distribution_of_positions(positions, types, boxes, [0.5, 3.0])
    with pytest.raises(DataError, match="one type per particle"):
        radial_distribution_of_positions(positions, [t[:5] for t in types], boxes, [0.5, 1.0])


@quick
@given(st.integers(0, 10**6), st.floats(0.01, 0.5))
def test_overlap_and_mobility_have_the_same_g4(seed: int, softness: float) -> None:
    rng = np.random.default_rng(seed)
    positions, boxes = liquids(2, 40, seed)
    moved, step, edges = [rng.gamma(2, 0.25, 40) for _ in range(2)], Step(0.44, softness), np.linspace(0.2, 1.9, 6)
    of_both = [
        four_point_of_sums(pair_sums(positions, boxes, [c(m, step) for m in moved], edges))
        for c in (mobility_indicator, overlap)
    ]
    for quantity in ("g4", "pair_average", "self_term"):
        first, second = (getattr(result, quantity) for result in of_both)
        np.testing.assert_allclose(second.value, first.value, atol=1e-9)
        np.testing.assert_allclose(second.error, first.error, atol=1e-9)


# --- systems ------------------------------------------------------------------------------------------------


@pytest.fixture
def systems() -> list[System]:
    """Three liquids of different size at two times."""
    return [replace(with_runs(random_liquid(n=200 + k, seed=k), seed=k), name=f"liquid-{k}") for k in range(3)]


@pytest.mark.parametrize(("type", "index"), [("A", 0), ("B", 1)])
def test_systems_give_what_their_arrays_give(systems: list[System], type: str, index: int) -> None:
    masks = [s.types == index for s in systems]
    positions = [s.positions[mask] for s, mask in zip(systems, masks, strict=True)]
    step, edges = Step(0.64, 0.05), np.linspace(0.5, 2.5, 11)
    fields = [mobility_indicator(s.propensity[1, mask], step) for s, mask in zip(systems, masks, strict=True)]
    sums = pair_sums(positions, [s.box for s in systems], fields, edges)
    found, expected = four_point(systems, "7", type, edges, step), four_point_of_sums(sums)
    for quantity in ("g4", "pair_average", "self_term"):
        for ours, theirs in zip(getattr(found, quantity), getattr(expected, quantity), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    length, of_sums = correlation_length(systems, "7", type, edges, step), correlation_length_of_sums(sums)
    np.testing.assert_array_equal(length, of_sums)
    predictions = [{"early": s.propensity[1]} for s in systems]
    predicted = four_point(systems, "early", type, edges, step, predictions)
    np.testing.assert_array_equal(predicted.g4.value, found.g4.value)


def test_the_default_bins_end_at_half_the_box(systems: list[System]) -> None:
    half = min(s.box.min() for s in systems) / 2
    r = four_point(systems).r
    np.testing.assert_allclose(np.diff(r), 0.1)
    assert r[0] == pytest.approx(0.05)
    assert abs(r[-1] + 0.05 - half) <= 0.05 + 1e-9
    g = radial_distribution(systems)
    np.testing.assert_allclose(np.diff(g.r), 0.02)
    assert g.r[0] == pytest.approx(0.01)
    assert half - 0.02 < g.r[-1] + 0.01 <= half


def test_radial_distribution_of_systems(systems: list[System]) -> None:
    arrays = [s.positions for s in systems], [s.types for s in systems], [s.box for s in systems]
    edges = np.linspace(0.5, 2.5, 11)
    found, expected = radial_distribution(systems, edges), radial_distribution_of_positions(*arrays, edges)
    np.testing.assert_allclose(found.r, (edges[1:] + edges[:-1]) / 2)
    np.testing.assert_array_equal(found.value, expected.value)
    np.testing.assert_array_equal(found.error, expected.error)
    with pytest.raises(ConfigurationError, match="half the box"):
        radial_distribution(systems, [0.0, 1.0, 10.0])
    with pytest.raises(DataError, match="no configurations"):
        radial_distribution([])
    with pytest.raises(DataError, match="no configurations"):
        four_point([])
    with pytest.raises(DataError, match="liquid-0: no time is labelled '9'"):
        correlation_length(systems, "9")


@pytest.mark.data
def test_pairs_of_two_shiba_configurations(data_folder: Path) -> None:
    """Sum rule in the real box; mobility correlated over more than a particle, and less with distance."""
    folder = data_folder / "shiba_T0.44_train"
    systems = [system for k in (1, 4) for system in load(folder / f"isoconfig_N4096T0.44_{k}_tc07.npz")]
    boxes = [s.box for s in systems]
    edges = np.append(np.arange(0.8, 7.5, 0.1), np.linspace(7.5, 13.1, 20))
    result = four_point(systems, edges=edges)
    assert edges[-1] > np.linalg.norm(boxes[0]) / 2
    integral = result.g4.value @ shell_volumes(edges) + result.self_term.value
    assert integral == pytest.approx(np.prod(boxes[0]) * chi4(systems).value, rel=1e-9)
    near, far = (result.pair_average.value[(result.r > low) & (result.r < low + 1)].mean() for low in (1.1, 5.0))
    assert near > far > 0
    g = radial_distribution(systems, np.arange(0.7, 2.0, 0.05))
    peaks = 0.725 + 0.05 * g.value.argmax(axis=-1)
    # AA and AB touch near sigma = 1 and 0.8 of the mixture; B do not touch each other at their 0.88.
    np.testing.assert_allclose([peaks[0, 0], peaks[0, 1]], [1.07, 0.87], atol=0.06)
    assert peaks[1, 1] > 1.2
