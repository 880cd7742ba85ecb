"""The examples of the README run as they stand, and its links and commands exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import equiglass
from equiglass.commands import COMMANDS
from samples.labelled import labelled_liquid
from samples.liquids import settled_liquid

README = Path(__file__).resolve().parents[1] / "README.md"
TEXT = README.read_text(encoding="utf-8")


def test_the_example_of_training_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, _ = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    monkeypatch.chdir(tmp_path)
    Path("DIR").mkdir()
    equiglass.save([labelled_liquid(seed) for seed in range(7)], Path("DIR/data.h5"))
    names: dict[str, object] = {}
    exec(compile(code, str(README), "exec"), names)
    model, predictions, scores, last = names["model"], names["predictions"], names["scores"], names["systems"][-1]
    again = equiglass.load_model("run")
    assert type(model) is type(again)
    assert (again.predict(last).values == predictions[-1].values).all()
    frame = scores.frame()
    assert list(zip(frame["type"], frame["label"], strict=True)) == [("A", "1"), ("B", "1"), ("A", "7"), ("B", "7")]
    assert frame["per_configuration"].between(-1, 1).all()
    assert sorted(path.name for path in Path("cv").iterdir()) == ["fold-1", "fold-2"]


def test_the_example_of_the_shipped_model_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, code = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    equiglass.save(settled_liquid(), Path("my.xyz"))
    names: dict[str, object] = {}
    exec(compile(code, str(README), "exec"), names)
    assert capsys.readouterr().out == "{'1': 0.13, '2': 1.3, '3': 13.0, '7': 4120.0}\n"
    assert names["mobile"].shape == (200,)


def test_the_files_it_links_to_exist() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", TEXT):
        if not link.startswith("http"):
            assert (README.parent / link).exists(), link


def test_the_table_of_commands_is_complete() -> None:
    shown = set(re.findall(r"^\| `equiglass (\w+)", TEXT, re.MULTILINE))
    assert shown == {command.__name__ for command in COMMANDS} - {"demo"}
