"""Damaged files of every format: none crashes, and none is read as something else in silence.

The inputs are made from small sound files by keys: bytes overwritten, the end cut off, keys dropped, and types and
shapes of arrays changed. `load` may refuse a file with an EquiglassError, or warn. Silence means that what is read is
what was written, except for changes that no reader can notice:

- In a format without check sums, a byte that is overwritten may change one number or one word, and nothing else. A box
  may change by a tenth at most, because the particles would no longer fit it.
- A key that is optional may be missing. Its field is then None or empty, and all others are as they were.
- Text without meaning for the physics (name, provenance) may change.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from equiglass.errors import EquiglassError, EquiglassWarning
from equiglass.formats import FORMATS, load, save
from equiglass.liquid.neighbors import minimum_image
from equiglass.liquid.system import QUANTITIES, System
from samples.sound import SAMPLES, Sample, labelled

pytestmark = pytest.mark.slow

FREE_TEXT = ("name", "provenance")
FLIPS, CUTS = 40, 12

WHOLE = ("times", "time", "origin", "box")
"""Arrays that may hold whole numbers."""

UNKNOWN = ("propensity", "propensity_halves", "md_prop", "SE3", "targets")
MIRRORED = (
    "positions",
    "positions_IS",
    "initial_positions",
    "initial_positions_inherent",
    "positions_inherent",
    "origin",
    "SE3",
)
SOUND = {(key, "NaN") for key in UNKNOWN} | {(key, "negative") for key in (*MIRRORED, "trajectory_target_positions")}
"""Changes that make another sound file: NaN is an unknown label, and a mirrored liquid is a liquid."""


def test_every_format_has_a_sample() -> None:
    missing = set(FORMATS) - {sample.format for sample in SAMPLES.values()}
    assert not missing, "add a sound file of each to SAMPLES"


def outcome(path: Path) -> list[System] | str:
    """What is read in silence, or the sentence of the error or the warning."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            # Frames of a sample may be equal: their number is judged too.
            systems = load(path, copies=True)
        except EquiglassError as error:
            return str(error)
    strange = [each.message for each in caught if not issubclass(each.category, EquiglassWarning)]
    assert not strange
    return str(caught[0].message) if caught else systems


def differences(one: System, other: System, tolerance: float) -> tuple[int, list[str]]:
    """How many particles, other numbers and words of a configuration differ, and the fields in which they do.

    A field that is missing in ``other`` differs in nothing. A particle counts once: all its labels may come from one
    number of the file.
    """
    differing, count, names = np.zeros(one.n_particles, bool), 0, []
    for key in (field.name for field in fields(System)):
        a, b = getattr(one, key), getattr(other, key)
        if key in FREE_TEXT or b is None or np.size(b) == 0 or (isinstance(b, dict) and not b):
            continue
        if key == "potential" and a is not None:
            # Any name may stand with the same tables.
            b = replace(b, name=a.name)
        if key == "images" and a is None:
            # They follow from positions outside the box, which are compared.
            continue
        axes = QUANTITIES[key].axes if key in QUANTITIES else ()
        if key == "predictions":
            a, b, axes = np.array(list(a.values())), np.array(list(b.values())), ("P", "T", "N")
        if not isinstance(b, np.ndarray) or a is None:
            count += int(a != b)
            names += [key] * int(a != b)
            continue
        if np.shape(a) != b.shape:
            return 10**9, [f"{key} of shape {b.shape}"]
        if key == "types":
            # A type 0 makes all others one higher.
            differ = min((a != b, a + 1 != b), key=np.sum)
        elif key.startswith("positions"):
            differ = min((apart(one, other, a, b, frame, tolerance) for frame in (False, True)), key=np.sum)
        else:
            differ = ~np.isclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True)
        names += [key] * int(np.any(differ))
        if "N" in axes:
            others = tuple(k for k in range(differ.ndim) if k != axes.index("N"))
            differing |= np.any(differ, axis=others)
        else:
            count += int(np.sum(differ))
    return count + int(differing.sum()), names


def apart(one: System, other: System, a: np.ndarray, b: np.ndarray, frame: bool, tolerance: float) -> np.ndarray:
    """Whether positions differ, in the frame of the file or in that of the box, beyond images in a changed box."""
    shift = np.zeros(3)
    if frame:
        shift = (0 if other.origin is None else other.origin) - (0 if one.origin is None else one.origin)
    distance = np.abs(minimum_image(b + shift - a, other.box))
    return distance > 2 * np.abs(other.box - one.box) + 3 * tolerance


def assert_the_same(sound: list[System], read: list[System], most: int, what: str) -> None:
    tolerance = 2e-3 if what.endswith(" as f2") else 1e-5 if what.endswith(" as f4") else 1e-6
    assert len(read) == len(sound), f"{what}: {len(read)} configurations in silence"
    total, names = 0, []
    for one, other in zip(sound, read, strict=True):
        count, where = differences(one, other, tolerance)
        total, names = total + count, names + where
        assert np.all(np.abs(other.box / one.box - 1) < 0.1), f"{what}: the box {other.box} in silence"
    assert total <= most, f"{what}: {total} values differ in silence, in {names}"


