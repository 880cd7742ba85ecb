"""Predictions against the truth: correlation against time, scatter, all figures of an evaluation."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equiglass.errors import EquiglassError
from equiglass.figures.field import propensity_slice
from equiglass.figures.style import COLOURS, FIELD, MARKERS, figure_of, new_axes, save_figure, style
from equiglass.liquid.system import System, type_name
from equiglass.liquid.targets import Target, measured, target_of, times_of
from equiglass.observables import correlation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from equiglass.prediction.evaluation import Row


@dataclass(frozen=True)
class Curve:
    """Correlation of one prediction against time.

    Attributes:
        label: for the legend.
        times: LJ units.
        rho: the same length; NaN where undefined.
        spread: half-height of a band around it, the same length; none if not given.
    """

    label: str
    times: ArrayLike
    rho: ArrayLike
    spread: ArrayLike | None = None


def rho_against_time(
    curves: Sequence[Curve], *, ceilings: Sequence[Curve] = (), title: str = "", ax: Axes | None = None
) -> Figure:
    """Pearson rho against log t, one marked line for each prediction, one dashed line for each noise ceiling.

    Args:
        curves: predictions, the one to look at first.
        ceilings: one in grey, or several, each in the colour of the curve at its place.
        title: above the legend.
        ax: where to draw; a new figure of one column if not given.
    """
    with style():
        ax = ax or new_axes()
        for k, curve in enumerate(curves):
            colour, marker = COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)]
            times, rho = np.asarray(curve.times, dtype=float), np.asarray(curve.rho, dtype=float)
            ax.plot(times, rho, color=colour, marker=marker, label=curve.label, zorder=3)
            if curve.spread is not None:
                spread = np.asarray(curve.spread, dtype=float)
                ax.fill_between(times, rho - spread, rho + spread, color=colour, alpha=0.2, linewidth=0)
        for k, ceiling in enumerate(ceilings):
            colour = COLOURS[k % len(COLOURS)] if len(ceilings) > 1 else "0.4"
            ax.plot(ceiling.times, ceiling.rho, color=colour, linestyle=(0, (4, 2)), label=ceiling.label)
        ax.set_xscale("log")
        lowest = min([0.0, *(float(np.nanmin(c.rho)) for c in curves if not np.all(np.isnan(c.rho)))])
        ax.set_ylim(lowest - 0.05 if lowest < 0 else 0.0, 1.0)
        ax.set(xlabel=r"$t$", ylabel=r"Pearson $\rho$")
        # Above the axes: inside it would hide the curves, wherever it is.
        ax.legend(title=title or None, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
        return figure_of(ax)


def scatter(
    truth: ArrayLike, predicted: ArrayLike, *, target: Target = "propensity", title: str = "", ax: Axes | None = None
) -> Figure:
    """Density of particles in the plane of measured and predicted propensity, or energy, with the diagonal.

    Args:
        truth: measured, LJ units, any shape; NaN where unknown.
        predicted: the same shape.
        target: what it is.
        title: above the axes.
        ax: where to draw; a new figure of one column if not given.

    Raises:
        EquiglassError: nothing is known.
    """
    truth, predicted = np.ravel(truth), np.ravel(predicted)
    known = np.isfinite(truth) & np.isfinite(predicted)
    if not np.any(known):
        raise EquiglassError(f"There is no particle with a measured and a predicted {target} to draw.")
    with style():
        ax = ax or new_axes()
        both = np.concatenate([truth[known], predicted[known]])
        margin = 0.03 * (np.ptp(both) or 1.0)
        span = (both.min() - margin, both.max() + margin)
        cells = ax.hexbin(
            truth[known],
            predicted[known],
            gridsize=60,
            extent=(*span, *span),
            bins="log",
            mincnt=1,
            cmap=FIELD,
        )
        cells.set_edgecolor("face")
        cells.set_linewidth(0.2)
        ax.plot(span, span, color="0.4", linewidth=0.8)
        ax.set(xlim=span, ylim=span, xlabel=f"measured {target}", ylabel=f"predicted {target}", title=title)
        ax.set_aspect("equal")
        rho = correlation([truth[known]], [predicted[known]]).pooled
        ax.text(0.04, 0.96, rf"pooled $\rho$ = {rho:.3f}", transform=ax.transAxes, va="top")
        figure_of(ax).colorbar(cells, ax=ax, label="particles", shrink=0.9)
        return figure_of(ax)


def save_evaluation_figures(
    folder: Path | str,
    rows: Sequence[Row],
    systems: Sequence[System],
    predicted: Sequence[Mapping[str, NDArray[np.floating]]],
) -> list[Path]:
    """Write rho.png where there are times; for each label scatter_<type>_<label>.png and slice_<label>.png.

    Args:
        folder: made if it is not there.
        rows: scores by type and time; those that no configuration defines are not drawn.
        systems: with what is predicted of them; the first that has a label is sliced.
        predicted: propensity or energy (N,) by label, one for each system.

    Returns:
        The files written.
    """
    folder = Path(folder)
    of_times = [row for row in rows if row.time > 0]
    figures = {folder / "rho.png": rho_of_rows(of_times)} if of_times else {}
    sliced = set()
    for row in rows:
        if row.configurations == 0:
            continue
        # A label such as "F=1/e" is no file name.
        stem, target = re.sub(r"[^\w.=-]", "-", row.label), target_of(row.label)
        time = rf"$t$ = {row.time:g}" if target == "propensity" else target
        having = [
            (system, measured(system, [row.label])[0], np.asarray(fields[row.label]))
            for system, fields in zip(systems, predicted, strict=True)
            if row.label in times_of(system, target) and row.label in fields
        ]
        of_type = np.concatenate([[type_name(s) == row.type for s in system.types] for system, _, _ in having])
        truth = np.concatenate([field for _, field, _ in having])[of_type]
        prediction = np.concatenate([field for _, _, field in having])[of_type]
        title = f"{row.type}, {time}"
        figures[folder / f"scatter_{row.type}_{stem}.png"] = scatter(truth, prediction, target=target, title=title)
        if row.label not in sliced:
            sliced.add(row.label)
            first = next(item for item in having if not np.all(np.isnan(item[1])))
            title = f"{first[0].name}, {time}"
            figures[folder / f"slice_{stem}.png"] = propensity_slice(*first, target=target, title=title)
    for path, figure in figures.items():
        save_figure(figure, path)
    return list(figures)


def rho_of_rows(rows: Sequence[Row]) -> Figure:
    """Mean per-configuration rho against time, a curve and a ceiling for each type."""
    curves, ceilings = [], []
    for kind in dict.fromkeys(row.type for row in rows):
        of_type = sorted((row for row in rows if row.type == kind), key=lambda row: row.time)
        times = [row.time for row in of_type]
        curves.append(Curve(kind, times, [row.per_configuration for row in of_type]))
        ceiling = [row.ceiling_per_configuration for row in of_type]
        if not np.all(np.isnan(ceiling)):
            ceilings.append(Curve(f"{kind}, ceiling", times, ceiling))
    return rho_against_time(curves, ceilings=ceilings, title="mean per configuration")
