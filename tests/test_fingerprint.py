"""Fingerprints: the same for one configuration in whatever file, different for others; families of configurations."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import equiglass
from equiglass.errors import ConfigurationError, DataError, EquiglassWarning
from equiglass.liquid.fingerprint import TOLERANCE, Fingerprint, Known
from equiglass.liquid.splits import families, folds_of, halves, refuse_copies, training_and_test, validation_fold
from equiglass.liquid.system import System
from samples.labelled import labelled_liquid
from samples.liquids import random_liquid


def difference(one: System, other: System) -> float:
    """The largest difference of the numbers of two fingerprints."""
    return float(np.max(np.abs(np.subtract(one.fingerprint.sums, other.fingerprint.sums))))


def moved(system: System, distance: float, seed: int = 0) -> System:
    """Every particle moved at random by ``distance`` per coordinate."""
    step = np.random.default_rng(seed).normal(0, distance, system.positions.shape)
    return replace(system, positions=system.positions + step)


@given(seed=st.integers(0, 50), n=st.sampled_from([8, 60, 250]), shift=st.tuples(*[st.floats(-20, 20)] * 3))
@settings(max_examples=30, deadline=None)
def test_the_fingerprint_depends_on_the_content_alone(seed: int, n: int, shift: tuple[float, float, float]) -> None:
    system, rng = random_liquid(n, seed=seed), np.random.default_rng(seed)
    order, images = rng.permutation(n), rng.integers(-3, 4, (n, 3))
    for same in (
        replace(system, positions=system.positions[order], types=system.types[order]),
        replace(system, positions=system.positions + images * system.box),
        replace(system, positions=system.positions + np.array(shift)),
        replace(system, types=1 - system.types),
        replace(system, positions=system.positions.astype(np.float32), box=system.box.astype(np.float32)),
        replace(system, positions=np.round(system.positions, 5), box=np.round(system.box, 5)),
        replace(system, name="other", temperature=None),
    ):
        assert difference(system, same) <= 0.002
        assert same.fingerprint.matches(system.fingerprint)
    rounded = replace(system, positions=np.round(system.positions, 3))
    assert difference(system, rounded) < TOLERANCE / 2
    assert Fingerprint.parse(str(system.fingerprint)) == system.fingerprint


@given(seed=st.integers(0, 50), n=st.sampled_from([60, 250, 1000]))
@settings(max_examples=30, deadline=None)
def test_other_configurations_have_other_fingerprints(seed: int, n: int) -> None:
    """Thermal velocities move particles by 0.07 per coordinate in 0.1 LJ times; a swap changes the types alone."""
    system = random_liquid(n, seed=seed)
    assert difference(system, random_liquid(n, seed=seed + 51)) > 10 * TOLERANCE
    assert difference(system, moved(system, 0.07)) > 5 * TOLERANCE
    swapped = np.random.default_rng(seed).permutation(system.types)
    assert not replace(system, types=swapped).fingerprint.matches(system.fingerprint)
    assert not replace(system, box=system.box * 1.01).fingerprint.matches(system.fingerprint)


def test_frames_of_a_run_differ() -> None:
    """The configurations of the package's data set, and the ends of their runs at the first time."""
    systems = equiglass.load(Path(equiglass.__file__).parent / "experiments/data/kalj-T0.64.h5", replicas=False)[:3]
    for system in systems:
        assert system.mean_displacement is not None
        assert system.times[0] < 0.2
        end = replace(system, positions=system.positions + system.mean_displacement[0])
        # The mean over the runs moves less than one run.
        assert difference(system, end) > TOLERANCE


def test_a_text_that_is_no_fingerprint_is_refused() -> None:
    good = str(random_liquid().fingerprint)
    for text in ("", "abc", "60 1x1x1", good.replace("x", " "), good + " nan", good.replace(".", ",")):
        with pytest.raises(DataError, match="no fingerprint"):
            Fingerprint.parse(text)


def test_known_fingerprints_are_found_as_by_comparing_all() -> None:
    systems = [random_liquid(60, seed=seed) for seed in range(40)]
    known = Known.of((system.fingerprint, k) for k, system in enumerate(systems))
    for k, system in enumerate(systems):
        for distance in (0.0, 0.001, 0.002, 0.003, 0.004, 0.1):
            other = moved(system, distance, seed=k).fingerprint
            slow = [j for j, one in enumerate(systems) if one.fingerprint.matches(other)]
            assert known.find(other) == (slow[0] if slow else None)


# --- families ---


def family_of(parent: System, ends: int) -> list[System]:
    """A configuration and the ends of its runs."""
    return [
        parent,
        *(replace(moved(parent, 0.3, k), name=f"{parent.name}-{k}", parent=parent.fingerprint) for k in range(ends)),
    ]


