"""Files whose labels contradict one another or come from wrapped positions, and what a file states in other words."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import equiglass
from equiglass.errors import DataError, EquiglassWarning
from equiglass.formats.agreement import check_not_of_wrapped_positions
from equiglass.liquid.needs import with_potential
from equiglass.liquid.potential import KOB_ANDERSEN
from equiglass.liquid.system import System
from equiglass.observables.propensity import over_runs
from samples.command import run
from samples.damaged import bapst_data, glassbench_arrays, labelled_arrays
from samples.labelled import labelled_liquid
from samples.liquids import random_liquid


def moved(seed: int, size: float, corner: float = 0.0, wrapped: bool = False) -> System:
    """250 particles with the propensity of runs with steps of this size, wrapped to a box that begins at a corner."""
    rng = np.random.default_rng(seed)
    system = random_liquid(250, seed=seed)
    # The sites of its lattice must lie on the faces as a liquid does; the lattice has 7 of them along each edge.
    system = replace(system, positions=system.positions + (0.5 + corner / system.box) * system.box / 7)
    ends = system.positions + rng.normal(0, size, (8, 250, 3)) * rng.lognormal(0, 0.7, (250, 1))
    start = system.positions
    if wrapped:
        ends, start = (corner + (each - corner) % system.box for each in (ends, start))
    propensity = over_runs(ends - start).propensity[None]
    return replace(system, time_labels=("7",), times=np.array([1.0]), propensity=propensity)


@pytest.mark.parametrize("suffix", [".xyz", ".h5"])
@pytest.mark.parametrize("corner", [0.0, -0.5])
@pytest.mark.parametrize("size", [0.1, 0.3, 0.6])
def test_the_propensity_of_wrapped_positions_is_refused(
    size: float, corner: float, suffix: str, tmp_path: Path
) -> None:
    box = float(random_liquid(250).box[0])
    equiglass.save(moved(1, size, corner * box, wrapped=True), tmp_path / f"a{suffix}")
    with pytest.raises(DataError, match="largest next to the faces of the box"):
        equiglass.load(tmp_path / f"a{suffix}")
    equiglass.save(moved(1, size), tmp_path / f"b{suffix}")
    assert len(equiglass.load(tmp_path / f"b{suffix}")) == 1


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.floats(0.01, 2.0))
@example(seed=716, size=1.0)
def test_a_heterogeneous_propensity_is_accepted(seed: int, size: float) -> None:
    check_not_of_wrapped_positions(moved(seed, size))


@pytest.mark.parametrize("label", ["replica_displacements", "propensity_halves", "mean_displacement"])
def test_labels_that_contradict_one_another(label: str, tmp_path: Path) -> None:
    arrays = labelled_arrays()
    runs = np.random.default_rng(0).normal(0, 0.1, (2, 6, 60, 3)).astype(np.float32)
    agreeing = [over_runs(each) for each in runs]
    arrays["propensity"] = np.stack([each.propensity for each in agreeing])
    halves = np.stack([np.asarray(each.propensity_halves) for each in agreeing], axis=1)
    mean = np.stack([each.mean_displacement for each in agreeing])
    arrays |= {"replica_displacements": runs, "propensity_halves": halves, "mean_displacement": mean}
    np.savez(tmp_path / "a.npz", **arrays)
    assert len(equiglass.load(tmp_path / "a.npz")) == 1
    np.savez(tmp_path / "b.npz", **{**arrays, label: np.nan * arrays[label]})
    assert len(equiglass.load(tmp_path / "b.npz")) == 1
    np.savez(tmp_path / "c.npz", **{**arrays, label: 5 * arrays[label]})
    with pytest.warns(EquiglassWarning, match=f"labelled '1'.* contradicts the .*{label}"):
        equiglass.load(tmp_path / "c.npz")


def test_targets_of_wrapped_runs_are_refused(tmp_path: Path) -> None:
    data = bapst_data()
    box = np.asarray(data["box"])
    start = data["positions"]
    wrapped = [[(start + 0.3 * (end - start)) % box for end in time] for time in data["trajectory_target_positions"]]
    targets = [over_runs(np.asarray(time) - start).propensity for time in wrapped]
    data |= {"trajectory_target_positions": wrapped, "targets": np.array(targets)}
    (tmp_path / "a.pickle").write_bytes(pickle.dumps(data))
    with pytest.raises(DataError, match=r"the targets are .* wrapped into the box"):
        equiglass.load(tmp_path / "a.pickle")


@pytest.mark.parametrize(
    ("key", "unit", "good"),
    [
        ("units", "metal", False),
        ("unit", "Angstrom", False),
        ("length_unit", "nm", False),
        ("Units", b"real", False),
        ("length_unit", "sigma", True),
        ("units", "LJ units", True),
        ("time_unit", "tau", True),
    ],
)
def test_units_under_any_name(key: str, unit: str | bytes, good: bool, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **labelled_arrays(), **{key: np.array(unit)})
    np.savez(tmp_path / "N60T0.44_1.npz", **glassbench_arrays(), **{key: np.array(unit)})
    (tmp_path / "b.pickle").write_bytes(pickle.dumps({**bapst_data(), "metadata": {key: unit}}))
    for name in ("a.npz", "N60T0.44_1.npz", "b.pickle"):
        if good:
            equiglass.load(tmp_path / name)
        else:
            with pytest.raises(DataError, match="the file states the units"):
                equiglass.load(tmp_path / name)


@pytest.mark.parametrize("key", ["box", "L", "cell", "box_length", "Lattice", "boxsize", "Lx Ly Lz"])
def test_a_stated_box_under_any_name(key: str, tmp_path: Path) -> None:
    arrays = {name: array * 1.02 if "positions" in name else array for name, array in glassbench_arrays().items()}
    edge = random_liquid(60).box[0] * 1.02
    np.savez(tmp_path / "N60T0.44_1.npz", **arrays, **{each: np.array(edge) for each in key.split()})
    (system,) = equiglass.load(tmp_path / "N60T0.44_1.npz")
    assert system.box == pytest.approx(np.full(3, edge))


def test_an_unknown_potential_is_not_replaced_in_silence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "a.npz", **labelled_arrays(), potential="wahnstrom")
    assert run("quench", tmp_path / "a.npz", "-o", tmp_path / "q.h5") == 2
    assert "states the potential 'wahnstrom', which is not known" in capsys.readouterr().err
    assert run("quench", tmp_path / "a.npz", "-o", tmp_path / "q.h5", "--potential", "kob-andersen") == 0
    silent = replace(random_liquid(), potential=None)
    assert with_potential(silent, KOB_ANDERSEN).potential == KOB_ANDERSEN


def test_validation_at_other_times_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    equiglass.save([labelled_liquid(k) for k in range(2)], tmp_path / "a.h5")
    equiglass.save([replace(labelled_liquid(5), times=np.array([1.0, 165.0]))], tmp_path / "times.h5")
    equiglass.save([replace(labelled_liquid(5), time_labels=("x", "y"))], tmp_path / "labels.h5")
    for name, said in (("times", "the time labelled '1' is 0.1 in"), ("labels", "none is in common")):
        words = ("--data", tmp_path / "a.h5", "--validation", tmp_path / f"{name}.h5", "--out", tmp_path / "run")
        assert run("train", *words) == 2
        assert said in capsys.readouterr().err


def test_predictions_name_the_times_of_every_configuration(tmp_path: Path) -> None:
    warm = [replace(labelled_liquid(k), temperature=0.6, times=np.array([0.01, 1.65])) for k in (2, 3)]
    equiglass.save([labelled_liquid(0), labelled_liquid(1), *warm], tmp_path / "a.h5")
    settings_ = ("architecture.l_max=1", "architecture.layers=1", "architecture.channels=2", "epochs=1", "fold=0")
    words = [word for each in settings_ for word in ("--set", each)]
    assert run("train", "--data", tmp_path / "a.h5", "--out", tmp_path / "run", *words) == 0
    assert run("predict", tmp_path / "run", tmp_path / "a.h5", "-o", tmp_path / "p.xyz") == 0
    times = [system.times.tolist() for system in equiglass.load(tmp_path / "p.xyz")]
    assert times == [[0.1, 16.5], [0.1, 16.5], [0.01, 1.65], [0.01, 1.65]]


def test_a_warning_is_printed_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command reads its file several times."""
    np.savez(tmp_path / "a.npz", **labelled_arrays(), potential="wahnstrom")
    assert run("quench", tmp_path / "a.npz", "-o", tmp_path / "q.h5", "--potential", "kob-andersen") == 0
    assert capsys.readouterr().err.count("is not known and is left out") == 1
