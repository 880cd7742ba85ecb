"""The README's example runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import equiglass
from samples.labelled import labelled_liquid
from samples.liquids import random_liquid

README = Path(__file__).resolve().parents[1] / "README.md"


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    monkeypatch.chdir(tmp_path)
    equiglass.save(random_liquid(200, seed=4), Path("my.xyz"))
    Path("folder").mkdir()
    equiglass.save([labelled_liquid(seed) for seed in range(5)], Path("folder/data.h5"))
    exec(compile(code, str(README), "exec"), {})
    assert "{'7': 4120.0}" in capsys.readouterr().out
    assert Path("run/last.safetensors").exists()


def test_the_files_it_links_to_exist() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", README.read_text()):
        if not link.startswith("http"):
            assert (README.parent / link).exists(), link
