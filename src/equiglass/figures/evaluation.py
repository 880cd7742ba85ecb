"""Predictions against the truth: correlation against time, scatter, all figures of an evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from equiglass.errors import DataError
from equiglass.figures.curves import curves
from equiglass.figures.field import propensity_slice
from equiglass.figures.style import (
    FIELD,
    figure_of,
    legend_above,
    new_axes,
    save_figure,
    stem,
    style,
)
from equiglass.liquid.arrays import Float
from equiglass.liquid.system import System, type_name
from equiglass.liquid.targets import measured, times_in_common, times_of
from equiglass.observables import correlation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame


def rho_against_time(scores: DataFrame, *, curve: str = "type", title: str = "", ax: Axes | None = None) -> Figure:
    """Mean per-configuration Pearson rho against log t, and the noise ceilings.

    Args:
        scores: columns time, type, per_configuration, ceiling_per_configuration, and ``curve``. A column ``spread``,
            if there is one, is the half-height of a band.
        curve: column with the name of the curve. The ceiling of each type has the colour of the curve at its place;
            the ceiling of a single type is grey.
        title: above the legend.
        ax: where to draw; a new figure of one column if not given.
    """
    with style():
        ax = ax or new_axes()
        rows = scores.assign(per_configuration_error=scores.get("spread", np.nan))
        curves(rows, "time", "per_configuration", curve=curve, band=True, ceiling="type", axes=ax)
        legend_above(ax, title=title or None, ncols=2)
        return figure_of(ax)


def scatter(
    truth: ArrayLike, predicted: ArrayLike, *, target: str = "propensity", title: str = "", ax: Axes | None = None
) -> Figure:
    """Density of particles in the plane of measured and predicted values, with the diagonal.

    Args:
        truth: measured, LJ units, any shape; NaN where unknown.
        predicted: the same shape.
        target: name of the quantity.
        title: above the axes.
        ax: where to draw; a new figure of one column if not given.

    Raises:
        DataError: nothing is known.
    """
    truth, predicted = np.ravel(truth), np.ravel(predicted)
    known = np.isfinite(truth) & np.isfinite(predicted)
    if not np.any(known):
        raise DataError(f"There is no particle with a measured and a predicted {target} to draw.")
    x, y = truth[known], predicted[known]
    with style():
        ax = ax or new_axes()
        both = np.concatenate([x, y])
        margin = 0.03 * (np.ptp(both) or 1.0)
        span = (both.min() - margin, both.max() + margin)
        cells = ax.hexbin(x, y, gridsize=60, extent=(*span, *span), bins="log", mincnt=1, cmap=FIELD)
        cells.set_edgecolor("face")
        cells.set_linewidth(0.2)
        ax.plot(span, span, color="0.4", linewidth=0.8)
        ax.set(xlim=span, ylim=span, xlabel=f"measured {target}", ylabel=f"predicted {target}", title=title)
        ax.set_aspect("equal")
        rho = correlation([x], [y]).pooled
        ax.text(0.04, 0.96, rf"pooled $\rho$ = {rho:.3f}", transform=ax.transAxes, va="top")
        figure_of(ax).colorbar(cells, ax=ax, label="particles", shrink=0.9)
        return figure_of(ax)


class Compared(NamedTuple):
    """A configuration with measured and predicted values of one label, each (N,)."""

    system: System
    truth: Float
    predicted: Float


def compared(predictions: Sequence[Any], label: str) -> list[Compared]:
    """The configurations where a label is known and predicted at the same time, from `Prediction` objects."""
    return [
        Compared(p.system, measured(p.system, [label], p.target)[0], p.at(label))
        for p in predictions
        if label in times_in_common(p.times, times_of(p.system, p.target))[0]
    ]


def scatter_of_type(those: Sequence[Compared], kind: str, target: str = "propensity", title: str = "") -> Figure:
    """`scatter` of the particles of one type in all configurations."""
    chosen = np.concatenate([[type_name(number) == kind for number in one.system.types] for one in those])
    truth, predicted = (np.concatenate([one[k] for one in those])[chosen] for k in (1, 2))
    return scatter(truth, predicted, target=target, title=title)


def slice_of_first(those: Sequence[Compared], time: str, target: str = "propensity") -> tuple[str, Figure]:
    """`propensity_slice` of the first configuration where something was measured, with its title."""
    first = next(one for one in those if not np.all(np.isnan(one.truth)))
    title = f"{first.system.name}, {time}"
    return title, propensity_slice(*first, target=target, title=title)


def save_evaluation_figures(folder: Path | str, scores: DataFrame, predictions: Sequence[Any]) -> list[Path]:
    """Write rho.png where there are times, and per label scatter_TYPE_LABEL.png and slice_LABEL.png.

    Args:
        folder: is made if it is not there.
        scores: the frame of `Scores`; rows that no configuration defines are not drawn.
        predictions: `Prediction` objects of one target; the first configuration that has a label is sliced.

    Returns:
        The files written.
    """
    figures: dict[str, Figure] = {}
    of_times = scores[scores["time"] > 0]
    if len(of_times):
        figures["rho"] = rho_against_time(of_times, title="mean per configuration")
    for (label, time), rows in scores[scores["configurations"] > 0].groupby(["label", "time"], sort=False):
        those, target = compared(predictions, label), predictions[0].target
        when = rf"$t$ = {time:g}" if time > 0 else target
        for kind in rows["type"]:
            title = f"{kind}, {when}"
            figures[f"scatter_{kind}_{stem(label)}"] = scatter_of_type(those, kind, target=target, title=title)
        _, figures[f"slice_{stem(label)}"] = slice_of_first(those, when, target)
    paths = {name: Path(folder) / f"{name}.png" for name in figures}
    for name, figure in figures.items():
        save_figure(figure, paths[name])
    return list(paths.values())
