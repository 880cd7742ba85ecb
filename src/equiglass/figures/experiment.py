"""Figures of experiments: rho against time, or against what was varied, with the spread over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from equiglass.figures.style import CEILING, COLOURS, COLUMN, CROSS, FIELD, MARKERS, Lines, style
from equiglass.figures.training import training_curves
from equiglass.liquid.targets import target_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

AXIS = {
    "per_configuration": r"Pearson $\rho$, mean per configuration",
    "pooled": r"Pearson $\rho$, pooled",
}
PUBLISHED = "published, other data"


def rho_by_time(summary: Lines, convention: str = "per_configuration") -> Figure:
    """Median rho of the first type against time, bars from the worst to the best seed.

    A curve a variant and a panel a group; where there is one variant, a curve a group.

    Args:
        summary: lines with group, variant, type, time, and of each convention ``_median``, ``_best``, ``_worst`` and
            the noise ceiling; published numbers are crosses.
        convention: "per_configuration" or "pooled".
    """
    with style():
        summary = _first_type(summary)
        groups = list(dict.fromkeys(line["group"] for line in summary))
        variants = list(dict.fromkeys(line["variant"] for line in summary))
        panel, curve = ("variant", "group") if len(variants) == 1 else ("group", "variant")
        figure, panels = _panels(variants if panel == "variant" else groups)
        for title, ax in panels.items():
            here = [line for line in summary if line[panel] == title]
            for k, name in enumerate(dict.fromkeys(line[curve] for line in here)):
                lines = sorted((line for line in here if line[curve] == name), key=lambda line: line["time"])
                colour, marker = COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)]
                x = [line["time"] for line in lines]
                _curve(ax, x, lines, convention, color=colour, marker=marker, label=_shown(name))
                if panel == "variant" or k == 0:
                    grey = "0.4" if panel == "group" or len(groups) == 1 else colour
                    _ceiling(ax, x, lines, convention, grey)
            ax.set(xscale="log", xlabel=r"$t$", title=f"{here[0]['type']}, {_shown(title)}")
        return _finished(figure, list(panels.values()), AXIS[convention])


def rho_along(summary: Lines, label: str, convention: str = "per_configuration", logarithmic: bool = False) -> Figure:
    """Median rho of the first type against what was varied, a curve a time, dark to light; a panel a variant and group.

    Args:
        summary: as in `rho_by_time`, and with ``at``.
        label: of the axis.
        convention: "per_configuration" or "pooled".
        logarithmic: the axis.
    """
    with style():
        from matplotlib import colormaps

        summary = _first_type(summary)
        several = len({line["group"] for line in summary}) > 1
        names = {
            (line["group"], line["variant"]): f"{line['variant']}, {line['group']}" if several else line["variant"]
            for line in summary
        }
        times = dict(sorted({line["label"]: line["time"] for line in summary}.items(), key=lambda item: item[1]))
        shades = dict(zip(times, colormaps[FIELD](np.linspace(0, 0.88, len(times))), strict=True))
        figure, panels = _panels(list(names.values()))
        for key, title in names.items():
            ax = panels[title]
            here = [line for line in summary if (line["group"], line["variant"]) == key]
            values = list(dict.fromkeys(line["at"] for line in here))
            numbers = all(isinstance(value, int | float) for value in values)
            places = values if numbers else list(range(len(values)))
            for name, shade in shades.items():
                lines = [line for line in here if line["label"] == name]
                x = [places[values.index(line["at"])] for line in lines]
                # The value of a time may differ between groups, its label does not.
                time = f"time {name}" if several else rf"$t$ = {times[name]:g}"
                time = _shown(name) if target_of(name) == "energy" else time
                _curve(ax, x, lines, convention, color=shade, marker="o", label=time)
            ax.set(xlabel=label, title=f"{here[0]['type']}, {_shown(title)}", xscale="log" if logarithmic else "linear")
            ax.set_xticks(places, [str(value) for value in values])
            ax.minorticks_off()
        return _finished(figure, list(panels.values()), AXIS[convention])


def loss_by_epoch(summary: Lines, times: Mapping[str, float], title: str) -> Figure:
    """Median loss, and rho of the first type, against epoch; bands from the worst to the best seed.

    Args:
        summary: lines with epoch, loss and the columns of ``times``, each ``_median``, ``_best``, ``_worst``.
        times: value of the time by column, "rho_A_7".
        title: above both panels.
    """
    columns = {key: time for key, time in times.items() if key.split("_")[1] == "A"}
    epochs = [line["epoch"] for line in summary]
    median = {key: _values(summary, f"{key}_median") for key in ("loss", *columns)}
    rho = {f"A, $t$ = {time:g}": median[key] for key, time in columns.items()}
    figure = training_curves(epochs, median["loss"], rho, title=_shown(title))
    for ax, keys in zip(figure.axes, (["loss"], list(columns)), strict=True):
        for line, key in zip(ax.lines, keys, strict=True):
            ends = _values(summary, f"{key}_worst"), _values(summary, f"{key}_best")
            ax.fill_between(epochs, *ends, color=line.get_color(), alpha=0.2, linewidth=0)
    figure.axes[1].set_ylabel(r"test $\rho$")
    return figure


def _panels(titles: Sequence[str]) -> tuple[Figure, dict[str, Axes]]:
    from matplotlib.figure import Figure

    columns = min(len(titles), 2)
    rows = -(-len(titles) // columns)
    width = (1.4 if columns == 1 else 2.0) * COLUMN
    figure = Figure(figsize=(width, 0.85 * COLUMN * rows + 0.6), layout="constrained")
    axes = np.ravel(figure.subplots(rows, columns, sharey=True, squeeze=False))
    for ax in axes[len(titles) :]:
        ax.remove()
    return figure, dict(zip(titles, axes, strict=False))


def _shown(name: str) -> str:
    return name.replace("E_pot", r"$E_\mathrm{pot}$")


def _first_type(lines: Lines) -> list[Mapping[str, Any]]:
    first = min(line["type"] for line in lines)
    return [line for line in lines if line["type"] == first]


def _values(lines: Lines, column: str) -> NDArray[np.float64]:
    return np.array([line[column] for line in lines], dtype=np.float64)


def _curve(ax: Axes, x: Sequence[float], lines: Lines, convention: str, **how: Any) -> None:
    """Ours with its spread over seeds, and a cross for every published number of this convention."""
    median, best, worst = (_values(lines, f"{convention}_{which}") for which in ("median", "best", "worst"))
    ax.errorbar(x, median, [median - worst, best - median], **how)
    for place, line in zip(x, lines, strict=True):
        if line.get("published_convention") in ("unsaid", convention):
            ax.plot(place, line["published_median"], **CROSS, color=how["color"])


def _ceiling(ax: Axes, x: Sequence[float], lines: Lines, convention: str, colour: str) -> None:
    ceiling = _values(lines, f"ceiling_{convention}")
    if np.isfinite(ceiling).any():
        ax.plot(x, ceiling, **(CEILING | {"color": colour}))


def _finished(figure: Figure, panels: Sequence[Axes], label: str) -> Figure:
    """Common height, and one legend above all panels."""
    from matplotlib.lines import Line2D

    handles = dict(zip(*reversed(panels[0].get_legend_handles_labels()), strict=True))
    drawn = [line for ax in panels for line in ax.lines]
    if any(line.get_linestyle() == "--" for line in drawn):
        handles["noise ceiling"] = Line2D([], [], **CEILING)
    if any(line.get_marker() == "x" for line in drawn):
        handles[PUBLISHED] = Line2D([], [], **CROSS, color="0.3")
    lowest = min(ax.get_ylim()[0] for ax in panels)
    for ax in panels:
        ax.set_ylim(min(0.0, lowest), 1.0)
        ax.set_ylabel(label)
        ax.label_outer()
    figure.legend(list(handles.values()), list(handles), loc="outside upper center", ncols=2 if len(panels) == 1 else 3)
    return figure
