"""The start of a training from the weights of another model, for instance of another temperature.

The standardisations of inputs and targets are those of the new training data: the same weights then stand for the same
deviations from the mean of the liquid, in units of its standard deviation.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch

from equiglass.errors import ConfigurationError
from equiglass.model.inputs.choice import Inputs
from equiglass.model.network import Network
from equiglass.prediction.run_folder import RunFolder


class Weights(NamedTuple):
    """A network with what its weights depend on.

    Attributes:
        network: the network.
        inputs: its inputs.
        labels: labels of the times, in the order of the outputs.
    """

    network: Network
    inputs: Inputs
    labels: tuple[str, ...]


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


def take_weights(new: Weights, old: Weights, name: str) -> None:
    """Copy the weights of a network into another with the same inputs and architecture.

    The read-out of a label that the old network has not remains as it is.

    Args:
        new: the network whose weights change in place.
        old: the network that they come from.
        name: name of the old one in messages.

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
                f"start: {name} has other {what}: {', '.join(f'{what}.{key}' for key in differing)}. Set these as "
                "`equiglass info` shows them, or train without start."
            )
    n_types, known = len(new.network.decoder), len(old.network.decoder)
    if n_types != known:
        raise ConfigurationError(f"start: {name} knows {known} particle types, the data have {n_types}.")
    weights = old.network.state_dict()
    with torch.no_grad():
        for key, value in new.network.state_dict().items():
            if key != "decoder":
                value.copy_(weights[key])
        for t, label in enumerate(new.labels):
            if label in old.labels:
                new.network.decoder[:, t].copy_(weights["decoder"][:, old.labels.index(label)])
