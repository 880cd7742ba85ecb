"""Method `eignn`: the network EIGNN, whose input contains the displacement to the inherent or the cage state.

Every node has 32 scalars x and one vector h of degrees 0, 1 and 2, which begins as the spherical harmonics of the
displacement d_i. The edges are the pairs within the cutoff in the thermal or in the second state. An interaction is

    w_ij = silu(W2 silu(W1 [x_i, x_j, f_ij]))           3 numbers, one per degree
    h'_i = [h_i (x) mean_j w_ij Y(r_ij)],   x'_i = W3 [x_i, (h'_i)^(l=0)],   h_i <- BN(W4 h'_i)
    x_i <- GraphNorm(x'_i + mean_j sigmoid(W5 [f_ij, w_ij Y . h_j, |h_i - h_j|^2]) silu(W6 x'_j))

with f_ij the radial bases in both states and the difference of the lengths. The products are those of SO(3) without
parity, as in the authors' module, so the network is invariant under rotations but not under reflections.

The targets are standardised per configuration and particle type; there is one output per type and time.

Differences from the paper: after training, a linear map per type and time from the outputs to the target is fitted, so
that predictions have units; the learning rate is halved at 40, 60, 75, 85 and 95 % of the training, not at 50, 70 and
90 %; the betas of Adam are (0.99, 0.999), not (0.95, 0.999); pairs of images in small boxes are edges of their own.

Source: X. Jiang et al., "Enhancing glassy dynamics prediction by incorporating displacement from initial to equilibrium
states" (2024); read: the authors' module xjiang-hnu/EIGNN.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch
from e3nn import o3
from e3nn.math import soft_one_hot_linspace
from pydantic import Field
from torch import Tensor, nn

from equiglass.liquid.arrays import Float
from equiglass.liquid.displacement import displacement
from equiglass.liquid.needs import Need
from equiglass.liquid.potential import potential_energy
from equiglass.liquid.system import System
from equiglass.methods.descent.standardisation import TargetStandardisation
from equiglass.methods.messages.graph import EdgeGraph, edge_graph
from equiglass.methods.messages.parts import Part, in_parts, linear_of_mean, parts_of
from equiglass.methods.messages.predictor import MessageArchitecture, MessageConfiguration, MessagePredictor
from equiglass.model.norm import EquivariantBatchNorm
from equiglass.prediction.predictor import About

RADIUS = 2.5
"""End of the radial basis, LJ length."""

DEGREES = (0, 1, 2)


class EignnArchitecture(MessageArchitecture):
    """The hyper-parameters of EIGNN."""

    width: int = Field(32, ge=1, description="number of scalars of every node")
    interactions: int = Field(7, ge=1, description="number of interactions")
    basis_size: int = Field(8, ge=1, description="number of radial functions per state")
    state: Literal["inherent", "cage"] = Field("inherent", description="second state of the positions")

    @property
    def needs(self) -> frozenset[Need]:
        """The potential and the inherent structure, for the energies, and the second state."""
        return frozenset[Need]({"potential", "inherent"}) | {self.state}


class EignnConfiguration(MessageConfiguration):
    """Settings of the method `eignn`."""

    method: Literal["eignn"] = "eignn"
    target: Literal["propensity"] = "propensity"
    epochs: int = Field(100, ge=1, description="number of passes over the training configurations")
    learning_rate: float = Field(1e-3, gt=0, le=1e30, description="highest learning rate")
    schedule: Literal["one-cycle", "halving", "constant"] = Field(
        "halving", description="schedule of the learning rate"
    )
    weight_decay: float = Field(1e-6, ge=0, le=1e3, description="weight decay of Adam")
    architecture: EignnArchitecture = EignnArchitecture()


class Coupling(nn.Module):
    """The tensor product of two vectors of degrees 0, 1, 2 into the same degrees, with its 15 paths."""

    def __init__(self) -> None:
        super().__init__()
        self.paths = [(a, b, c) for c in DEGREES for a in DEGREES for b in DEGREES if abs(a - b) <= c <= a + b]
        for a, b, c in self.paths:
            coefficients = o3.wigner_3j(a, b, c) * (2 * c + 1) ** 0.5
            self.register_buffer(f"w{a}{b}{c}", coefficients.to(torch.get_default_dtype()), persistent=False)

    def forward(self, first: Tensor, second: Tensor) -> dict[int, Tensor]:
        """The products of every path by degree, (N, paths, 2 l + 1), from two (N, 9)."""
        x, y = ([of[:, l * l : (l + 1) ** 2] for l in DEGREES] for of in (first, second))
        products: dict[int, list[Tensor]] = {degree: [] for degree in DEGREES}
        for a, b, c in self.paths:
            coefficients = getattr(self, f"w{a}{b}{c}")
            products[c].append(torch.einsum("na,nb,abc->nc", x[a], y[b], coefficients))
        return {degree: torch.stack(found, 1) for degree, found in products.items()}


class GraphNorm(nn.Module):
    """The norm over the nodes of a graph: (x - a <x>) / sqrt(<(x - a <x>)^2>) * weight + bias, with learned a.

    Source: T. Cai et al., ICML 2021, arXiv 2009.03294.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))
        self.mean_scale = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """The normalised values, (N, C)."""
        x = x - x.mean(0) * self.mean_scale
        return self.weight * x / ((x * x).mean(0) + 1e-5).sqrt() + self.bias


