"""A message-passing network as a predictor: training, model file, card. A subclass defines graph and network.

Tensors of a model file: ``network.*``, the state of the network, and ``targets.*``, the linear map to the target. The
state of the optimiser may follow. The description names architecture, target and times, and the training data.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from equiglass.errors import DataError
from equiglass.liquid.arrays import Float
from equiglass.liquid.needs import Need
from equiglass.liquid.system import System, type_name
from equiglass.liquid.targets import TARGETS, measured, times_to_learn
from equiglass.methods.descent.configuration import DescentConfiguration
from equiglass.methods.descent.course import Course
from equiglass.methods.descent.device import training_device
from equiglass.methods.descent.gradient import Loss, loss_of_particles
from equiglass.methods.descent.loop import key
from equiglass.methods.descent.samples import Sample
from equiglass.methods.descent.standardisation import TargetStandardisation
from equiglass.methods.messages.graph import EdgeGraph, shared_graph, sharing_graphs
from equiglass.prediction.labels import labels_to_learn
from equiglass.prediction.model_file import check_version, fitting, read_model, write_model
from equiglass.prediction.predictor import SILENT, Card, Predictor, Watch, settings_frame
from equiglass.prediction.run_folder import RunFolder
from equiglass.prediction.training_data import TrainingData


class MessageArchitecture(BaseModel):
    """Hyper-parameters that every message-passing network has; a method adds its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: int = Field(64, ge=1, description="width of the layers")
    cutoff: float = Field(2.0, gt=0, le=10, description="edges are shorter than this, LJ length")

    @property
    def needs(self) -> frozenset[Need]:
        """What a configuration must have for a prediction."""
        return frozenset()


class MessageConfiguration(DescentConfiguration):
    """Settings of every message-passing network."""

    epochs: int = Field(1000, ge=1, description="number of passes over the training configurations")
    learning_rate: float = Field(1e-4, gt=0, le=1e30, description="highest learning rate")
    schedule: Literal["one-cycle", "halving", "constant"] = Field(
        "constant", description="schedule of the learning rate"
    )
    weight_decay: float = Field(0.0, ge=0, le=1e3, description="weight decay of Adam")
    mirror: bool = Field(False, description="mirror a configuration with probability 1/2")
    types: Literal["all"] | tuple[str, ...] = Field("all", description="particle types to learn, for instance [A]")
    architecture: MessageArchitecture

    @property
    def input_needs(self) -> frozenset[Need]:
        """The needs of the inputs."""
        return self.architecture.needs


