"""Displacements from wrapped positions, against those of the unwrapped ones."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equiglass.errors import DataError, EquiglassWarning
from equiglass.formats import load
from equiglass.observables.propensity import labels_from_runs
from samples.liquids import random_liquid

SIDE = 6.0
BOX = np.full(3, SIDE)


def runs(step: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Positions at the start, (N, 3), in the box, and at the end of 4 runs, unwrapped, (4, N, 3)."""
    rng = np.random.default_rng(seed)
    start = rng.uniform(0, SIDE, (250, 3))
    return start, start + rng.normal(0, step, (4, 250, 3))


def propensity(ends: list[np.ndarray], start: np.ndarray, warned: bool) -> np.ndarray:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = labels_from_runs(ends, start, BOX)["propensity"]
    assert [w.category for w in caught] == [EquiglassWarning] * warned
    return found


def some_runs(ends: np.ndarray) -> np.ndarray:
    return np.concatenate([ends[:1] % SIDE, ends[1:]])


def one_axis(ends: np.ndarray) -> np.ndarray:
    return np.stack([ends[..., 0], ends[..., 1] % SIDE, ends[..., 2]], axis=-1)


def at_the_last_neighbour_list(ends: np.ndarray) -> np.ndarray:
    since = np.random.default_rng(1).uniform(-0.1, 0.1, ends.shape)
    return (ends - since) % SIDE + since


WRAPPED: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "all": lambda ends: ends % SIDE,
    "centred": lambda ends: (ends + SIDE / 2) % SIDE - SIDE / 2,
    "single precision": lambda ends: (ends % SIDE).astype(np.float32),
    "some runs": some_runs,
    "one axis": one_axis,
    "a neighbour list ago": at_the_last_neighbour_list,
}


@pytest.mark.parametrize("how", WRAPPED)
@pytest.mark.parametrize("step", [0.1, 0.3, 0.7])
def test_wrapped_runs_give_the_unwrapped_propensity(how: str, step: float) -> None:
    start, ends = runs(step)
    true = np.linalg.norm(ends - start, axis=-1).mean(axis=0)
    np.testing.assert_allclose(propensity([WRAPPED[how](ends)], start, warned=True)[0], true, rtol=1e-4)
    with pytest.warns(EquiglassWarning, match="at 1 of 1 times the positions of the runs look wrapped"):
        labels_from_runs([WRAPPED[how](ends)], start, BOX)


def test_a_single_particle_that_crosses_a_face() -> None:
    start, ends = runs(1e-3)
    start[7] = (3.0, SIDE - 0.01, 3.0)
    ends = np.clip(start + (ends - start), 0, SIDE - 1e-6)
    ends[:, 7] = start[7]
    ends[2, 7, 1] += 0.02
    true = np.linalg.norm(ends - start, axis=-1).mean(axis=0)
    np.testing.assert_allclose(propensity([ends % SIDE], start, warned=True)[0], true, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(step=st.floats(1e-3, 30), seed=st.integers(0, 1000), shift=st.floats(-50, 50))
def test_unwrapped_runs_stay_as_they_are(step: float, seed: int, shift: float) -> None:
    start, ends = runs(step, seed)
    found = propensity([ends + shift], start + shift, warned=False)[0]
    np.testing.assert_allclose(found, np.linalg.norm(ends - start, axis=-1).mean(axis=0), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("step", [2.0, 4.0, 20.0])
def test_runs_that_cannot_be_unwrapped_are_refused(step: float) -> None:
    start, ends = runs(step)
    for how in ("all", "single precision", "a neighbour list ago"):
        with pytest.raises(DataError, match="Write unwrapped positions"):
            propensity([WRAPPED[how](ends)], start, warned=False)
    nearest = ends - SIDE * np.round((ends - start) / SIDE)
    with pytest.raises(DataError, match="nearest images or wrapped positions"):
        propensity([nearest], start, warned=False)


@pytest.mark.parametrize("step", [0.7, 3.0, 20.0])
def test_stored_displacements_of_wrapped_positions_are_refused(tmp_path: Path, step: float) -> None:
    start, ends = runs(step)
    liquid = random_liquid(n=250)
    arrays = {"types": liquid.types, "positions": liquid.positions, "box": BOX * liquid.box[0] / SIDE, "times": [1.0]}
    scale = liquid.box[0] / SIDE
    for moved, said in (
        (ends % SIDE - start, "wrapped into the box"),
        (ends - start, ""),
    ):
        np.savez(tmp_path / "a.npz", **arrays, replica_displacements=scale * moved[None])
        if said:
            with pytest.raises(DataError, match=said):
                load(tmp_path / "a.npz")
        else:
            assert load(tmp_path / "a.npz")[0].replica_displacements.shape == (1, 4, 250, 3)


def test_intermediate_times_make_the_image_certain() -> None:
    start, first = runs(0.5)
    ends = first + np.cumsum(np.random.default_rng(3).normal(0, 0.5, (40, 4, 250, 3)), axis=0)
    true = np.linalg.norm(ends - start, axis=-1).mean(axis=1)
    assert true[-1].mean() > SIDE / 2
    found = propensity([first % SIDE, *(ends % SIDE)], start, warned=True)
    np.testing.assert_allclose(found[1:], true, rtol=1e-5)


def test_short_runs_within_the_box_need_no_warning() -> None:
    start, ends = runs(0.05)
    start, ends = np.clip(start, 0.5, SIDE - 0.5), np.clip(ends, 0.5, SIDE - 0.5)
    np.testing.assert_array_equal(
        propensity([ends], start, warned=False)[0], np.linalg.norm(ends - start, axis=-1).mean(axis=0)
    )
