"""A folder of results: its figures (PNG), texts (TXT, MD) and tables (CSV, JSON) as blocks of a report."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from equiglass.errors import DataError
from equiglass.files import reading
from equiglass.prediction.run_folder import RunFolder
from equiglass.report.page import Block, Code, Fold, Picture, Table, Text

if TYPE_CHECKING:
    from pandas import DataFrame

SUFFIXES = (".png", ".md", ".txt", ".csv", ".json")
OPEN_ROWS, MOST_ROWS = 24, 500
"""A table of more rows is folded; of more than the second number, cut."""


def result_files(folder: Path) -> list[Path]:
    """The PNG, MD, TXT, CSV and JSON files of a folder, those of one name together, the figure first."""
    log = RunFolder(folder).log
    files = [path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES and path != log]
    return sorted(files, key=lambda path: (path.stem, SUFFIXES.index(path.suffix.lower())))


def results(folder: Path) -> tuple[list[Block], list[str]]:
    """Blocks of every result in the folder, and the commands that made them.

    A JSON file names its command as text under the key "command".

    Raises:
        DataError: a damaged file.
    """
    blocks: list[Block] = []
    commands: list[str] = []
    for path in result_files(folder):
        with reading(path):
            if path.suffix.lower() == ".png":
                png = path.read_bytes()
                if not png.startswith(b"\x89PNG\r\n\x1a\n"):
                    raise DataError("this is no PNG file.")
                blocks.append(Picture(path.name, png))
            elif path.suffix.lower() in (".md", ".txt"):
                blocks.append(Code(path.name, path.read_text(encoding="utf-8")))
            elif path.suffix.lower() == ".csv":
                blocks.append(_csv(path))
            else:
                value = json.loads(path.read_text(encoding="utf-8"))
                blocks.append(Fold(path.name, list(tables(path.name, value)) or [Text("empty")]))
                if isinstance(value, dict) and isinstance(value.get("command"), str):
                    commands.append(value["command"])
    return blocks, list(dict.fromkeys(commands))


def tables(name: str, value: Any) -> Iterator[Block]:
    """A JSON value as tables: its plain numbers and texts first, then what lies deeper, named by its keys."""
    from pandas import DataFrame

    if isinstance(value, dict):
        plain = {key: one for key, one in value.items() if _is_plain(one)}
        if plain:
            yield Table(name, DataFrame({"name": list(plain), "value": list(plain.values())}, dtype=object))
        for key, one in value.items():
            if key not in plain:
                yield from tables(f"{name}: {key}", one)
    elif isinstance(value, list) and any(all(map(is_row, value)) for is_row in (_is_line, _is_list)):
        yield _limited(name, DataFrame(value, dtype=object))
    elif _is_plain(value):
        yield Table(name, DataFrame([[value]], dtype=object))
    else:
        yield Code(name, json.dumps(value, indent=1))


def _csv(path: Path) -> Block:
    from pandas import read_csv

    frame = read_csv(path, dtype=str, keep_default_na=False, index_col=False)
    table = _limited(path.name, frame)
    return table if len(frame) <= OPEN_ROWS else Fold(f"{path.name}, {len(frame)} rows", [table])


def _limited(name: str, frame: DataFrame) -> Table:
    cut = f" (the first {MOST_ROWS} of {len(frame)} rows)" if len(frame) > MOST_ROWS else ""
    return Table(name + cut, frame[:MOST_ROWS])


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_scalar, value))


def _is_plain(value: Any) -> bool:
    return _is_scalar(value) or (_is_list(value) and len(value) <= 12)


def _is_line(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_plain, value.values()))
