"""Divisions of configurations: every one is used once, and the division depends on the names alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equiglass.errors import DataError
from equiglass.liquid.splits import by_hash, folds_of, halves, training_and_test, validation_fold
from equiglass.liquid.state_points import (
    PUBLISHED_TIMES,
    TAU_ALPHA_BY_TEMPERATURE,
    published_times,
    tau_alpha,
)
from equiglass.liquid.system import System


def named(*numbers: int) -> list[System]:
    """Configurations of two particles, at a distance that grows with the number in the name."""
    return [
        System([[0, 0, 0], [0.1 + 0.04 * k, 0, 0]], np.zeros(2, int), np.ones(3), name=f"c{k}", temperature=0.5)
        for k in numbers
    ]


def names(systems: list[System]) -> list[str]:
    return [system.name for system in systems]


@given(n=st.integers(1, 10), folds=st.integers(1, 8))
def test_folds(n: int, folds: int) -> None:
    dealt, systems = folds_of(range(n), folds), named(*range(n))
    assert sorted(item for fold in dealt for item in fold) == list(range(n))
    assert len(dealt) == min(n, folds)
    assert max(map(len, dealt)) - min(map(len, dealt)) <= 1
    for fold, validation in enumerate(dealt, start=1):
        if n >= folds:
            training, held = validation_fold(systems, folds, fold)
            assert held == [systems[item] for item in validation]
            assert sorted(names(training + held)) == names(systems)


def test_the_hash_is_that_of_the_name() -> None:
    """The order in which all experiments up to now were divided."""
    assert names(sorted(named(*range(8)), key=by_hash)) == ["c4", "c0", "c6", "c3", "c2", "c5", "c1", "c7"]


def test_training_and_test() -> None:
    systems = named(*range(8))
    training, test = training_and_test(systems[::-1], share=4)
    assert (names(training), names(test)) == (["c4", "c0", "c6", "c3", "c2", "c5"], ["c1", "c7"])
    training, test = training_and_test(systems, share=4, first=4)
    assert (names(training), names(test)) == (["c4", "c0"], ["c6", "c3"])
    with pytest.raises(
        DataError, match=r"none of 2 configurations is left for training, .* the test needs 2; give 3 configurations"
    ):
        training_and_test(systems[:2], share=4)


def test_halves_never_score_what_was_seen() -> None:
    systems = named(*range(6))
    refit, test = halves(systems, lambda system: False)
    assert (names(refit), names(test)) == (["c4", "c0", "c3"], ["c2", "c5", "c1"])
    refit, test = halves(systems, lambda system: system.name in {"c0", "c3", "c5", "c2"})
    assert (names(refit), names(test)) == (["c0", "c3", "c2", "c5"], ["c4", "c1"])
    with pytest.raises(DataError, match="6 configurations, and 0 were not used"):
        halves(systems, lambda system: True)


def test_published_times() -> None:
    assert TAU_ALPHA_BY_TEMPERATURE == {0.44: 4120, 0.5: 217, 0.56: 52, 0.64: 16.5}
    for temperature, times in PUBLISHED_TIMES.items():
        assert len(times) == 10
        assert list(times) == sorted(times)
        assert published_times(temperature) == times
    with pytest.raises(DataError, match=r"T = 0.47; the data set has T = 0.44, 0.50, 0.56, 0.64"):
        published_times(0.47)


def test_the_label_of_the_relaxation_time() -> None:
    assert [tau_alpha(labels) for labels in (["1", "7", "9"], ["F=0.9", "F=1/e"], ["1", "2"])] == ["7", "F=1/e", "2"]