@dataclass(frozen=True, repr=False, eq=False)
class MessagePredictor(Predictor):
    """A trained network with its times, linear map and a summary of its training data.

    Attributes:
        network: the network with its weights.
        architecture: the hyper-parameters.
        times: values of the times by label, in the order of the outputs; the first values in the training set.
        line: linear map from the outputs to the target.
        data: summary of the training data.
        target: name of the target.
        name: name or path from which the model was loaded.
    """

    architecture_of: ClassVar[type[MessageArchitecture]]

    network: nn.Module
    architecture: Any
    times: Mapping[str, float]
    line: TargetStandardisation
    data: TrainingData
    target: str = "propensity"
    name: str = "messages"

    @classmethod
    @abstractmethod
    def network_of(cls, architecture: Any, n_types: int, n_times: int) -> nn.Module:
        """A network with random weights, which maps a graph to the standardised target, (N, T)."""

    @classmethod
    @abstractmethod
    def graph_of(cls, system: System, architecture: Any) -> EdgeGraph:
        """The graph of a configuration that has what the architecture needs."""

    @classmethod
    def graph(cls, system: System, architecture: Any) -> EdgeGraph:
        """The graph of a configuration; shared by the trainings of a cross-validation."""
        graph = shared_graph(system, (cls, architecture), lambda: cls.graph_of(system, architecture))
        # Bapst's network also has an edge from every particle to itself.
        if not bool((graph.senders != graph.receivers).any()):
            raise DataError(
                f"{system.name}: no two particles are closer than architecture.cutoff = {architecture.cutoff:g}. Check "
                "the unit of length, or train with a larger cutoff."
            )
        return graph

    @classmethod
    def sharing(cls) -> AbstractContextManager[object]:
        """In this block the graph of a configuration is built only once."""
        return sharing_graphs()

    @classmethod
    def standardised(cls, values: Float, types: np.ndarray, line: TargetStandardisation) -> Float:
        """Standardised targets of a training configuration, (T, N), from the measured ones."""
        return line.targets(values, types)

    @classmethod
    def further_targets(
        cls, system: System, graph: EdgeGraph, labels: Sequence[str], network: nn.Module
    ) -> dict[str, Tensor]:
        """Standardised values of what is learned besides the targets, by name, NaN where unknown."""
        return {}

    @classmethod
    def begin(
        cls, network: nn.Module, configuration: Any, training: Sequence[System], graphs: Sequence[EdgeGraph]
    ) -> Loss:
        """Prepare a network with random weights for a training, and return the loss."""
        return loss_of_particles

    @property
    def needs(self) -> frozenset[Need]:  # type: ignore[override]
        """What a configuration must have for a prediction."""
        needs: frozenset[Need] = self.architecture.needs
        return needs

    def learned(self) -> NDArray[np.bool_]:
        """Whether there were training data of a particle type at a time, (n_types, T)."""
        return self.line.learned

    def values(self, system: System) -> Float:
        """The target at every time of ``times``, LJ units, (T, N)."""
        dtype = next(self.network.parameters()).dtype
        self.network.eval()
        with torch.no_grad():
            outputs = self.network(self.graph(system, self.architecture).to(dtype)).double().numpy().T
        return self.line.restored(outputs, system.types, np.empty((system.n_particles, 0)))

    @classmethod
    def fit(
        cls,
        training: Sequence[System],
        configuration: Any,
        *,
        validation: Sequence[System] = (),
        folder: RunFolder | None = None,
        watch: Watch = SILENT,
    ) -> Self:
        """Train the network, and score the validation configurations after every epoch. See `Predictor.fit`.

        Raises:
            DataError: no configuration has the target or a type to learn, or a validation configuration has more
                types than the training set.
        """
        device = training_device(configuration.device)
        architecture = configuration.architecture
        times = times_to_learn(training, configuration.times, configuration.target)
        labels = list(times)
        n_types = max(system.n_types for system in training)
        learned_types = _types_to_learn(configuration.types, n_types)
        learnable, weights = labels_to_learn(training, labels, configuration, n_types)
        types = [system.types for system in training]
        learnable = [
            _of_types(values, system, learned_types) for values, system in zip(learnable, training, strict=True)
        ]
        by_type = configuration.advanced.standardise_targets == "type"
        line = TargetStandardisation.fit(types, learnable, n_types, by_type)
        torch.manual_seed(key(configuration.seed, 0))
        network = cls.network_of(architecture, n_types, len(times))
        data = TrainingData.of(training, n_types, validation)
        graphs = [cls.graph(system, architecture) for system in training]
        loss = cls.begin(network, configuration, training, graphs)

        def save(
            path: Path, line: TargetStandardisation, extra: Mapping[str, Tensor], state: Mapping[str, Any]
        ) -> None:
            cls(network, architecture, times, line, data, configuration.target).save(path, extra, state)

        def sample(
            system: System, graph: EdgeGraph, given: Float, weight: Float | None = None, learns: bool = False
        ) -> Sample:
            if system.n_types > n_types:
                raise DataError(f"{system.name} has {system.n_types} particle types; the training set has {n_types}.")
            values = _of_types(measured(system, labels, configuration.target), system, learned_types)
            standard = cls.standardised(_of_types(given, system, learned_types), system.types, line)
            further = cls.further_targets(system, graph, labels, network) if learns else {}
            averages = np.empty((system.n_particles, 0))
            targets = torch.from_numpy(standard.T.copy()).float()
            weighted = None if weight is None else torch.from_numpy(weight[system.types]).float()
            return Sample(system.name, graph, targets, values, system.types, averages, weighted, further).to(device)

        each: list[Float | None] = [None] * len(training) if weights is None else list(weights)
        learned = [sample(*parts, learns=True) for parts in zip(training, graphs, learnable, each, strict=True)]
        scored = [
            sample(system, cls.graph(system, architecture), measured(system, labels, configuration.target))
            for system in validation
        ]
        course = Course(network.to(device), configuration, line, labels, _weights, save, folder, loss)
        calibrated = course.run(learned, scored, watch)
        network.cpu()
        return cls(network, architecture, times, calibrated, data, configuration.target)

    def save(
        self, path: Path, extra: Mapping[str, Tensor] | None = None, state: Mapping[str, Any] | None = None
    ) -> None:
        """Write the model file, completely or not at all.

        Args:
            path: the file.
            extra: further tensors, for instance the optimiser's.
            state: further readable metadata.
        """
        tensors = {f"network.{k}": v.contiguous() for k, v in self.network.state_dict().items()}
        tensors |= self.line.tensors()
        description = {
            "format": self.file_format,
            "version": self.version,
            "architecture": self.architecture.model_dump(),
            "target": self.target,
            "times": dict(self.times),
            "data": self.data.metadata(),
            "state": dict(state or {}),
        }
        write_model(path, {**tensors, **(extra or {})}, description)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a model file.

        Raises:
            DataError: the file is not a model file of this method, is damaged, or has a newer version.
        """
        tensors, description = read_model(path)
        check_version(path, description, cls.file_format, cls.version)
        with fitting(path):
            line = TargetStandardisation.from_tensors(tensors)
            for key in cls.architecture_of.model_fields:
                # No number of weights shows a lost number of steps.
                _ = description["architecture"][key]
            architecture = cls.architecture_of(**description["architecture"])
            network = cls.network_of(architecture, *line.mean.shape)
            weights = _weights(tensors)
            network.to(next(iter(weights.values())).dtype).load_state_dict(weights)
            data = TrainingData.from_metadata(description["data"])
            return cls(network, architecture, description["times"], line, data, description["target"])

    def card(self) -> list[Card]:
        """Architecture, and the linear map to the target."""
        from pandas import DataFrame

        weights = sum(p.numel() for p in self.network.parameters())
        rows = [
            {
                "type": type_name(kind),
                "time": time,
                "label": label,
                "offset": self.line.mean[kind, t],
                "slope": self.line.scale[kind, t],
            }
            for kind in range(self.n_types)
            for t, (label, time) in enumerate(self.times.items())
        ]
        return [
            Card(f"Architecture, {weights} weights", settings_frame(self.architecture)),
            Card(f"Linear map to the target: {TARGETS[self.target].title}", DataFrame(rows)),
        ]


def _types_to_learn(wanted: str | Sequence[str], n_types: int) -> list[int]:
    """Indices of the types to learn.

    Raises:
        DataError: a type does not occur.
    """
    names = [type_name(kind) for kind in range(n_types)]
    if not wanted:
        raise DataError("types: no particle type is to be learned. Name one, such as [A], or leave types out.")
    missing = [] if wanted == "all" else [name for name in wanted if name not in names]
    if missing:
        raise DataError(f"types: no training configuration has particle type {', '.join(missing)}; there are {names}.")
    return [kind for kind, name in enumerate(names) if wanted == "all" or name in wanted]


def _of_types(values: Float, system: System, kinds: Sequence[int]) -> Float:
    """Values per particle, (T, N), of these types alone; NaN for all others."""
    return np.where(np.isin(system.types, kinds), values, np.nan)


def _weights(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of the network among the tensors of a model file."""
    return {k.removeprefix("network."): v for k, v in tensors.items() if k.startswith("network.")}
