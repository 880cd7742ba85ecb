"""A prediction at a glance: a short table and a figure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from equiglass.prediction.model import Prediction

MOST_MOBILE = 5
"""Number of particles that are named."""


def print_prediction(prediction: Prediction) -> None:
    """Print the mean of every type at every time, and the particles with the largest values at tau_alpha."""
    from equiglass.machine.console import console

    shown = console()
    for table in tables(prediction):
        shown.print(table)


def tables(prediction: Prediction) -> list[Table]:
    """The table of means with standard deviations over the particles, and that of the most mobile particles."""
    import numpy as np
    from rich.table import Table

    from equiglass.liquid.state_points import tau_alpha
    from equiglass.liquid.system import type_name
    from equiglass.liquid.targets import TARGETS

    system, target = prediction.system, TARGETS[prediction.target]
    means = Table("label", title=f"{system.name}: {target.title}, mean ± deviation", title_justify="left")
    means.add_column("t", justify="right")
    kinds = np.unique(system.types).tolist()
    for kind in kinds:
        means.add_column(f"{type_name(kind)}, {np.sum(system.types == kind)} particles", justify="right")
    for (label, time), values in zip(prediction.times.items(), prediction.values, strict=True):
        each = (values[system.types == kind] for kind in kinds)
        means.add_row(label, f"{time:g}", *(f"{own.mean():.3g} ± {own.std():.2g}" for own in each))

    shown = tau_alpha(list(prediction.times))
    values = prediction.at(shown)
    named = "id" if system.ids is not None else "row"
    ids = system.ids if system.ids is not None else np.arange(1, system.n_particles + 1)
    largest = Table(title=f"largest at the time labelled {shown}", title_justify="left")
    uncertainty = prediction.uncertainty_at(shown)
    for column in (named, "type", "x", "y", "z", target.name, *([] if uncertainty is None else ["std"])):
        largest.add_column(column, justify="left" if column == "type" else "right")
    corner = np.zeros(3) if system.origin is None else system.origin
    for i in np.argsort(-np.nan_to_num(values, nan=-np.inf), kind="stable")[:MOST_MOBILE]:
        place = (f"{x:.2f}" for x in system.positions[i] + corner)
        std = [] if uncertainty is None else [f"{uncertainty[i]:.2g}"]
        largest.add_row(str(ids[i]), type_name(int(system.types[i])), *place, f"{values[i]:.3g}", *std)
    return [means, largest]


def save_prediction_figure(path: Path, prediction: Prediction) -> None:
    """Write the distribution and a slice of the values at tau_alpha, or else at the last time."""
    from equiglass.figures import predicted_field, save_figure
    from equiglass.liquid.state_points import tau_alpha

    label = tau_alpha(list(prediction.times))
    time = prediction.times[label]
    title = f"{prediction.system.name}, {label}" + (f" (t = {time:g})" if time else "")
    save_figure(predicted_field(prediction.system, prediction.at(label), quantity=prediction.target, title=title), path)