def damages(sample: Sample, sound: bytes) -> Iterator[tuple[str, bytes, int]]:
    """Damaged contents, with the largest number of values that may change in silence."""
    for k in range(FLIPS):
        dice = random.Random(f"{sample.name} {k}")
        content = bytearray(sound)
        flips = dice.choice([1, 1, 2, 8])
        for _ in range(flips):
            # Half of the hits in the first kilobyte, where headers are.
            content[dice.randrange(len(content) if dice.random() < 0.5 else min(1000, len(content)))] = dice.randrange(
                256
            )
        yield f"{k}: {flips} bytes overwritten", bytes(content), 0 if sample.sums else flips
    for k in range(CUTS):
        end = random.Random(f"{sample.name} cut {k}").randrange(1, len(sound))
        yield f"cut at {end} of {len(sound)}", sound[:end], 0
    if sample.arrays is not None:
        for what, arrays in changed(sample.arrays()):
            yield what, sample.pack(arrays), 0


def changed(arrays: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The arrays with one key dropped, or with another type or shape at one key."""
    for key, value in arrays.items():
        yield f"without {key}", {name: held for name, held in arrays.items() if name != key}
        if not isinstance(value, np.ndarray):
            yield f"{key} as text", arrays | {key: "text"}
            yield f"{key} twice", arrays | {key: np.array([value, value])}
            continue
        for kind in ("f4", "f2", ">f8", "i8", "i1", "?", "c16", "U20", "S20"):
            if not (kind in ("i8", "i1") and key in WHOLE):
                yield f"{key} as {kind}", arrays | {key: value.astype(kind)}
        for how, other in {
            "transposed": value.T,
            "flat": value.ravel(),
            "shorter": value[:-1],
            "longer": np.concatenate([value, value[-1:]]),
            "with another axis": value[None],
            "without last column": value[..., :-1],
            "empty": value[:0],
            "NaN": np.full(value.shape, np.nan),
            "negative": -value.astype(float),
            "huge": value.astype(float) * 1e300,
        }.items():
            same = other.shape == value.shape and how not in ("NaN", "negative", "huge")
            # A run more or less of Shiba's data is a sound file.
            runs = key == "positions" and "initial_positions" in arrays and how in ("shorter", "longer")
            if not same and not runs and (key, how) not in SOUND:
                yield f"{key} {how}", arrays | {key: other}


@pytest.mark.parametrize("kind", SAMPLES)
def test_nothing_wrong_is_read_in_silence(tmp_path: Path, kind: str) -> None:
    sample = SAMPLES[kind]
    content = sample.content(tmp_path)
    folder = tmp_path / "damaged"
    folder.mkdir()
    path = folder / sample.name
    path.write_bytes(content)
    sound = outcome(path)
    assert not isinstance(sound, str), sound
    number, faults = 0, []
    for what, damaged, most in damages(sample, content):
        number += 1
        path.write_bytes(damaged)
        try:
            read = outcome(path)
            if isinstance(read, str):
                assert path.name in read, read
                assert "\n" not in read, read
            else:
                assert_the_same(sound, read, most, what)
        except Exception as fault:
            faults.append(f"{what}: {type(fault).__name__}: {fault}".splitlines()[0])
    assert not faults, "\n".join([f"{len(faults)} of {number}", *faults])
    assert number >= 50


def test_data_sets_with_changed_keys(tmp_path: Path) -> None:
    """Every array and attribute of a data set dropped, or changed in type or shape."""
    save(labelled(), tmp_path / "sound.h5")
    sound = outcome(tmp_path / "sound.h5")
    one, path = "configurations/000000", tmp_path / "a.h5"
    faults, number = [], 0

    def attempt(what: str, change: Callable[[h5py.File], None]) -> None:
        nonlocal number
        number += 1
        path.write_bytes((tmp_path / "sound.h5").read_bytes())
        with h5py.File(path, "r+") as file:
            change(file)
        try:
            read = outcome(path)
            if not isinstance(read, str):
                assert_the_same(sound, read, 0, what)
        except Exception as fault:
            faults.append(f"{what}: {type(fault).__name__}: {fault}".splitlines()[0])

    with h5py.File(tmp_path / "sound.h5") as file:
        arrays = {key: each[()] for key, each in file[one].items() if isinstance(each, h5py.Dataset)}
        attributes = {place: list(file[place].attrs) for place in ("/", one, f"{one}/potential")}
    arrays.pop("provenance", None)
    for what, held in changed(arrays):
        key = next((key for key in arrays if held.get(key) is not arrays[key]), None)
        assert key is not None

        def change(file: h5py.File, key: str = key, held: dict[str, Any] = held) -> None:
            del file[one][key]
            if key in held:
                value = held[key].astype("S20") if held[key].dtype.kind == "U" else held[key]
                file[one][key] = value

        attempt(what, change)
    for place, names in attributes.items():
        for name in names:
            attempt(f"{place} without {name}", lambda file, p=place, n=name: file[p].attrs.__delitem__(n))
            for value in ("text", -1e300, np.nan, np.zeros((2, 2)), [1, 2, 3]):
                label = f"{place} {name} = {value!r}"
                attempt(label, lambda file, p=place, n=name, v=value: file[p].attrs.__setitem__(n, v))
    assert not faults, "\n".join([f"{len(faults)} of {number}", *faults])
