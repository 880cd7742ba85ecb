"""Frames of trajectories: which are read, in which order, with image flags and times."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from equiglass.errors import ConfigurationError, DataError
from equiglass.formats import load, stream
from samples.command import run
from samples.damaged import LIQUID, assert_liquid, dump_lines, xyz_lines
from samples.liquids import random_liquid


def trajectory(n: int = 12) -> str:
    lines = dump_lines()
    return "".join("\n".join([lines[0], str(100 * k), *lines[2:]]) + "\n" for k in range(n))


@pytest.mark.parametrize(
    ("frames", "steps"),
    [
        ("0:12:5", [0, 500, 1000]),
        ("3:5", [300, 400]),
        ("::6", [0, 600]),
        ("10:", [1000, 1100]),
        ("10:1000:1", [1000, 1100]),
    ],
)
def test_frames_of_a_trajectory(tmp_path: Path, frames: str, steps: list[int]) -> None:
    (tmp_path / "a.dump").write_text(trajectory())
    assert [system.timestep for system in load(tmp_path, frames=frames, copies=True)] == steps


def test_frames_beyond_the_end(tmp_path: Path) -> None:
    (tmp_path / "a.dump").write_text(trajectory(2))
    with pytest.raises(DataError, match=r"a\.dump: there is no frame in 2:"):
        load(tmp_path, frames="2:")
    assert run("quench", tmp_path / "a.dump", "--frames", "2:", "-o", tmp_path / "q.h5") == 2
    assert not (tmp_path / "q.h5").exists()


@pytest.mark.parametrize("frames", ["5", "a:b", "-3:", "1:2:0", "1:2:3:4"])
def test_frames_that_are_none(tmp_path: Path, frames: str) -> None:
    (tmp_path / "a.dump").write_text(trajectory(2))
    with pytest.raises(ConfigurationError, match="frames"):
        load(tmp_path, frames=frames)


@pytest.mark.parametrize("suffix", [".dump", ".xyz"])
def test_frames_are_read_one_at_a_time(tmp_path: Path, suffix: str) -> None:
    text = trajectory(3) if suffix == ".dump" else ("\n".join(xyz_lines()) + "\n") * 3
    (tmp_path / f"a{suffix}").write_text(text + "this is not a frame\n")
    systems = stream(tmp_path / f"a{suffix}", copies=True)
    assert_liquid(next(systems))
    assert_liquid(next(systems))
    assert len(load(tmp_path / f"a{suffix}", frames="0:2", copies=True)) == 2
    with pytest.raises(DataError, match="not a frame"):
        list(systems)


def test_image_flags_and_times_of_dumps(tmp_path: Path) -> None:
    lines = [
        line.replace("id type x y z", "id type x y z ix iy iz") if line.startswith("ITEM: ATOMS") else line
        for line in dump_lines()
    ]
    at = next(k for k, line in enumerate(lines) if line.startswith("ITEM: ATOMS"))
    flagged = [
        "ITEM: TIME",
        "2.5",
        *lines[: at + 1],
        *(f"{line} {k % 3 - 1} 0 2" for k, line in enumerate(lines[at + 1 :])),
    ]
    (tmp_path / "a.dump").write_text("\n".join(flagged) + "\n")
    (system,) = load(tmp_path)
    assert system.time == 2.5
    flags = np.column_stack([np.arange(60) % 3 - 1, np.zeros(60), np.full(60, 2)])
    np.testing.assert_allclose(system.unwrapped, LIQUID.positions + flags * LIQUID.box, atol=1e-9)
    assert_liquid(system)


def test_a_species_that_comes_later_and_changes_the_types_is_refused(tmp_path: Path) -> None:
    one = "\n".join(dump_lines()) + "\n"
    other = one.replace("TIMESTEP\n0", "TIMESTEP\n1").replace("\n1 1 ", "\n1 0 ")
    (tmp_path / "a.dump").write_text(one + (other if other != one else one.replace("\n1 2 ", "\n1 0 ")))
    with pytest.raises(DataError, match="is new in this frame"):
        load(tmp_path)


def test_the_commands_take_frames(tmp_path: Path) -> None:
    (tmp_path / "a.dump").write_text(trajectory(5))
    assert run("quench", tmp_path / "a.dump", "-o", tmp_path / "q.h5", "--frames", "0:5:2") == 0
    assert [system.timestep for system in load(tmp_path / "q.h5", copies=True)] == [0, 200, 400]


def test_positions_beyond_the_box_have_image_flags() -> None:
    outside = replace(LIQUID, positions=LIQUID.positions + 3 * LIQUID.box)
    np.testing.assert_array_equal(outside.images, 3)
    np.testing.assert_allclose(outside.unwrapped, LIQUID.positions + 3 * LIQUID.box)
    assert LIQUID.images is None
    assert random_liquid().images is None
    again = replace(outside, images=None)
    assert again.images is None
    with pytest.raises(DataError, match="images has shape"):
        replace(LIQUID, images=np.zeros((3, 3)))