class Interaction(nn.Module):
    """One interaction of scalars and vectors."""

    def __init__(self, width: int, features: int) -> None:
        super().__init__()
        self.width = width
        self.message = nn.Linear(2 * width + features, width)
        self.weights = nn.Linear(width, len(DEGREES))
        self.coupling = Coupling()
        self.scalars = nn.Linear(width + len(DEGREES), width)
        self.vector_mixing = nn.ParameterList(torch.randn(n) for n in (3, 6, 6))
        self.gate = nn.Linear(features + 2 * len(DEGREES), width)
        self.value = nn.Linear(width, width)
        self.norm = GraphNorm(width)
        self.vector_norm = EquivariantBatchNorm(2, 1, momentum=0.1)

    def forward(
        self, x: Tensor, h: Tensor, features: Tensor, harmonics: Tensor, graph: EdgeGraph, parts: list[Part]
    ) -> tuple[Tensor, Tensor]:
        """New scalars, (N, W), and vectors, (N, 9)."""
        sizes = [2 * degree + 1 for degree in DEGREES]
        receivers, senders, own = self.message.weight.split([self.width, self.width, features.shape[1]], 1)
        to_receivers, to_senders = x @ receivers.T + self.message.bias, x @ senders.T

        def weights(part: Part) -> Tensor:
            hidden = features[part.edges] @ own.T + to_receivers[part.receivers] + to_senders[part.senders]
            weighted = self.weights(nn.functional.silu(hidden))
            return nn.functional.silu(weighted)

        spread = torch.arange(len(DEGREES), device=x.device).repeat_interleave(torch.tensor(sizes, device=x.device))
        w = in_parts(weights, parts)

        def summed(part: Part) -> Tensor:
            return part.received(w[part.edges][:, spread] * harmonics[part.edges])

        mean = in_parts(summed, parts) / graph.degrees
        products = self.coupling(h, mean)
        x = self.scalars(torch.cat([x, products[0][:, :, 0]], 1))
        mixed = [
            torch.einsum("npm,p->nm", products[degree], mixing / len(mixing) ** 0.5)
            for degree, mixing in zip(DEGREES, self.vector_mixing, strict=True)
        ]
        h = torch.cat(mixed, 1)
        values = nn.functional.silu(self.value(x))

        def gated(part: Part) -> Tensor:
            vectors = w[part.edges][:, spread] * harmonics[part.edges]
            h_senders = h[part.senders]
            dots = [p.sum(1) / p.shape[1] ** 0.5 for p in (vectors * h_senders).split(sizes, 1)]
            squares = [p.sum(1) for p in ((h[part.receivers] - h_senders) ** 2).split(sizes, 1)]
            entering = torch.cat([features[part.edges], torch.stack([*dots, *squares], 1)], 1)
            return part.received(self.gate(entering).sigmoid() * values[part.senders])

        x = self.norm(x + in_parts(gated, parts) / graph.degrees)
        return x, self.vector_norm(h[:, :, None])[:, :, 0]


