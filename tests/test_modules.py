"""The table of modules in the docstring of a folder names all of them, and no other."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import equiglass

ROOT = Path(equiglass.__file__).parent

TABLES = {
    path.parent: named
    for path in sorted(ROOT.rglob("__init__.py"))
    if (named := set(re.findall(r"^([a-z_\d]+)  +\S", (ast.get_docstring(ast.parse(path.read_text())) or ""), re.M)))
}


def test_there_are_tables() -> None:
    assert len(TABLES) >= 10


@pytest.mark.parametrize("folder", TABLES, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_a_table_names_the_modules_of_its_folder(folder: Path) -> None:
    modules = {path.stem for path in folder.glob("*.py") if path.stem != "__init__"}
    folders = {path.parent.name for path in folder.glob("*/__init__.py")}
    assert TABLES[folder] == modules | folders
