"""The parts of a report (parts.html) and the page around them (page.html, page.css and the scripts)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

if TYPE_CHECKING:
    from pandas import DataFrame

HERE = Path(__file__).parent
SCRIPTS = ("spheres.js", "view.js")
TEMPLATES = Environment(
    loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


def _cell(value: Any) -> str:
    """Numbers to six digits, lists with commas, "-" for nothing."""
    if isinstance(value, list):
        return ", ".join(map(_cell, value))
    if value is None or value != value:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return cell in ("", "-")
    return True


def _columns(frame: DataFrame) -> list[tuple[str, list[str], bool]]:
    """Name, cells, and whether all are numbers, of every column; no names where the columns are only counted."""
    named = list(frame.columns) != list(range(frame.shape[1]))
    cells = [list(map(_cell, frame.iloc[:, k].tolist())) for k in range(frame.shape[1])]
    return [
        (str(name) if named else "", own, all(map(_is_number, own))) for name, own in zip(frame, cells, strict=True)
    ]


TEMPLATES.filters |= {"columns": _columns, "base64": lambda png: base64.b64encode(png).decode()}

html: Any = TEMPLATES.get_template("parts.html").module
"""The macros of parts.html. Each writes one part of a report, as `Markup` with every text from outside escaped."""


def render(title: str, sections: Sequence[tuple[str, Sequence[Markup]]]) -> str:
    """The page of titled sections: it holds everything and fetches nothing.

    Its content security policy allows its own scripts and style, by their SHA-256, and pictures inside the page.
    """
    style = (HERE / "page.css").read_text(encoding="utf-8")
    scripts = [(HERE / name).read_text(encoding="utf-8") for name in SCRIPTS]
    policy = (
        f"default-src 'none'; img-src data:; style-src {_digest(style)}; "
        f"script-src {' '.join(map(_digest, scripts))}; base-uri 'none'; form-action 'none'"
    )
    page = TEMPLATES.get_template("page.html")
    return page.render(
        title=title,
        sections=sections,
        policy=policy,
        style=Markup(style),
        scripts=list(map(Markup, scripts)),
        version=version("equiglass"),
    )


def _digest(words: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(words.encode()).digest()).decode()}'"
