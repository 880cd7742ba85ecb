"""What matplotlib axes show: points, curves, marks and words."""

from __future__ import annotations

from typing import Any

Points = list[tuple[float, float]]


def points(line: Any) -> Points:
    return [(x, round(y, 9)) for x, y in line.get_xydata()]


def shown(ax: Any) -> list[Any]:
    """The lines that are not for the legend alone."""
    return [line for line in ax.lines if len(line.get_xdata())]


def drawn(ax: Any) -> dict[str, Points]:
    """The points of every named curve."""
    return {line.get_label(): points(line) for line in shown(ax) if line.get_label()[0] != "_"}


def dashed(ax: Any) -> list[Any]:
    return [line for line in shown(ax) if line.get_linestyle() == "--"]


def marked(ax: Any) -> list[Points]:
    """The points of every published name."""
    return [points(line) for line in shown(ax) if line.get_linestyle() == "None"]


def legend(figure: Any) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]
