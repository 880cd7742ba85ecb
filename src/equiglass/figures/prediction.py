"""A prediction at a glance: the distribution over the particles of each type, and a slice of the box."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from equiglass.errors import DataError
from equiglass.figures.field import circles, colour_limits
from equiglass.figures.style import COLOURS, COLUMN, STYLE, style
from equiglass.liquid.system import System, type_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def predicted_field(system: System, values: ArrayLike, *, quantity: str = "propensity", title: str = "") -> Figure:
    """The probability density of a prediction per particle type, and its field in a slab across the middle of the box.

    Args:
        system: the configuration; thermal positions are drawn.
        values: the prediction, LJ units, (N,); NaN where it is unknown.
        quantity: its name, for the axes.
        title: above both.

    Raises:
        DataError: an array of another length, nothing known, or no particle in the slab.
    """
    field = np.asarray(values, dtype=float)
    if field.shape != (system.n_particles,):
        raise DataError(f"{system.name}: the {quantity} has shape {field.shape}, not ({system.n_particles},).")
    if np.all(np.isnan(field)):
        raise DataError(f"{system.name}: there is no particle with a known {quantity} to draw.")
    with style():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(2 * COLUMN, 0.9 * COLUMN + 0.3), layout="constrained")
        left, right = figure.subplots(1, 2)
        bins = np.histogram_bin_edges(field[np.isfinite(field)], bins=40)
        for kind, colour in zip(range(system.n_types), COLOURS * system.n_types, strict=False):
            own = field[(system.types == kind) & np.isfinite(field)]
            if own.size:
                left.hist(own, bins, density=True, histtype="step", color=colour, label=type_name(kind))
        left.set(xlabel=quantity, ylabel="probability density")
        left.legend()
        drawn = circles(right, system, field, thickness=1.0, limits=colour_limits(field))
        right.set_ylabel(r"$y$")
        figure.colorbar(drawn, ax=right, label=quantity, shrink=0.85, extend="both")
        if title:
            figure.suptitle(title, fontsize=STYLE["axes.titlesize"])
        return figure
