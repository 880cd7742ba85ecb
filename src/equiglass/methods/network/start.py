"""The start of a training from the weights of another model, for instance of another temperature.

The standardisations of inputs and targets are those of the new training data: the same weights then stand for the same
deviations from the mean of the liquid, in units of its standard deviation.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch

from equiglass.errors import ConfigurationError
from equiglass.files.settings import flat
from equiglass.methods.loading import folder_of
from equiglass.model.convolution.layer import Convolution
from equiglass.model.inputs.choice import Inputs
from equiglass.model.network import Network

Row = tuple[int | str, ...]
"""Degrees of a path, if there is one, and a channel of the field or the name of a node input."""


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
    """The model file at a path: the path itself, or the model of a run folder or of a member of a shipped model.

    Raises:
        ConfigurationError: there is none.
    """
    path = Path(start)
    found = path if path.is_file() else folder_of(path).model()
    if found is None:
        raise ConfigurationError(
            f"start: {start} is neither a model file nor a run folder with a model of its own. Name one, such as a "
            "member of an average. A resumed training needs its start again."
        )
    return found


def take_weights(new: Weights, old: Weights, name: str) -> None:
    """Copy the weights of a network into another with the same architecture, and with the same node inputs or more.

    Dropout may differ: it has no weights.
    The weights that show further node inputs to the network begin at 0, so that it begins as the old one. The read-out
    of a label that the old network has not remains as it is.

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
        same = {
            key: value for key, value in mine.model_dump().items() if key not in ("nodes", "generations", "dropout")
        }
        theirs = flat(other.model_dump())
        differing = [f"{what}.{key}={theirs[key]}" for key, value in flat(same).items() if theirs[key] != value]
        if differing:
            raise ConfigurationError(
                f"start: {name} has other {what}. Set {' '.join(differing)}, or train without start."
            )
    missing = [node for node in old.inputs.nodes if node not in new.inputs.nodes]
    if missing:
        raise ConfigurationError(
            f"start: {name} has further node inputs: {', '.join(missing)}. Add them to inputs.nodes, or train without "
            "start."
        )
    n_types, known = len(new.network.decoder), len(old.network.decoder)
    if n_types != known:
        raise ConfigurationError(f"start: {name} knows {known} particle types, the data have {n_types}.")
    weights, own_rows, old_rows = old.network.state_dict(), _rows(new, n_types), _rows(old, n_types)
    with torch.no_grad():
        for key, value in new.network.state_dict().items():
            if key in own_rows:
                places = {row: place for place, row in enumerate(old_rows.get(key, []))}
                for row, of_row in zip(own_rows[key], value, strict=True):
                    if row in places:
                        of_row.copy_(weights[key][places[row]])
                    elif "radial" not in key:
                        of_row.zero_()
            elif key != "decoder":
                value.copy_(weights[key])
        for t, label in enumerate(new.labels):
            if label in old.labels:
                new.network.decoder[:, t].copy_(weights["decoder"][:, old.labels.index(label)])


def _rows(of: Weights, n_types: int) -> dict[str, list[Row]]:
    """What the rows stand for of the weights that depend on the node inputs."""
    names: list[list[int | str]] = [[f"type {kind}" for kind in range(n_types)]]
    names += [[] for _ in range(of.network.architecture.l_max)]
    for node in of.inputs.chosen:
        for degree in node.degrees:
            if degree < len(names):
                names[degree].append(node.name)
    rows: dict[str, list[Row]] = {
        f"own.{degree}": [(name,) for name in names[degree]] for degree in range(len(of.network.own))
    }
    for layer, convolution in enumerate(of.network.convolutions):
        assert isinstance(convolution, Convolution)
        paths, prefix = convolution.paths, f"convolutions.{layer}"
        field = range(paths.field)
        every: list[Row] = [(*path, channel) for path in paths.triplets for channel in (*field, *names[path.l_in])]
        rows |= {f"{prefix}.radial.{key}": every for key in ("weight", "bias")}
        for l_out in range(paths.l_max + 1):
            rows[f"{prefix}.mixing.{l_out}"] = [row for row in every if row[2] == l_out]
    return rows
