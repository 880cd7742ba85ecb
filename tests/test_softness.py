"""Softness: radial and angular functions against sums over triplets, hyperplanes, calibration."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equiglass.errors import EquiglassError, EquiglassWarning
from equiglass.liquid.neighbors import periodic_pairs
from equiglass.methods.linear.angular import angular_sums
from equiglass.methods.linear.shells import Shells
from equiglass.methods.softness import Softness, SoftnessConfiguration, features, hyperplane
from equiglass.observables import pearson
from samples.labelled import labelled_liquid, shaken

FEW = SoftnessConfiguration(
    radial=Shells(0.8, 2.5, 12, 0.1), cutoff=1.6, widths=(1.2,), powers=(1, 4), share=0.3, c=0.1
)


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


def test_a_particle_without_neighbours_has_no_angular_functions() -> None:
    positions = np.array([[1.0, 1, 1], [1.5, 1, 1], [1, 1.5, 1], [8, 8, 8]])
    for _ in range(3):
        # What was in the memory before does not matter.
        np.full((4, 3, 1, 2, 2), 1e6).sum()
        found = angular_sums(positions, np.zeros(4, int), np.full(3, 20.0), 1, 1.0, (1.0,), (1, -1), (1, 2))
        np.testing.assert_array_equal(found[3], 0)
        assert found[0].any()
    assert not angular_sums(positions, np.zeros(4, int), np.full(3, 20.0), 1, 0.1, (1.0,), (1,), (1,)).any()


def test_a_type_that_cannot_be_separated_is_not_learned() -> None:
    systems = [replace(s, propensity=np.where(s.types == 1, 0.1, s.propensity)) for s in map(shaken, range(3))]
    with pytest.warns(EquiglassWarning, match=r"type B.*have no mobile and immobile ones.*not learned"):
        model = Softness.fit(systems, FEW)
    np.testing.assert_array_equal(model.learned(), [[True, True], [False, False]])


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
