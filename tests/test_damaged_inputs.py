"""Whatever is wrong with a file, the answer is one EquiglassError with a sentence that names the file."""

from __future__ import annotations

import pickle
import random
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest

from equiglass.errors import EquiglassError, EquiglassWarning
from equiglass.formats import load, save
from equiglass.liquid.system import System
from samples.damaged import (
    SHIBA_NAME,
    bapst_data,
    damaged_files,
    dump_lines,
    labelled_arrays,
    shiba_arrays,
    xyz_lines,
)

with tempfile.TemporaryDirectory() as _folder:
    CASES = sorted(damaged_files(Path(_folder)))


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return damaged_files(tmp_path_factory.mktemp("damaged"))


@pytest.mark.parametrize("case", CASES)
def test_refused_in_a_sentence(damaged: dict[str, Path], case: str) -> None:
    path = damaged[case]
    with pytest.raises(EquiglassError) as caught:
        load(path)
    sentence = str(caught.value)
    assert str(path) in sentence
    assert "\n" not in sentence
    assert len(sentence) > len(str(path)) + 20
    assert sentence.count(str(path.parent)) <= 2


def test_hostile_pickle_runs_nothing(damaged: dict[str, Path]) -> None:
    path = damaged["pickle that runs code"]
    with pytest.raises(EquiglassError, match=r"mkdir.*refused"):
        load(path)
    assert not (path.parent / "witness").exists()


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("npz missing box", "box is missing"),
        ("npz Python objects", "'extra' holds Python objects"),
        ("npz overlapping particles", "particles overlap"),
        ("npz two dimensions", "two-dimensional"),
        ("xyz without Lattice", "box is missing"),
        ("xyz tilted box", "tilted"),
        ("xyz unknown species", "types="),
        ("xyz open boundary", "periodic"),
        ("xyz shorter than announced", "announces 60 particles, but 59"),
        ("xyz word for a number", "zero"),
        ("dump tilted box", "tilted"),
        ("dump repeated id", "occurs twice"),
        ("dump missing column", "id, type"),
        ("dump column twice", "'x' occurs twice"),
        ("dump other units", "'real'"),
        ("h5 of a newer version", "version 999"),
        ("GlassBench without temperature", "N4096T0.44_1.npz"),
        ("GlassBench unknown temperature", "0.44, 0.50, 0.56, 0.64"),
        ("Shiba disagreeing files", "initial_positions differ"),
        ("Shiba number in the name", "N = 4096"),
        ("pickle truncated", "damaged, incomplete"),
        ("missing file", "No such file"),
        ("npz times not ascending", "ascending"),
        ("npz negative propensity", "cannot be negative"),
    ],
)
def test_sentence_says_what_is_wrong(damaged: dict[str, Path], case: str, words: str) -> None:
    with pytest.raises(EquiglassError) as caught:
        load(damaged[case])
    assert words in str(caught.value)


def test_a_damaged_file_is_not_passed_over_in_a_folder(tmp_path: Path) -> None:
    np.savez(tmp_path / "sound.npz", **labelled_arrays())
    (tmp_path / "notes.md").write_text("passed over")
    assert len(load(tmp_path)) == 1
    (tmp_path / "broken.npz").write_bytes(b"PK")
    with pytest.raises(EquiglassError, match=r"broken\.npz"):
        load(tmp_path)


def test_nothing_given() -> None:
    with pytest.raises(EquiglassError, match="no file"):
        load([])


@pytest.mark.parametrize("types", ["AB", ["A", "A"]])
def test_types_must_be_a_list_of_different_names(tmp_path: Path, types: list[str]) -> None:
    (tmp_path / "a.xyz").write_text("\n".join(xyz_lines()))
    with pytest.raises(EquiglassError, match="types must be"):
        load(tmp_path, types=types)


@pytest.mark.parametrize("target", ["liquid.npz", "nowhere/liquid.h5", "file/liquid.h5", "folder.xyz"])
def test_saving_where_it_cannot_be(liquid: System, tmp_path: Path, target: str) -> None:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "folder.xyz").mkdir()
    with pytest.raises(EquiglassError, match=r"liquid|folder"):
        save(liquid, tmp_path / target)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder.xyz"]


def test_failed_saving_leaves_the_old_file(liquid: System, tmp_path: Path) -> None:
    def breaks_off():
        yield liquid
        raise EquiglassError("the source broke off")

    for path in (tmp_path / "kept.h5", tmp_path / "kept.xyz"):
        save(liquid, path)
        before = path.read_bytes()
        with pytest.raises(EquiglassError, match="broke off"):
            save(breaks_off(), path)
        assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("kind", ["labelled.npz", SHIBA_NAME, "bapst.pickle", "text.xyz", "text.dump", "set.h5"])
def test_any_damage_is_survived(liquid: System, tmp_path: Path, kind: str) -> None:
    """Bytes overwritten at random, or the end cut off: either it still loads or it is an EquiglassError."""
    path = tmp_path / kind
    if kind == "labelled.npz":
        np.savez_compressed(path, **labelled_arrays())
    elif kind == SHIBA_NAME:
        np.savez(path, **shiba_arrays())
    elif kind == "bapst.pickle":
        path.write_bytes(pickle.dumps(bapst_data(), protocol=3))
    elif kind == "set.h5":
        save(liquid, path)
    else:
        path.write_text("\n".join(xyz_lines() if kind == "text.xyz" else dump_lines()))
    sound = path.read_bytes()
    assert load(path)
    dice = random.Random(0)
    sentences = []
    for _ in range(60):
        content = bytearray(sound)
        # Half of the hits in the first kilobyte, where headers are.
        for _ in range(dice.choice([1, 5, 50])):
            content[dice.randrange(len(content) if dice.random() < 0.5 else 1000)] = dice.randrange(256)
        if dice.random() < 0.2:
            del content[dice.randrange(len(content)) :]
        path.write_bytes(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", EquiglassWarning)
            try:
                load(path)
            except EquiglassError as error:
                sentences.append(str(error))
    assert len(sentences) > 20
    assert all(path.name in sentence for sentence in sentences)
