"""Predictions that stand in the files of the configurations, such as those of GlassBench's test files."""

from __future__ import annotations

from collections.abc import Sequence

from equiglass.errors import DataError
from equiglass.liquid.system import System
from equiglass.prediction.model import Prediction

PREFIX = "published:"
"""Beginning of the name of such predictions where a model is named, as in "published:SE3"."""


def published_predictions(systems: Sequence[System], name: str) -> list[Prediction]:
    """The predictions of that name, one per configuration, for `evaluate`.

    Args:
        systems: configurations whose files contain predictions of the propensity.
        name: name of the predictions in the files, such as "SE3".

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
        times = dict(zip(system.time_labels, system.times.tolist(), strict=True))
        found.append(Prediction(system, times, system.predictions[name]))
    return found
