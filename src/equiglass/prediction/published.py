"""Predictions that stand in the files of the configurations, such as those of GlassBench's test files."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from equiglass.errors import DataError, EquiglassWarning
from equiglass.liquid.arrays import Float
from equiglass.liquid.system import System, type_name
from equiglass.prediction.model import Prediction

PREFIX = "published:"
"""Beginning of the name of such predictions where a model is named, as in "published:SE3"."""


def published_predictions(systems: Sequence[System], name: str) -> list[Prediction]:
    """The predictions of that name, one per configuration, for `evaluate`.

    Args:
        systems: configurations whose files contain predictions of the propensity.
        name: name of the predictions in the files, such as "SE3". A time without any known value is left out.

    Warns:
        EquiglassWarning: a configuration has no number at all, or for some particles of a type at a time and not for
            the others.

    Raises:
        DataError: a configuration has no such predictions; the message names those that it has. No configuration has
            a number.
    """
    found = []
    for system in systems:
        if name not in system.predictions:
            there = ", ".join(sorted(system.predictions)) or "none"
            raise DataError(
                f"{system.name} has no predictions {name!r} of every particle at every time; its file has {there}. "
                "GlassBench's test files have them."
            )
        values = system.predictions[name]
        _warn_of_gaps(system, name, values)
        known = [k for k, row in enumerate(values) if np.isfinite(row).any()]
        times = {system.time_labels[k]: float(system.times[k]) for k in known}
        found.append(Prediction(system, times, values[known]))
    if found and not any(prediction.times for prediction in found):
        raise DataError(f"the predictions {name!r} have no number in any configuration.")
    return found


def _warn_of_gaps(system: System, name: str, values: Float) -> None:
    """Warn where the scores are those of a part of the particles."""
    finite = np.isfinite(values)
    if not finite.any():
        said = "no number; it is left out"
    else:
        for kind in np.unique(system.types):
            lacking = (~finite[:, system.types == kind]).sum(axis=1)
            partly = (lacking > 0) & (lacking < np.sum(system.types == kind))
            if partly.any():
                t = int(np.argmax(partly))
                said = (
                    f"no number for {lacking[t]} particles of type {type_name(int(kind))} at the time labelled "
                    f"{system.time_labels[t]!r}; the scores are those of the others"
                )
                break
        else:
            return
    warnings.warn(f"{system.name}: the predictions {name!r} have {said}.", EquiglassWarning, stacklevel=3)
