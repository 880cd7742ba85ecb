"""The course of a training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from equiglass.figures.style import COLOURS, COLUMN, FIELD, STYLE, figure_of, panels, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame


def training_curves(
    log: DataFrame,
    rho: Mapping[str, str],
    *,
    title: str = "",
    scored: str = "validation",
    axes: tuple[Axes, Axes] | None = None,
) -> Figure:
    """Loss and rho against epoch, in two panels.

    Args:
        log: columns epoch, loss and the keys of ``rho``. A column x has a band where there are x_worst and x_best.
        rho: label by column, for instance "A, t = 16.5"; drawn from dark to light in this order. May be empty.
        title: above both panels.
        scored: the configurations that rho is of.
        axes: where to draw; a new figure of two columns if not given.
    """
    with style():
        from matplotlib import colormaps

        if axes is None:
            _, ((left, right),) = panels(1, 2, 2 * COLUMN, 0.75 * COLUMN)
        else:
            left, right = axes
        shades = colormaps[FIELD](np.linspace(0, 0.88, max(len(rho), 1)))
        lines: list[tuple[Axes, str, Any, str | None]] = [(left, "loss", COLOURS[0], None)]
        lines += [(right, column, shade, label) for (column, label), shade in zip(rho.items(), shades, strict=False)]
        for ax, column, colour, label in lines:
            ax.plot(log["epoch"], log[column], color=colour, label=label, marker="o" if len(log) < 2 else "")
            if f"{column}_best" in log:
                ends = (log[f"{column}_worst"], log[f"{column}_best"])
                ax.fill_between(log["epoch"], *ends, color=colour, alpha=0.2, linewidth=0)
        left.set(xlabel="epoch", ylabel="loss")
        right.set(xlabel="epoch", ylabel=rf"{scored} $\rho$")
        if rho:
            right.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
        if title:
            figure_of(left).suptitle(title, fontsize=STYLE["axes.titlesize"])
        return figure_of(left)
