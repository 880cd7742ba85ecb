"""The course of a training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from equiglass.figures.style import COLOURS, COLUMN, STYLE, figure_of, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def training_curves(
    epochs: ArrayLike,
    loss: ArrayLike,
    rho: Mapping[str, ArrayLike],
    *,
    title: str = "",
    axes: tuple[Axes, Axes] | None = None,
) -> Figure:
    """Loss and validation rho against epoch, in two panels.

    Args:
        epochs: (E,).
        loss: of every epoch, (E,).
        rho: validation correlation of every epoch by what it is of, for instance "A, t = 16.5"; drawn from
            dark to light in this order. May be empty.
        title: above both.
        axes: where to draw; a new figure of two columns if not given.
    """
    with style():
        from matplotlib import colormaps
        from matplotlib.figure import Figure

        if axes is None:
            figure = Figure(figsize=(2 * COLUMN, 0.75 * COLUMN), layout="constrained")
            axes = tuple(figure.subplots(1, 2))
        marker = "o" if np.size(epochs) < 2 else ""
        axes[0].plot(epochs, loss, color=COLOURS[0], marker=marker)
        axes[0].set(xlabel="epoch", ylabel="loss")
        shades = colormaps["viridis"](np.linspace(0, 0.88, max(len(rho), 1)))
        for shade, (label, values) in zip(shades, rho.items(), strict=False):
            axes[1].plot(epochs, values, color=shade, label=label, marker=marker)
        axes[1].set(xlabel="epoch", ylabel=r"validation $\rho$")
        if rho:
            axes[1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
        figure = figure_of(axes[0])
        if title:
            figure.suptitle(title, fontsize=STYLE["axes.titlesize"])
        return figure