def test_a_family_is_never_divided() -> None:
    a, b, c = (random_liquid(seed=seed) for seed in range(3))
    (_, *ends), grandchild = family_of(b, 2), None
    grandchild = replace(moved(ends[1], 0.3), name="grandchild", parent=ends[1].fingerprint)
    orphans = family_of(random_liquid(seed=9), 2)[1:]
    systems = [ends[0], a, b, grandchild, c, ends[1], orphans[0], replace(a, name="copy"), orphans[1]]
    # The grandchild joins through its parent, which comes after it.
    assert families(systems) == [0, 1, 0, 0, 2, 0, 3, 1, 3]
    for folds in (2, 3, 4):
        for fold in range(1, folds + 1):
            training, held = validation_fold(systems, folds, fold)
            assert len(training) + len(held) == len(systems)
            assert held
            refuse_copies([], held, "")
            mine, theirs = ({families(systems)[systems.index(s)] for s in part} for part in (training, held))
            assert not mine & theirs
    with pytest.raises(ConfigurationError, match=r"9 configurations, which are 4 families .* into 5 folds"):
        validation_fold(systems, 5, 1)
    assert [len(fold) for fold in folds_of(systems, 9, families(systems))] == [4, 2, 1, 2]


def test_divisions_by_hash_keep_families_together() -> None:
    systems = [s for seed in range(4) for s in family_of(replace(random_liquid(seed=seed), name=f"c{seed}"), 2)]
    root = {s.name: s.name.split("-")[0] for s in systems}
    for training, test in (training_and_test(systems, 4), halves(systems, lambda s: s.name == "c2-1")):
        assert test
        assert not {root[s.name] for s in training} & {root[s.name] for s in test}
    assert "c2" in {root[s.name] for s in halves(systems, lambda s: s.name == "c2-1").refit}


def test_a_relative_on_the_other_side_is_refused() -> None:
    parent, end, other_end = family_of(random_liquid(), 2)
    for one, other, words in (
        (parent, replace(parent, name="again"), "same configuration"),
        (parent, end, "of one parent"),
        (end, parent, "of one parent"),
        (end, other_end, "of one parent"),
    ):
        with pytest.raises(DataError, match=f"validation holds.*: {other.name} and {one.name} are .*{words}"):
            refuse_copies([one], [other], "the validation holds training configurations")
    refuse_copies([parent, end], [random_liquid(seed=1)])


# --- files ---


def test_a_data_set_stores_fingerprint_and_parent(tmp_path: Path) -> None:
    import h5py

    parent = labelled_liquid(0)
    end = replace(labelled_liquid(1), parent=parent.fingerprint)
    equiglass.save([parent, end], tmp_path / "data.h5")
    with h5py.File(tmp_path / "data.h5") as file:
        first, second = file["configurations"].values()
        assert first.attrs["fingerprint"] == second.attrs["parent"] == str(parent.fingerprint)
        assert "parent" not in first.attrs
    again = equiglass.load(tmp_path / "data.h5")
    assert [system.parent for system in again] == [None, parent.fingerprint]
    assert [system.fingerprint for system in again] == [parent.fingerprint, end.fingerprint]
    arrays = {"types": end.types, "positions": end.positions, "box": end.box, "parent": str(end.parent)}
    np.savez(tmp_path / "end.npz", **arrays)
    (read,) = equiglass.load(tmp_path / "end.npz")
    assert read.parent == parent.fingerprint


def test_an_export_beside_its_original_is_left_out(tmp_path: Path) -> None:
    systems = [replace(labelled_liquid(seed), name=f"000{seed}") for seed in range(3)]
    equiglass.save(systems, tmp_path / "dataset.h5")
    equiglass.save(systems, tmp_path / "dataset.xyz")
    with pytest.warns(
        EquiglassWarning, match=r"dataset\.xyz: 3 configurations are copies .* 0000 is 0000 of dataset\.h5"
    ):
        loaded = equiglass.load(tmp_path)
    assert [system.name for system in loaded] == ["0000", "0001", "0002"]
    assert all(system.replica_variance is not None for system in loaded)
    assert len(equiglass.load(tmp_path, copies=True)) == 6


def test_a_frame_written_twice_is_left_out_but_predicted(tmp_path: Path) -> None:
    bare = [random_liquid(seed=seed) for seed in (0, 1, 1, 2)]
    equiglass.save(bare, tmp_path / "run.xyz")
    with pytest.warns(
        EquiglassWarning, match=r"1 configuration is a copy and is left out; liquid-1 is liquid-1 of run"
    ):
        assert len(equiglass.load(tmp_path / "run.xyz")) == 3


def test_the_same_names_of_other_content_are_not_copies(tmp_path: Path) -> None:
    equiglass.save(replace(labelled_liquid(0), name="0001"), tmp_path / "a.h5")
    equiglass.save(replace(labelled_liquid(1), name="0001"), tmp_path / "b.h5")
    assert len(equiglass.load(tmp_path)) == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"temperature": 0.6}, "the temperature 0.6, not 0.5"),
        ({"times": np.array([0.1, 40.0])}, "the time '7' 40, not 16.5"),
        ({"propensity": labelled_liquid(0).propensity * 1.1}, "the mean propensity of A at '1' "),
        ({"time_labels": ("1", "8")}, "a time '8', which is not there"),
    ],
)
def test_a_copy_with_other_labels_is_refused(tmp_path: Path, change: dict[str, object], words: str) -> None:
    system = labelled_liquid(0)
    equiglass.save(system, tmp_path / "a.h5")
    equiglass.save(replace(system, name="again", **change), tmp_path / "b.h5")  # type: ignore[arg-type]
    with pytest.raises(DataError, match=f"again is the configuration liquid-0 of a.h5 with {words}"):
        equiglass.load(tmp_path)
