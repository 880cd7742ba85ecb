"""Statistics of measured and predicted fields: chi4 and Q_s against time, G4 against distance, its length."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from equiglass.figures.style import COLOURS, COLUMN, panels, style, unfilled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

DECADES = 1e4
"""The largest of the values drawn against the smallest."""

WAYS = (("-", ""), ("--", "s"), (":", "^"), ("-.", "D"), ((0, (1, 1)), "v"))
"""Line and marker of a field: the first, measured, has a band for its error in place of bars."""


def fluctuations_figure(summary: DataFrame, published: DataFrame) -> Figure:
    """chi4_s above Q_s against time, a column per particle type; colours are groups, lines and markers fields.

    Args:
        summary: columns group, field, type, time, threshold, softness, and chi4 and q, each _median and _error.
        published: columns group, name, type, time and value of chi4; drawn as unfilled marks.
    """
    with style():
        figure, axes = _grid(summary)
        for (kind, own), (top, bottom) in zip(summary.groupby("type", sort=False), axes.T, strict=True):
            _upper_decades(top, own["chi4_median"].max())
            _curves(top, own, "time", "chi4", summary)
            _curves(bottom, own, "time", "q", summary)
            top.set(xscale="log", xlabel=r"$t$", ylabel=r"$\chi_4^s(t)$", title=f"type {kind}")
            bottom.set(xscale="log", xlabel=r"$t$", ylabel=r"$Q_s(t)$")
            marks = published[published["type"] == kind]
            for k, (_, of_name) in enumerate(marks.groupby("name", sort=False)):
                for _, mark in of_name.groupby("group", sort=False):
                    top.plot("time", "value", data=mark, **unfilled(k))
        _legend(figure, summary, published)
        return figure


def spatial_figure(curves: DataFrame, lengths: DataFrame) -> Figure:
    """G4 against distance, above its length against temperature, a column per particle type.

    Args:
        curves: columns group, field, type, label, threshold, softness, r, and g4_median and g4_error.
        lengths: columns temperature, field, type, and length_median and length_error; NaN where unknown.
    """
    lengths = lengths.dropna(subset="temperature").sort_values("temperature")
    with style():
        figure, axes = _grid(curves)
        for (kind, own), (top, bottom) in zip(curves.groupby("type", sort=False), axes.T, strict=True):
            _upper_decades(top, own["g4_median"].max())
            _curves(top, own, "r", "g4", curves)
            top.set(xlabel=r"$r$", ylabel=r"$G_4(r, t)$", title=f"type {kind}, time {own['label'].iloc[0]}")
            for k, field in enumerate(curves["field"].unique()):
                of = lengths[(lengths["type"] == kind) & (lengths["field"] == field)]
                dashes, marker = WAYS[k % len(WAYS)]
                how: dict[str, Any] = {"linestyle": dashes, "marker": marker or "o", "color": "0.2"}
                bottom.errorbar(of["temperature"], of["length_median"], of["length_error"], **how)
            bottom.set_xticks(lengths["temperature"].unique())
            bottom.set(xlabel=r"$T$", ylabel=r"dynamic length $\xi$")
        _legend(figure, curves, None)
        return figure


def _grid(frame: DataFrame) -> tuple[Figure, Any]:
    types = frame["type"].nunique()
    return panels(2, types, COLUMN * types, 1.5 * COLUMN + 0.5)


def _curves(ax: Axes, frame: DataFrame, x: str, y: str, every: DataFrame) -> None:
    """A curve per group and field; colours and lines are those of their places in all that is drawn."""
    groups, fields = every["group"].unique().tolist(), every["field"].unique().tolist()
    for (group, field), part in frame.groupby(["group", "field"], sort=False):
        own, g, k = part.sort_values(x), groups.index(group), fields.index(field)
        places, values, errors = (own[c].to_numpy(dtype=float) for c in (x, f"{y}_median", f"{y}_error"))
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


def _upper_decades(ax: Axes, highest: float) -> None:
    """A logarithmic axis for values that span decades; what is not positive is left out."""
    if highest > 0:
        ax.set_yscale("log", nonpositive="clip")
        ax.set_ylim(highest / DECADES, 3 * highest)


def _legend(figure: Figure, frame: DataFrame, published: DataFrame | None) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=COLOURS[k % len(COLOURS)], linewidth=4, label=group)
        for k, group in enumerate(frame["group"].unique())
    ]
    for k, field in enumerate(frame["field"].unique()):
        dashes, marker = WAYS[k % len(WAYS)]
        handles.append(Line2D([], [], color="0.2", linestyle=dashes, marker=marker, label=field))
    names = [] if published is None else published["name"].unique()
    handles += [Line2D([], [], **unfilled(k), label=f"{name}, published") for k, name in enumerate(names)]
    first = frame.iloc[0]
    step = rf"$c_i$: threshold {first['threshold']:g}, softness {first['softness']:g}"
    figure.legend(handles=handles, title=step, loc="outside upper center", ncols=2)
