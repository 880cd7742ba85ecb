"""Labels from one's own runs, against the displacements from which the runs were made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from equiglass import as_end, label
from equiglass.errors import ConfigurationError, DataError, EquiglassWarning
from equiglass.formats import load, save
from equiglass.liquid.potential import KOB_ANDERSEN
from equiglass.liquid.system import System
from samples.command import run
from samples.liquids import random_liquid

LIQUID = random_liquid(n=216)
START = replace(LIQUID, positions=(LIQUID.positions + LIQUID.box / 12) % LIQUID.box, ids=np.arange(216) + 1)
"""A layer of particles lies on a face of the box, so that some cross it."""

STEPS = (0, 100, 200, 400)


def moves() -> np.ndarray:
    """r(t) - r(0) of three runs with zero momentum, (T, runs, N, 3)."""
    walks = np.cumsum(np.random.default_rng(0).normal(0, 0.02, (len(STEPS) - 1, 3, 216, 3)), axis=0)
    return walks - walks.mean(axis=2, keepdims=True)


CALM = moves()


def dump(path: Path, walk: np.ndarray, how: str = "unwrapped", steps: tuple[int, ...] = STEPS) -> Path:
    """A LAMMPS dump of one run, (T, N, 3), with the particles in another order in every frame."""
    columns = {"unwrapped": "xu yu zu", "flags": "x y z ix iy iz", "wrapped": "x y z", "scaled": "xs ys zs"}[how]
    box, text = START.box, []
    for k, (step, positions) in enumerate(
        zip(steps, START.positions + np.stack([np.zeros((216, 3)), *walk]), strict=True)
    ):
        images = np.floor(positions / box)
        wrapped = positions - images * box
        table = {
            "unwrapped": positions,
            "flags": np.column_stack([wrapped, images]),
            "wrapped": wrapped,
            "scaled": wrapped / box,
        }[how]
        bounds = "\n".join(f"0 {side!r}" for side in box.tolist())
        rows = [
            f"{i + 1} {START.types[i] + 1} {' '.join(f'{x:.10g}' for x in table[i])}"
            for i in np.random.default_rng(k).permutation(216)
        ]
        text += ["ITEM: TIMESTEP", str(step), "ITEM: NUMBER OF ATOMS", "216", "ITEM: BOX BOUNDS pp pp pp", bounds]
        text += [f"ITEM: ATOMS id type {columns}", *rows]
    path.write_text("\n".join(text) + "\n")
    return path


def xyz(path: Path, walk: np.ndarray, how: str = "unwrapped") -> Path:
    """Extended XYZ of one run, with times in the comment lines."""
    side, text = START.box[0], []
    for step, positions in zip(STEPS, START.positions + np.stack([np.zeros((216, 3)), *walk]), strict=True):
        cell = f'Lattice="{side} 0 0 0 {side} 0 0 0 {side}" Properties=species:S:1:pos:R:3'
        text += ["216", f"{cell} Time={0.005 * step}"]
        shown = positions if how == "unwrapped" else positions % START.box
        text += [f"{'AB'[kind]} {x:.10f} {y:.10f} {z:.10f}" for kind, (x, y, z) in zip(START.types, shown, strict=True)]
    path.write_text("\n".join(text) + "\n")
    return path


def gsd_file(path: Path, walk: np.ndarray, how: str = "flags", frames: int | None = None) -> Path:
    hoomd = pytest.importorskip("gsd.hoomd")
    with hoomd.open(str(path), "w") as file:
        every = zip(STEPS, START.positions + np.stack([np.zeros((216, 3)), *walk]), strict=True)
        for step, positions in islice(every, frames):
            frame = hoomd.Frame()
            frame.configuration.step, frame.configuration.box = step, [*START.box, 0, 0, 0]
            frame.particles.N, frame.particles.types = 216, ["A", "B"]
            frame.particles.typeid = START.types
            images = np.floor(positions / START.box)
            frame.particles.position = positions - images * START.box - START.box / 2
            if how == "flags":
                frame.particles.image = images
            file.append(frame)
    return path


def expect(system: System, walks: np.ndarray, tolerance: float = 1e-6) -> None:
    distances = np.linalg.norm(walks, axis=-1)
    np.testing.assert_allclose(system.propensity, distances.mean(axis=1), atol=tolerance)
    np.testing.assert_allclose(system.replica_variance, distances.var(axis=1, ddof=1), atol=tolerance)
    np.testing.assert_allclose(system.propensity_halves[0], distances[:, ::2].mean(axis=1), atol=tolerance)
    np.testing.assert_allclose(system.propensity_halves[1], distances[:, 1::2].mean(axis=1), atol=tolerance)
    np.testing.assert_allclose(system.mean_displacement, walks.mean(axis=1), atol=tolerance)
    np.testing.assert_allclose(system.times, [0.5, 1.0, 2.0])
    assert (system.runs, system.time_labels) == (walks.shape[1], ("1", "2", "3"))


WRITERS: dict[str, tuple[Callable[..., Path], str, str, bool]] = {
    "unwrapped dump": (dump, ".lammpstrj", "unwrapped", False),
    "dump with flags": (dump, ".lammpstrj", "flags", False),
    "wrapped dump": (dump, ".lammpstrj", "wrapped", True),
    "scaled dump": (dump, ".lammpstrj", "scaled", True),
    "unwrapped xyz": (xyz, ".xyz", "unwrapped", False),
    "wrapped xyz": (xyz, ".xyz", "wrapped", True),
    "gsd with images": (gsd_file, ".gsd", "flags", False),
    "wrapped gsd": (gsd_file, ".gsd", "wrapped", True),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_the_labels_are_those_of_the_displacements(tmp_path: Path, kind: str) -> None:
    write, suffix, how, warned = WRITERS[kind]
    files = [write(tmp_path / f"run{k}{suffix}", CALM[:, k], how) for k in range(3)]
    timestep = None if suffix == ".xyz" else 0.005

    def labelled() -> System:
        return label(START, files, timestep=timestep, temperature=0.5)

    if warned:
        with pytest.warns(EquiglassWarning, match="followed from frame to frame"):
            system = labelled()
    else:
        system = labelled()
    expect(system, CALM, 1e-5)
    np.testing.assert_array_equal(system.positions, START.positions)


def test_runs_in_folders_and_chosen_frames(tmp_path: Path) -> None:
    files = []
    for k in range(3):
        (tmp_path / f"run{k}").mkdir()
        frames = dump(tmp_path / "whole", CALM[:, k]).read_text().split("ITEM: TIMESTEP")[1:]
        for step, frame in zip(STEPS, frames, strict=True):
            (tmp_path / f"run{k}" / f"dump.{step}").write_text("ITEM: TIMESTEP" + frame)
        files.append(tmp_path / f"run{k}")
    expect(label(START, files, timestep=0.005), CALM)
    whole = [dump(tmp_path / f"{k}.dump", CALM[:, k]) for k in range(3)]
    system = label(START, whole, timestep=0.005, frames="0:4:3", displacements=True)
    assert system.times.tolist() == [2.0]
    np.testing.assert_allclose(system.replica_displacements, CALM[2:], atol=1e-6)


def test_a_frame_written_twice_counts_once(tmp_path: Path) -> None:
    twice = CALM[[0, 1, 1, 2]]
    files = [dump(tmp_path / f"{k}.dump", twice[:, k], steps=(0, 100, 200, 200, 400)) for k in range(3)]
    expect(label(START, files, timestep=0.005), CALM)


def test_a_drift_is_subtracted_with_a_warning(tmp_path: Path) -> None:
    drifting = CALM + np.arange(1, 4)[:, None, None, None] * np.array([0.1, 0.0, 0.05])
    files = [dump(tmp_path / f"{k}.dump", drifting[:, k]) for k in range(3)]
    with pytest.warns(EquiglassWarning, match="the runs drift"):
        system = label(START, files, timestep=0.005)
    expect(system, CALM)


def test_a_run_that_ends_early_leaves_the_common_times(tmp_path: Path) -> None:
    files = [dump(tmp_path / f"{k}.dump", CALM[:, k]) for k in range(2)]
    files.append(dump(tmp_path / "2.dump", CALM[:2, 2], steps=STEPS[:3]))
    with pytest.warns(EquiglassWarning, match=r"2\.dump: the run ends after 2 times"):
        system = label(START, files, timestep=0.005)
    assert system.times.tolist() == [0.5, 1.0]


def one(tmp_path: Path, walk: np.ndarray = CALM[:, 0], **how: object) -> Path:
    return dump(tmp_path / "one.dump", walk, **how)  # type: ignore[arg-type]


def changed(tmp_path: Path, old: str, new: str, count: int = -1) -> Path:
    path = one(tmp_path)
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, count))
    return path


def test_what_is_refused(tmp_path: Path) -> None:
    other = dump(tmp_path / "other.dump", CALM[:, 1])

    def refused(said: str, *runs: Path, **options: object) -> None:
        with pytest.raises(DataError, match=said):
            label(START, runs, **{"timestep": 0.005, **options})  # type: ignore[arg-type]

    refused("are the same run", one(tmp_path), one(tmp_path))
    copy = tmp_path / "copy.dump"
    copy.write_text(one(tmp_path).read_text())
    refused("are the same run", one(tmp_path), other, copy)
    refused("states no times; give the timestep", one(tmp_path), timestep=None)
    refused("frames after the first", one(tmp_path), timestep=None, times=[1.0, 2.0])
    refused("first frame is not the starting configuration", one(tmp_path), frames="1:")
    refused("no frame after the start", one(tmp_path), frames="0:1")
    refused("there is no frame in 9:", one(tmp_path), frames="9:")
    refused("all runs must have the same times", other, dump(tmp_path / "o.dump", CALM[:, 0], steps=(0, 90, 200, 400)))
    refused("times must ascend", one(tmp_path, steps=(0, 200, 100, 400)))
    refused("particle ids differ", changed(tmp_path, "\n216 ", "\n999 "))
    side = repr(float(START.box[0]))
    refused("the box is", changed(tmp_path, f"0 {side}", f"0 {float(side) + 0.001!r}"))
    apart = replace(START, types=1 - START.types)
    with pytest.raises(DataError, match="types of the particles differ"):
        label(apart, [one(tmp_path)], timestep=0.005)
    with pytest.raises(DataError, match="216 particles, but the start has 120"):
        label(random_liquid(), [one(tmp_path)], timestep=0.005)
    with pytest.raises(ConfigurationError, match="either the timestep or the times"):
        label(START, [one(tmp_path)], timestep=0.005, times=[1.0])
    with pytest.raises(ConfigurationError, match="one file or folder per run"):
        label(START, [], timestep=0.005)
    with pytest.raises(DataError, match="holds 4 configurations"):
        label(one(tmp_path), [other], timestep=0.005)


def test_times_by_hand_and_one_run(tmp_path: Path) -> None:
    system = label(START, [one(tmp_path)], times=[1.0, 3.0, 9.0], potential=KOB_ANDERSEN)
    assert (system.times.tolist(), system.runs, system.potential) == ([1.0, 3.0, 9.0], 1, KOB_ANDERSEN)
    assert (system.replica_variance, system.propensity_halves) == (None, None)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(START, tmp_path / "start.xyz")
    files = [dump(tmp_path / f"{k}.dump", CALM[:, k]) for k in range(3)]
    words = ["label", tmp_path / "start.xyz", "--runs", *files, "-o", tmp_path / "out.h5", "--timestep", "0.005"]
    assert run(*words, "--displacements") == 0
    assert "3: t = 2, mean propensity" in capsys.readouterr().out
    (system,) = load(tmp_path / "out.h5")
    expect(system, CALM, 1e-3)
    assert system.temperature == 0.5
    assert system.provenance["runs"] == "0.dump, 1.dump, 2.dump"
    for bad in (
        ["-o", tmp_path / "out.npz"],
        ["-o", tmp_path / "nowhere" / "out.h5"],
        ["--times", "1,b", "-o", "o.h5"],
    ):
        assert run("label", tmp_path / "start.xyz", "--runs", files[0], *bad) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.lammps
def test_runs_of_lammps(tmp_path: Path) -> None:
    from equiglass.liquid.inherent import quench
    from equiglass.simulate.lammps import header, run_lammps, write_state

    start = quench(random_liquid(n=216), tolerance=1e-2)
    assert start.positions_inherent is not None
    write_state(tmp_path / "start.data", start.positions_inherent, start.types, start.box, 2)
    for k in range(3):
        folder = tmp_path / f"run{k}"
        folder.mkdir()
        (folder / "start.data").write_text((tmp_path / "start.data").read_text())
        script = header("read_data start.data", KOB_ANDERSEN)
        script += (
            f"velocity all create 1.0 {k + 11} mom yes dist gaussian\nfix 1 all nve\ntimestep 0.004\n"
            "dump flags all custom 50 flags.dump id type x y z ix iy iz\n"
            "dump wrapped all custom 50 wrapped.dump id type x y z\n"
            "dump times all custom 50 times.dump id type xu yu zu\n"
            "dump_modify times time yes units yes\nrun 500\n"
        )
        run_lammps(script, folder)
    start_file = tmp_path / "start.data"
    files = {key: [tmp_path / f"run{k}" / f"{key}.dump" for k in range(3)] for key in ("flags", "wrapped", "times")}
    flags = label(start_file, files["flags"], timestep=0.004)
    times = label(start_file, files["times"])
    with pytest.warns(EquiglassWarning, match="followed"):
        wrapped = label(start_file, files["wrapped"], timestep=0.004)
    np.testing.assert_allclose(flags.times, 0.2 * np.arange(1, 11))
    np.testing.assert_allclose(times.times, flags.times)
    for system in (wrapped, times):
        np.testing.assert_allclose(system.propensity, flags.propensity, atol=1e-4)
    assert flags.propensity.mean() > 0.1


def test_the_start_keeps_all_but_its_labels(tmp_path: Path) -> None:
    """The parent decides on which side of a split the labelled configuration lies; the ids join it to its file."""
    start = replace(
        START, parent=LIQUID.fingerprint, time_labels=("9",), times=np.ones(1), propensity=np.ones((1, 216))
    )
    runs = [dump(tmp_path / f"{k}.dump", CALM[:, k]) for k in range(3)]
    labelled = label(start, runs, timestep=0.005, temperature=0.5, potential=KOB_ANDERSEN)
    assert labelled.parent == start.parent
    assert labelled.time_labels == ("1", "2", "3")
    np.testing.assert_array_equal(labelled.ids, start.ids)
    assert as_end(labelled).runs == 1
