"""What a command writes is checked before its work; a terminal without all characters loses nothing."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import equiglass
from equiglass.commands.progress import duration
from equiglass.errors import ConfigurationError
from equiglass.files.target import check_folder
from equiglass.liquid import inherent
from samples.command import run
from samples.labelled import labelled_liquid

TINY = ("architecture.l_max=1", "architecture.layers=1", "architecture.channels=2", "epochs=2", "folds=3")
SETTINGS = [word for override in TINY for word in ("--set", override)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set, a model, and a file that another program wrote."""
    folder = tmp_path_factory.mktemp("targets")
    equiglass.save([labelled_liquid(seed) for seed in range(3)], folder / "data.h5")
    assert run("train", "--data", folder / "data.h5", "--out", folder / "run", *SETTINGS) == 0
    (folder / "theirs.xyz").write_text('1\nLattice="9 0 0 0 9 0 0 0 9" Properties=species:S:1:pos:R:3\nA 0 0 0\n')
    (folder / "theirs.h5").write_bytes(b"\x89HDF\r\n\x1a\n and what another program wrote")
    (folder / "theirs.html").write_text("<html>my page</html>")
    (folder / "theirs.json").write_text("weights: 3")
    return folder


@pytest.fixture(autouse=True)
def quick_quenches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inherent, "_minimum", lambda system, *others: system.positions.copy())


PREDICT = ("predict", "{folder}/run", "{folder}/data.h5", "-o")
QUENCH = ("quench", "{folder}/data.h5", "-o")
EVALUATE = ("evaluate", "{folder}/run", "--data", "{folder}/data.h5")
REPORT = ("report", "{folder}/run", "--data", "{folder}/data.h5", "-o")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((*PREDICT, "{folder}/nosuch/x.xyz"), "the folder {folder}/nosuch does not exist"),
        ((*PREDICT, "{folder}/x.h5"), "must end in .xyz or .extxyz"),
        ((*PREDICT, "{folder}/x"), "must end in .xyz or .extxyz"),
        ((*PREDICT, "{folder}/run"), "run is a folder"),
        ((*PREDICT, "{folder}/theirs.xyz"), "equiglass did not write it"),
        ((*PREDICT, "{folder}/data.h5/x.xyz"), "the folder {folder}/data.h5 is a file"),
        ((*PREDICT[:2], "{folder}/theirs.xyz", "-o", "{folder}/theirs.xyz"), "is read as an input"),
        ((*PREDICT[:3], "{folder}/theirs.xyz", "-o", "{folder}"), "is read as an input"),
        ((*PREDICT[:3], "{folder}/theirs.xyz", "-o", "{folder}/data.h5"), "data.h5 is a file"),
        ((*QUENCH, "{folder}/q.dump"), "must end in .h5"),
        ((*QUENCH, "{folder}/data.h5"), "is read as an input"),
        ((*QUENCH, "{folder}/theirs.h5"), "equiglass did not write it"),
        ((*QUENCH[:1], "{folder}", "-o", "{folder}/data.h5"), "is read as an input"),
        (
            ("label", "{folder}/data.h5", "--runs", "{folder}/theirs.xyz", "-o", "{folder}/data.h5"),
            "is read as an input",
        ),
        (("label", "{folder}/data.h5", "--runs", "{folder}/run", "-o", "{folder}/theirs.xyz"), "did not write it"),
        ((*EVALUATE, "--json", "{folder}/nosuch/s.json"), "does not exist"),
        ((*EVALUATE, "--json", "{folder}/theirs.json"), "equiglass did not write it"),
        ((*EVALUATE, "--json", "{folder}/s.h5"), "must end in .json"),
        ((*EVALUATE, "--figures", "{folder}/data.h5"), "data.h5 is a file"),
        ((*REPORT, "{folder}/theirs.html"), "equiglass did not write it"),
        ((*REPORT, "{folder}/report.xyz"), "must end in .html"),
        (("transfer", *EVALUATE[1:], "--out", "{folder}/run"), "not empty"),
        (("represent", *EVALUATE[1:], "--out", "{folder}/data.h5/x"), "is a file"),
        (("train", *EVALUATE[2:], "--out", "{folder}/data.h5"), "is a file"),
        (("crossvalidate", *EVALUATE[2:], "--out", "{folder}/cv", "--json", "{folder}/theirs.json"), "did not write"),
        (("experiment", "inputs", "--out", "{folder}/data.h5"), "is a file"),
        (("simulate", "kalj-demo", "--out", "{folder}/data.h5"), "is a file"),
        (("check", "{folder}/data.h5", "--out", "{folder}/data.h5"), "is a file"),
        (("benchmark", "graph", "--json", "{folder}/nosuch/b.json"), "does not exist"),
        (("export", "{folder}/run", "-o", "{folder}"), "not empty"),
    ],
)
def test_a_target_is_refused_before_any_work(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    said: str,
) -> None:
    def works(*arguments: object, **named: object) -> None:
        raise AssertionError

    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    monkeypatch.setattr("equiglass.formats.load", works)
    monkeypatch.setattr("equiglass.formats.stream", works)
    assert run(*(word.format(folder=folder) for word in words)) == 2
    error = capsys.readouterr().err
    assert said.format(folder=folder) in error
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_what_the_package_wrote_is_replaced(folder: Path, tmp_path: Path) -> None:
    for _ in range(2):
        assert run("predict", folder / "run", folder / "data.h5", "-o", tmp_path / "x.xyz") == 0
        assert run("quench", folder / "data.h5", "-o", tmp_path / "q.h5") == 0
        assert run("evaluate", folder / "run", "--data", folder / "data.h5", "--json", tmp_path / "s.json") == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["q.h5", "s.json", "x.xyz"]


