"""Several methods on the same configurations: rho against time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from equiglass.figures.style import CEILING, COLOURS, COLUMN, MARKERS, Lines, style, unfilled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CONVENTIONS = ("per_configuration", "pooled")


def methods_figure(summary: Lines, published: Lines, kind: str) -> Figure:
    """Rho of one particle type against time, per configuration above pooled, a column a group, a colour a method.

    Args:
        summary: lines with group, variant (the method), type, time, and for both conventions ``c`` c_median, c_error
            and ceiling_c; None where unknown. Bars are the errors.
        published: lines with group, name, type, column (a convention), time and value; drawn as unfilled marks.
        kind: the type.
    """
    with style():
        from matplotlib.figure import Figure
        from matplotlib.lines import Line2D

        summary = [line for line in summary if line["type"] == kind]
        published = [mark for mark in published if mark["type"] == kind]
        groups = list(dict.fromkeys(line["group"] for line in summary))
        methods = list(dict.fromkeys(line["variant"] for line in summary))
        names = list(dict.fromkeys(mark["name"] for mark in published))
        figure = Figure(figsize=(max(COLUMN * len(groups), 1.5 * COLUMN), 1.6 * COLUMN + 0.6), layout="constrained")
        axes = figure.subplots(2, len(groups), squeeze=False, sharex="col", sharey=True)
        for row, convention in enumerate(CONVENTIONS):
            for column, group in enumerate(groups):
                ax = axes[row, column]
                own = [line for line in summary if line["group"] == group]
                for k, method in enumerate(methods):
                    _curve(ax, [line for line in own if line["variant"] == method], convention, k)
                _ceiling(ax, own, convention)
                for k, name in enumerate(names):
                    key = (group, name, convention)
                    marks = [m for m in published if (m["group"], m["name"], m["column"]) == key]
                    ax.plot([m["time"] for m in marks], [m["value"] for m in marks], **unfilled(k))
                ax.set(xscale="log")
                if row == 0:
                    ax.set_title(group)
                else:
                    ax.set_xlabel(r"$t$")
            axes[row, 0].set_ylabel(rf"Pearson $\rho$, {convention.replace('_', ' ')}")
        axes[0, 0].set_ylim(min(0.0, axes[0, 0].get_ylim()[0]), 1.0)
        handles = [
            Line2D([], [], color=COLOURS[k % len(COLOURS)], marker=MARKERS[k % len(MARKERS)], label=method)
            for k, method in enumerate(methods)
        ]
        handles.append(Line2D([], [], **CEILING, label="noise ceiling"))
        handles += [Line2D([], [], **unfilled(k), label=f"{name}, published") for k, name in enumerate(names)]
        figure.legend(handles=handles, title=f"type {kind}", loc="outside upper center", ncols=2)
        return figure


def _curve(ax: Axes, lines: Lines, convention: str, k: int) -> None:
    lines = sorted(lines, key=lambda line: line["time"])
    rho, error = (
        np.array([line[f"{convention}_{which}"] for line in lines], dtype=float) for which in ("median", "error")
    )
    colour, marker = COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)]
    ax.errorbar([line["time"] for line in lines], rho, error, color=colour, marker=marker)


def _ceiling(ax: Axes, lines: Lines, convention: str) -> None:
    ceiling = dict(sorted((line["time"], line[f"ceiling_{convention}"]) for line in lines))
    values = np.array(list(ceiling.values()), dtype=float)
    ax.plot(list(ceiling), values, **CEILING)
