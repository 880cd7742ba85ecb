"""Figures against temperature: transfer between temperatures (Fig. 9 of arXiv 2211.03226)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from equiglass.figures import COLOURS, _figure, _new_axes, _style, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from equiglass.transfer import Row


def transfer_figure(rows: Sequence[Row], *, title: str = "", ax: Axes | None = None) -> Figure:
    """Rho per configuration against the temperature of use, a colour a model: squares, dashed, test; triangles, learn.

    Args:
        rows: of one particle type and one time; the noise ceiling is grey.
        title: above the legend.
        ax: where to draw; a new figure of one column if not given.
    """
    with _style():
        from matplotlib.lines import Line2D

        ax = ax or _new_axes()
        models = dict.fromkeys(row.model for row in rows)
        handles = []
        for model, colour in zip(models, COLOURS * len(models), strict=False):
            own = sorted((row for row in rows if row.model == model), key=lambda row: row.temperature)
            x = [row.temperature for row in own]
            for method, line, marker, face in (("test", "--", "s", "white"), ("learn", "-", "^", colour)):
                scores = [getattr(row, method).per_configuration for row in own]
                y, error = [s.value for s in scores], [s.error for s in scores]
                ax.errorbar(x, y, error, color=colour, linestyle=line, marker=marker, markerfacecolor=face)
            trained = ", ".join(f"{t:g}" for t in own[0].trained_at) or model
            handles.append(Line2D([], [], color=colour, label=f"trained at $T$ = {trained}"))
        ceiling = dict(sorted((row.temperature, row.ceiling_per_configuration) for row in rows))
        ax.plot(list(ceiling), list(ceiling.values()), color="0.6", linestyle=":", marker="")
        handles += [
            Line2D([], [], color="0.2", linestyle="--", marker="s", markerfacecolor="white", label="transfer test"),
            Line2D([], [], color="0.2", marker="^", label="transfer learn"),
            Line2D([], [], color="0.6", linestyle=":", label="noise ceiling"),
        ]
        ax.set(xlabel=r"$T$", ylabel=r"Pearson $\rho$", ylim=(min(0.0, ax.get_ylim()[0]), 1.0))
        ax.set_xticks(list(ceiling))
        ax.legend(handles=handles, title=title or None, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
        return _figure(ax)


def save_transfer_figures(folder: Path, rows: Sequence[Row], label: str) -> None:
    """Write transfer_<type>_<label>.png, and the same for the mean over times, for every particle type."""
    from equiglass.transfer import ALL_TIMES

    for kind in dict.fromkeys(row.type for row in rows):
        for name in dict.fromkeys((label, ALL_TIMES)):
            chosen = [row for row in rows if (row.type, row.label) == (kind, name)]
            title = f"{kind}, {'mean over times' if name == ALL_TIMES else f'time {name}'}"
            stem = re.sub(r"[^\w.=-]", "-", name)
            save_figure(transfer_figure(chosen, title=title), folder / f"transfer_{kind}_{stem}.png")
