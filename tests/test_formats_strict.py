"""Text that is read as it is written or refused: ends cut off, numbers, comment lines, boxes, units, columns."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from equiglass.errors import EquiglassError, EquiglassWarning
from equiglass.formats import load, save
from equiglass.formats.text import numbers, whole_numbers
from samples.complete import full_system
from samples.damaged import LATTICE, LIQUID, SIDE, dump_lines, labelled_arrays, one, write, xyz, xyz_lines


def dump(**changes: str) -> list[str]:
    """A sound dump; ``bounds`` replaces the line of the box, ``columns`` that of the atoms."""
    lines = dump_lines()
    lines[4] = f"ITEM: BOX BOUNDS {changes.get('bounds', 'pp pp pp')}".strip()
    return lines


# --- the end of a file ---


@pytest.mark.parametrize("kind", ["xyz", "dump"])
def test_a_last_number_that_may_be_cut_is_named(tmp_path: Path, kind: str) -> None:
    lines = xyz_lines() if kind == "xyz" else dump_lines()
    path = tmp_path / f"a.{kind}"
    path.write_text("\n".join(lines)[:-3])
    last = lines[-1].split()[-1][:-3]
    with pytest.warns(EquiglassWarning, match=rf"{path}.*last number '{last}'.*may lack digits"):
        load(path)
    # All numbers have equally many digits: the line end alone is missing.
    path.write_text("\n".join(lines))
    one(path)


@pytest.mark.parametrize("kind", ["xyz", "dump"])
def test_the_whole_frames_of_a_file_cut_anywhere(tmp_path: Path, kind: str) -> None:
    lines = xyz_lines() if kind == "xyz" else dump_lines()
    frame = "".join(f"{line}\n" for line in lines)
    path = tmp_path / f"a.{kind}"
    ends = [0, 1, 2, 3, 7, 12, 20, 40, 70, 100, 150, len(frame) // 2, len(frame) - 70, len(frame) - 1]
    for cut in ends:
        path.write_text(frame + frame[:cut])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            systems = load(path, copies=True)
        np.testing.assert_allclose(systems[0].positions, LIQUID.positions, atol=1e-12)
        said = " ".join(str(each.message) for each in caught)
        complete = cut == 0 or cut == len(frame) - 1
        assert len(systems) == (2 if cut == len(frame) - 1 else 1), cut
        assert complete or "incomplete" in said, cut
        path.write_text(frame[:cut])
        if not complete:
            with pytest.raises(EquiglassError, match=r"incomplete|announces|empty"):
                load(path)


def test_a_cut_within_the_file_is_refused(tmp_path: Path) -> None:
    lines = dump_lines()
    with pytest.raises(EquiglassError, match="60 particles are announced, but 56 lines follow"):
        load(write(tmp_path / "a.dump", [*lines[:-4], *lines]))


# --- numbers ---


@pytest.mark.parametrize("word", ["1.5", "-1.5", "+1.5", "1.5e0", "15E-1", "1.5D+00", "0.15d1", ".15e1", "1.5e+0000"])
def test_what_is_a_number(word: str) -> None:
    assert abs(numbers([word], "x")[0]) == 1.5


NO_NUMBERS = """
1,5 1.000,5 1_5 0x1p3 1.5K 1.5+100 1.5e --1 1.5.5 nan inf Infinity 1e999 ***** NULL 1e+-3 \u0661
"""


@pytest.mark.parametrize("word", [*NO_NUMBERS.split(), "", "\x00"])
def test_what_is_no_number(word: str) -> None:
    with pytest.raises(EquiglassError, match=r"positions: (a number is expected|1e999 is beyond)"):
        numbers(["0.5", word], "positions")


@pytest.mark.parametrize("word", ["1.0", "1e3", "99999999999999999999", "1,000", "1_000", "", "0x1"])
def test_what_is_no_whole_number(word: str) -> None:
    with pytest.raises(EquiglassError, match="ids: a whole number is expected"):
        whole_numbers([word], "ids")


@pytest.mark.parametrize("change", [(2, "1,5"), (2, "nan"), (2, "1e400"), (0, "7.5"), (0, "1" * 30), (3, "1_0")])
def test_a_wrong_word_in_a_dump_is_named(tmp_path: Path, change: tuple[int, str]) -> None:
    lines = dump_lines()
    words = lines[20].split()
    words[change[0]] = change[1]
    lines[20] = " ".join(words)
    with pytest.raises(EquiglassError, match="timestep 0.*" + change[1]):
        load(write(tmp_path / "a.dump", lines))


def test_fortran_exponents_are_read(tmp_path: Path) -> None:
    lines = dump_lines()
    rows = [row.split() for row in lines[9:]]
    lines[9:] = [" ".join([*row[:2], *(f"{float(x):.16e}".replace("e", "D") for x in row[2:])]) for row in rows]
    np.testing.assert_allclose(one(write(tmp_path / "a.dump", lines)).positions, LIQUID.positions, atol=1e-12)


@pytest.mark.parametrize("count", ["60.0", "6e1", "0", "-60", "sixty", "1,060", "60 atoms"])
@pytest.mark.parametrize("kind", ["xyz", "dump"])
def test_a_wrong_number_of_atoms(tmp_path: Path, kind: str, count: str) -> None:
    lines = xyz_lines() if kind == "xyz" else dump_lines()
    lines[0 if kind == "xyz" else 3] = count
    with pytest.raises(EquiglassError, match=r"number of (atoms|particles)|announces|whole number"):
        load(write(tmp_path / f"a.{kind}", lines))


# --- encodings, line ends, comments ---


@pytest.mark.parametrize("kind", ["xyz", "dump"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_ends_tabs_and_byte_order_marks(tmp_path: Path, kind: str, end: str, mark: bytes) -> None:
    lines = xyz_lines() if kind == "xyz" else dump_lines()
    first = 2 if kind == "xyz" else 9
    lines[first:] = [line.replace(" ", "\t") + "  " for line in lines[first:]]
    path = write(tmp_path / f"a.{kind}", lines, end)
    path.write_bytes(mark + path.read_bytes())
    np.testing.assert_allclose(one(path).positions, LIQUID.positions, atol=1e-12)
    path.rename(tmp_path / "without_extension")
    one(tmp_path / "without_extension")


def test_comments_in_a_dump(tmp_path: Path) -> None:
    lines = dump_lines()
    path = write(tmp_path / "plain", ["# my run", "", *lines[:9], *(f"{row} # ok" for row in lines[9:]), "# the end"])
    np.testing.assert_allclose(one(path).positions, LIQUID.positions, atol=1e-12)
    lines[15] = f"#{lines[15]}"
    with pytest.raises(EquiglassError, match="line 16: 5 columns"):
        load(write(tmp_path / "a.dump", lines))


def test_other_encodings_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.xyz").write_bytes("\n".join(xyz_lines()).encode("utf-16"))
    with pytest.raises(EquiglassError, match=r"a\.xyz: cannot be read"):
        load(tmp_path / "a.xyz")


# --- boxes, columns and frames of dumps ---


@pytest.mark.parametrize(
    ("bounds", "rows"),
    [
        ("xy xz yz pp pp pp", [f"0 {SIDE} 0.0", f"0 {SIDE} 4e-16", f"0 {SIDE} -1e-15"]),
        ("abc origin pp pp pp", [f"{SIDE} 0 0 0", f"0 {SIDE} 0 0", f"0 0 {SIDE} 0"]),
        ("p p p", [f"0 {SIDE}"] * 3),
    ],
)
def test_boxes_that_are_orthorhombic(tmp_path: Path, bounds: str, rows: list[str]) -> None:
    lines = dump(bounds=bounds)
    lines[5:8] = rows
    np.testing.assert_allclose(one(write(tmp_path / "a.dump", lines)).box, LIQUID.box)


@pytest.mark.parametrize(
    ("bounds", "rows", "words"),
    [
        ("xy xz yz pp pp pp", [f"0 {SIDE} 0.0", f"0 {SIDE} 0.1", f"0 {SIDE} 0.0"], "tilted"),
        ("abc origin pp pp pp", [f"{SIDE} 0 0 0", f"0.1 {SIDE} 0 0", f"0 0 {SIDE} 0"], "tilted"),
        ("pp pp ff", [f"0 {SIDE}"] * 3, "'pp pp ff'"),
        ("pp pp fs", [f"0 {SIDE}"] * 3, "periodic in all directions"),
        ("mm mm mm", [f"0 {SIDE}"] * 3, "periodic in all directions"),
        ("pp pp", [f"0 {SIDE}"] * 3, "periodic in all directions"),
        ("pp pp pp", [f"0 {SIDE} 0"] * 3, "2 numbers"),
        ("pp pp pp", [f"{SIDE} 0"] * 3, "positive edge"),
    ],
)
def test_boxes_that_are_refused(tmp_path: Path, bounds: str, rows: list[str], words: str) -> None:
    lines = dump(bounds=bounds)
    lines[5:8] = rows
    with pytest.raises(EquiglassError, match=words):
        load(write(tmp_path / "a.dump", lines))


@pytest.mark.parametrize("bounds", ["", "xy xz yz"])
def test_a_box_without_flags_is_read_as_periodic_with_one_warning(tmp_path: Path, bounds: str) -> None:
    lines = dump(bounds=bounds)
    if bounds:
        lines[5:8] = [f"{line} 0.0" for line in lines[5:8]]
    with pytest.warns(EquiglassWarning, match="does not state whether the box is periodic") as caught:
        systems = load(write(tmp_path / "a.dump", [*lines, *lines]), copies=True)
    assert (len(systems), len(caught)) == (2, 1)


@pytest.mark.parametrize(
    "columns", ["type xu yu zu", "type x y z ix iy iz", "mol type element xs ys zs", "type xsu ysu zsu"]
)
def test_columns_without_ids_stay_in_the_order_of_the_file(tmp_path: Path, columns: str) -> None:
    lines = dump_lines()
    side = float(SIDE) if "s" in columns.replace("ys", "s").split()[-1] else 1.0
    rows = []
    for kind, at in zip(LIQUID.types, LIQUID.positions / side, strict=True):
        here = {"type": kind + 1, "element": "AB"[kind], "mol": 3, **{f"i{axis}": 2 for axis in "xyz"}}
        coordinates = [name for name in columns.split() if name not in here]
        here |= dict(zip(coordinates, at.tolist(), strict=True))
        rows.append(" ".join(str(here[name]) for name in columns.split()))
    lines[8:] = [f"ITEM: ATOMS {columns}", *rows]
    system = one(write(tmp_path / "a.dump", lines))
    assert system.ids is None
    np.testing.assert_array_equal(system.types, LIQUID.types)
    np.testing.assert_allclose(system.positions, LIQUID.positions, atol=1e-9)


@pytest.mark.parametrize("units", ["metal", "real", "si", "electron", "nonsense"])
def test_a_dump_in_other_units_is_refused(tmp_path: Path, units: str) -> None:
    with pytest.raises(EquiglassError, match=f"states the units '{units}'"):
        load(write(tmp_path / "a.dump", ["ITEM: UNITS", units, *dump_lines()]))


def test_an_npz_in_other_units_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **labelled_arrays(), units="nm")
    with pytest.raises(EquiglassError, match="'nm'"):
        load(tmp_path)


def test_frames_of_different_numbers_and_ids_are_independent(tmp_path: Path) -> None:
    second = dump_lines()
    second[1], second[3] = "500", "59"
    systems = load(write(tmp_path / "a.dump", [*dump_lines(), *second[:9], *second[10:]]))
    assert [system.n_particles for system in systems] == [60, 59]
    assert systems[1].ids[0] == 2
    shorter = ["59", *xyz_lines()[1:-1]]
    assert [each.n_particles for each in load(write(tmp_path / "b.xyz", [*xyz_lines(), *shorter]))] == [60, 59]


# --- what joins a result to its input ---


def test_unsorted_ids_with_gaps_survive_every_export(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    ids = rng.permutation(np.arange(5, 1000, 3))[:60]
    lines = dump_lines()
    lines[1] = "5000"
    lines[5:8] = [f"-1.5 {float(SIDE) - 1.5!r}"] * 3
    where = {}
    for k, number in enumerate(ids.tolist()):
        where[number] = LIQUID.positions[k] - 1.5
        lines[9 + k] = f"{number} {LIQUID.types[k] + 1} {' '.join(map(repr, where[number].tolist()))}"
    system = one(write(tmp_path / "a.dump", lines))
    assert (system.timestep, system.origin.tolist()) == (5000, [-1.5] * 3)
    for suffix in ("xyz", "h5"):
        save(system, tmp_path / f"b.{suffix}")
        again = one(tmp_path / f"b.{suffix}")
        assert again.timestep == 5000
        np.testing.assert_array_equal(again.ids, np.sort(ids))
        np.testing.assert_allclose(again.positions + again.origin, [where[k] for k in again.ids.tolist()], atol=1e-7)
    rows = (tmp_path / "b.xyz").read_text().splitlines()
    assert 'Origin="-1.5 -1.5 -1.5" Timestep=5000' in rows[1]
    for row in rows[2:]:
        words = row.split()
        np.testing.assert_allclose(np.array(words[1:4], float), where[int(words[4])], atol=1e-7)


def test_ids_in_a_labelled_npz(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **labelled_arrays(), ids=np.arange(60)[::-1], origin=[1, 2, 3], timestep=7)
    system = one(tmp_path / "a.npz")
    assert (system.ids[0], system.origin.tolist(), system.timestep) == (59, [1.0, 2.0, 3.0], 7)


def test_repeated_ids_in_xyz_are_refused(tmp_path: Path) -> None:
    lines = xyz(f"{LATTICE} Properties=species:S:1:pos:R:3:id:I:1")
    lines[2:] = [f"{row} 7" for row in lines[2:]]
    with pytest.raises(EquiglassError, match="a particle id occurs twice"):
        load(write(tmp_path / "a.xyz", lines))


def test_predictions_are_never_read_as_measured(tmp_path: Path) -> None:
    system = replace(full_system(), predictions={}, replica_displacements=None)
    save(system, tmp_path / "a.xyz")
    text = (tmp_path / "a.xyz").read_text()
    (tmp_path / "b.xyz").write_text(text.replace("time_labels=", "predicted_by=kalj-T0.44 time_labels="))
    again = one(tmp_path / "b.xyz")
    assert again.propensity is None
    np.testing.assert_allclose(again.predictions["kalj-T0.44"], system.propensity, rtol=1e-7)


def test_times_that_do_not_match_the_columns_are_refused(tmp_path: Path) -> None:
    save(replace(full_system(), predictions={}, replica_displacements=None), tmp_path / "a.xyz")
    text = (tmp_path / "a.xyz").read_text()
    for old, new in (
        ('times="0.125 3.7 100000.0"', 'times="0.125 3.7"'),
        ('time_labels="F=0.9 F=1/e 7"', 'time_labels="F=0.9 7"'),
    ):
        assert old in text
        (tmp_path / "b.xyz").write_text(text.replace(old, new))
        with pytest.raises(EquiglassError, match="3 propensity columns"):
            load(tmp_path / "b.xyz")
