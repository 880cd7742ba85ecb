"""The error of predictions against their predicted uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from equiglass.errors import DataError
from equiglass.figures.style import COLOURS, MARKERS, figure_of, legend_above, new_axes, style
from equiglass.liquid.system import type_name
from equiglass.liquid.targets import TARGETS, measured, times_in_common, times_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BINS = 10
"""Largest number of bins. Each has the same number of particles of a type."""


def reliability(predictions: Sequence[Any], label: str, *, title: str = "", ax: Axes | None = None) -> Figure:
    """Root mean squared error in bins of the predicted standard deviation, by type, with the diagonal.

        error^2 = <(m_i - m_i^measured)^2 - nu_i>    over the particles of a bin

    nu is the variance of the noise of the labels where it is known. A reliable uncertainty lies on the diagonal.

    Args:
        predictions: `Prediction` objects of one target, with an uncertainty; those without labels are left out.
        label: label of the time.
        title: above the legend.
        ax: where to draw; a new figure of one column if not given.

    Raises:
        DataError: nowhere are the uncertainty and the truth both known.
    """
    chosen = [
        p
        for p in predictions
        if p.uncertainty is not None and label in times_in_common(p.times, times_of(p.system, p.target))[0]
    ]
    types, deviation, squared = (np.concatenate([np.empty(0), *each]) for each in _columns(chosen, label))
    known = np.isfinite(deviation) & np.isfinite(squared)
    if not known.any():
        raise DataError(f"There is no particle with a known error and uncertainty at the time labelled {label!r}.")
    with style():
        ax = ax or new_axes()
        for kind in np.unique(types[known]).astype(int):
            own = known & (types == kind)
            edges = np.unique(np.quantile(deviation[own], np.linspace(0, 1, BINS + 1)))
            place = np.searchsorted(edges[1:-1], deviation[own], side="right")
            bins = [place == k for k in np.unique(place)]
            x = [np.sqrt(np.mean(deviation[own][one] ** 2)) for one in bins]
            y = [np.sqrt(max(np.mean(squared[own][one]), 0.0)) for one in bins]
            colour, marker = COLOURS[kind % len(COLOURS)], MARKERS[kind % len(MARKERS)]
            ax.plot(x, y, color=colour, marker=marker, linestyle="none", label=type_name(kind))
        limits = (*ax.get_xlim(), *ax.get_ylim())
        span = (max(min(limits), 0.0), max(limits))
        ax.plot(span, span, color="0.4", linewidth=0.8, zorder=1)
        ax.set(xlim=span, ylim=span, xlabel="predicted standard deviation", ylabel="root mean squared error")
        ax.set_aspect("equal")
        legend_above(ax, title=title or None, ncols=2)
        return figure_of(ax)


def _columns(predictions: Sequence[Any], label: str) -> tuple[list[Any], list[Any], list[Any]]:
    """Types, standard deviations, and squared errors without the noise of the labels, of every configuration."""
    types, deviations, squared = [], [], []
    for p in predictions:
        noise = TARGETS[p.target].noise(p.system, label)
        error = measured(p.system, [label], p.target)[0] - p.at(label)
        types.append(p.system.types)
        deviations.append(p.uncertainty_at(label))
        squared.append(error**2 - (0.0 if noise is None else np.nan_to_num(noise)))
    return types, deviations, squared
