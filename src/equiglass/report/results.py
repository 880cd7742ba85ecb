"""A folder of results: its figures (PNG), texts (TXT, MD) and tables (CSV, JSON) as parts of a report."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from markupsafe import Markup

from equiglass.errors import DataError
from equiglass.files import reading
from equiglass.prediction.run_folder import RunFolder
from equiglass.report.page import html

SUFFIXES = (".png", ".md", ".txt", ".csv", ".json")
SHORT = 12
"""A list of at most so many numbers or texts fits a cell of a table."""


def result_files(folder: Path) -> list[Path]:
    """The PNG, MD, TXT, CSV and JSON files of a folder. Files of one name stand together, the figure first."""
    own = (RunFolder(folder).log, RunFolder(folder).combination)
    files = [path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES and path not in own]
    return sorted(files, key=lambda path: (path.stem, SUFFIXES.index(path.suffix.lower())))


def results(folder: Path) -> tuple[list[Markup], list[str]]:
    """One part per result in the folder, and the commands that made the results.

    A JSON file names its command as text under the key "command".

    Raises:
        DataError: a damaged file.
    """
    from pandas import read_csv

    parts: list[Markup] = []
    commands: dict[str, None] = {}
    for path in result_files(folder):
        with reading(path):
            suffix = path.suffix.lower()
            if suffix == ".png":
                png = path.read_bytes()
                if not png.startswith(b"\x89PNG\r\n\x1a\n"):
                    raise DataError("this is no PNG file.")
                parts.append(html.picture(path.name, png))
            elif suffix == ".csv":
                frame = read_csv(path, dtype=str, keep_default_na=False, index_col=False)
                parts.append(html.long_table(path.name, frame))
            elif suffix == ".json":
                value = json.loads(path.read_text(encoding="utf-8"))
                parts.append(html.fold(path.name, list(json_parts(path.name, value))))
                if isinstance(value, dict) and isinstance(value.get("command"), str):
                    commands[value["command"]] = None
            else:
                parts.append(html.code(path.name, path.read_text(encoding="utf-8")))
    return parts, list(commands)


def json_parts(name: str, value: Any) -> Iterator[Markup]:
    """A JSON value: one table of its numbers and texts, then a table per list of rows, and what is neither as text."""
    from pandas import DataFrame

    leaves = list(_leaves(value))
    short = [(key, one) for key, one in leaves if _is_short(one)]
    if short:
        yield html.table(name, DataFrame(short, columns=["name", "value"], dtype=object))
    for key, one in leaves:
        caption = f"{name}: {key}" if key else name
        if _is_rows(one):
            yield html.long_table(caption, DataFrame(one, dtype=object))
        elif not _is_short(one):
            yield html.code(caption, json.dumps(one, indent=1, ensure_ascii=False))


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The values in nested JSON objects, each named by its keys."""
    if isinstance(value, dict) and value:
        for key, one in value.items():
            yield from _leaves(one, f"{name}: {key}" if name else key)
    else:
        yield name, value


def _is_short(value: Any) -> bool:
    """Whether it fits a cell."""
    nested = isinstance(value, list) and any(isinstance(one, dict | list) for one in value)
    return not (isinstance(value, dict) or nested or (isinstance(value, list) and len(value) > SHORT))


def _is_rows(value: Any) -> bool:
    """Whether it is a list of objects, or of lists, whose values fit cells."""
    if not isinstance(value, list) or {*map(type, value)} not in ({dict}, {list}):
        return False
    return all(_is_short(cell) for row in value for cell in (row.values() if isinstance(row, dict) else row))
