"""Figures: correlation against time, scatter, slices of the propensity field, training curves.

Every function takes numbers, draws on axes it is given or on new ones, and returns the figure; nothing is
shown. `save_figure` writes it.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equiglass.errors import EquiglassError
from equiglass.files import replacing
from equiglass.observables import correlation
from equiglass.system import System, type_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from equiglass.evaluation import Row

COLUMN = 3.4
"""Width of a journal column, inches."""

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's palette, told apart with any colour vision; blue, vermilion, green, ..."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X")
FIELD = "viridis"
"""Colour map of a field: even in lightness, for any colour vision."""

STYLE: dict[str, Any] = {
    "font.size": 9,
    "axes.titlesize": 9,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "lines.linewidth": 1.3,
    "lines.markersize": 4.5,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "mathtext.fontset": "dejavusans",
    "savefig.dpi": 200,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
}


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
    with _style():
        ax = ax or _new_axes()
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
        return _figure(ax)


def scatter(truth: ArrayLike, predicted: ArrayLike, *, title: str = "", ax: Axes | None = None) -> Figure:
    """Density of particles in the plane of measured and predicted propensity, with the diagonal.

    Args:
        truth: measured propensity, LJ length, any shape; NaN where unknown.
        predicted: the same shape.
        title: above the axes.
        ax: where to draw; a new figure of one column if not given.

    Raises:
        EquiglassError: nothing is known.
    """
    truth, predicted = np.ravel(truth), np.ravel(predicted)
    known = np.isfinite(truth) & np.isfinite(predicted)
    if not np.any(known):
        raise EquiglassError("There is no particle with a measured and a predicted propensity to draw.")
    with _style():
        ax = ax or _new_axes()
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
        ax.set(xlim=span, ylim=span, xlabel="measured propensity", ylabel="predicted propensity", title=title)
        ax.set_aspect("equal")
        rho = correlation([truth[known]], [predicted[known]]).pooled
        ax.text(0.04, 0.96, rf"pooled $\rho$ = {rho:.3f}", transform=ax.transAxes, va="top")
        _figure(ax).colorbar(cells, ax=ax, label="particles", shrink=0.9)
        return _figure(ax)


def propensity_slice(
    system: System,
    truth: ArrayLike,
    predicted: ArrayLike,
    *,
    thickness: float = 1.0,
    title: str = "",
    axes: tuple[Axes, Axes] | None = None,
) -> Figure:
    """Measured and predicted propensity side by side in a slab across the middle of the box, one colour bar.

    Particles are circles of diameter sigma (1 where the potential is not known), unfilled where no propensity
    is known; the slab is normal to z.

    Args:
        system: the configuration; thermal positions are drawn.
        truth: measured propensity, LJ length, (N,).
        predicted: the same.
        thickness: of the slab, LJ length.
        title: above both.
        axes: where to draw; a new figure of two columns if not given.

    Raises:
        EquiglassError: an array of another length, nothing known, or no particle in the slab.
    """
    fields = {"measured": np.asarray(truth, dtype=float), "predicted": np.asarray(predicted, dtype=float)}
    for name, field in fields.items():
        if field.shape != (system.n_particles,):
            raise EquiglassError(
                f"{system.name}: the {name} propensity has shape {field.shape}, not ({system.n_particles},)."
            )
    if np.all(np.isnan(fields["measured"])):
        raise EquiglassError(f"{system.name}: there is no particle with a measured propensity to draw.")
    chosen, centres = _slab(system, thickness)
    if len(chosen) == 0:
        raise EquiglassError(f"{system.name}: there is no particle in a slab of thickness {thickness}.")
    sigma = np.ones(system.n_types) if system.potential is None else np.diag(system.potential.sigma)
    diameters = sigma[system.types[chosen]]
    # The rare extremes would use up the colours.
    low, high = np.nanpercentile(fields["measured"], [3, 97])
    with _style():
        from matplotlib.collections import EllipseCollection
        from matplotlib.figure import Figure

        if axes is None:
            ratio = system.box[1] / system.box[0]
            figure = Figure(figsize=(2 * COLUMN, 0.9 * COLUMN * ratio + 0.3), layout="constrained")
            axes = tuple(figure.subplots(1, 2, sharex=True, sharey=True))
        for ax, (name, field) in zip(axes, fields.items(), strict=True):
            circles = EllipseCollection(
                diameters,
                diameters,
                np.zeros(len(chosen)),
                units="xy",
                offsets=centres,
                offset_transform=ax.transData,
                array=field[chosen],
                cmap=FIELD,
                clim=(low, high),
                edgecolor="0.2",
                linewidth=0.3,
            )
            ax.add_collection(circles)
            ax.set(xlim=(0, system.box[0]), ylim=(0, system.box[1]), xlabel=r"$x$", title=name)
            ax.set_aspect("equal")
            ax.spines[:].set_visible(True)
        axes[0].set_ylabel(r"$y$")
        figure = _figure(axes[0])
        figure.colorbar(circles, ax=list(axes), label="propensity", shrink=0.85, extend="both")
        if title:
            figure.suptitle(title, fontsize=STYLE["axes.titlesize"])
        return figure


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
    with _style():
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
        figure = _figure(axes[0])
        if title:
            figure.suptitle(title, fontsize=STYLE["axes.titlesize"])
        return figure


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


def save_figure(figure: Figure, path: Path | str) -> None:
    """Write a figure in the format of the suffix: .png (200 dpi), .pdf or .svg.

    Raises:
        EquiglassError: an unknown suffix, or the file cannot be written.
    """
    path = Path(path)
    if path.suffix not in (".png", ".pdf", ".svg"):
        raise EquiglassError(f"{path}: figures are written as .png, .pdf or .svg.")
    with replacing(path) as temporary, _style():
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(temporary, format=path.suffix[1:])


def figure_png(figure: Figure) -> bytes:
    """A figure as a PNG file, 200 dpi."""
    file = io.BytesIO()
    with _style():
        figure.savefig(file, format="png")
    return file.getvalue()


def save_evaluation_figures(
    folder: Path | str,
    rows: Sequence[Row],
    systems: Sequence[System],
    predicted: Sequence[Mapping[str, NDArray[np.floating]]],
) -> list[Path]:
    """Write rho.png, and for each time scatter_<type>_<label>.png and slice_<label>.png (one configuration).

    Args:
        folder: made if it is not there.
        rows: scores by type and time; those that no configuration defines are not drawn.
        systems: with measured propensities.
        predicted: propensity (N,) by time label, one for each system.

    Returns:
        The files written.
    """
    folder = Path(folder)
    figures = {folder / "rho.png": rho_of_rows(rows)}
    sliced = set()
    for row in rows:
        if row.configurations == 0:
            continue
        # A label such as "F=1/e" is no file name.
        stem, time = re.sub(r"[^\w.=-]", "-", row.label), rf"$t$ = {row.time:g}"
        having = [
            (system, system.propensity[system.at(row.label)], np.asarray(fields[row.label]))
            for system, fields in zip(systems, predicted, strict=True)
            if system.propensity is not None and row.label in system.time_labels and row.label in fields
        ]
        of_type = np.concatenate([[type_name(s) == row.type for s in system.types] for system, _, _ in having])
        truth = np.concatenate([field for _, field, _ in having])[of_type]
        prediction = np.concatenate([field for _, _, field in having])[of_type]
        figures[folder / f"scatter_{row.type}_{stem}.png"] = scatter(truth, prediction, title=f"{row.type}, {time}")
        if row.label not in sliced:
            sliced.add(row.label)
            first = next(item for item in having if not np.all(np.isnan(item[1])))
            title = f"{first[0].name}, {time}"
            figures[folder / f"slice_{stem}.png"] = propensity_slice(*first, title=title)
    for path, figure in figures.items():
        save_figure(figure, path)
    return list(figures)


def _slab(system: System, thickness: float) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Particles in the slab from below to above, with their periodic images at its rim, and their (x, y)."""
    height = system.positions[:, 2] - system.box[2] / 2
    inside = np.flatnonzero(np.abs(height) <= thickness / 2)
    inside = inside[np.argsort(height[inside])]
    shifts = np.array(list(product((-1, 0, 1), repeat=2))) * system.box[:2]
    centres = system.positions[inside, None, :2] + shifts
    seen = np.all((centres > -1) & (centres < system.box[:2] + 1), axis=-1)
    return np.repeat(inside, seen.sum(axis=1)), centres[seen]


@contextmanager
def _style() -> Iterator[None]:
    try:
        import matplotlib as mpl
    except ImportError:
        raise EquiglassError("Figures need matplotlib: pip install equiglass[plot]") from None
    with mpl.rc_context(STYLE):
        yield


def _new_axes() -> Axes:
    from matplotlib.figure import Figure

    return Figure(figsize=(COLUMN, 0.85 * COLUMN), layout="constrained").add_subplot()


def _figure(ax: Axes) -> Figure:
    """The figure itself, where the axes lie in a part of one."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure
