"""Figures across temperatures (sec. V of arXiv 2211.03226): transfer (Fig. 9), structures, decoder weights."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from equiglass.figures.style import (
    COLOURS,
    COLUMN,
    CROSS,
    colour_and_marker,
    figure_of,
    legend_above,
    new_axes,
    panels,
    save_figure,
    stem,
    style,
)
from equiglass.liquid.arrays import Float

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

DRAWN = 4000
"""Particles in a figure of principal components."""


def transfer_figure(
    rows: DataFrame, *, convention: str = "per_configuration", title: str = "", ax: Axes | None = None
) -> Figure:
    """Rho against the temperature of use, a colour per model.

    Squares on dashed lines are the transfer test, triangles on solid lines transfer learn.

    Args:
        rows: of one particle type and one time: columns model, trained_at, temperature, unseen, and of the convention
            C: test_C, learn_C, each with _error, and ceiling_C, drawn grey. Rows that are not unseen are left out.
        convention: of rho, "per_configuration" or "pooled".
        title: above the legend.
        ax: where to draw; a new figure of one column if not given.
    """
    with style():
        from matplotlib.lines import Line2D

        ax = ax or new_axes()
        handles = []
        for (model, part), colour in zip(rows.groupby("model", sort=False), cycle(COLOURS), strict=False):
            own = part[part["unseen"]].sort_values("temperature")
            for method, line, marker, face in (("test", "--", "s", "white"), ("learn", "-", "^", colour)):
                y, error = own[f"{method}_{convention}"], own[f"{method}_{convention}_error"]
                ax.errorbar(
                    own["temperature"], y, error, color=colour, linestyle=line, marker=marker, markerfacecolor=face
                )
            trained = ", ".join(part["trained_at"].iloc[0].split()) or model
            handles.append(Line2D([], [], color=colour, label=f"trained at $T$ = {trained}"))
        highest = rows.drop_duplicates("temperature", keep="last").sort_values("temperature")
        ax.plot(highest["temperature"], highest[f"ceiling_{convention}"], color="0.6", linestyle=":", marker="")
        handles += [
            Line2D([], [], color="0.2", linestyle="--", marker="s", markerfacecolor="white", label="transfer test"),
            Line2D([], [], color="0.2", marker="^", label="transfer learn"),
            Line2D([], [], color="0.6", linestyle=":", label="noise ceiling"),
        ]
        floor = np.floor(10 * ax.get_ylim()[0]) / 10
        ax.set(xlabel=r"$T$", ylabel=rf"Pearson $\rho$, {convention.replace('_', ' ')}", ylim=(floor, 1.0))
        ax.set_xticks(highest["temperature"])
        legend_above(ax, handles=handles, title=title or None, ncols=2)
        return figure_of(ax)


def transfer_panels(rows: DataFrame, label: str, published: Mapping[float, Mapping[float, float]]) -> Figure:
    """`transfer_figure` at one time, in both conventions, and of the mean over times.

    Args:
        rows: of one particle type, each model trained at one temperature; the time of the mean over times is NaN.
        label: of the time.
        published: pooled rho of transfer test at that time, by temperature of use, by temperature of training; drawn
            as crosses where there is a model of the same temperature.
    """
    with style():
        from matplotlib.lines import Line2D

        figure, (axes,) = panels(1, 3, 2.6 * COLUMN, 0.95 * COLUMN)
        at_time, mean = rows[rows["label"] == label], rows[rows["time"].isna()]
        shown = ((at_time, "per_configuration"), (at_time, "pooled"), (mean, "per_configuration"))
        for ax, (own, convention) in zip(axes, shown, strict=True):
            transfer_figure(own, convention=convention, ax=ax)
            ax.set_title(_when(own))
            legend = ax.get_legend()
            legend.remove()
        handles = list(legend.legend_handles)
        trained = [float(at) for at in rows["trained_at"].unique()]
        for t, colour in zip(trained, cycle(COLOURS), strict=False):
            marks = {at: rho[t] for at, rho in published.items() if t in rho and at in trained}
            axes[1].plot(list(marks), list(marks.values()), **CROSS, color=colour)
        if published.keys() & set(trained):
            handles.append(Line2D([], [], **CROSS, color="0.2", label="transfer test, published"))
        bottom = min(ax.get_ylim()[0] for ax in axes)
        for ax in axes:
            ax.set_ylim(bottom, 1.0)
        title = f"type {rows['type'].iloc[0]}"
        figure.legend(handles=handles, title=title, loc="outside upper center", ncols=3)
        return figure


def components_figure(coordinates: Float, structure: NDArray[np.int64], kind: str, *, ax: Axes | None = None) -> Figure:
    """Particles of one type in the plane of their first two principal components, a colour per structure.

    Args:
        coordinates: (n, 2); `DRAWN` of the particles are drawn.
        structure: number of the structure, from 1, (n,).
        kind: name of the type.
        ax: where to draw; a new figure of one column if not given.
    """
    with style():
        ax = ax or new_axes()
        few = np.random.default_rng(0).permutation(len(coordinates))[:DRAWN]
        for number in np.unique(structure):
            own = few[structure[few] == number]
            colour = COLOURS[(number - 1) % len(COLOURS)]
            ax.plot(*coordinates[own].T, ".", color=colour, markersize=1.5, alpha=0.6, label=f"structure {number}")
        ax.set(xlabel="first principal component", ylabel="second principal component")
        legend_above(ax, title=kind, ncols=3, markerscale=5)
        return figure_of(ax)


def populations_figure(rows: DataFrame, *, ax: Axes | None = None) -> Figure:
    """Share of the particles of one type in each structure against temperature.

    Args:
        rows: of one type, at known temperatures: columns type, temperature, structure, share and error.
        ax: where to draw; a new figure of one column if not given.
    """
    with style():
        ax = ax or new_axes()
        for k, (structure, part) in enumerate(rows.groupby("structure")):
            own = part.sort_values("temperature")
            label = f"structure {structure}"
            ax.errorbar(own["temperature"], own["share"], own["error"], label=label, **colour_and_marker(k))
        ax.set(xlabel=r"$T$", ylabel="share of the particles", ylim=(0.0, 1.0))
        legend_above(ax, title=rows["type"].iloc[0], ncols=3)
        return figure_of(ax)


def weights_figure(rows: DataFrame, *, title: str = "", ax: Axes | None = None) -> Figure:
    """Components of a decoder against temperature, a colour per degree l.

    Args:
        rows: of one type and time: columns temperature, member, degree, channel, weight and error.
        title: above the legend.
        ax: where to draw; a new figure of one column if not given.
    """
    with style():
        ax = ax or new_axes()
        named: set[int] = set()
        for (degree, _, _), part in rows.groupby(["degree", "member", "channel"]):
            own, label = part.sort_values("temperature"), None if degree in named else f"$l$ = {degree}"
            named.add(degree)
            how = {"color": COLOURS[degree % len(COLOURS)], "zorder": 3 - degree / 10, "label": label}
            ax.errorbar(own["temperature"], own["weight"], own["error"], marker="o", markersize=3, **how)
        ax.axhline(0.0, color="0.6", linewidth=0.8)
        ax.set(xlabel=r"$T$", ylabel=r"decoder weight $w\,D/\sigma$")
        legend_above(ax, title=title or None, ncols=4)
        return figure_of(ax)


def save_transfer_figures(folder: Path, rows: DataFrame, label: str) -> None:
    """Write transfer_TYPE_LABEL.png, and the same for the mean over times, for every particle type."""
    shown = rows[(rows["label"] == label) | rows["time"].isna()]
    for (kind, name), chosen in shown.groupby(["type", "label"], sort=False):
        figure = transfer_figure(chosen, title=f"{kind}, {_when(chosen)}")
        save_figure(figure, folder / f"transfer_{kind}_{stem(name)}.png")


def save_order_parameter_figures(
    folder: Path,
    particles: Mapping[str, tuple[Float, NDArray[np.int64]]],
    populations: DataFrame,
    weights: DataFrame,
    label: str,
) -> None:
    """Write components_TYPE.png; for several temperatures also populations_TYPE.png and weights_TYPE_LABEL.png.

    Args:
        folder: exists.
        particles: coordinates and structure of the particles by type, as in `components_figure`.
        populations: as in `populations_figure`, of all types and temperatures.
        weights: as in `weights_figure`, with columns type and label.
        label: of the time whose weights are drawn.
    """
    for kind, (coordinates, structure) in particles.items():
        save_figure(components_figure(coordinates, structure, kind), folder / f"components_{kind}.png")
        shares = populations[(populations["type"] == kind) & populations["temperature"].notna()]
        if shares["temperature"].nunique() > 1:
            save_figure(populations_figure(shares), folder / f"populations_{kind}.png")
        own = weights[(weights["type"] == kind) & (weights["label"] == label)]
        if len(own):
            figure = weights_figure(own, title=f"{kind}, time {label}")
            save_figure(figure, folder / f"weights_{kind}_{stem(label)}.png")


def _when(rows: DataFrame) -> str:
    first = rows.iloc[0]
    return f"time {first['label']}" if first["time"] == first["time"] else "mean over times"
