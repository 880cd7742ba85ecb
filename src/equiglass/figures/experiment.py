"""Figures of experiments: rho against time, or against what was varied, with the spread over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from equiglass.figures.style import COLOURS, COLUMN, FIELD, MARKERS, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Lines = Sequence[Mapping[str, Any]]
RHO = r"Pearson $\rho$, per configuration"


def rho_by_time(summary: Lines, published: Lines = ()) -> Figure:
    """Median rho of the first type against time, a curve a variant; bars from the worst to the best seed.

    Args:
        summary: lines with group, variant, type, time, per_configuration_median, _best, _worst, and ceilings. A panel
            a group.
        published: those of them with published_median; drawn as crosses.
    """
    with style():
        figure, panels = _panels(list(dict.fromkeys(line["group"] for line in summary)))
        variants = list(dict.fromkeys(line["variant"] for line in summary))
        for group, ax in panels.items():
            own = _first_type([line for line in summary if line["group"] == group])
            marks = _first_type([line for line in published if line["group"] == group])
            for k, variant in enumerate(variants):
                lines = sorted((line for line in own if line["variant"] == variant), key=lambda line: line["time"])
                colour, marker = COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)]
                _curve(ax, lines, "time", color=colour, marker=marker, label=variant)
                _marks(ax, [line for line in marks if line["variant"] == variant], "time", colour)
            ceiling = dict(sorted((line["time"], line["ceiling_per_configuration"]) for line in own))
            if any(value is not None for value in ceiling.values()):
                values = [np.nan if value is None else value for value in ceiling.values()]
                ax.plot(list(ceiling), values, color="0.4", linestyle=(0, (4, 2)), label="noise ceiling")
            ax.set(xscale="log", xlabel=r"$t$", title=f"{own[0]['type']}, {group}")
        return _finished(figure, list(panels.values()))


def rho_along(summary: Lines, label: str, published: Lines = (), logarithmic: bool = False) -> Figure:
    """Median rho of the first type against what was varied, a curve a time, dark to light; a panel a variant and group.

    Args:
        summary: as in `rho_by_time`, and with ``at``.
        label: of the axis.
        published: as in `rho_by_time`.
        logarithmic: the axis.
    """
    with style():
        from matplotlib import colormaps

        several = len({line["group"] for line in summary}) > 1
        names = {
            (line["group"], line["variant"]): f"{line['variant']}, {line['group']}" if several else line["variant"]
            for line in summary
        }
        figure, by_title = _panels(list(names.values()))
        for key, title in names.items():
            ax = by_title[title]
            own = _first_type([line for line in summary if (line["group"], line["variant"]) == key])
            marks = _first_type([line for line in published if (line["group"], line["variant"]) == key])
            times = dict(sorted({line["label"]: line["time"] for line in own}.items(), key=lambda item: item[1]))
            shades = colormaps[FIELD](np.linspace(0, 0.88, len(times)))
            for shade, (name, time) in zip(shades, times.items(), strict=True):
                lines = [line for line in own if line["label"] == name]
                _curve(ax, lines, "at", color=shade, marker="o", label=rf"$t$ = {time:g}")
                _marks(ax, [line for line in marks if line["label"] == name], "at", shade)
            values = list(dict.fromkeys(line["at"] for line in own))
            ax.set(xlabel=label, title=f"{own[0]['type']}, {title}", xscale="log" if logarithmic else "linear")
            ax.set_xticks(values, [str(value) for value in values])
            ax.minorticks_off()
        return _finished(figure, list(by_title.values()))


def _panels(titles: Sequence[str]) -> tuple[Figure, dict[str, Axes]]:
    from matplotlib.figure import Figure

    columns = min(len(titles), 2)
    rows = -(-len(titles) // columns)
    figure = Figure(figsize=(columns * COLUMN, 0.85 * COLUMN * rows + 0.4), layout="constrained")
    axes = np.ravel(figure.subplots(rows, columns, sharey=True, squeeze=False))
    for ax in axes[len(titles) :]:
        ax.remove()
    return figure, dict(zip(titles, axes, strict=False))


def _first_type(lines: Lines) -> list[Mapping[str, Any]]:
    return [line for line in lines if line["type"] == min(line["type"] for line in lines)]


def _curve(ax: Axes, lines: Lines, x: str, **how: Any) -> None:
    median, best, worst = (
        np.array([line[f"per_configuration_{which}"] for line in lines], dtype=float)
        for which in ("median", "best", "worst")
    )
    ax.errorbar([line[x] for line in lines], median, [median - worst, best - median], **how)


def _marks(ax: Axes, lines: Lines, x: str, colour: Any) -> None:
    lines = [line for line in lines if line["published_convention"] != "pooled"]
    if not lines:
        return
    places, rho = [line[x] for line in lines], [line["published_median"] for line in lines]
    ax.plot(places, rho, linestyle="", marker="x", markersize=7, color=colour)


def _finished(figure: Figure, panels: Sequence[Axes]) -> Figure:
    """Common height, and one legend above all panels."""
    from matplotlib.lines import Line2D

    handles, labels = panels[0].get_legend_handles_labels()
    if any(line.get_marker() == "x" for ax in panels for line in ax.lines):
        handles.append(Line2D([], [], linestyle="", marker="x", markersize=7, color="0.3"))
        labels.append("published, other data")
    lowest = min(ax.get_ylim()[0] for ax in panels)
    for ax in panels:
        ax.set_ylim(min(0.0, lowest), 1.0)
        ax.label_outer()
    panels[0].set_ylabel(RHO)
    figure.legend(handles, labels, loc="outside upper center", ncols=3 if len(panels) > 1 else 2)
    return figure
