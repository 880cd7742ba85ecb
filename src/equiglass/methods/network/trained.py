"""A trained network with all that its use needs, and its file: safetensors with readable metadata, version 4.

Tensors are named ``network.*`` (the state of :class:`~equiglass.model.network.Network`) and
``standardisation.*``; a run's own state (optimiser) may lie beside them under other names. The metadata entry
``equiglass`` is JSON: format, version, architecture, inputs, target, times, and a description of the training data.
Up to version 3 no displacement is an input. Up to version 2 every target is the propensity, and no averages are in the
line to it. In version 1 the potential has no truncation: it is shifted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from equiglass.errors import EquiglassError
from equiglass.files import replacing
from equiglass.liquid.arrays import Float
from equiglass.liquid.potential import LennardJones
from equiglass.liquid.system import System
from equiglass.liquid.targets import Target
from equiglass.model.architecture import Architecture
from equiglass.model.inputs import Inputs, input_averages, input_graph, known_of, network_of
from equiglass.model.network import Network
from equiglass.model.standardisation import Standardisation

FORMAT, VERSION = "equiglass-model", 4


@dataclass(frozen=True)
class TrainingData:
    """What the model has seen, to warn of what it has not.

    Attributes:
        density: lowest and highest number density.
        composition: mean share of every type.
        temperatures: the temperatures, ascending.
        configurations: their number.
        potential: the pair potential, where known.
    """

    density: tuple[float, float]
    composition: tuple[float, ...]
    temperatures: tuple[float, ...]
    configurations: int
    potential: LennardJones | None


@dataclass(frozen=True)
class Trained:
    """A network, its inputs and standardisation, the times it predicts, and what it was trained on.

    Attributes:
        network: the weights.
        inputs: positions and energy that the network sees.
        times: value by label, in the order of the outputs; the value is the training set's first.
        standardisation: of targets and energy.
        data: the training data in short.
        target: what it predicts.
    """

    network: Network
    inputs: Inputs
    times: Mapping[str, float]
    standardisation: Standardisation
    data: TrainingData
    target: Target = "propensity"

    @property
    def n_types(self) -> int:
        """Number of particle types the network knows."""
        return self.network.decoder.shape[0]

    def predict(self, system: System) -> Float:
        """The target at every time of ``times``, LJ units, (T, N). The system carries what ``inputs`` needs."""
        known = known_of(system, self.inputs, self.data.potential)
        cutoff = self.network.architecture.cutoff
        dtype = self.network.decoder.dtype
        graph = input_graph(system, self.inputs, known, self.standardisation, cutoff, self.n_types, dtype)
        self.network.eval()
        with torch.no_grad():
            targets = self.network(graph).double().numpy().T
        averages = input_averages(system, self.inputs, known)
        return self.standardisation.restored(targets, system.types, averages)


def save_trained(
    trained: Trained,
    path: Path,
    extra: Mapping[str, Tensor] | None = None,
    state: Mapping[str, Any] | None = None,
) -> None:
    """Write a model file at once or not at all.

    Args:
        trained: the model.
        path: the file.
        extra: further tensors, for instance the optimiser's.
        state: further readable metadata.
    """
    tensors = {f"network.{k}": v.contiguous() for k, v in trained.network.state_dict().items()}
    for key in fields(Standardisation):
        tensors[f"standardisation.{key.name}"] = torch.from_numpy(getattr(trained.standardisation, key.name))
    tensors.update(extra or {})
    description = {
        "format": FORMAT,
        "version": VERSION,
        "architecture": trained.network.architecture.model_dump(),
        "inputs": trained.inputs.model_dump(),
        "target": trained.target,
        "times": dict(trained.times),
        "data": asdict(trained.data),
        "state": dict(state or {}),
    }
    with replacing(path) as temporary:
        # The library's own writing to a file raises no OSError where the disk is full.
        temporary.write_bytes(save(tensors, {"equiglass": json.dumps(description)}))


def load_trained(path: Path) -> Trained:
    """Read a model file.

    Raises:
        EquiglassError: not a model file of this package, damaged, or written by a newer version.
    """
    return read_trained(path)[0]


def read_trained(path: Path) -> tuple[Trained, dict[str, Tensor], dict[str, Any]]:
    """Read a model file with whatever a run left beside the model: (model, extra tensors, state)."""
    tensors, description = read_described(path, FORMAT, VERSION)
    architecture = Architecture(**description["architecture"])
    inputs = Inputs(**description["inputs"])
    weights = {k.removeprefix("network."): v for k, v in tensors.items() if k.startswith("network.")}
    n_types, n_times, _ = weights["decoder"].shape
    network = network_of(architecture, inputs, n_types, n_times).to(weights["decoder"].dtype)
    network.load_state_dict(weights)
    if description["version"] < 3:
        tensors["standardisation.average_weights"] = torch.zeros(n_types, n_times, 0, dtype=torch.float64)
    if description["version"] < 4:
        tensors["standardisation.distance_mean"] = torch.zeros(n_types, dtype=torch.float64)
        tensors["standardisation.distance_scale"] = torch.ones(n_types, dtype=torch.float64)
    numbers = {k: np.asarray(tensors[f"standardisation.{k}"]) for k in (f.name for f in fields(Standardisation))}
    trained = Trained(
        network,
        inputs,
        description["times"],
        Standardisation(**numbers),
        training_data(description["data"]),
        description.get("target", "propensity"),
    )
    extra = {k: v for k, v in tensors.items() if not k.startswith(("network.", "standardisation."))}
    return trained, extra, description["state"]


def read_described(path: Path, file_format: str, version: int) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the readable metadata of a model file.

    Raises:
        EquiglassError: not a file of that format, damaged, or of a newer version.
    """
    try:
        with safe_open(path, framework="pt") as file:
            description = json.loads((file.metadata() or {})["equiglass"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a mapping)
    except FileNotFoundError:
        raise EquiglassError(f"{path}: there is no such model file.") from None
    except (SafetensorError, OSError, KeyError, ValueError):
        raise EquiglassError(f"{path} is not a model file of equiglass, or is damaged.") from None
    if description.get("format") != file_format or description.get("version", 0) > version:
        raise EquiglassError(
            f"{path} has format {description.get('format')} version {description.get('version')}; this equiglass "
            f"reads {file_format} up to version {version}. Install a newer equiglass."
        )
    return tensors, description


def training_data(described: Mapping[str, Any]) -> TrainingData:
    """The training data in short, from the metadata of a model file."""
    potential = described["potential"]
    return TrainingData(
        tuple(described["density"]),
        tuple(described["composition"]),
        tuple(described["temperatures"]),
        described["configurations"],
        LennardJones(**potential) if potential else None,
    )
