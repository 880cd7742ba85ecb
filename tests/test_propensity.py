"""The propensity and its statistics over runs, against their formulas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equiglass.errors import DataError
from equiglass.observables.propensity import Accumulation, labels_from_runs, over_runs

few = settings(deadline=None, max_examples=10)


@few
@given(seed=st.integers(0, 999), runs=st.integers(2, 7), times=st.integers(1, 3))
def test_against_loops(seed: int, runs: int, times: int) -> None:
    moves = np.random.default_rng(seed).normal(size=(runs, times, 5, 3))
    accumulation = Accumulation()
    for run in moves:
        accumulation.add(run)
    found = accumulation.result()
    assert found.replica_variance is not None
    assert found.propensity_halves is not None
    for t in range(times):
        for i in range(5):
            distances = [float(np.sqrt((moves[m, t, i] ** 2).sum())) for m in range(runs)]
            mean = sum(distances) / runs
            variance = sum((d - mean) ** 2 for d in distances) / (runs - 1)
            assert found.propensity[t, i] == pytest.approx(mean)
            assert found.replica_variance[t, i] == pytest.approx(variance)
            halves = [np.mean(distances[k::2]) for k in (0, 1)]
            np.testing.assert_allclose(found.propensity_halves[:, t, i], halves)
            np.testing.assert_allclose(found.mean_displacement[t, i], moves[:, t, i].mean(axis=0), atol=1e-14)


@few
@given(seed=st.integers(0, 999))
def test_rotations_and_the_order_of_particles(seed: int) -> None:
    rng = np.random.default_rng(seed)
    moves = rng.normal(size=(4, 6, 3))
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    order = rng.permutation(6)
    before, after = over_runs(moves), over_runs(moves[:, order] @ rotation)
    np.testing.assert_allclose(after.propensity, before.propensity[order])
    np.testing.assert_allclose(after.replica_variance, before.replica_variance[order])
    np.testing.assert_allclose(after.mean_displacement, before.mean_displacement[order] @ rotation, atol=1e-14)


def test_the_labels_of_all_times_are_those_of_each_time() -> None:
    moves = np.random.default_rng(0).normal(size=(3, 5, 8, 3))
    labels = labels_from_runs(iter(moves), np.zeros((8, 3)), np.full(3, 100.0))
    together = over_runs(moves.swapaxes(0, 1))
    for key, values in together._asdict().items():
        np.testing.assert_array_equal(labels[key], values)
    assert labels["runs"] == 5
    np.testing.assert_array_equal(labels["replica_displacements"], moves.astype(np.float32))


def test_one_run_has_neither_variance_nor_halves() -> None:
    found = over_runs(np.ones((1, 4, 3)))
    assert found.replica_variance is None
    assert found.propensity_halves is None
    np.testing.assert_allclose(found.propensity, np.sqrt(3))


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ([np.zeros((2, 5, 3)), np.zeros((3, 5, 3))], "different times"),
        ([np.zeros((5, 3))], "not \\(runs, 5, 3\\)"),
        ([np.zeros((0, 5, 3))], "not \\(runs, 5, 3\\)"),
        ([np.full((2, 5, 3), np.nan)], "not finite"),
    ],
)
def test_what_is_refused(runs: list[np.ndarray], said: str) -> None:
    with pytest.raises(DataError, match=said):
        labels_from_runs(runs, np.zeros((5, 3)), np.ones(3))
