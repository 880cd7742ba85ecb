"""Figures across temperatures (sec. V of arXiv 2211.03226): transfer (Fig. 9), structures, decoder weights."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from equiglass.figures.style import COLOURS, COLUMN, CROSS, MARKERS, figure_of, new_axes, save_figure, style
from equiglass.liquid.system import type_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from equiglass.representation.order_parameter import OrderParameter, Population, Weight
    from equiglass.representation.represent import Described
    from equiglass.representation.transfer import Row

Convention = Literal["per_configuration", "pooled"]
DRAWN = 4000


def transfer_figure(
    rows: Sequence[Row],
    *,
    convention: Convention = "per_configuration",
    title: str = "",
    ax: Axes | None = None,
) -> Figure:
    """Rho against the temperature of use, a colour a model: squares, dashed, transfer test; triangles, transfer learn.

    Args:
        rows: of one particle type and one time; those that the model may have been trained on are left out. The
            noise ceiling is grey.
        convention: of rho.
        title: above the legend.
        ax: where to draw; a new figure of one column if not given.
    """
    with style():
        from matplotlib.lines import Line2D

        ax = ax or new_axes()
        models = {row.model: row.trained_at for row in rows}
        handles = []
        for (model, trained_at), colour in zip(models.items(), cycle(COLOURS), strict=False):
            own = sorted((row for row in rows if row.model == model and row.unseen), key=lambda row: row.temperature)
            x = [row.temperature for row in own]
            for method, line, marker, face in (("test", "--", "s", "white"), ("learn", "-", "^", colour)):
                scores = [getattr(getattr(row, method), convention) for row in own]
                y, error = [s.value for s in scores], [s.error for s in scores]
                ax.errorbar(x, y, error, color=colour, linestyle=line, marker=marker, markerfacecolor=face)
            trained = ", ".join(f"{t:g}" for t in trained_at) or model
            handles.append(Line2D([], [], color=colour, label=f"trained at $T$ = {trained}"))
        ceiling = dict(sorted((row.temperature, getattr(row, f"ceiling_{convention}")) for row in rows))
        ax.plot(list(ceiling), list(ceiling.values()), color="0.6", linestyle=":", marker="")
        handles += [
            Line2D([], [], color="0.2", linestyle="--", marker="s", markerfacecolor="white", label="transfer test"),
            Line2D([], [], color="0.2", marker="^", label="transfer learn"),
            Line2D([], [], color="0.6", linestyle=":", label="noise ceiling"),
        ]
        ax.set(
            xlabel=r"$T$",
            ylabel=rf"Pearson $\rho$, {convention.replace('_', ' ')}",
            ylim=(np.floor(10 * ax.get_ylim()[0]) / 10, 1.0),
        )
        ax.set_xticks(list(ceiling))
        ax.legend(handles=handles, title=title or None, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
        return figure_of(ax)


def transfer_panels(rows: Sequence[Row], label: str, published: Mapping[float, Mapping[float, float]]) -> Figure:
    """`transfer_figure` at one time, in both conventions, and of the mean over times.

    Args:
        rows: of one particle type, each model trained at one temperature.
        label: of the time.
        published: pooled rho of transfer test at that time, by temperature of use, by temperature of training; drawn
            as crosses where there is a model of the same temperature.
    """
    from equiglass.representation.transfer import ALL_TIMES

    with style():
        from matplotlib.figure import Figure
        from matplotlib.lines import Line2D

        figure = Figure(figsize=(2.6 * COLUMN, 0.95 * COLUMN), layout="constrained")
        axes = figure.subplots(1, 3)
        panels: tuple[tuple[str, Convention], ...] = (
            (label, "per_configuration"),
            (label, "pooled"),
            (ALL_TIMES, "per_configuration"),
        )
        for ax, (name, convention) in zip(axes, panels, strict=True):
            transfer_figure([row for row in rows if row.label == name], convention=convention, ax=ax)
            ax.set_title("mean over times" if name == ALL_TIMES else f"time {name}")
            legend = ax.get_legend()
            legend.remove()
        trained = dict.fromkeys(row.trained_at[0] for row in rows)
        handles = list(legend.legend_handles)
        for t, colour in zip(trained, cycle(COLOURS), strict=False):
            marks = {at: rho[t] for at, rho in published.items() if t in rho and at in trained}
            axes[1].plot(list(marks), list(marks.values()), **CROSS, color=colour)
        if trained.keys() & published.keys():
            handles.append(Line2D([], [], **CROSS, color="0.2", label="transfer test, published"))
        bottom = min(ax.get_ylim()[0] for ax in axes)
        for ax in axes:
            ax.set_ylim(bottom, 1.0)
        figure.legend(handles=handles, title=f"type {rows[0].type}", loc="outside upper center", ncols=3)
        return figure


def components_figure(configurations: Sequence[Described], kind: int, *, ax: Axes | None = None) -> Figure:
    """Particles of a type in the plane of their first two principal components, a colour a structure.

    Args:
        configurations: with coordinates and structures; some `DRAWN` particles of all are drawn.
        kind: the type.
        ax: where to draw; a new figure of one column if not given.
    """
    with style():
        ax = ax or new_axes()
        x = np.concatenate([c.coordinates[c.types == kind] for c in configurations])
        structure = np.concatenate([c.structure[c.types == kind] for c in configurations])
        few = np.random.default_rng(0).permutation(len(x))[:DRAWN]
        for number in np.unique(structure):
            own = few[structure[few] == number]
            colour = COLOURS[(number - 1) % len(COLOURS)]
            ax.plot(*x[own].T, ".", color=colour, markersize=1.5, alpha=0.6, label=f"structure {number}")
        ax.set(xlabel="first principal component", ylabel="second principal component")
        ax.legend(title=type_name(kind), loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, markerscale=5)
        return figure_of(ax)


def populations_figure(rows: Sequence[Population], *, ax: Axes | None = None) -> Figure:
    """Share of the particles of a type in each structure against temperature.

    Args:
        rows: of one type, at known temperatures.
        ax: where to draw; a new figure of one column if not given.
    """
    with style():
        ax = ax or new_axes()
        for k, structure in enumerate(sorted({row.structure for row in rows})):
            own = sorted((row for row in rows if row.structure == structure), key=lambda row: row.temperature or 0.0)
            x, y, error = zip(*((row.temperature, row.share, row.error) for row in own), strict=True)
            colour, marker = COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)]
            ax.errorbar(x, y, error, color=colour, marker=marker, label=f"structure {structure}")
        ax.set(xlabel=r"$T$", ylabel="share of the particles", ylim=(0.0, 1.0))
        ax.legend(title=rows[0].type, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
        return figure_of(ax)


def weights_figure(rows: Sequence[Weight], *, title: str = "", ax: Axes | None = None) -> Figure:
    """Components of a decoder against temperature, a colour a degree l.

    Args:
        rows: of one type and time.
        title: above the legend.
        ax: where to draw; a new figure of one column if not given.
    """
    with style():
        ax = ax or new_axes()
        curves: dict[tuple[int, int, int], list[Weight]] = {}
        for row in sorted(rows, key=lambda row: row.temperature):
            curves.setdefault((row.degree, row.member, row.channel), []).append(row)
        named = set()
        for (degree, *_), curve in sorted(curves.items()):
            x, y, error = zip(*((row.temperature, row.weight, row.error) for row in curve), strict=True)
            label = f"$l$ = {degree}" if degree not in named else None
            named.add(degree)
            colour, above = COLOURS[degree % len(COLOURS)], 3 - degree / 10
            ax.errorbar(x, y, error, color=colour, marker="o", markersize=3, label=label, zorder=above)
        ax.axhline(0.0, color="0.6", linewidth=0.8)
        ax.set(xlabel=r"$T$", ylabel=r"decoder weight $w\,D/\sigma$")
        ax.legend(title=title or None, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4)
        return figure_of(ax)


def save_transfer_figures(folder: Path, rows: Sequence[Row], label: str) -> None:
    """Write transfer_<type>_<label>.png, and the same for the mean over times, for every particle type."""
    from equiglass.representation.transfer import ALL_TIMES

    for kind in dict.fromkeys(row.type for row in rows):
        for name in dict.fromkeys((label, ALL_TIMES)):
            chosen = [row for row in rows if (row.type, row.label) == (kind, name)]
            title = f"{kind}, {'mean over times' if name == ALL_TIMES else f'time {name}'}"
            save_figure(transfer_figure(chosen, title=title), folder / f"transfer_{kind}_{_stem(name)}.png")


def save_order_parameter_figures(folder: Path, found: OrderParameter, label: str) -> None:
    """Write components_<type>.png and, where there are several temperatures, populations_<type>.png and
    weights_<type>_<label>.png.
    """
    for kind, name in enumerate(map(type_name, range(len(found.structures)))):
        save_figure(components_figure(found.configurations, kind), folder / f"components_{name}.png")
        shares = [row for row in found.populations if row.type == name and row.temperature is not None]
        if len({row.temperature for row in shares}) > 1:
            save_figure(populations_figure(shares), folder / f"populations_{name}.png")
        weights = [row for row in found.weights if (row.type, row.label) == (name, label)]
        if weights:
            figure = weights_figure(weights, title=f"{name}, time {label}")
            save_figure(figure, folder / f"weights_{name}_{_stem(label)}.png")


def _stem(label: str) -> str:
    """A label such as "F=1/e" is no file name."""
    return re.sub(r"[^\w.=-]", "-", label)
