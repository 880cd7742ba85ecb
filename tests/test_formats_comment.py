"""The comment line of extended XYZ: every notation is read alike, and what is unclear is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from equiglass.errors import EquiglassError
from equiglass.formats import load
from equiglass.formats.comment import Comment
from samples.damaged import LATTICE, LIQUID, SIDE, one, write, xyz


@pytest.mark.parametrize(
    "comment",
    [
        LATTICE,
        f"Lattice=[[{SIDE}, 0, 0], [0, {SIDE}, 0], [0, 0, {SIDE}]] pbc=[T, T, T]",
        f"Lattice={{{SIDE} 0 0 0 {SIDE} 0 0 0 {SIDE}}} pbc={{T T T}}",
        f'Lattice="_JSON [[{SIDE}, 0, 0], [0, {SIDE}, 0], [0, 0, {SIDE}]]" pbc="_JSON [true, true, true]"',
        f"Lattice='{SIDE} 0 0 0 {SIDE} 0 0 0 {SIDE}' pbc='True True True'",
        f'lattice = "{SIDE} 0 0 0 {SIDE} 0 0 0 {SIDE}" PBC=T',
        f'Lattice="{SIDE} 3.6e-16 0 -9.5e-16 {SIDE} 0 0 0 {SIDE}" pbc="1 1 1"',
        f'a run of "two words, pbc=F" {LATTICE} isolated don\'t [note] "a key"=3 stress="x=\\"y\\""',
        f"forces=[[1, 2], [3]] {LATTICE}",
    ],
)
def test_the_same_box_in_every_notation(tmp_path: Path, comment: str) -> None:
    system = one(write(tmp_path / "a.xyz", xyz(comment)))
    np.testing.assert_array_equal(system.box, LIQUID.box)


@pytest.mark.parametrize(
    ("comment", "words"),
    [
        (f'{LATTICE} temperature="300 K"', r"temperature in the comment line must hold plain numbers.*'300 K'"),
        (f"{LATTICE} temperature=0.5K", "temperature"),
        (f"{LATTICE} temperature=0,44", "temperature"),
        (f'{LATTICE} temperature="0.4 0.5"', "temperature in the comment line must be one number"),
        (f"{LATTICE} temperature=nan", "temperature"),
        (f"{LATTICE} temperature=0.4 temperature=0.5", "'temperature' of the comment line has two values"),
        (f"{LATTICE} temperature=", "temperature"),
        (f'{LATTICE} pbc="T T"', "pbc must hold T or F"),
        (f'{LATTICE} pbc="T T maybe"', "pbc in the comment line must hold T or F"),
        (f"{LATTICE} pbc=[T, T, F]", "periodic in all directions"),
        (f"{LATTICE} equilibrated=perhaps", "equilibrated"),
        (f'{LATTICE} Origin="1 2"', "Origin must hold three numbers"),
        (f"{LATTICE} Timestep=1.5", "Timestep"),
        (f'{LATTICE} name="open', "quotation mark that is not closed"),
        (f"{LATTICE} note=[1, 2", "bracket that is not closed"),
        (f'{LATTICE} pbc="_JSON [true, "', "no JSON"),
        (f'Lattice="{SIDE} 0 0.1 0 {SIDE} 0 0 0 {SIDE}"', "tilted"),
        (f'Lattice="{SIDE} 0 0 0 {SIDE} 0 0 0 {SIDE} 1"', "nine numbers"),
        (f'note="{LATTICE[:8]}={SIDE}"', "box is missing"),
        (f"{LATTICE} Properties=species:S:1:pos:R:3:pos:R:3", "occurs twice"),
        (f"{LATTICE} Properties=species:S:1:pos:R:0", "Properties must be"),
        (f"{LATTICE} Properties=species:S:1:pos:R:2:z:R:1", "two-dimensional"),
        (f"{LATTICE} Properties=species:S:1:id:I:1:pos:R:2", "two-dimensional"),
        (f"{LATTICE} units=metal", "'metal', but only Lennard-Jones"),
        (f"{LATTICE} length_unit=Angstrom", "'Angstrom'"),
        (f'{LATTICE} Units="real"', "'real'"),
    ],
)
def test_a_comment_line_that_is_refused(tmp_path: Path, comment: str, words: str) -> None:
    with pytest.raises(EquiglassError, match=words):
        load(write(tmp_path / "a.xyz", xyz(comment)))


def test_keys_within_a_quotation_are_text(tmp_path: Path) -> None:
    comment = f'{LATTICE} note="temperature=0.7 pbc=F" "units=metal" other=\'name=wrong\' name="right temperature=3"'
    system = one(write(tmp_path / "a.xyz", xyz(comment)))
    assert (system.temperature, system.name) == (None, "right temperature=3")


def test_units_that_are_lennard_jones(tmp_path: Path) -> None:
    one(write(tmp_path / "a.xyz", xyz(f'{LATTICE} units=lj length_unit="Lennard-Jones"')))


def test_a_comment_line_against_that_of_ase() -> None:
    """ASE reads and writes this format; where both have a value it is the same."""
    extxyz = pytest.importorskip("ase.io.extxyz")
    held = {"a": 1.5, "b": "two words", "c": np.arange(3), "d": np.eye(3), "e": True, "f": [["x", 1], [2, 3]]}
    line = extxyz.key_val_dict_to_str(held)
    comment = Comment(line)
    assert comment.number("a") == 1.5
    assert comment.text("b") == "two words"
    assert comment.numbers("c").tolist() == [0, 1, 2]
    assert comment.numbers("d").tolist() == np.eye(3).ravel().tolist()
    assert comment.truths("e") == [True]
    assert comment.words("f") == ["x", "1", "2", "3"]
