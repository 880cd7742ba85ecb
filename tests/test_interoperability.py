"""The examples of docs/interoperability.md run as they stand, one section after the other in a fresh namespace."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import equiglass as eg
from samples.liquids import settled_liquid

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "interoperability.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], dict[str, Any]]:
    """Run the code of a section in a folder that holds my.xyz, and return its names."""
    monkeypatch.chdir(tmp_path)
    eg.save(settled_liquid(), Path("my.xyz"))

    def section(title: str) -> dict[str, Any]:
        names: dict[str, Any] = {}
        for code in re.findall(r"```python\n(.*?)```", SECTIONS[title], re.DOTALL):
            exec(compile(code, title, "exec"), names)
        return names

    return section


def test_every_section_has_a_test() -> None:
    assert set(SECTIONS) == {"ASE", "freud", "MDAnalysis", "GSD and HOOMD-blue"}


def test_ase(run: Callable[[str], dict[str, Any]]) -> None:
    ase_io = pytest.importorskip("ase.io")
    names = run("ASE")
    written = ase_io.read("with-propensity.extxyz")
    np.testing.assert_allclose(written.arrays["propensity"], names["prediction"].at("7"), rtol=1e-6)
    np.testing.assert_array_equal(names["prediction"].system.types, names["system"].types)


def test_freud(run: Callable[[str], dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("freud")
    names = run("freud")
    assert names["volume"].sum() == pytest.approx(names["system"].box.prod(), rel=1e-5)
    said = capsys.readouterr().out.splitlines()
    assert [line.rsplit(" ", 1)[0] for line in said[:2]] == ["q6", "Voronoi volume"]
    assert all(abs(float(line.rsplit(" ", 1)[1])) < 1 for line in said[:2])
    assert names["clusters"].num_clusters >= 1


def test_mdanalysis(run: Callable[[str], dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("MDAnalysis")
    names = run("MDAnalysis")
    expected = eg.load_model("kalj-T0.44").predict(replace(names["system"], temperature=None)).at("7")
    np.testing.assert_allclose(
        names["propensity"], expected, rtol=2e-2, atol=2e-3
    )  # Its positions have single precision.
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == ["0", "1"]


def test_gsd(run: Callable[[str], dict[str, Any]]) -> None:
    hoomd = pytest.importorskip("gsd.hoomd")
    names = run("GSD and HOOMD-blue")
    with hoomd.open("with-propensity.gsd", "r") as file:
        stored = file[0].log["particles/propensity"]
    np.testing.assert_array_equal(stored, names["prediction"].at("7"))
    (again,) = eg.load("with-propensity.gsd")
    np.testing.assert_array_equal(again.types, names["system"].types)
