"""Statistics of measured and predicted fields: chi4 and Q_s against time, G4 against distance, its length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from equiglass.figures.style import COLOURS, COLUMN, Lines, style, unfilled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DECADES = 1e4
"""The largest of the values drawn against the smallest."""

WAYS = (("-", ""), ("--", "s"), (":", "^"), ("-.", "D"), ((0, (1, 1)), "v"))
"""Line and marker of a field: the first, measured, has a band for its error in place of bars."""


def fluctuations_figure(summary: Lines, published: Lines = ()) -> Figure:
    """chi4_s above Q_s against time, a column a particle type; colours tell groups, lines and markers fields.

    Args:
        summary: lines with group, field, type, time, threshold, softness, chi4, q and their errors; None where unknown.
        published: lines with group, name, type, time and value of chi4; drawn as unfilled marks.
    """
    with style():
        figure, axes = _grid(2, _values(summary, "type"))
        for (kind, row), ax in axes.items():
            column, label = (("chi4", r"$\chi_4^s(t)$"), ("q", r"$Q_s(t)$"))[row]
            own = [line for line in summary if line["type"] == kind]
            if row == 0:
                _logarithmic(ax, _numbers(own, column))
            _curves(ax, own, "time", column, summary)
            ax.set(xscale="log", xlabel=r"$t$", ylabel=label)
            if row == 0:
                ax.set_title(f"type {kind}")
                _marks(ax, [mark for mark in published if mark["type"] == kind], _values(summary, "group"))
        _legend(figure, summary, published)
        return figure


def spatial_figure(curves: Lines, lengths: Lines) -> Figure:
    """G4 against distance, above its length against temperature, a column a particle type.

    Args:
        curves: lines with group, field, type, label, threshold, softness, r, g4 and its error.
        lengths: lines with group, temperature, field, type, length and its error; None where unknown.
    """
    with style():
        figure, axes = _grid(2, _values(curves, "type"))
        for (kind, row), ax in axes.items():
            if row == 0:
                own = [line for line in curves if line["type"] == kind]
                _logarithmic(ax, _numbers(own, "g4"))
                _curves(ax, own, "r", "g4", curves)
                ax.set(xlabel=r"$r$", ylabel=r"$G_4(r, t)$", title=f"type {kind}, time {own[0]['label']}")
                continue
            for k, field in enumerate(_values(curves, "field")):
                own = [line for line in lengths if (line["type"], line["field"]) == (kind, field)]
                own = sorted((line for line in own if line["temperature"] is not None), key=lambda x: x["temperature"])
                dashes, marker = WAYS[k % len(WAYS)]
                x = _numbers(own, "temperature")
                y, error = _numbers(own, "length"), _numbers(own, "length_error")
                ax.errorbar(x, y, error, linestyle=dashes, marker=marker or "o", color="0.2")
            ax.set_xticks(sorted({line["temperature"] for line in lengths if line["temperature"] is not None}))
            ax.set(xlabel=r"$T$", ylabel=r"dynamic length $\xi$")
        _legend(figure, curves, ())
        return figure


def _grid(rows: int, kinds: Sequence[str]) -> tuple[Figure, dict[tuple[str, int], Axes]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(COLUMN * len(kinds), 0.75 * COLUMN * rows + 0.5), layout="constrained")
    axes = figure.subplots(rows, len(kinds), squeeze=False)
    return figure, {(kind, row): axes[row, column] for column, kind in enumerate(kinds) for row in range(rows)}


def _curves(ax: Axes, lines: Lines, x: str, y: str, every: Lines) -> None:
    """A curve a group and field; colours and lines are those of their places in all that is drawn."""
    for g, group in enumerate(_values(every, "group")):
        for k, field in enumerate(_values(every, "field")):
            own = [line for line in lines if (line["group"], line["field"]) == (group, field)]
            own = sorted(own, key=lambda line: line[x])
            places, values, errors = _numbers(own, x), _numbers(own, y), _numbers(own, f"{y}_error")
            if ax.get_yscale() == "log":
                values = np.where(values > 0, values, np.nan)
            colour, (dashes, marker) = COLOURS[g % len(COLOURS)], WAYS[k % len(WAYS)]
            if k or len(own) == 1:
                step = max(1, len(own) // 10)
                ax.plot(places, values, color=colour, linestyle=dashes, marker=marker or "o", markevery=step)
                ax.errorbar(places[::step], values[::step], errors[::step], color=colour, linestyle="")
            else:
                ax.plot(places, values, color=colour, linestyle=dashes)
                ax.fill_between(places, values - errors, values + errors, color=colour, alpha=0.2, linewidth=0)


def _logarithmic(ax: Axes, values: NDArray[np.float64]) -> None:
    """Of what spans decades, the upper ones; what is not positive is left out."""
    highest = np.nanmax(values, initial=0.0)
    if highest > 0:
        ax.set_yscale("log", nonpositive="clip")
        ax.set_ylim(highest / DECADES, 3 * highest)


def _marks(ax: Axes, published: Lines, groups: Sequence[str]) -> None:
    for k, name in enumerate(_values(published, "name")):
        for group in groups:
            own = [mark for mark in published if (mark["name"], mark["group"]) == (name, group)]
            ax.plot(_numbers(own, "time"), _numbers(own, "value"), **unfilled(k))


def _legend(figure: Figure, lines: Lines, published: Lines) -> None:
    from matplotlib.lines import Line2D

    groups = [
        Line2D([], [], color=COLOURS[k % len(COLOURS)], linewidth=4, label=group)
        for k, group in enumerate(_values(lines, "group"))
    ]
    fields = [
        Line2D([], [], color="0.2", linestyle=WAYS[k % len(WAYS)][0], marker=WAYS[k % len(WAYS)][1], label=field)
        for k, field in enumerate(_values(lines, "field"))
    ]
    names = [
        Line2D([], [], **unfilled(k), label=f"{name}, published") for k, name in enumerate(_values(published, "name"))
    ]
    step = rf"$c_i$: threshold {lines[0]['threshold']:g}, softness {lines[0]['softness']:g}"
    figure.legend(handles=[*groups, *fields, *names], title=step, loc="outside upper center", ncols=2)


def _values(lines: Lines, key: str) -> list[str]:
    return list(dict.fromkeys(line[key] for line in lines))


def _numbers(lines: Lines, key: str) -> NDArray[np.float64]:
    return np.array([line[key] for line in lines], dtype=np.float64)
