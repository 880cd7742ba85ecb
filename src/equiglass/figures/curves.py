"""Curves of a data frame: a quantity against time, temperature, distance, epoch, or a setting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from equiglass.figures.style import CEILING, COLOURS, COLUMN, FIELD, MARKERS, figure_of, in_mathematics, panels, style
from equiglass.liquid.state_points import WAVE_NUMBER

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

DECADES = 1e4
"""Ratio of the ends of a logarithmic axis of values that span decades."""

LINES: tuple[dict[str, Any], ...] = (
    {"linestyle": "-", "marker": "o"},
    {"linestyle": "--", "marker": "s", "markerfacecolor": "white"},
    {"linestyle": ":", "marker": "^"},
    {"linestyle": "-.", "marker": "D", "markerfacecolor": "white"},
)
PUBLISHED: tuple[dict[str, Any], ...] = tuple(
    {"marker": marker, "markerfacecolor": "none", "markersize": 6, "linestyle": "", "zorder": 4}
    for marker in ("x", *MARKERS[1:])
)
"""Marks of published numbers."""

MARKED = 12
"""A longer curve has about as many markers and bars."""


class Axis(NamedTuple):
    """The axis of a quantity.

    Attributes:
        label: next to the axis.
        scale: "linear", "log", or "decades": logarithmic, without what is not positive and the smallest values.
        ends: None where the values decide. Where the curves are lower than the lower end, it is theirs.
        ticks: whether every value has a tick.
    """

    label: str
    scale: str = "linear"
    ends: tuple[float | None, float | None] = (None, None)
    ticks: bool = False


AXES = {
    "time": Axis(r"$t$", "log"),
    "temperature": Axis(r"$T$", ticks=True),
    "at": Axis("", ticks=True),
    "r": Axis(r"$r$"),
    "rho": Axis(r"Pearson $\rho$", ends=(None, 1.0)),
    "per_configuration": Axis(r"Pearson $\rho$, mean per configuration", ends=(0.0, 1.0)),
    "pooled": Axis(r"Pearson $\rho$, pooled", ends=(0.0, 1.0)),
    "chi4": Axis(r"$\chi_4^s(t)$", "decades"),
    "q": Axis(r"$Q_s(t)$"),
    "g4": Axis(r"$G_4(r, t)$", "decades"),
    "length": Axis(r"dynamic length $\xi$"),
    "share": Axis("share of the particles", ends=(0.0, 1.0)),
    "weight": Axis(r"decoder weight $w\,D/\sigma$"),
    "thermal": Axis("potential energy per particle, configuration"),
    "inherent": Axis("potential energy per particle, inherent structure"),
    "g": Axis(r"$g(r)$", ends=(0.0, None)),
    "squared": Axis("mean squared displacement", "log"),
    "scattering": Axis(rf"$F_s({WAVE_NUMBER:g}, t)$", ends=(0.0, 1.0)),
    "drift": Axis(r"largest drift of the energy / $T$", ends=(0.0, None)),
    "kinetic": Axis(r"kinetic temperature / $T$"),
}
"""Axes by column. Any other column is linear and has its own name as label."""


def curves(
    frame: DataFrame,
    x: str,
    y: str | Sequence[str],
    *,
    curve: str | None = None,
    line: str | None = None,
    panel: str | None = None,
    within: Sequence[str] = (),
    seeds: bool = False,
    band: bool = False,
    shades: bool = False,
    ceiling: str | None = None,
    published: DataFrame | None = None,
    title: str = "",
    axes: Any = None,
    **axis: Any,
) -> Figure:
    """Draw one or several quantities against another, with errors, noise ceilings and published numbers.

    Args:
        frame: columns x; y or y_median; the columns named below. Bars show y_error, where there is such a column.
        x: column of the horizontal axis. Values that are not all numbers are drawn at equal distances.
        y: columns of the vertical axes. Each has a row of panels; without ``panel``, all are in one row.
        curve: column with the names of the curves; each has a colour.
        line: column whose values differ in line and marker.
        panel: column with the titles of the panels.
        within: columns that separate curves of one look.
        seeds: bars go from y_worst to y_best instead.
        band: draw bands in place of bars.
        shades: the colours go from dark to light.
        ceiling: column that the noise ceiling, ceiling_y, depends on. A single ceiling is grey; several have the
            colours of the curves at their places.
        published: marks: columns x, value, name, and perhaps "column" (the y that they belong to), ``panel``, and
            ``curve``, which gives the colour.
        title: of the legend.
        axes: where to draw, without a legend; a new figure with a legend if not given.
        axis: other properties of all axes, for instance xlabel.
    """
    quantities = [y] if isinstance(y, str) else list(y)
    frame = _named(frame, {"curve": curve, "line": line, "panel": panel})
    names, titles = frame["curve"].unique().tolist(), frame["panel"].unique().tolist()
    values = frame[x].dropna().unique().tolist()
    numbers = all(isinstance(value, int | float) for value in values)
    places = dict(zip(values, values if numbers else range(len(values)), strict=True))
    frame[x] = frame[x].map(places)
    if published is not None:
        published = _named(published, {"curve": curve, "panel": panel})
        published[x] = published[x].map(lambda value: places.get(value, value))
    with style():
        palette = _shades(len(names)) if shades else COLOURS if curve or not line else ("0.2",)
        colours = dict(zip(names, cycle(palette), strict=False))
        markers = dict(zip(names, cycle(MARKERS), strict=False))
        ways = dict(zip(frame["line"].unique(), cycle(LINES), strict=False)) if line else {}
        shared = not any(AXES.get(y, Axis("")).scale == "decades" for y in quantities)
        new = np.ravel(_grid(len(quantities), len(titles), shared) if axes is None else axes)
        if line:
            _keys(new[0], colours if curve else {}, ways)
        for row, y in zip(new.reshape(len(quantities), len(titles)), quantities, strict=True):
            for ax, here in zip(row, titles, strict=True):
                own = frame[frame["panel"] == here]
                for (name, way, *_), part in own.groupby(["curve", "line", *within], sort=False):
                    label = None if line else in_mathematics(name)
                    how = {"color": colours[name], "marker": markers[name], "label": label or None, **ways.get(way, {})}
                    _curve(ax, part.sort_values(x), x, y, seeds, band, how)
                if ceiling:
                    _ceilings(ax, own, x, f"ceiling_{y}", ceiling)
                if published is not None:
                    _marks(ax, published, x, {"column": y, "panel": here}, colours)
                if y == quantities[0]:
                    ax.set_title(in_mathematics(here))
            _axes(row, x, y, places, axis)
        figure = figure_of(new[0])
        if axes is None:
            legend(figure, title)
        return figure


def legend(figure: Figure, title: str = "") -> None:
    """One legend above all panels, with each name once; the figure becomes as much higher."""
    named: dict[str, Any] = {}
    for ax in figure.axes:
        for handle, name in zip(*ax.get_legend_handles_labels(), strict=True):
            named.setdefault(name, handle)
    columns = 2 if figure.get_figwidth() <= 2 * COLUMN else 3
    if named or title:
        figure.set_figheight(figure.get_figheight() + 0.18 * (-(-len(named) // columns) + bool(title)))
        where = "outside upper center"
        figure.legend(list(named.values()), list(named), title=title or None, loc=where, ncols=columns)


def _named(frame: DataFrame, columns: Mapping[str, str | None]) -> DataFrame:
    """A copy with columns of these names; empty where there is none."""
    return frame.assign(**{name: frame.get(own, "") for name, own in columns.items()})


def _shades(number: int) -> Any:
    from matplotlib import colormaps

    return colormaps[FIELD](np.linspace(0, 0.88, number))


def _grid(quantities: int, titles: int, shared: bool) -> Any:
    """Axes of a new figure, (quantities x titles); those of a quantity share their y axis, or do not."""
    rows, columns = (1, quantities) if titles == 1 else (quantities, titles)
    if quantities == 1 and titles > 3:
        rows, columns = -(-titles // 2), 2
    size = COLUMN * max(columns, 1.4), 0.8 * COLUMN * rows
    sharey = "none" if titles == 1 or not shared else "all" if quantities == 1 else "row"
    _, axes = panels(rows, columns, *size, sharey=sharey)
    for ax in axes.flat[quantities * titles :]:
        ax.remove()
    return axes.flat[: quantities * titles]


def _curve(ax: Axes, part: DataFrame, x: str, y: str, seeds: bool, band: bool, how: dict[str, Any]) -> None:
    def values(column: str) -> Any:
        return part[column].to_numpy(dtype=float)

    middle = values(f"{y}_median" if f"{y}_median" in part else y)
    low = high = np.full(len(middle), np.nan)
    if seeds and f"{y}_best" in part:
        low, high = np.sort([values(f"{y}_worst"), values(f"{y}_best")], axis=0)
    elif f"{y}_error" in part and not seeds:
        low, high = middle - values(f"{y}_error"), middle + values(f"{y}_error")
    if AXES.get(y, Axis("")).scale == "decades":
        middle = np.where(middle > 0, middle, np.nan)
    few = max(1, len(middle) // MARKED)
    ax.plot(part[x], middle, markevery=few, **how)
    if band:
        ax.fill_between(part[x], low, high, color=how["color"], alpha=0.2, linewidth=0)
    elif not np.isnan(low).all():
        reach = np.abs([middle - low, high - middle])
        ax.errorbar(part[x], middle, reach, fmt="none", ecolor=how["color"], errorevery=few, zorder=1.9)


def _ceilings(ax: Axes, own: DataFrame, x: str, y: str, ceiling: str) -> None:
    known = own.dropna(subset=y).drop_duplicates([ceiling, x]).sort_values(x)
    several = own[ceiling].nunique() > 1
    for name, colour in zip(own[ceiling].unique(), cycle(COLOURS), strict=False):
        of = known[known[ceiling] == name]
        ax.plot(of[x], of[y], **(CEILING | ({"color": colour} if several else {})))
    if len(known):
        ax.plot([], [], **CEILING, label="noise ceiling")


def _marks(ax: Axes, published: DataFrame, x: str, where: Mapping[str, str], colours: Mapping[str, Any]) -> None:
    own = published
    for column, value in where.items():
        if column in own:
            own = own[own[column].isin([value, ""])]
    for name, how in zip(published["name"].unique(), cycle(PUBLISHED), strict=False):
        of = own[own["name"] == name]
        for curve, part in of.groupby("curve", sort=False):
            ax.plot(part[x], part["value"], color=colours.get(curve, "0.3"), **how)
        if len(of):
            ax.plot([], [], color="0.3", label=f"{name}, published", **how)


def _axes(row: Any, x: str, y: str, places: Mapping[Any, Any], axis: Mapping[str, Any]) -> None:
    """Labels, scales and ends of the panels of a quantity."""
    across, up = AXES.get(x, Axis(x)), AXES.get(y, Axis(y))
    bottom, top = up.ends
    if bottom is not None and min(ax.dataLim.y0 for ax in row) < bottom:
        bottom = None
    for ax in row:
        ax.set(xscale=across.scale, xlabel=across.label)
        place = ax.get_subplotspec()
        if len(row) == 1 or place is None or place.is_first_col():
            ax.set_ylabel(up.label)
        highest = max((np.nanmax(line.get_ydata(), initial=0.0) for line in ax.lines), default=0.0)
        if up.scale != "decades":
            ax.set(yscale=up.scale, ylim=(bottom, top))
        elif highest > 0:
            ax.set_yscale("log", nonpositive="clip")
            ax.set_ylim(highest / DECADES, 3 * highest)
        ax.set(**axis)
        if across.ticks:
            ax.set_xticks(list(places.values()), list(map(str, places)))
            ax.minorticks_off()


def _keys(ax: Axes, colours: Mapping[str, Any], ways: Mapping[str, dict[str, Any]]) -> None:
    """Names of colours and of lines, for the legend."""
    for name, colour in colours.items():
        ax.plot([], [], color=colour, linewidth=4, label=in_mathematics(name))
    for name, way in ways.items():
        ax.plot([], [], color="0.2", label=in_mathematics(name), **way)
