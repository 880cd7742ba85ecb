"""The start of a training from the weights of another model, for instance of another temperature.

The standardisations of inputs and targets are those of the new training data: the same weights then stand for the same
deviations from the mean of the liquid, in units of its standard deviation.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from equiglass.errors import ConfigurationError
from equiglass.prediction.run_folder import RunFolder

if TYPE_CHECKING:
    from equiglass.methods.network.predictor import NetworkPredictor


def file_of(start: str) -> Path:
    """The model file at a path: the path itself, or the model of a run folder.

    Raises:
        ConfigurationError: there is none.
    """
    path = Path(start)
    found = path if path.is_file() else RunFolder(path).model()
    if found is None:
        raise ConfigurationError(f"start: {start} is neither a model file nor a run folder with a model.")
    return found


def take_weights(new: NetworkPredictor, old: NetworkPredictor) -> None:
    """Copy the weights of a model into another with the same inputs and architecture.

    The read-out of a label that the old model has not remains as it is.

    Args:
        new: the model whose weights change in place.
        old: the model that they come from.

    Raises:
        ConfigurationError: inputs, architecture or types differ; the message names what.
    """
    for what, mine, other in (
        ("inputs", new.inputs, old.inputs),
        ("architecture", new.network.architecture, old.network.architecture),
    ):
        differing = [key for key, value in mine.model_dump().items() if other.model_dump()[key] != value]
        if differing:
            raise ConfigurationError(
                f"start: {old.name} has other {what}: {', '.join(f'{what}.{key}' for key in differing)}. Set these as "
                "`equiglass info` shows them, or train without start."
            )
    if new.n_types != old.n_types:
        raise ConfigurationError(f"start: {old.name} knows {old.n_types} particle types, the data have {new.n_types}.")
    weights, places = old.network.state_dict(), list(old.times)
    with torch.no_grad():
        for name, value in new.network.state_dict().items():
            if name != "decoder":
                value.copy_(weights[name])
        for t, label in enumerate(new.times):
            if label in places:
                new.network.decoder[:, t].copy_(weights["decoder"][:, places.index(label)])
