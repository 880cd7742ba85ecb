"""Weights that authors published, as models: `equiglass.methods.loading.save_model` makes a run folder of them.

The weights remain those of their authors; the package contains none. Each function returns a predictor whose linear
map is the identity, since the published networks predict propensities in LJ length.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from equiglass.errors import DataError
from equiglass.files import decoding, reading
from equiglass.liquid.potential import MIXTURES
from equiglass.methods.descent.standardisation import TargetStandardisation
from equiglass.methods.messages.bapst import Bapst, BapstArchitecture
from equiglass.methods.messages.botan import Botan, BotanArchitecture
from equiglass.methods.messages.eignn import Eignn, EignnArchitecture
from equiglass.prediction.training_data import TrainingData


def bapst(path: Path | str, times: Mapping[str, float], temperature: float) -> Bapst:
    """The network of Bapst et al. from their weights as an npz file, named as in their checkpoints.

    It has learned type A alone, so its predictions of other types are NaN.

    Args:
        path: the npz file.
        times: label and value of the time that the network predicts, for instance {"1": 0.13}.
        temperature: the temperature for which it was trained.

    Raises:
        DataError: the file is missing, damaged, or holds other arrays; or there is not one time.
    """
    _check_one(times)
    with reading(Path(path)), decoding(), np.load(path) as arrays:
        stored = {name: arrays[name] for name in arrays.files}
    architecture = BapstArchitecture()
    network = Bapst.network_of(architecture, 2, 1)
    parts = {
        "node_encoder": "graph_independent/node_model",
        "edge_encoder": "graph_independent/edge_model",
        "edge_update": "graph_network/edge_block",
        "node_update": "graph_network/node_block",
        "decoder": "graph_independent_1/node_model",
    }
    weights = {}
    for part, theirs in parts.items():
        linear = [name for name, layer in getattr(network, part).named_children() if isinstance(layer, nn.Linear)]
        for number, name in enumerate(linear):
            for kind, letter in (("weight", "w"), ("bias", "b")):
                key = f"Graph/{theirs}/mlp/linear_{number}/{letter}"
                if key not in stored:
                    raise DataError(f"{path} is no checkpoint of Bapst et al.: it holds no array {key}.")
                weights[f"{part}.{name}.{kind}"] = torch.from_numpy(stored[key].T)
    _fill(network, weights, path)
    line = _identity(1)
    line.mean[1:] = np.nan
    return Bapst(network, architecture, dict(times), line, _data(temperature, None), name=str(path))


def botan(path: Path | str, times: Mapping[str, float], temperature: float) -> Botan:
    """BOTAN from weights of the repository pyg_botan (``initial_model/model1.pth``: trained on edges alone).

    Args:
        path: the file of torch.
        times: label and value of the time that the network predicts, for instance {"7": 4120}.
        temperature: the temperature for which it was trained.

    Raises:
        DataError: the file is missing, damaged, or holds other arrays; or there is not one time.
    """
    _check_one(times)
    architecture = BotanArchitecture()
    network = Botan.network_of(architecture, 2, 1)
    stored = _torch_file(Path(path))
    width = architecture.width
    parts = {
        "node_encoder": "node_encoder",
        "edge_encoder": "edge_encoder",
        "network.edge_model.mlp": "edge_update",
        "network.node_model.mlp": "node_update",
        "decoder": "decoder",
    }
    weights = {}
    for name, tensor in stored.items():
        part, layer, kind = ("", "", *str(name).rsplit(".", 2))[-3:]
        if part not in parts or layer not in ("fc1", "fc2", "fc3"):
            raise DataError(f"{path} holds no weights of pyg_botan: {name} is unknown.")
        weights[f"{parts[part]}.{2 * (int(layer[2]) - 1)}.{kind}"] = tensor
    with reading(Path(path)), decoding():
        # Theirs: sender, receiver, edge, encoded edge. The first index of their edges is the sender.
        first = weights["edge_update.0.weight"].split(width, dim=1)
        weights["edge_update.0.weight"] = torch.cat([first[2], first[3], first[1], first[0]], 1)
        # Theirs: node, encoded node, sum of the edges.
        own = weights["node_update.0.weight"].split(width, dim=1)
        weights["node_update.0.weight"] = torch.cat([own[2], own[0], own[1]], 1)
    _fill(network, weights, path)
    return Botan(network, architecture, dict(times), _identity(1), _data(temperature, None), name=str(path))


def eignn(
    path: Path | str, times: Mapping[str, float], temperature: float, state: Literal["inherent", "cage"] = "cage"
) -> Eignn:
    """EIGNN from the authors' checkpoint (``t044_EIGNN_cage.pt``), which has learned types A and B at ten times.

    Their targets are standardised per configuration and type, so the predictions are standardised too: only their
    correlation with the propensity means something.

    Args:
        path: the file of torch.
        times: labels and values of the ten times that the network predicts.
        temperature: the temperature for which it was trained.
        state: second state of the positions for which it was trained.

    Raises:
        DataError: the file is missing, damaged, or holds other arrays.
    """
    stored = _torch_file(Path(path)).get("net")
    if not isinstance(stored, dict):
        raise DataError(f"{path} is no checkpoint of EIGNN: it holds no weights by name under 'net'.")
    architecture = EignnArchitecture(state=state)
    network = Eignn.network_of(architecture, 2, len(times))
    names = {
        "embedding": "lin_embedding",
        "joining": "lin_cat",
        "neighbourhood": "agg_3.nn.lins.0",
        "decoder.0": "out.lins.0",
        "decoder.1": "out.norms.0.module",
        "decoder.3": "out.lins.1",
    }
    for k in range(architecture.interactions):
        layer = f"interactions.{k}"
        names |= {
            f"{layer}.message": f"{layer}.I2EConv.lin1",
            f"{layer}.weights": f"{layer}.I2EConv.lin2",
            f"{layer}.scalars": f"{layer}.I2EConv.lin3",
            f"{layer}.gate": f"{layer}.E2IConv.lin_cat",
            f"{layer}.value": f"{layer}.E2IConv.lin_r",
            f"{layer}.norm": f"{layer}.norm",
        }
    weights: dict[str, Tensor] = {}
    with reading(Path(path)), decoding():
        for name in network.state_dict():
            part, kind = name.rsplit(".", 1)
            if part in names:
                weights[name] = stored[f"{names[part]}.{kind}"]
        for k in range(architecture.interactions):
            norm = f"interactions.{k}.vector_norm"
            theirs = f"interactions.{k}.e_norm"
            weights[f"{norm}.scale"] = stored[f"{theirs}.weight"][:, None]
            weights[f"{norm}.shift"] = stored[f"{theirs}.bias"]
            weights[f"{norm}.running_mean"] = stored[f"{theirs}.running_mean"]
            weights[f"{norm}.running_variance"] = stored[f"{theirs}.running_var"][:, None]
            mixing = stored[f"interactions.{k}.I2EConv.o3_lin.weight"].split([3, 6, 6])
            weights |= {f"interactions.{k}.vector_mixing.{l}": part for l, part in enumerate(mixing)}
    _fill(network, weights, path)
    data = _data(temperature, "kob-andersen")
    return Eignn(network, architecture, dict(times), _identity(len(times)), data, name=str(path))


def _torch_file(path: Path) -> dict[str, Any]:
    with reading(path), decoding():
        stored = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(stored, dict):
            raise DataError(f"it holds a {type(stored).__name__}, not weights by name.")
        return stored


def _check_one(times: Mapping[str, float]) -> None:
    """Raise a DataError unless there is one time, which is what a published network of this kind predicts."""
    if len(times) != 1:
        raise DataError(f"times: this network predicts one time, not {len(times)} ({', '.join(times) or 'none'}).")


def _fill(network: nn.Module, weights: Mapping[str, Tensor], path: Path | str) -> None:
    """Load weights by name; every parameter of the network must be there with its shape."""
    for name, parameter in network.named_parameters():
        shape = tuple(weights[name].shape) if name in weights else None
        if shape != tuple(parameter.shape):
            raise DataError(f"{path}: the weights for {name} have shape {shape}, not {tuple(parameter.shape)}.")
    network.load_state_dict({**network.state_dict(), **weights})


def _identity(n_times: int) -> TargetStandardisation:
    return TargetStandardisation.linear(np.zeros((2, n_times)), np.ones((2, n_times)), np.zeros((2, n_times, 0)))


def _data(temperature: float, potential: str | None) -> TrainingData:
    """The Kob-Andersen mixture at density 1.2 that all published networks have learned."""
    known = None if potential is None else MIXTURES[potential]
    return TrainingData((1.2, 1.2), (0.8, 0.2), (temperature,), 400, known)
