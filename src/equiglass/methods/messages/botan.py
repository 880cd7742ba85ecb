"""Method `botan`: the bond-targeting network BOTAN, which also learns the change of the length of every edge.

    loss = p MSE(particles) + (1 - p) MSE(edges),   target of edge ij: < |x_i(t) - x_j(t)| - |x_i(0) - x_j(0)| >_runs

The first ``edge_epochs`` epochs learn the edges alone (p = 0), which the paper finds essential. One decoder serves
nodes and edges. The edge target needs the displacements of every run; where a configuration lacks them at a time, the
edges are masked.

Differences from the paper: node targets are standardised per particle type and edge targets over all edges; several
times share one network; edge-first training is part of the run, and does not start from stored weights; a pair is
followed by its unwrapped displacements, not by the nearest image at the later time.

Source: H. Shiba, M. Hanai, T. Suzumura, T. Shimokawabe, J. Chem. Phys. 158, 084503 (2023), doi 10.1063/5.0129791.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, Self

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor

from equiglass.errors import DataError
from equiglass.liquid.arrays import Float
from equiglass.liquid.system import System
from equiglass.liquid.targets import times_to_learn
from equiglass.methods.descent.gradient import Loss, masked_loss
from equiglass.methods.descent.samples import Sample
from equiglass.methods.messages.graph import EdgeGraph, edge_graph
from equiglass.methods.messages.passing import Skeleton, blocks, recomputed
from equiglass.methods.messages.predictor import MessageArchitecture, MessageConfiguration, MessagePredictor
from equiglass.observables.propensity import mean_changes_of_length
from equiglass.prediction.predictor import About


class BotanArchitecture(MessageArchitecture):
    """The hyper-parameters of BOTAN."""

    steps: int = Field(7, ge=1, description="number of message-passing steps, which share their weights")


class BotanConfiguration(MessageConfiguration):
    """Settings of the method `botan`."""

    method: Literal["botan"] = "botan"
    target: Literal["propensity"] = "propensity"
    mirror: bool = Field(True, description="permute and reflect the axes of a configuration at random")
    p: float = Field(0.4, ge=0, le=1, description="weight of the particles in the loss; the edges have 1 - p")
    edge_epochs: int = Field(
        200, ge=0, description="number of epochs at the start that learn the edges alone; by default a fifth of all"
    )
    architecture: BotanArchitecture = BotanArchitecture()

    @model_validator(mode="before")
    @classmethod
    def _same_share_of_edge_epochs(cls, settings: Any) -> Any:
        """Another number of epochs alone, for instance for all methods of an experiment, must not be refused."""
        given = settings if isinstance(settings, dict) else {}
        if "edge_epochs" in given or not isinstance(given.get("epochs"), int):
            return settings
        return {**given, "edge_epochs": given["epochs"] // 5}

    @model_validator(mode="after")
    def _learns_particles(self) -> BotanConfiguration:
        if self.edge_epochs >= self.epochs:
            raise ValueError(
                f"the first {self.edge_epochs} epochs (edge_epochs) learn the edges alone; "
                f"epochs must be larger, not {self.epochs}"
            )
        return self

    @property
    def learns_edges(self) -> bool:
        """Whether the loss contains the edges."""
        return self.p < 1 or self.edge_epochs > 0

    @property
    def further_labels(self) -> frozenset[str]:
        """The displacements of every run too: the targets of the edges come from them."""
        return super().further_labels | ({"replica_displacements"} if self.learns_edges else frozenset())

    def with_epochs(self, wanted: Callable[[int], int]) -> Self:
        """The same settings with another number of epochs; the same share of them learns the edges alone."""
        epochs = wanted(self.epochs)
        return self.model_copy(update={"epochs": epochs, "edge_epochs": self.edge_epochs * epochs // self.epochs})


class BotanNetwork(Skeleton):
    """The skeleton with targets of the edges: their standardisation is part of the network's state."""

    def __init__(self, n_types: int, n_times: int, width: int, steps: int) -> None:
        super().__init__(n_types, n_times, width, steps, encoded_in_edges=False)
        self.edge_mean: Tensor
        self.edge_scale: Tensor
        self.register_buffer("edge_mean", torch.zeros(n_times))
        self.register_buffer("edge_scale", torch.ones(n_times))

    def particles_and_edges(self, graph: EdgeGraph) -> tuple[Tensor, Tensor]:
        """The standardised targets of the particles, (N, T), and of the edges, (E, T)."""
        nodes, edges = self.nodes_and_edges(graph)
        sizes = [block.stop - block.start for block in blocks(len(edges))]
        decoded = [recomputed(self.decoder, part) for part in edges.split(sizes)]
        return self.decoder(nodes)[graph.nodes], torch.cat(decoded)


