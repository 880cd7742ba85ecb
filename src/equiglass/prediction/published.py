"""Predictions that stand in the files of the configurations, such as those of GlassBench's test files."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from equiglass.errors import DataError
from equiglass.liquid.system import System
from equiglass.prediction.model import Prediction

PREFIX = "published:"
"""Beginning of the name of such predictions where a model is named, as in "published:SE3"."""


def published_predictions(systems: Sequence[System], name: str) -> list[Prediction]:
    """The predictions of that name, one per configuration, for `evaluate`.

    Args:
        systems: configurations whose files contain predictions of the propensity.
        name: name of the predictions in the files, such as "SE3". A time without any known value is left out.

    Raises:
        DataError: a configuration has no such predictions; the message names those that it has.
    """
    found = []
    for system in systems:
        if name not in system.predictions:
            there = ", ".join(sorted(system.predictions)) or "none"
            raise DataError(
                f"{system.name} has no predictions {name!r}; its file has {there}. GlassBench's test files have them."
            )
        values = system.predictions[name]
        known = [k for k, row in enumerate(values) if np.isfinite(row).any()]
        times = {system.time_labels[k]: float(system.times[k]) for k in known}
        found.append(Prediction(system, times, values[known]))
    return found
