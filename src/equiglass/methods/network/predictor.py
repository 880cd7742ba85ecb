"""The trained network as a predictor, and its model file, version 7.

Tensors of the file: ``network.*`` (state of `equiglass.model.network.Network`), ``inputs.NAME.DEGREE.*``
(standardisation of the node inputs) and ``targets.*`` (linear map to the target). The state of a training may follow
under other names: ``optimizer.*`` and ``read_outs.*``, the read-outs of the further targets. The description names
architecture, inputs, target and times, and summarises the training data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from equiglass.errors import DataError
from equiglass.liquid.arrays import Float
from equiglass.liquid.needs import Need
from equiglass.liquid.system import System, type_name
from equiglass.liquid.targets import TARGETS, measured, times_to_learn
from equiglass.methods.descent.course import Course
from equiglass.methods.descent.device import training_device
from equiglass.methods.descent.gradient import Loss, loss_of_particles
from equiglass.methods.descent.loop import key
from equiglass.methods.descent.samples import Sample
from equiglass.methods.descent.standardisation import TargetStandardisation
from equiglass.methods.network.configuration import Configuration
from equiglass.methods.network.former import upgraded
from equiglass.methods.network.regularised import Regularised, loss_of_targets, weights_of, with_further_targets
from equiglass.methods.network.start import Weights, file_of, take_weights
from equiglass.model.architecture import Architecture
from equiglass.model.graph import Graph
from equiglass.model.inputs.choice import Inputs
from equiglass.model.inputs.compute import Computed, compute, input_averages
from equiglass.model.inputs.graph import input_graph
from equiglass.model.inputs.standardisation import InputStandardisation
from equiglass.model.inputs.standardisation import fit as fit_inputs
from equiglass.model.network import Network
from equiglass.prediction.labels import labels_to_learn
from equiglass.prediction.model_file import check_version, fitting, read_model, write_model
from equiglass.prediction.predictor import SILENT, About, Card, Predictor, Watch, settings_frame
from equiglass.prediction.run_folder import RunFolder
from equiglass.prediction.training_data import TrainingData


@dataclass(frozen=True, repr=False, eq=False)
class NetworkPredictor(Predictor):
    """A trained network with its inputs, standardisations, times and a summary of its training data.

    Attributes:
        network: the network with its weights.
        inputs: the inputs of the network.
        times: values of the times by label, in the order of the outputs; the first values in the training set.
        standardisation: standardisation of the node inputs.
        line: linear map from the outputs to the target.
        data: summary of the training data.
        target: name of the target.
        name: name or path from which the model was loaded.
    """

    method = "network"
    about = About(
        "SE(3)-equivariant graph neural network",
        "Pezzicoli, Charpiat, Landes, SciPost Phys. 2024, arXiv 2211.03226",
        "training: minutes to hours; prediction: seconds for 4096 particles",
    )
    file_format = "equiglass-model"
    version = 7
    configuration = Configuration

    network: Network
    inputs: Inputs
    times: Mapping[str, float]
    standardisation: InputStandardisation
    line: TargetStandardisation
    data: TrainingData
    target: str = "propensity"
    name: str = "network"

    @property
    def n_types(self) -> int:
        """Number of particle types that the network knows."""
        return int(self.network.decoder.shape[0])

    @property
    def needs(self) -> frozenset[Need]:  # type: ignore[override]
        """What a configuration must have for a prediction."""
        return self.inputs.needs

    def learned(self) -> NDArray[np.bool_]:
        """Whether there were training data of a particle type at a time, (n_types, T)."""
        return self.line.learned

    def graph(self, system: System, computed: Computed) -> Graph:
        """The input graph of a configuration, from its node inputs."""
        cutoff, dtype = self.network.architecture.cutoff, self.network.decoder.dtype
        return input_graph(system, self.inputs, computed, self.standardisation, cutoff, self.n_types, dtype)

    def values(self, system: System) -> Float:
        """The target at every time of ``times``, LJ units, (T, N)."""
        computed = compute(system, self.inputs)
        graph = self.graph(system, computed)
        self.network.eval()
        with torch.no_grad():
            outputs = self.network(graph).double().numpy().T
        return self.line.restored(outputs, system.types, input_averages(system, self.inputs, computed))

    @classmethod
    def fit(
        cls,
        training: Sequence[System],
        configuration: Configuration,
        *,
        validation: Sequence[System] = (),
        folder: RunFolder | None = None,
        watch: Watch = SILENT,
    ) -> Self:
        """Train the network, and score the validation configurations after every epoch. See `Predictor.fit`."""
        device = training_device(configuration.device)
        inputs, architecture, advanced = configuration.inputs, configuration.architecture, configuration.advanced
        times = times_to_learn(training, configuration.times, configuration.target)
        n_types = max(system.n_types for system in training)
        known = [compute(system, inputs) for system in training]
        types = [system.types for system in training]
        pooled = [name for name in inputs.nodes if name.startswith("energy") and advanced.standardise_energy == "all"]
        targets, weights = labels_to_learn(training, list(times), configuration, n_types)
        by_type = advanced.standardise_targets == "type"
        standardisation = fit_inputs(known, types, n_types, pooled)
        line = TargetStandardisation.fit(types, targets, n_types, by_type, inputs.n_averages)
        torch.manual_seed(key(configuration.seed, 0))
        network = Network(architecture, inputs.channels(n_types), n_types, len(times), inputs.n_lengths).to(device)
        if configuration.start is not None:
            old = cls.load(file_of(configuration.start))
            own = Weights(network, inputs, tuple(times))
            take_weights(own, Weights(old.network, old.inputs, tuple(old.times)), configuration.start)
            standardisation = standardisation.completed(old.standardisation)
        data = TrainingData.of(training, n_types, validation).after(configuration.earlier)
        untrained = cls(network, inputs, times, standardisation, line, data, configuration.target)

        def save(
            path: Path, line: TargetStandardisation, extra: Mapping[str, Tensor], state: Mapping[str, Any]
        ) -> None:
            read_outs = trained.tensors() if isinstance(trained, Regularised) else {}
            replace(untrained, line=line).save(path, {**read_outs, **extra}, state)

        def sample(system: System, computed: Computed, values: Float, weight: Float | None = None) -> Sample:
            if system.n_types > n_types:
                raise DataError(f"{system.name} has {system.n_types} particle types; the training set has {n_types}.")
            graph = input_graph(system, inputs, computed, standardisation, architecture.cutoff, n_types)
            if graph.n_edges == 0:
                raise DataError(
                    f"{system.name}: no two particles are closer than architecture.cutoff = {architecture.cutoff:g}. "
                    "Check the unit of length, or train with a longer cutoff."
                )
            standard = torch.from_numpy(line.targets(values, system.types).T.copy()).float()
            averages = input_averages(system, inputs, computed)
            own = measured(system, list(times), configuration.target)
            weighted = None if weight is None else torch.from_numpy(weight[system.types]).float()
            return Sample(system.name, graph, standard, own, system.types, averages, weights=weighted)

        each: list[Float | None] = [None] * len(training) if weights is None else list(weights)
        learned = [sample(*parts) for parts in zip(training, known, targets, each, strict=True)]
        del known
        scored = [
            sample(system, compute(system, inputs), measured(system, list(times), configuration.target)).to(device)
            for system in validation
        ]
        trained: nn.Module = network
        loss: Loss = loss_of_particles
        weights_in = _weights
        if configuration.further_targets:
            learned = with_further_targets(learned, training, configuration.further_targets, list(times))
            torch.manual_seed(key(configuration.seed, 3))
            trained = Regularised(network, configuration.further_targets).to(device)
            loss, weights_in = loss_of_targets, weights_of
        learned = [one.to(device) for one in learned]
        course = Course(trained, configuration, line, list(times), weights_in, save, folder, loss)
        calibrated = course.run(learned, scored, watch)
        network.cpu()
        return replace(untrained, line=calibrated)

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
        tensors |= self.standardisation.tensors()
        tensors |= self.line.tensors()
        description = {
            "format": self.file_format,
            "version": self.version,
            "architecture": self.network.architecture.model_dump(),
            "inputs": self.inputs.model_dump(),
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
            DataError: the file is not a model file of the network, is damaged, or has a newer version.
        """
        tensors, description = read_model(path)
        version = check_version(path, description, cls.file_format, cls.version)
        with fitting(path):
            if version < 5:
                tensors, description = upgraded(tensors, description)
            weights = _weights(tensors)
            inputs = Inputs(**description["inputs"])
            n_types, n_times, _ = weights["decoder"].shape
            architecture, channels = Architecture(**description["architecture"]), inputs.channels(n_types)
            network = Network(architecture, channels, n_types, n_times, inputs.n_lengths)
            network.to(weights["decoder"].dtype).load_state_dict(weights)
            return cls(
                network,
                inputs,
                description["times"],
                InputStandardisation.from_tensors(tensors),
                TargetStandardisation.from_tensors(tensors),
                TrainingData.from_metadata(description["data"]),
                description["target"],
            )

    def check_shapes(self) -> None:
        """See `Predictor.check_shapes`."""
        super().check_shapes()
        if self.line.average_weights.shape[2] != self.inputs.n_averages:
            raise ValueError("the weights of the averages are not as many as the averages")
        for one in self.inputs.chosen:
            for degree in one.degrees:
                moments = self.standardisation.moments[one.name][degree]
                if {x.shape for x in moments} != {(self.n_types,)}:
                    raise ValueError(f"the moments of the input {one.name} do not fit the number of types")
                if not all(np.isfinite(x).all() for x in moments) or (moments.scale < 0).any():
                    raise ValueError(
                        f"the moments of the input {one.name} are no finite numbers, or a scale is negative"
                    )
        if any((x < 0).any() for key, x in self.network.named_buffers() if key.endswith("running_var")):
            raise ValueError("a variance of a batch norm is negative")

    def card(self) -> list[Card]:
        """Architecture, inputs, and standardisation of the target and of the node inputs."""
        from pandas import DataFrame

        weights = sum(p.numel() for p in self.network.parameters())
        targets = [
            {
                "type": type_name(kind),
                "time": time,
                "label": label,
                "mean": self.line.mean[kind, t],
                "scale": self.line.scale[kind, t],
            }
            for kind in range(self.n_types)
            for t, (label, time) in enumerate(self.times.items())
        ]
        nodes = [
            {"input": name, "degree": degree, "type": type_name(kind), "mean": mean, "scale": scale}
            for name, parts in self.standardisation.moments.items()
            for degree, moments in parts.items()
            for kind, (mean, scale) in enumerate(zip(*moments, strict=True))
        ]
        return [
            Card(f"Architecture, {weights} weights", settings_frame(self.network.architecture)),
            Card("Inputs", settings_frame(self.inputs)),
            Card(f"Standardisation of the target: {TARGETS[self.target].title}", DataFrame(targets)),
            *([Card("Standardisation of the node inputs, LJ units", DataFrame(nodes))] if nodes else []),
        ]


def _weights(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of the network among the tensors of a model file."""
    return {k.removeprefix("network."): v for k, v in tensors.items() if k.startswith("network.")}
