"""Conversion of the network's model files from versions 1 to 4 to version 5.

Version 6 names the width of the updates, and holds bounds of the outputs; a network of version 5 has neither, and needs
no conversion. Version 7 names the edges; before, they are those of ``inputs.positions``.

Version 5 names the standardisation of a node input after the input. Up to version 4 the names are
``standardisation.energy_*`` and ``standardisation.distance_*``. Up to version 3 there is no displacement. Up to version
2 every target is the propensity, without averages in its linear map. Version 1 names no truncation of the potential,
because every potential is "shifted".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from equiglass.errors import DataError
from equiglass.model.inputs.choice import Inputs


def upgraded(tensors: Mapping[str, Tensor], description: Mapping[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and description in the form of version 5."""
    if "standardisation.scalar_mean" in tensors:
        tensors, description = _with_named_scalars(tensors, description)
    old = {key.removeprefix("standardisation."): value for key, value in tensors.items()}
    new = {key: value for key, value in tensors.items() if not key.startswith("standardisation.")}
    n_types, n_times, _ = tensors["network.decoder"].shape
    new["targets.mean"], new["targets.scale"] = old["target_mean"], old["target_scale"]
    no_averages = torch.zeros(n_types, n_times, 0, dtype=torch.float64)
    new["targets.average_weights"] = old.get("average_weights", no_averages)
    inputs = Inputs(**description["inputs"])
    for name in inputs.nodes:
        quantity = "energy" if name.startswith("energy") else "distance"
        mean, scale = old[f"{quantity}_mean"], old[f"{quantity}_scale"]
        new[f"inputs.{name}.0.mean"], new[f"inputs.{name}.0.scale"] = mean, scale
        if name == "displacement_inherent":
            new[f"inputs.{name}.1.mean"] = torch.zeros_like(mean)
            new[f"inputs.{name}.1.scale"] = torch.from_numpy(np.hypot(mean.numpy(), scale.numpy()))
    return new, {"target": "propensity", **description, "inputs": inputs.model_dump()}


def _with_named_scalars(
    tensors: Mapping[str, Tensor], description: Mapping[str, Any]
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Name the energy in a file of a development state of version 3, which numbers its node scalars.

    Raises:
        DataError: the inputs contain the distance to the inherent structure, which has another form in later versions.
    """
    inputs = dict(description["inputs"])
    if inputs.pop("distance", False) or inputs.get("generations", 0):
        raise DataError(
            "the model takes the distance to the inherent structure, or averages, in a form that only a development "
            "state of version 3 had. Train it again; the input displacement_inherent holds the distance."
        )
    mean, scale = (tensors[f"standardisation.scalar_{name}"] for name in ("mean", "scale"))
    known = mean.shape[1] > 0
    energy = {
        "standardisation.energy_mean": mean[:, 0] if known else torch.zeros(len(mean), dtype=mean.dtype),
        "standardisation.energy_scale": scale[:, 0] if known else torch.ones(len(scale), dtype=scale.dtype),
    }
    return {**tensors, **energy}, {**description, "inputs": inputs}
