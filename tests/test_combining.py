"""The command that combines models: its tables, what it refuses, and damaged files of it."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import equiglass
from equiglass.errors import ConfigurationError, DataError, EquiglassWarning
from equiglass.methods.loading import load_model
from equiglass.training.held_out import candidates, held_out
from samples.combined import configuration, made, members, pairs, systems_of
from samples.command import run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("combination"))


def test_the_tables_and_the_json(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("combine", tmp_path / "out", *members(folder, "ridge", "energy"), "--data", folder / "data.h5")
    assert run(*words) == 0
    printed = capsys.readouterr().out
    for word in ("equal average", "stack", "ridge", "energy", "6 configurations in 3 folds", "error² / std²"):
        assert word in printed
    assert "…" not in printed
    scores = json.loads((folder / "scores.json").read_text())
    assert (scores["configurations"], scores["folds"]) == (6, 3)
    by_place = {(row["type"], row["label"]): [] for row in scores["rho"]}
    for row in scores["rho"]:
        by_place[row["type"], row["label"]].append(row["model"])
    assert by_place[("A", "1")] == ["ridge", "none", "equal average", "stack"]
    assert by_place[("B", "7")] == ["ridge", "energy", "equal average", "stack"]
    assert [(row["type"], row["label"]) for row in scores["uncertainty"]] == list(by_place)
    for row in scores["uncertainty"]:
        assert row["noise"] == pytest.approx(1e-3 / 32)
        kind, t = "AB".index(row["type"]), ["1", "7"].index(row["label"])
        variances = [s.propensity[t, s.types == kind].var() for s in systems_of(folder)]  # type: ignore[index]
        assert row["ceiling"] == pytest.approx(np.mean(np.sqrt(1 - 1e-3 / 32 / np.array(variances))))
        assert 0.2 < row["ratio"] < 5
    assert run("info", folder / "out") == 0
    shown = capsys.readouterr().out
    assert "members: 1 ridge, 1 energy" in shown
    assert "member-ridge" in shown


REFUSED = {
    "no cross-validation": (["--member", "ridge:nowhere"], "nowhere is no finished cross-validation"),
    "no colon": (["--member", "ridge"], "--member takes RUN:CV"),
    "another method": (["--member", "ridge:cv-energy"], "has the members"),
    "another data set": (["--member", "ridge:cv-ridge", "--data", "new.h5"], "held out liquid-20 for a test, not one"),
    "unfinished": (["--member", "ridge:unfinished"], "unfinished is no finished cross-validation"),
    "other folds": (["--member", "ridge:cv-ridge", "energy:turned"], "have different folds"),
    "no model": (["--member", "nothing:cv-ridge"], "nothing is neither a run folder"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_combined_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    words, sentence = REFUSED[case]
    if case == "unfinished":
        shutil.copytree("cv-ridge", "unfinished")
        shutil.rmtree("unfinished/fold-3")
    if case == "other folds":
        systems = systems_of(folder)
        equiglass.crossvalidate(systems[:1] + systems[:0:-1], folder / "turned", configuration("energy"))
    data = [] if "--data" in words else ["--data", "data.h5"]
    assert run("combine", tmp_path / "out", *words, *data) == 2
    assert sentence in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


def test_all_configurations_of_the_cross_validation_are_needed(folder: Path) -> None:
    those = candidates([(str(run), cv) for run, cv in pairs(folder, "ridge")])
    with pytest.raises(ConfigurationError, match=r"held out liquid-3, which --data does not hold"):
        held_out(those, [s for s in systems_of(folder) if s.name != "liquid-3"], ["7"])


def test_a_model_that_was_not_trained_on_all_is_noticed(folder: Path, tmp_path: Path) -> None:
    pair = (folder / "cv-energy" / "fold-1", folder / "cv-energy")
    with pytest.warns(EquiglassWarning, match=r"not trained on 2 of 6 configurations .* --set fold=0"):
        equiglass.combine([pair], systems_of(folder), tmp_path / "out")
    with pytest.raises(ConfigurationError, match="is not empty"):
        equiglass.combine([pair], systems_of(folder), tmp_path / "out")


def test_models_with_other_times_or_potentials_are_refused_before_any_work(folder: Path, tmp_path: Path) -> None:
    others = [replace(s, times=2 * s.times) for s in systems_of(folder)]
    equiglass.train(others, tmp_path / "energy", configuration("energy", fold=0))
    with pytest.raises(ConfigurationError, match="another time labelled '7'"):
        equiglass.combine(
            [*pairs(folder, "ridge"), (tmp_path / "energy", folder / "cv-energy")], systems_of(folder), tmp_path / "out"
        )


def test_other_settings_are_noticed(folder: Path, tmp_path: Path) -> None:
    equiglass.train(systems_of(folder), tmp_path / "run", configuration("ridge", fold=0, l_max=2))
    with pytest.warns(EquiglassWarning, match=r"other settings than .*\(l_max\)"):
        candidates([(str(tmp_path / "run"), folder / "cv-ridge")])


DAMAGED: dict[str, tuple[Any, str]] = {
    "negative weight": (lambda d: d["rows"][0]["weights"].update({"member-ridge": -0.1}), "negative"),
    "negative uncertainty": (lambda d: d["rows"][0].update(uncertainty=[-1.0, 0.0]), "negative"),
    "not a number": (lambda d: d["rows"][0].update(offset=float("nan")), "finite number"),
    "infinite": (lambda d: d["rows"][1]["weights"].update({"member-ridge": float("inf")}), "finite number"),
    "unknown member": (lambda d: d["rows"][0]["weights"].update({"member-x": 0.1}), "member-x has a weight"),
    "unknown label": (lambda d: d["rows"][0].update(label="9"), "unknown or double row for type A"),
    "unknown type": (lambda d: d["rows"][0].update(type="Z"), "unknown or double row"),
    "missing row": (lambda d: d["rows"].pop(), "no row for type B at the time labelled '7'"),
    "missing member": (lambda d: d["members"].append("member-x"), "member-x, which has no model file"),
    "outside": (lambda d: d["members"].append("../ridge"), "no name of a folder"),
    "twice": (lambda d: d["members"].append("member-ridge"), "occurs twice"),
    "next version": (lambda d: d.update(version=3), "up to version 2"),
    "another format": (lambda d: d.update(format="x"), "no description of an average"),
    "unknown key": (lambda d: d.update(wieghts=1), "unknown key"),
    "no rows": (lambda d: d["rows"].clear(), "rows: tuple should have at least 1 item"),
    "a text": (lambda d: d["rows"][0].update(offset="much"), "rows.0.offset"),
    "not learned": (lambda d: d["rows"][0]["weights"].update({"member-energy": 0.1}), "which it has not learned"),
    "another time": (lambda d: d["times"].update({"7": 99.0}), "has another time labelled '7' than the average"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_file_is_one_sentence(folder: Path, tmp_path: Path, case: str) -> None:
    shutil.copytree(folder / "out", tmp_path / "out")
    path = tmp_path / "out" / "combination.json"
    described, (change, sentence) = json.loads(path.read_text()), DAMAGED[case]
    change(described)
    path.write_text(json.dumps(described))
    with pytest.raises((DataError, ConfigurationError), match=re.escape(sentence)):
        load_model(tmp_path / "out")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "3", '{"format": "equiglass-combination", "version": "1"}'])
def test_a_file_that_is_no_combination(folder: Path, tmp_path: Path, text: str) -> None:
    shutil.copytree(folder / "out", tmp_path / "out")
    (tmp_path / "out" / "combination.json").write_text(text)
    with pytest.raises(DataError, match=r"combination\.json"):
        load_model(tmp_path / "out")
