"""The notebooks of the docs run, each in an empty folder, and are stored without outputs."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

NOTEBOOKS = sorted((Path(__file__).resolve().parents[1] / "docs" / "notebooks").glob("*.ipynb"))


def cells(path: Path, kind: str) -> list[str]:
    found = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in found if cell["cell_type"] == kind]


def execute(code: str, names: dict[str, Any], where: str) -> Any:
    """Run a cell, and return the value of its last expression, as a notebook shows it."""
    tree = ast.parse(code)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, where, "exec"), names)
    return eval(compile(ast.Expression(last.value), where, "eval"), names) if isinstance(last, ast.Expr) else None


def test_there_are_five() -> None:
    assert [path.stem for path in NOTEBOOKS] == [
        "from-dump-to-field",
        "methods",
        "structures",
        "transfer",
        "your-own-liquid",
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore:.*is unlike the training data")
def test_a_notebook_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    shown = [execute(code, names, f"{path.stem}[{n}]") for n, code in enumerate(cells(path, "code"))]
    figures = [one for one in shown if isinstance(one, Figure)]
    assert figures or path.stem == "transfer"
    for number, figure in enumerate(figures):
        with mpl.rc_context():
            figure.savefig(tmp_path / f"{number}.png")
    assert shown[-1] is not None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_without_outputs(path: Path) -> None:
    assert cells(path, "markdown")[0].startswith("# ")
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
