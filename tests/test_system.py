"""System: the table of its arrays, read-only arrays, what is refused, short text."""

from __future__ import annotations

import copy
import pickle
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from equiglass.errors import DataError
from equiglass.liquid.labels import as_markdown
from equiglass.liquid.potential import KOB_ANDERSEN
from equiglass.liquid.system import LABELS, QUANTITIES, System
from equiglass.model.graph import build_graph
from equiglass.simulate.joining import joined
from samples.complete import full_system
from samples.liquids import random_liquid

DATA = Path(__file__).parents[1] / "docs" / "data.md"


def test_every_array_is_in_the_table() -> None:
    arrays = {field.name for field in fields(System) if isinstance(getattr(full_system(), field.name), np.ndarray)}
    assert arrays == set(QUANTITIES)
    assert set(QUANTITIES) - set(LABELS) == {
        *("positions", "types", "box", "positions_inherent", "positions_cage"),
        *("covariance_cage", "propensity_cage", "images", "times", "ids", "origin"),
    }


def test_the_documentation_shows_the_table() -> None:
    assert as_markdown(QUANTITIES) in DATA.read_text()


@pytest.mark.parametrize("key", LABELS)
def test_a_label_of_another_shape_is_refused(key: str) -> None:
    system = full_system()
    values = getattr(system, key)
    with pytest.raises(DataError, match=rf"{key} has shape .*, not \("):
        replace(system, **{key: values[..., None]})
    for axis, name in enumerate(LABELS[key].axes):
        if name != "runs":
            with pytest.raises(DataError, match=rf"{key} has shape .*, not \("):
                replace(system, **{key: np.concatenate([values, values], axis)})
    with pytest.raises(DataError, match=rf"{key} is not an array of numbers"):
        replace(system, **{key: "many"})


@pytest.mark.parametrize("key", LABELS)
def test_what_is_infinite_or_cannot_be_negative_is_refused(key: str) -> None:
    system = full_system()
    values = np.array(getattr(system, key))
    values.flat[1] = np.inf
    with pytest.raises(DataError, match=f"{key} holds 1 values that are not finite"):
        replace(system, **{key: values})
    values.flat[1] = -0.5
    if LABELS[key].negative:
        assert getattr(replace(system, **{key: values}), key).flat[1] == -0.5
    else:
        with pytest.raises(DataError, match=f"{key} cannot be negative; got -0.5"):
            replace(system, **{key: values})


@pytest.mark.parametrize(
    ("ids", "words"),
    [(np.zeros(40, np.int64), "occurs twice"), (np.arange(40.0), "whole numbers"), (np.arange(39), "shape")],
)
def test_ids_are_different_whole_numbers(ids: np.ndarray, words: str) -> None:
    with pytest.raises(DataError, match=words):
        replace(full_system(), ids=ids)


@pytest.mark.parametrize("key", LABELS)
def test_labels_are_joined_along_their_times(key: str) -> None:
    system = replace(full_system(), time_labels=("1", "2", "3"), times=[1.0, 2.0, 3.0], predictions={})
    if key != "replica_displacements":
        # F_s would be computed from them.
        system = replace(system, replica_displacements=None)
    table = {name: each for name, each in LABELS.items() if getattr(system, name) is not None}
    axis = LABELS[key].axis_of_times
    parts = [
        replace(
            system,
            **{name: np.take(getattr(system, name), rows, each.axis_of_times) for name, each in table.items()},
            time_labels=tuple(str(row + 1) for row in rows),
            times=[row + 1.0 for row in rows],
        )
        for rows in ((0, 2), (1,))
    ]
    np.testing.assert_array_equal(getattr(joined(*parts), key), getattr(system, key))
    if key != "replica_displacements":
        filled = getattr(joined(parts[0], replace(parts[1], **{key: None})), key)
        assert np.isnan(np.take(filled, 1, axis)).all()
        np.testing.assert_array_equal(np.take(filled, [0, 2], axis), getattr(parts[0], key))


def arrays_of(system: System) -> dict[str, np.ndarray]:
    own = {key: getattr(system, key) for key in QUANTITIES}
    return {**own, **{f"prediction {key}": values for key, values in system.predictions.items()}}


@pytest.mark.parametrize("how", [lambda s: s, copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])
def test_arrays_are_read_only(how) -> None:  # type: ignore[no-untyped-def]
    for key, values in arrays_of(how(full_system())).items():
        with pytest.raises(ValueError, match="read-only"):
            values[...] = 0
        assert not values.flags.writeable, key


def test_what_is_given_stays_writeable_and_apart() -> None:
    given = {key: np.array(values) for key, values in arrays_of(full_system()).items() if key in QUANTITIES}
    system = replace(full_system(), **given)
    before = {key: np.array(getattr(system, key)) for key in given}
    for key, values in given.items():
        if key != "replica_displacements":
            values[...] = 1
            np.testing.assert_array_equal(getattr(system, key), before[key])


def test_a_changed_system_shares_the_arrays() -> None:
    system = full_system()
    changed = replace(system, name="another")
    for key in set(QUANTITIES) - {"positions", "positions_inherent", "positions_cage"}:
        assert getattr(changed, key) is getattr(system, key), key
    assert changed.predictions["SE3"] is system.predictions["SE3"]


def test_large_displacements_are_not_copied() -> None:
    displacements = np.zeros((3, 4, 40, 3), np.float32)
    system = replace(full_system(), replica_displacements=displacements)
    assert np.shares_memory(system.replica_displacements, displacements)
    assert displacements.flags.writeable


def test_torch_takes_the_arrays_without_a_warning() -> None:
    """Warnings are errors here, and torch warns of tensors that share a read-only array."""
    system = replace(random_liquid(60), positions_inherent=random_liquid(60).positions)
    graph = build_graph(system, 2.0, "inherent")
    assert torch.equal(graph.types, torch.tensor(system.types))


def test_short_text() -> None:
    assert repr(full_system()) == (
        """System('liquid "0" at T=0.5': 32 A + 8 B, T = 0.5, 3 times from 'F=0.9' to '7')"""
    )
    assert repr(replace(random_liquid(30), temperature=None)) == "System('liquid-0': 24 A + 6 B)"
    assert repr(KOB_ANDERSEN) == "LennardJones('kob-andersen', 2 types, shifted at 2.5 sigma)"
    assert str(KOB_ANDERSEN) == "kob-andersen, shifted at 2.5 sigma"


def test_the_parameters_that_digests_are_made_of() -> None:
    """A change here loses the trained runs of experiments, whose folders are named by it."""
    assert KOB_ANDERSEN.parameters() == (
        "LennardJones(name='kob-andersen', epsilon=((1.0, 1.5), (1.5, 0.5)), sigma=((1.0, 0.8), (0.8, 0.88)), "
        "cutoff=2.5, truncation='shifted')"
    )
