"""The example of docs/observables.md runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import equiglass

DOCS = Path(__file__).parents[1] / "docs" / "observables.md"


def test_the_example_on_the_data_set_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), flags=re.DOTALL)
    exec(first + second, {})
    found = capsys.readouterr().out
    assert re.search(r"chi4 = \d+\.\d \+- \d+\.\d", found)
    assert "nan" not in found.splitlines()[0]
    systems = equiglass.load(Path(equiglass.__file__).parent / "experiments" / "data" / "kalj-T0.64.h5")
    q = equiglass.observables.mean_mobility(systems)
    assert f"Q_s = {q.value}" in found
