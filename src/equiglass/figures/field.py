"""Fields: the propensity, or the energy, in a slice of the box."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equiglass.errors import DataError
from equiglass.figures.style import COLUMN, FIELD, STYLE, figure_of, style
from equiglass.liquid.system import System

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import EllipseCollection
    from matplotlib.figure import Figure


def propensity_slice(
    system: System,
    truth: ArrayLike,
    predicted: ArrayLike,
    *,
    target: str = "propensity",
    thickness: float = 1.0,
    title: str = "",
    axes: tuple[Axes, Axes] | None = None,
) -> Figure:
    """Measured and predicted propensity, or energy, side by side in a slab across the middle of the box.

    Particles are circles of diameter sigma, or 1 where the potential is not known. A circle is unfilled where the
    value is not known. The slab is normal to z; both sides have one colour bar.

    Args:
        system: the configuration; thermal positions are drawn.
        truth: measured, LJ units, (N,).
        predicted: the same.
        target: name of the quantity.
        thickness: of the slab, LJ length.
        title: above both.
        axes: where to draw; a new figure of two columns if not given.

    Raises:
        DataError: an array of another length, nothing known, or no particle in the slab.
    """
    fields = {"measured": np.asarray(truth, dtype=float), "predicted": np.asarray(predicted, dtype=float)}
    for name, field in fields.items():
        if field.shape != (system.n_particles,):
            raise DataError(f"{system.name}: the {name} {target} has shape {field.shape}, not ({system.n_particles},).")
    if np.all(np.isnan(fields["measured"])):
        raise DataError(f"{system.name}: there is no particle with a measured {target} to draw.")
    limits = colour_limits(fields["measured"])
    with style():
        from matplotlib.figure import Figure

        if axes is None:
            ratio = system.box[1] / system.box[0]
            figure = Figure(figsize=(2 * COLUMN, 0.9 * COLUMN * ratio + 0.3), layout="constrained")
            axes = tuple(figure.subplots(1, 2, sharex=True, sharey=True))
        for ax, (name, field) in zip(axes, fields.items(), strict=True):
            drawn = circles(ax, system, field, thickness=thickness, limits=limits)
            ax.set_title(name)
        axes[0].set_ylabel(r"$y$")
        figure = figure_of(axes[0])
        figure.colorbar(drawn, ax=list(axes), label=target, shrink=0.85, extend="both")
        if title:
            figure.suptitle(title, fontsize=STYLE["axes.titlesize"])
        return figure


def colour_limits(field: NDArray[np.float64]) -> tuple[float, float]:
    """The percentiles 3 and 97 of the known values, so that rare extremes do not use up the colours."""
    low, high = np.nanpercentile(field, [3, 97])
    return float(low), float(high)


def circles(
    ax: Axes, system: System, field: NDArray[np.float64], *, thickness: float, limits: tuple[float, float]
) -> EllipseCollection:
    """Draw the particles of a slab as coloured circles, and return them for a colour bar.

    Raises:
        DataError: no particle in the slab.
    """
    from matplotlib.collections import EllipseCollection

    chosen, centres = _slab(system, thickness)
    if len(chosen) == 0:
        raise DataError(f"{system.name}: there is no particle in a slab of thickness {thickness}.")
    sigma = np.ones(system.n_types) if system.potential is None else np.diag(system.potential.sigma)
    diameters = sigma[system.types[chosen]]
    drawn = EllipseCollection(
        diameters,
        diameters,
        np.zeros(len(chosen)),
        units="xy",
        offsets=centres,
        offset_transform=ax.transData,
        array=field[chosen],
        cmap=FIELD,
        clim=limits,
        edgecolor="0.2",
        linewidth=0.3,
    )
    ax.add_collection(drawn)
    ax.set(xlim=(0, system.box[0]), ylim=(0, system.box[1]), xlabel=r"$x$")
    ax.set_aspect("equal")
    ax.spines[:].set_visible(True)
    return drawn


def _slab(system: System, thickness: float) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Particles in the slab from below to above, with their periodic images at its rim, and their (x, y)."""
    height = system.positions[:, 2] - system.box[2] / 2
    inside = np.flatnonzero(np.abs(height) <= thickness / 2)
    inside = inside[np.argsort(height[inside])]
    shifts = np.array(list(product((-1, 0, 1), repeat=2))) * system.box[:2]
    centres = system.positions[inside, None, :2] + shifts
    seen = np.all((centres > -1) & (centres < system.box[:2] + 1), axis=-1)
    return np.repeat(inside, seen.sum(axis=1)), centres[seen]
