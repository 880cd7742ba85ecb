"""The first minute with the command line: examples, completion, predictions at a glance, colours of errors."""

from __future__ import annotations

import os
import pty
import shlex
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import typer
import typer.main
from PIL import Image

import equiglass as eg
from equiglass.commands import COMMANDS, app, completion
from equiglass.commands.examples import EXAMPLES, FIRST
from equiglass.figures import predicted_field
from samples.command import run
from samples.labelled import labelled_liquid

GROUP = typer.main.get_command(app)
ALL = (*FIRST, *(line for lines in EXAMPLES.values() for line in lines))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "run"
    settings = eg.Configuration(epochs=1, architecture={"l_max": 1, "layers": 1, "channels": 2})
    eg.train([labelled_liquid(seed) for seed in range(3)], folder, settings, validation=[])
    return folder


def test_equiglass_alone_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    run()
    shown = capsys.readouterr()
    assert all(line in shown.out + shown.err for line in FIRST)


@pytest.mark.parametrize("command", [command.__name__ for command in COMMANDS])
def test_the_help_of_every_command_shows_examples(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert run(command, "--help") == 0
    shown = capsys.readouterr().out
    assert EXAMPLES[command]
    for line in EXAMPLES[command]:
        assert line.startswith(f"equiglass {command}")
        assert line in shown


@pytest.mark.parametrize("line", dict.fromkeys(ALL))
def test_the_examples_are_command_lines(line: str) -> None:
    _, name, *words = shlex.split(line)
    with suppress(typer.Exit):  # After --list.
        context = GROUP.commands[name].make_context(name, words)  # type: ignore[attr-defined]
        assert context.args == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str) -> None:
    environment = os.environ | {
        "_EQUIGLASS_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": "equiglass pre",
        "COMP_CWORD": "1",
    }
    environment |= {"_TYPER_COMPLETE_ARGS": "equiglass pre", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    script = "import sys; sys.argv = ['equiglass']; from equiglass.__main__ import main; main()"
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert "predict" in done.stdout, done.stderr
    assert "quench" not in done.stdout


def test_completion_of_models_and_methods() -> None:
    assert completion.models("kalj-T0.5") == ["kalj-T0.50", "kalj-T0.56"]
    assert completion.methods("bo") == ["boattini", "botan"]


def test_predict_without_out_prints_and_writes_nothing(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    liquid = labelled_liquid(9)
    system = replace(liquid, ids=np.arange(liquid.n_particles)[::-1] + 1000)
    eg.save(replace(system, positions_inherent=None), "my.xyz")
    assert run("predict", model, "my.xyz") == 0
    shown = capsys.readouterr().out
    (read,) = eg.load("my.xyz")
    prediction = eg.load_model(model).predict(read)
    at = prediction.at("7")
    own = at[read.types == 1]
    assert f"{own.mean():.3g} ± {own.std():.2g}" in shown
    ids = read.ids if read.ids is not None else np.arange(1, read.n_particles + 1)
    table = shown.split("largest at the time labelled 7")[1]
    found = [int(row.split("│")[1]) for row in table.splitlines() if row.startswith("│")]
    assert found == ids[np.argsort(-at, kind="stable")[:5]].tolist()
    assert [path.name for path in tmp_path.iterdir()] == ["my.xyz"]


@pytest.mark.parametrize("out", [(), ("-o", "out.xyz")])
def test_predict_draws_a_figure(
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    out: tuple[str, ...],
) -> None:
    monkeypatch.chdir(tmp_path)
    eg.save(labelled_liquid(9), "my.xyz")
    assert run("predict", model, "my.xyz", *out, "--figure", "field.png") == 0
    assert "field.png: " in capsys.readouterr().out
    with Image.open("field.png") as image:
        assert image.size[0] > image.size[1] > 400
    assert Path("out.xyz").exists() == bool(out)


def test_predict_refuses_a_figure_of_another_kind(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    eg.save(labelled_liquid(9), "my.xyz")
    assert run("predict", model, "my.xyz", "--figure", "field.gif") == 2
    assert "must end in .png or .pdf or .svg" in capsys.readouterr().err


def test_the_figure_has_every_type() -> None:
    system = labelled_liquid(1)
    assert system.propensity is not None
    values = np.array(system.propensity[1])
    values[:3] = np.nan
    left, right, *_ = predicted_field(system, values).axes
    assert [text.get_text() for text in left.get_legend().get_texts()] == ["A", "B"]
    assert len(right.collections[0].get_array()) > 0
    with pytest.raises(eg.DataError, match="no particle with a known propensity"):
        predicted_field(system, np.full(system.n_particles, np.nan))
    with pytest.raises(eg.DataError, match="has shape"):
        predicted_field(system, values[1:])


@pytest.mark.parametrize(("terminal", "no_colour"), [(True, False), (True, True), (False, False)])
def test_errors_have_colour_on_a_terminal_alone(tmp_path: Path, terminal: bool, no_colour: bool) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "NO_COLOR"} | {"TERM": "xterm"}
    environment |= {"NO_COLOR": "1"} if no_colour else {}
    command = [sys.executable, "-m", "equiglass", "export", "nowhere", "-o", str(tmp_path / "out")]
    parent, child = pty.openpty()
    try:
        done = subprocess.run(
            command, env=environment, stderr=child if terminal else subprocess.PIPE, stdout=subprocess.PIPE, check=False
        )
        said = os.read(parent, 1 << 16) if terminal else done.stderr
    finally:
        os.close(parent)
        os.close(child)
    assert done.returncode == 2
    assert said.startswith(b"\x1b[1;31merror:\x1b[0m nowhere" if terminal and not no_colour else b"error: nowhere")


def test_what_follows_a_command(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "my model"
    assert run("export", model, "-o", folder) == 0
    assert capsys.readouterr().out == f"{folder}: 1 member\nnext: equiglass predict '{folder}' FILE\n"
