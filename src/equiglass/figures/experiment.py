"""Figures of experiments: rho against time, or against what was varied; several methods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from equiglass.figures.style import (
    CEILING,
    COLUMN,
    CROSS,
    FIELD,
    ceiling,
    colour_and_marker,
    floor_of,
    in_mathematics,
    panels,
    style,
    unfilled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame, Series

CONVENTIONS = {"per_configuration": "mean per configuration", "pooled": "pooled"}


def rho_by_time(summary: DataFrame, convention: str = "per_configuration") -> Figure:
    """Median rho of the first type against time; bars go from the worst to the best seed.

    Panels are groups and curves variants; where there is one variant, curves are groups.

    Args:
        summary: columns group, variant, type, time, and of the convention C: C_median, C_best, C_worst and ceiling_C.
            Where there are columns published_median and published_convention, their numbers are crosses.
        convention: "per_configuration" or "pooled".
    """
    summary = _of_first_type(summary)
    one_variant, one_group = (summary[column].nunique() == 1 for column in ("variant", "group"))
    panel, curve = ("variant", "group") if one_variant else ("group", "variant")
    with style():
        figure, axes = _panels(summary[panel].nunique())
        for ax, (title, here) in zip(axes, summary.groupby(panel, sort=False), strict=True):
            for k, (name, part) in enumerate(here.groupby(curve, sort=False)):
                own, how = part.sort_values("time"), colour_and_marker(k)
                _curve(ax, own["time"], own, convention, label=in_mathematics(name), **how)
                if one_variant or k == 0:
                    colour = how["color"] if one_variant and not one_group else CEILING["color"]
                    ceiling(ax, "time", f"ceiling_{convention}", own, color=colour)
            ax.set(xscale="log", xlabel=r"$t$", title=f"{here['type'].iloc[0]}, {in_mathematics(title)}")
        return _finished(figure, axes, convention)


def rho_along(
    summary: DataFrame, label: str, convention: str = "per_configuration", logarithmic: bool = False
) -> Figure:
    """Median rho of the first type against what was varied; a panel per variant and group, a curve per time.

    Args:
        summary: as in `rho_by_time`, and with columns at and label.
        label: of the axis.
        convention: "per_configuration" or "pooled".
        logarithmic: the axis.
    """
    summary = _of_first_type(summary)
    times = summary.drop_duplicates("label", keep="last").sort_values("time")["label"].tolist()
    several = summary["group"].nunique() > 1
    with style():
        from matplotlib import colormaps

        shades = dict(zip(times, colormaps[FIELD](np.linspace(0, 0.88, len(times))), strict=True))
        every = list(summary.groupby(["group", "variant"], sort=False))
        figure, axes = _panels(len(every))
        for ax, ((group, variant), here) in zip(axes, every, strict=True):
            values = list(dict.fromkeys(here["at"]))
            numbers = all(isinstance(value, int | float) for value in values)
            places = dict(zip(values, values if numbers else range(len(values)), strict=True))
            for name in times:
                own = here[here["label"] == name]
                if len(own):
                    # The value of a time may differ between groups, its label does not.
                    time = own["time"].iloc[0]
                    when = f"time {name}" if several else rf"$t$ = {time:g}"
                    when = when if time > 0 else in_mathematics(name)
                    _curve(ax, own["at"].map(places), own, convention, color=shades[name], marker="o", label=when)
            title = in_mathematics(f"{variant}, {group}" if several else variant)
            scale = "log" if logarithmic else "linear"
            ax.set(xlabel=label, title=f"{here['type'].iloc[0]}, {title}", xscale=scale)
            ax.set_xticks(list(places.values()), [str(value) for value in values])
            ax.minorticks_off()
        return _finished(figure, axes, convention)


def methods_figure(summary: DataFrame, published: DataFrame, kind: str) -> Figure:
    """Rho of one particle type against time: per configuration above pooled, a column per group, a curve per method.

    Args:
        summary: columns group, variant (the method), type, time, and of both conventions C: C_median, C_error, which
            the bars show, and ceiling_C.
        published: columns group, name, type, column (a convention), time and value; drawn as unfilled marks.
        kind: the type.
    """
    summary, published = (frame[frame["type"] == kind] for frame in (summary, published))
    groups, methods = summary["group"].unique(), summary["variant"].unique()
    names = published["name"].unique()
    with style():
        from matplotlib.lines import Line2D

        width = COLUMN * max(len(groups), 1.5)
        figure, axes = panels(2, len(groups), width, 1.6 * COLUMN + 0.6, sharex="col", sharey=True)
        for row, convention in zip(axes, CONVENTIONS, strict=True):
            for ax, group in zip(row, groups, strict=True):
                own = summary[summary["group"] == group].sort_values("time")
                for k, method in enumerate(methods):
                    of = own[own["variant"] == method]
                    ax.errorbar(
                        of["time"], of[f"{convention}_median"], of[f"{convention}_error"], **colour_and_marker(k)
                    )
                ceiling(ax, "time", f"ceiling_{convention}", own)
                marks = published[(published["group"] == group) & (published["column"] == convention)]
                for k, name in enumerate(names):
                    ax.plot("time", "value", data=marks[marks["name"] == name], **unfilled(k))
                ax.set(xscale="log")
            row[0].set_ylabel(rf"Pearson $\rho$, {convention.replace('_', ' ')}")
        for column, group in enumerate(groups):
            axes[0, column].set_title(group)
            axes[1, column].set_xlabel(r"$t$")
        axes[0, 0].set_ylim(floor_of(axes), 1.0)
        handles = [Line2D([], [], **colour_and_marker(k), label=method) for k, method in enumerate(methods)]
        handles.append(Line2D([], [], **CEILING, label="noise ceiling"))
        handles += [Line2D([], [], **unfilled(k), label=f"{name}, published") for k, name in enumerate(names)]
        figure.legend(handles=handles, title=f"type {kind}", loc="outside upper center", ncols=2)
        return figure


def _of_first_type(summary: DataFrame) -> DataFrame:
    return summary[summary["type"] == summary["type"].min()]


def _panels(number: int) -> tuple[Figure, Sequence[Axes]]:
    columns = min(number, 2)
    rows = -(-number // columns)
    figure, axes = panels(rows, columns, (1.4, 2.0)[columns - 1] * COLUMN, 0.85 * COLUMN * rows + 0.6, sharey=True)
    for ax in axes.flat[number:]:
        ax.remove()
    return figure, list(axes.flat[:number])


def _curve(ax: Axes, x: Series, rows: DataFrame, convention: str, **how: Any) -> None:
    """Ours with its spread over seeds, and a cross for every published number of this convention."""
    median, best, worst = (rows[f"{convention}_{which}"] for which in ("median", "best", "worst"))
    ax.errorbar(x, median, [median - worst, best - median], **how)
    if "published_median" in rows:
        fits = rows["published_convention"].isin(["unsaid", convention])
        if fits.any():
            ax.plot(x[fits], rows["published_median"][fits], **CROSS, color=how["color"])


def _finished(figure: Figure, axes: Sequence[Axes], convention: str) -> Figure:
    """Give the panels one height, and one legend above them."""
    from matplotlib.lines import Line2D

    handles = dict(zip(*reversed(axes[0].get_legend_handles_labels()), strict=True))
    drawn = [line for ax in axes for line in ax.lines]
    if any(line.get_linestyle() == "--" for line in drawn):
        handles["noise ceiling"] = Line2D([], [], **CEILING)
    if any(line.get_marker() == "x" for line in drawn):
        handles["published, other data"] = Line2D([], [], **CROSS, color="0.3")
    lowest = floor_of(axes)
    for ax in axes:
        ax.set(ylim=(lowest, 1.0), ylabel=rf"Pearson $\rho$, {CONVENTIONS[convention]}")
        ax.label_outer()
    figure.legend(list(handles.values()), list(handles), loc="outside upper center", ncols=2 if len(axes) == 1 else 3)
    return figure