class Botan(MessagePredictor):
    """The network BOTAN."""

    method = "botan"
    about = About(
        "graph neural network that also learns the change of the length of every edge",
        "Shiba et al., J. Chem. Phys. 158, 084503 (2023), doi 10.1063/5.0129791",
        "training: a second or two per configuration of 4096 particles and epoch; needs displacements of every run",
    )
    file_format = "equiglass-botan"
    configuration = BotanConfiguration
    architecture_of = BotanArchitecture

    @classmethod
    def network_of(cls, architecture: Any, n_types: int, n_times: int) -> BotanNetwork:
        """A network with random weights."""
        return BotanNetwork(n_types, n_times, architecture.width, architecture.steps)

    @classmethod
    def graph_of(cls, system: System, architecture: Any) -> EdgeGraph:
        """All pairs within the cutoff."""
        return edge_graph(system, architecture.cutoff)

    @classmethod
    def begin(cls, network: Any, configuration: Any, training: Sequence[System], graphs: Sequence[EdgeGraph]) -> Loss:
        """Standardise the edge targets over all edges of the training configurations.

        Raises:
            DataError: the loss contains edges, but no configuration has the displacements of every run.
        """
        network.turned = configuration.mirror
        labels = list(times_to_learn(training, configuration.times))
        if configuration.learns_edges:
            known = [edge_changes(system, graph, labels) for system, graph in zip(training, graphs, strict=True)]
            every = np.concatenate(known)
            if not np.isfinite(every).any():
                raise DataError(
                    "botan learns the change of the length of every edge, which needs the displacements of every run "
                    "(replica_displacements), and no training configuration has them. Simulate with "
                    "keep_displacements: true, or set p=1 and edge_epochs=0 to learn particles alone."
                )
            for t, changes in enumerate(every.T):
                changes = changes[np.isfinite(changes)]
                if len(changes):
                    network.edge_mean[t] = float(changes.mean())
                    network.edge_scale[t] = float(changes.std()) or 1.0
        return bond_loss(configuration.p, configuration.edge_epochs)

    @classmethod
    def further_targets(
        cls, system: System, graph: EdgeGraph, labels: Sequence[str], network: Any
    ) -> dict[str, Tensor]:
        """Standardised changes of the lengths of the edges, (E, T), NaN where unknown."""
        changes = torch.from_numpy(edge_changes(system, graph, labels)).float()
        return {"edges": (changes - network.edge_mean) / network.edge_scale}

    def edge_values(self, system: System) -> Float:
        """The predicted mean change of the length of every edge of ``graph_of``, (T, E), LJ length."""
        network = self.network.eval()
        assert isinstance(network, BotanNetwork)
        graph = self.graph(system, self.architecture).to(network.edge_mean.dtype)
        with torch.no_grad():
            _, edges = network.particles_and_edges(graph)
            return (edges * network.edge_scale + network.edge_mean).double().numpy().T


def bond_loss(p: float, edge_epochs: int) -> Loss:
    """The loss p L_particles + (1 - p) L_edges; p is 0 during the first epochs."""

    def loss(network: Any, sample: Sample, sign: Tensor, epoch: Tensor) -> Tensor:
        particles, edges = network.particles_and_edges(sample.graph.mirrored(sign))
        weight = torch.where(epoch < edge_epochs, 0.0, p)
        of_particles = masked_loss(particles, sample.targets, sample.weights)
        return weight * of_particles + (1 - weight) * masked_loss(edges, sample.further_targets["edges"])

    return loss


def edge_changes(system: System, graph: EdgeGraph, labels: Sequence[str]) -> Float:
    """The change of the length of every edge, the mean over runs, (E, T), LJ length; NaN where unknown.

        < |r_ij + u_i(t) - u_j(t)| - |r_ij| >_runs,   r_ij = x_i(0) - x_j(0),   u = x(t) - x(0)

    Args:
        system: the configuration.
        graph: its graph.
        labels: labels of the times.
    """
    changes = np.full((graph.n_edges, len(labels)), np.nan)
    moves = system.replica_displacements
    if moves is None:
        return changes
    particle_of = np.empty(system.n_particles, np.int64)
    particle_of[graph.nodes.numpy()] = np.arange(system.n_particles)
    vectors = graph.vectors[:, 0].numpy()
    receivers, senders = particle_of[graph.receivers.numpy()], particle_of[graph.senders.numpy()]
    # Both directions of a pair have the same change.
    back = graph.by_sender.numpy()
    half = np.flatnonzero(np.arange(len(back)) <= back)
    vectors, receivers, senders = vectors[half], receivers[half], senders[half]
    for t, label in enumerate(labels):
        if label in system.time_labels:
            changes[half, t] = mean_changes_of_length(vectors, moves[system.row(label)], senders, receivers)
            changes[back[half], t] = changes[half, t]
    return changes