class EignnNetwork(nn.Module):
    """The network, which maps a graph to the standardised target at every time."""

    recordable = False

    def __init__(self, architecture: EignnArchitecture, n_types: int, n_times: int) -> None:
        """Draw the weights from the random generator of torch."""
        super().__init__()
        self.n_types, self.n_times, self.basis_size = n_types, n_times, architecture.basis_size
        width = architecture.width
        self.embedding = nn.Linear(n_types + 2, width)
        self.interactions = nn.ModuleList(
            Interaction(width, 2 * architecture.basis_size + 1) for _ in range(architecture.interactions)
        )
        self.joining = nn.Linear(2 * width, width)
        self.neighbourhood = nn.Linear(2 * width, width)
        self.decoder = nn.Sequential(
            nn.Linear(width, width, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Linear(width, n_types * n_times, bias=False),
        )

    def forward(self, graph: EdgeGraph) -> Tensor:
        """The standardised target of every particle at every time, (N, T)."""
        outputs = self.outputs(graph).view(graph.n_nodes, self.n_types, self.n_times)
        own = outputs[torch.arange(graph.n_nodes, device=outputs.device), graph.types]
        return own[graph.nodes]

    def outputs(self, graph: EdgeGraph) -> Tensor:
        """The outputs of every node for every type and time, (N, types * T), the times of the first type first."""
        first, second = graph.vectors.unbind(1)
        distances = [torch.linalg.vector_norm(v, dim=1) for v in (first, second)]
        near, far = (soft_one_hot_linspace(r, 0.0, RADIUS, self.basis_size, "bessel", cutoff=True) for r in distances)
        features = torch.cat([(distances[1] - distances[0])[:, None], far, near], 1)
        harmonics = o3.spherical_harmonics(list(DEGREES), first, normalize=True, normalization="component")
        moved = graph.displacements
        h = o3.spherical_harmonics(list(DEGREES), moved, normalize=True, normalization="component")
        lengths = torch.linalg.vector_norm(moved, dim=1, keepdim=True)
        types = torch.eye(self.n_types, device=moved.device, dtype=moved.dtype)[graph.types]
        embedded = x = self.embedding(torch.cat([types, graph.scalars, lengths], 1))
        parts = parts_of(graph)
        for interaction in self.interactions:
            x, h = interaction(x, h, features, harmonics, graph, parts)
        x = nn.functional.silu(self.joining(torch.cat([embedded, x], 1)))
        outputs: Tensor = self.decoder(linear_of_mean(self.neighbourhood, x, graph))
        return outputs


class Eignn(MessagePredictor):
    """The network EIGNN."""

    method = "eignn"
    about = About(
        "graph neural network on thermal and inherent (or cage) positions and the displacement between them",
        "Jiang et al. (2024), code xjiang-hnu/EIGNN",
        "training: a few seconds per configuration of 4096 particles and epoch; prediction: a quench and a second",
    )
    file_format = "equiglass-eignn"
    configuration = EignnConfiguration
    architecture_of = EignnArchitecture

    @classmethod
    def network_of(cls, architecture: Any, n_types: int, n_times: int) -> EignnNetwork:
        """A network with random weights."""
        return EignnNetwork(architecture, n_types, n_times)

    @classmethod
    def graph_of(cls, system: System, architecture: Any) -> EdgeGraph:
        """The pairs within the cutoff in either state, with energy and displacement of every particle."""
        moved = displacement(system, architecture.state)
        return edge_graph(system, architecture.cutoff, scalars=energy(system)[:, None], displacements=moved)

    @classmethod
    def standardised(cls, values: Float, types: np.ndarray, line: TargetStandardisation) -> Float:
        """Targets standardised over the particles of a type in this configuration, (T, N)."""
        return TargetStandardisation.fit([types], [values], len(line.mean)).targets(values, types)


def energy(system: System) -> Float:
    """The potential energy of every particle in the inherent structure, (N,), LJ energy.

    It is half the sum over neighbours of the potential without shift, E_i = sum_{j != i} U(r_ij) / 2, as the authors
    compute it.
    """
    assert system.potential is not None
    unshifted = replace(system.potential, truncation="cut")
    return potential_energy(system.positions_in("inherent"), system.types, system.box, unshifted) / 2
