"""The course of a training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from equiglass.figures.curves import curves
from equiglass.figures.style import COLUMN, STYLE, figure_of, panels, style

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
        log: columns epoch, and loss and the keys of ``rho``, each x or x_median. A column x has a band where there are
            x_worst and x_best.
        rho: label by column, for instance "A, t = 16.5"; drawn from dark to light in this order. May be empty.
        title: above both panels.
        scored: the configurations that rho is of.
        axes: where to draw; a new figure of two columns if not given.
    """
    from pandas import concat

    with style():
        left, right = panels(1, 2, 2 * COLUMN, 0.75 * COLUMN)[1].flat if axes is None else axes
        curves(log, "epoch", "loss", seeds=True, band=True, axes=left)
        if rho:
            parts = [
                log.rename(
                    columns=lambda name, c=column: "value" + name.removeprefix(c) if name.startswith(c) else name
                )
                for column in rho
            ]
            long = concat([part.assign(of=label) for part, label in zip(parts, rho.values(), strict=True)])
            curves(long, "epoch", "value", curve="of", seeds=True, band=True, shades=True, axes=right)
            right.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
        right.set(xlabel="epoch", ylabel=rf"{scored} $\rho$")
        if title:
            figure_of(left).suptitle(title, fontsize=STYLE["axes.titlesize"])
        return figure_of(left)
