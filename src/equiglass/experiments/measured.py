"""What a measure gives: rows and a summary for files, a table for people, figures, sentences."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Cell = str | int | float | None
Line = dict[str, Cell]
"""One line of a table by column."""


@dataclass(frozen=True)
class Measured:
    """What an experiment found.

    Attributes:
        rows: all numbers, one line a variant, seed and whatever else; as CSV and in the JSON.
        summary: the same over seeds; in the JSON.
        table: the summary for people, in Markdown.
        draw: the figures, by what their file names add to that of the experiment; "" for nothing.
        notes: sentences below the table.
    """

    rows: list[Line]
    summary: list[Line]
    table: str
    draw: Callable[[], Mapping[str, Figure]]
    notes: tuple[str, ...] = ()


def apart(rows: Iterable[Line], by: Sequence[str]) -> dict[tuple[Cell, ...], list[Line]]:
    """The rows by their values in some columns."""
    groups: dict[tuple[Cell, ...], list[Line]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in by), []).append(row)
    return groups


def over_seeds(
    rows: Sequence[Line],
    by: Sequence[str],
    scored: Sequence[str],
    same: Sequence[str] = (),
    lowest: Collection[str] = (),
) -> list[Line]:
    """Median, best and worst over the seeds, as columns ``x_median``, ``x_best``, ``x_worst``.

    Args:
        rows: with the columns below.
        by: columns that tell what is summarised apart.
        scored: columns that are summarised; None counts as unknown.
        same: columns that do not depend on the seed.
        lowest: those of ``scored`` whose lowest value is the best.
    """
    summary = []
    for names, own in apart(rows, by).items():
        line: Line = {**dict(zip(by, names, strict=True)), **{key: own[0][key] for key in same}, "seeds": len(own)}
        for column in scored:
            values = [value for row in own if isinstance(value := row.get(column), int | float)]
            line[f"{column}_median"] = float(np.median(values)) if values else None
            ends = (max(values), min(values)) if values else (None, None)
            best, worst = reversed(ends) if column in lowest else ends
            line[f"{column}_best"], line[f"{column}_worst"] = best, worst
        summary.append(line)
    return summary


def markdown(header: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """A table in Markdown, its columns aligned."""
    rows = [list(header), *map(list, body)]
    widths = [max(len(row[k]) for row in rows) for k in range(len(header))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]]) + "\n"


def spread(line: Line, column: str) -> str:
    """``median (best, worst)``; the median alone where they are the same, "-" where there is none."""
    median, best, worst = (line.get(f"{column}_{which}") for which in ("median", "best", "worst"))
    if best is None or (best == median == worst):
        return number(median)
    return f"{number(median)} ({number(best)}, {number(worst)})"


def plain(value: float) -> float | None:
    """A number for JSON: None for NaN."""
    return None if math.isnan(value) else float(value)


def number(value: Cell) -> str:
    """Three digits after the point, of large numbers three in all."""
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 10 else f"{value:.3g}"
    return "-" if value is None else str(value)
