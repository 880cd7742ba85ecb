"""A folder of results: its figures (PNG), texts (TXT, MD) and tables (CSV, JSON) as blocks of a report."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from equiglass.errors import EquiglassError
from equiglass.files import reading
from equiglass.report.page import Block, Code, Fold, Picture, Table, Text
from equiglass.training.run import LOG

SUFFIXES = (".png", ".md", ".txt", ".csv", ".json")
OPEN_ROWS, MOST_ROWS = 24, 500


def result_files(folder: Path) -> list[Path]:
    """The PNG, MD, TXT, CSV and JSON files of a folder, those of one name together, the figure first."""
    files = [path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES and path.name != LOG]
    return sorted(files, key=lambda path: (path.stem, SUFFIXES.index(path.suffix.lower())))


def results(folder: Path) -> tuple[list[Block], list[str]]:
    """Blocks of every result in the folder, and the commands that made them.

    A JSON file names its command as text under the key "command".

    Raises:
        EquiglassError: a damaged file.
    """
    blocks: list[Block] = []
    commands: list[str] = []
    for path in result_files(folder):
        with reading(path):
            if path.suffix.lower() == ".png":
                png = path.read_bytes()
                if not png.startswith(b"\x89PNG\r\n\x1a\n"):
                    raise EquiglassError("this is no PNG file.")
                blocks.append(Picture(path.name, png))
            elif path.suffix.lower() in (".md", ".txt"):
                blocks.append(Code(path.name, path.read_text(encoding="utf-8")))
            elif path.suffix.lower() == ".csv":
                blocks += _csv(path)
            else:
                value = json.loads(path.read_text(encoding="utf-8"))
                blocks.append(Fold(path.name, list(tables(path.name, value)) or [Text("empty")]))
                if isinstance(value, dict) and isinstance(value.get("command"), str):
                    commands.append(value["command"])
    return blocks, list(dict.fromkeys(commands))


def tables(name: str, value: Any) -> Iterator[Block]:
    """A JSON value as tables: its plain numbers and texts first, then what lies deeper, named by its keys."""
    if isinstance(value, dict):
        plain = {key: one for key, one in value.items() if _is_plain(one)}
        if plain:
            yield Table(name, ["name", "value"], [[key, _plain(one)] for key, one in plain.items()])
        for key, one in value.items():
            if key not in plain:
                yield from tables(f"{name}: {key}", one)
    elif isinstance(value, list) and all(isinstance(one, dict) and all(map(_is_plain, one.values())) for one in value):
        header = list(dict.fromkeys(key for one in value for key in one))
        yield _limited(name, header, [[_plain(one.get(key, "")) for key in header] for one in value])
    elif isinstance(value, list) and all(isinstance(one, list) and all(map(_is_scalar, one)) for one in value):
        yield _limited(name, [], [[_plain(cell) for cell in one] for one in value])
    elif _is_plain(value):
        yield Table(name, [], [[_plain(value)]])
    else:
        yield Code(name, json.dumps(value, indent=1))


def _csv(path: Path) -> list[Block]:
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = list(csv.reader(file)) or [[]]
    table = _limited(path.name, header, rows)
    return [table] if len(rows) <= OPEN_ROWS else [Fold(f"{path.name}, {len(rows)} rows", [table])]


def _limited(name: str, header: list[str], rows: list[list[str]]) -> Table:
    cut = f" (the first {MOST_ROWS} of {len(rows)} rows)" if len(rows) > MOST_ROWS else ""
    return Table(name + cut, header, rows[:MOST_ROWS])


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)


def _is_plain(value: Any) -> bool:
    return _is_scalar(value) or (isinstance(value, list) and len(value) <= 12 and all(map(_is_scalar, value)))


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
