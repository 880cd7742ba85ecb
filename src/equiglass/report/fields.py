"""Propensity fields for the interactive view: arrays as base64, float32 and uint8, little-endian."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from equiglass.liquid.system import type_name
from equiglass.liquid.targets import TARGETS, measured, times_in_common
from equiglass.prediction.model import Prediction
from equiglass.report.scores import Scored


def view_data(several: Sequence[Scored], chosen: Sequence[int]) -> dict[str, Any]:
    """The input of view.js: labels of times, types, and configurations with measured and predicted fields.

    Args:
        several: models on the same configurations.
        chosen: which configurations to show.

    Returns:
        Plain data. Each configuration has positions (N, 3), types (N,), radii by type, times (T,), and measured and
        predicted values of the target, LJ units, (T, N) each; NaN where a value is unknown.
    """
    targets = {label: scored.model.target for scored in several for label in scored.model.times}
    labels, quantities = list(targets), list(dict.fromkeys(targets.values()))
    systems = several[0].systems
    n_types = max(systems[k].n_types for k in chosen)

    def described(k: int) -> dict[str, Any]:
        system = systems[k]
        nowhere = np.full(system.n_particles, np.nan)
        sigma = np.ones(n_types) if system.potential is None else np.diag(system.potential.sigma)
        times = {label: time for scored in several for label, time in scored.model.times.items()}
        times |= dict(zip(system.time_labels, system.times.tolist(), strict=True))

        def shown(prediction: Prediction) -> list[str]:
            # A label that has another time in the data or in another model is not the same field.
            return times_in_common(prediction.times, times)[0]

        return {
            "name": system.name,
            "box": system.box.tolist(),
            "positions": _base64(system.positions, "<f4"),
            "types": _base64(system.types, "u1"),
            "radii": (sigma / 2).tolist(),
            "times": [times[label] for label in labels],
            "measured": _base64([measured(system, [label], targets[label])[0] for label in labels], "<f4"),
            "predicted": [
                _base64([p.at(label) if label in shown(p) else nowhere for label in labels], "<f4")
                for p in (scored.predictions[k] for scored in several)
            ],
        }

    return {
        "quantity": " or ".join(quantities),
        "unit": " or ".join(TARGETS[target].unit for target in quantities),
        "labels": labels,
        "types": [type_name(kind) for kind in range(n_types)],
        "models": [scored.model.name for scored in several],
        "configurations": [described(k) for k in chosen],
    }


def _base64(values: ArrayLike, dtype: str) -> str:
    return base64.b64encode(np.asarray(values).astype(dtype).tobytes()).decode()
