"""The parts of a report as plain data, and the one HTML file they become."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from pandas import DataFrame

HERE = Path(__file__).parent
SCRIPTS = ("spheres.js", "view.js")


@dataclass(frozen=True)
class Text:
    """A paragraph; a warning stands out."""

    kind: ClassVar = "text"
    text: str
    warning: bool = False


@dataclass(frozen=True)
class Heading:
    """A heading of what follows in its section."""

    kind: ClassVar = "heading"
    text: str


@dataclass(frozen=True, eq=False)
class Table:
    """A frame. A frame whose columns have no names has no header; a column of numbers is aligned to the right."""

    kind: ClassVar = "table"
    caption: str
    frame: DataFrame

    @property
    def header(self) -> list[str]:
        """Names of the columns, or none."""
        numbered = list(self.frame.columns) == list(range(self.frame.shape[1]))
        return [] if numbered else [str(name) for name in self.frame.columns]

    @cached_property
    def rows(self) -> list[list[str]]:
        """The cells as text."""
        return [[_text(cell) for cell in row] for row in self.frame.itertuples(index=False, name=None)]

    def numeric(self, column: int) -> bool:
        """Whether the column holds numbers alone."""
        return all(_is_number(row[column]) for row in self.rows)


@dataclass(frozen=True)
class Picture:
    """A PNG; the caption is also what a screen reader says."""

    kind: ClassVar = "picture"
    caption: str
    png: bytes

    @property
    def base64(self) -> str:
        """For a data address."""
        return base64.b64encode(self.png).decode()


@dataclass(frozen=True)
class Pictures:
    """Small pictures side by side."""

    kind: ClassVar = "pictures"
    pictures: Sequence[Picture]


@dataclass(frozen=True)
class Code:
    """A file or commands, as they are."""

    kind: ClassVar = "code"
    caption: str
    text: str


@dataclass(frozen=True)
class View:
    """The interactive view of propensity fields; its data come from :func:`equiglass.report.fields.view_data`."""

    kind: ClassVar = "view"
    caption: str
    data: dict[str, Any]


@dataclass(frozen=True)
class Fold:
    """Blocks that are opened on demand."""

    kind: ClassVar = "fold"
    summary: str
    blocks: Sequence[Block]


Block = Text | Heading | Table | Picture | Pictures | Code | View | Fold


@dataclass(frozen=True)
class Section:
    """A titled part of the page."""

    title: str
    blocks: Sequence[Block]


def render(title: str, sections: Sequence[Section]) -> str:
    """The page: everything inside, nothing fetched, every text from outside escaped.

    The page's own policy lets a browser run its scripts alone, known by their SHA-256, and load nothing.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    style = (HERE / "page.css").read_text(encoding="utf-8")
    scripts = [(HERE / name).read_text(encoding="utf-8") for name in SCRIPTS]
    policy = (
        f"default-src 'none'; img-src data:; style-src {_digest(style)}; "
        f"script-src {' '.join(map(_digest, scripts))}; base-uri 'none'; form-action 'none'"
    )
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    page = environment.get_template("page.html").render(
        title=title,
        sections=sections,
        policy=policy,
        style=Markup(style),
        scripts=[Markup(script) for script in scripts],
        version=version("equiglass"),
    )
    return page.lstrip()


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _text(cell: Any) -> str:
    """Numbers to six digits, lists with commas, "-" for nothing."""
    if isinstance(cell, list):
        return ", ".join(map(_text, cell))
    if cell is None or cell != cell:
        return "-"
    return f"{cell:.6g}" if isinstance(cell, float) else str(cell)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return cell in ("", "-")
    return True