def test_folders_that_do_not_exist_yet(tmp_path: Path) -> None:
    check_folder(tmp_path / "a" / "b" / "c", new=True)
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="is a file"):
        check_folder(tmp_path / "file" / "b")


def test_the_folder_of_several_predictions_has_the_names_of_folders(folder: Path, tmp_path: Path) -> None:
    for name in ("T0.44", "T0.64"):
        (tmp_path / name).mkdir()
        equiglass.save(labelled_liquid(5), tmp_path / name / "one.h5")
    out = tmp_path / "a" / "new" / "one"
    assert run("predict", folder / "run", tmp_path / "T0.44", tmp_path / "T0.64", "-o", out) == 0
    assert sorted(path.name for path in out.iterdir()) == ["T0.44.xyz", "T0.64.xyz"]
    assert [path.name for path in out.parent.iterdir()] == ["one"]


def test_a_terminal_of_ascii_shows_what_it_can(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", printed)
    assert run("evaluate", folder / "run", "--data", folder / "data.h5", "--json", tmp_path / "s.json") == 0
    printed.flush()
    text = printed.buffer.getvalue().decode("ascii")  # type: ignore[attr-defined]
    assert "+-" in text
    assert "?" not in text
    assert json.loads((tmp_path / "s.json").read_text())["configurations"] == 1


def lines_of(capsys: pytest.CaptureFixture[str], what: str) -> list[str]:
    return [line for line in capsys.readouterr().out.splitlines() if line.startswith(f"{what}:")]


def test_without_a_terminal_there_is_a_line_per_step(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ("--data", folder / "data.h5")
    capsys.readouterr()
    assert run("train", *data, "--out", tmp_path / "run", *SETTINGS, "--set", "epochs=3") == 0
    lines = lines_of(capsys, "training")
    assert [line.split(", ")[0] for line in lines] == [f"training: epoch {k} of 3" for k in (1, 2, 3)]
    assert "loss" in lines[0]
    assert lines[0].endswith(" left")
    assert run("train", *data, "--out", tmp_path / "ridge", "--method", "energy", "--set", "folds=3") == 0
    assert lines_of(capsys, "training")[-1] == "training: 2 of 2 configurations"
    commands = {
        "predicting": ("predict", folder / "run", folder / "data.h5", "-o", tmp_path / "x.xyz"),
        "quenching": ("quench", folder / "data.h5", "-o", tmp_path / "q.h5"),
        "checking": ("check", folder / "data.h5"),
    }
    for what, words in commands.items():
        run(*words)
        assert len(lines_of(capsys, what)) == 3
    for _ in range(2):
        # A report of this package is replaced.
        assert run("report", folder / "run", *data, "-o", tmp_path / "r.html") == 0
        assert len(lines_of(capsys, "predicting")) == 3


def test_durations() -> None:
    seconds = (0.4, 59, 61, 3599, 3661, 100_000)
    assert [duration(x) for x in seconds] == ["0 s", "59 s", "1 min 1 s", "59 min 59 s", "1 h 1 min", "1 d 3 h"]


def test_work_continues_when_nobody_reads_its_lines(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from equiglass.commands.progress import tracked\n"
        "done = sum(tracked([1, 2, 3], 'predicting')); print(done)\n"
        "pathlib.Path(sys.argv[1]).write_text(str(done))"
    )
    read, write = os.pipe()
    os.close(read)
    program = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "done"], stdout=write, stderr=subprocess.PIPE, check=False
    )
    os.close(write)
    assert (program.returncode, program.stderr) == (0, b"")
    assert (tmp_path / "done").read_text() == "6"


def test_a_data_set_on_a_full_disk_gives_one_sentence(tmp_path: Path) -> None:
    code = (
        "import sys, resource, equiglass; (system,) = equiglass.load(sys.argv[1])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
        "try: equiglass.save(system, sys.argv[2])\n"
        "except equiglass.errors.DataError as error: print(error)"
    )
    equiglass.save(labelled_liquid(0), tmp_path / "a.h5")
    program = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "a.h5", tmp_path / "b.h5"], capture_output=True, text=True, check=False
    )
    assert program.stdout == f"{tmp_path}/b.h5: cannot be written (File too large).\n", program.stderr
