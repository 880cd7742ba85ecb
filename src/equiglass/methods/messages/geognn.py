"""Method `geognn`: the geometry-enhanced network Geo-GNN, with distances of edges and angles of triplets.

    e_ij   = MLP[pair of types, Gaussians of r_ij]
    e_ji  <- e_ji + MLP[e_ji, sum_{k != i} D e_kj * sum_l W_l Y_l0(theta_kji)]       three blocks, theta at j
    x_i    = silu(sum_j tanh(F [x_i, x_j, e_ij]) silu(S [x_i, x_j, e_ij]) + R x_i + c)
    y_i    = mean_j MLP[x_i, x_j - x_i],   output = MLP(silu(y_i))

The sum over triplets is computed by the addition theorem (`harmonics`), which is exact. The network is invariant under
rotations and reflections.

Differences from the paper: the targets are standardised per particle type, and a linear map per type restores them;
one network learns several times (``times=[7]`` learns one) and all types (``types=[A]`` learns A alone); the learning
rate is halved at 40, 60, 75, 85 and 95 % of the training. In a box smaller than two cutoffs, the only triplet left out
is that of an edge with its own reverse; the paper leaves out every image of k = i.

Source: X. Jiang, Z. Tian, K. Li, W. Hu, arXiv 2211.12832; read: the authors' module xjiang-hnu/Geo-gnn. The cutoff of
their edges is not in it; that of Bapst et al. is taken, whose data they use.
"""

from __future__ import annotations

from math import pi
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from equiglass.liquid.system import System
from equiglass.methods.messages.graph import EdgeGraph, edge_graph
from equiglass.methods.messages.harmonics import degrees, real_harmonics
from equiglass.methods.messages.parts import Part, in_parts, parts_of
from equiglass.methods.messages.predictor import MessageArchitecture, MessageConfiguration, MessagePredictor
from equiglass.model.norm import batch_norm
from equiglass.prediction.predictor import About

LAST_CENTRE = 5.0
"""Centre of the last Gaussian, LJ length."""


class GeognnArchitecture(MessageArchitecture):
    """The hyper-parameters of Geo-GNN."""

    width: int = Field(32, ge=2, description="number of channels of edges and nodes")
    gaussians: int = Field(64, ge=2, description="number of Gaussians of the distance, with centres from 0 to 5")
    angular: int = Field(16, ge=1, description="number of angular functions of a triplet")
    triplet_blocks: int = Field(3, ge=0, description="number of blocks from triplets to edges")


class GeognnConfiguration(MessageConfiguration):
    """Settings of the method `geognn`."""

    method: Literal["geognn"] = "geognn"
    epochs: int = Field(100, ge=1, description="number of passes over the training configurations")
    learning_rate: float = Field(1e-3, gt=0, le=1e30, description="highest learning rate")
    schedule: Literal["one-cycle", "halving", "constant"] = Field(
        "halving", description="schedule of the learning rate"
    )
    architecture: GeognnArchitecture = GeognnArchitecture()


class EdgeEmbedding(nn.Module):
    """The first features of edges and nodes."""

    def __init__(self, n_types: int, gaussians: int, width: int) -> None:
        super().__init__()
        self.n_types = n_types
        self.pair = nn.Embedding(n_types**2, width)
        nn.init.uniform_(self.pair.weight, -(3**0.5), 3**0.5)
        self.sharpness = nn.Parameter(torch.tensor([-50.0]))
        self.register_buffer("centres", torch.linspace(0.0, LAST_CENTRE, gaussians), persistent=False)
        self.distance, self.gate = nn.Linear(gaussians, width), nn.Linear(gaussians, width)
        self.joining, self.value = nn.Linear(2 * width, width), nn.Linear(width, width)

    def forward(self, graph: EdgeGraph, parts: list[Part]) -> tuple[Tensor, Tensor]:
        """The features of the edges, (E, W), and of the nodes, (N, W)."""
        pairs = self.n_types * graph.types[graph.senders] + graph.types[graph.receivers]
        distances = torch.linalg.vector_norm(graph.vectors[:, 0], dim=1, keepdim=True)
        silu = nn.functional.silu

        def gaussians(part: Part) -> Tensor:
            return torch.exp(self.sharpness * (distances[part.edges] - self.centres) ** 2)

        def embedded(part: Part) -> Tensor:
            radial = silu(self.distance(gaussians(part)))
            return silu(self.joining(torch.cat([self.pair(pairs[part.edges]), radial], 1)))

        edges = in_parts(embedded, parts)

        def summed(part: Part) -> Tensor:
            return part.received(silu(self.value(edges[part.edges])) * self.gate(gaussians(part)).tanh())

        return edges, silu(in_parts(summed, parts))


class TripletBlock(nn.Module):
    """The sum over the triplets k, j, i of every edge j -> i."""

    def __init__(self, width: int, angular: int) -> None:
        super().__init__()
        inner = width // 2
        self.angular, self.channels = nn.Linear(angular, angular, bias=False), nn.Linear(angular, inner, bias=False)
        self.down, self.up = nn.Linear(width, inner, bias=False), nn.Linear(inner, width, bias=False)
        self.joining = nn.Linear(2 * width, width)

    def forward(self, edges: Tensor, graph: EdgeGraph, parts: list[Part]) -> Tensor:
        """The new features of the edges, (E, W)."""
        silu = nn.functional.silu
        sums = self.sums(silu(self.down(edges)), graph, parts)

        def updated(part: Part) -> Tensor:
            here = edges[part.edges]
            return here + silu(self.joining(torch.cat([here, silu(self.up(sums[part.edges]))], 1)))

        return in_parts(updated, parts)

    def sums(self, x: Tensor, graph: EdgeGraph, parts: list[Part]) -> Tensor:
        """sum_{k != i} x_kj * sum_l W_l Y_l0(theta_kji) of every edge j -> i, (E, C), from x of every edge, (E, C).

        Seen from j, k -> j and i -> j are both received. Their vectors, receiver minus sender, have the directions u_kj
        and u_ij. The angle theta lies between r_j - r_i and r_k - r_j, that is between u_ij and -u_kj, so

            Y_l0(theta) = sqrt(4 pi / (2 l + 1)) (-1)^l sum_m Y_lm(u_ij) Y_lm(u_kj)
        """
        of_degree = self.channels.weight @ self.angular.weight
        n = of_degree.shape[1]
        l = torch.arange(n, device=x.device, dtype=x.dtype)
        sign = 1 - 2 * (l % 2)
        factors = (of_degree * sign * (4 * pi / (2 * l + 1)) ** 0.5).T[degrees(n).to(x.device)]
        own = of_degree @ (sign * ((2 * l + 1) / (4 * pi)) ** 0.5)
        directions = nn.functional.normalize(graph.vectors[:, 0], dim=1)

        def of_part(part: Part) -> Tensor:
            place, filled = padded(part)
            here = x[part.edges]
            with torch.no_grad():
                harmonics = real_harmonics(directions[part.edges][place], n)
            moments = harmonics.transpose(1, 2) @ (here[place] * filled[..., None])
            every = harmonics @ (moments * factors)
            return every[filled] - here * own

        return in_parts(of_part, parts)[graph.by_sender]


def padded(part: Part) -> tuple[Tensor, Tensor]:
    """The edges of every node of a part in a row, (nodes, most edges), and whether there is an edge at that place."""
    counts = part.start.diff()
    column = torch.arange(max(int(counts.max()), 1), device=counts.device)
    filled = column < counts[:, None]
    return torch.where(filled, part.start[:-1, None] + column, 0), filled


class NeighbourhoodMean(nn.Module):
    """The mean over the neighbours of MLP[x_i, x_j - x_i]; the batch norm of the MLP is over all edges."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.norm, self.second = nn.Linear(2 * width, width), nn.BatchNorm1d(width), nn.Linear(width, width)

    def forward(self, x: Tensor, graph: EdgeGraph, parts: list[Part]) -> Tensor:
        """The mean, (N, W); 0 for a node without edges."""
        own, difference = self.first.weight.chunk(2, 1)
        receivers, senders = x @ (own - difference).T + self.first.bias, x @ difference.T
        scale, shift = self.scale_and_shift(receivers, senders, graph)

        def summed(part: Part) -> Tensor:
            hidden = receivers[part.receivers] + senders[part.senders]
            return part.received(torch.relu(hidden * scale + shift))

        mean = in_parts(summed, parts) / graph.degrees
        return torch.where((graph.row_start.diff() > 0)[:, None], self.second(mean), 0.0)

    def scale_and_shift(self, receivers: Tensor, senders: Tensor, graph: EdgeGraph) -> tuple[Tensor, Tensor]:
        """The batch norm of receivers_i + senders_j over all edges as factor and summand, each (W,)."""
        edges = graph.n_edges

        def moments() -> tuple[Tensor, Tensor]:
            received, sent = (start.diff()[:, None].to(receivers) for start in (graph.row_start, graph.sender_start))
            of_receivers, of_senders = (received * receivers).sum(0) / edges, (sent * senders).sum(0) / edges
            p, q = receivers - of_receivers, senders - of_senders
            squares = received * p**2 + sent * q**2 + 2 * p * graph.neighbours(q)
            return of_receivers + of_senders, squares.sum(0) / edges

        return batch_norm(self.norm, edges, moments)


class GeognnNetwork(nn.Module):
    """The network, which maps a graph to the standardised target at every time."""

    recordable = False

    def __init__(self, architecture: GeognnArchitecture, n_types: int, n_times: int) -> None:
        """Draw the weights from the random generator of torch."""
        super().__init__()
        width = architecture.width
        self.embedding = EdgeEmbedding(n_types, architecture.gaussians, width)
        self.blocks = nn.ModuleList(
            TripletBlock(width, architecture.angular) for _ in range(architecture.triplet_blocks)
        )
        self.gate, self.value = nn.Linear(3 * width, width), nn.Linear(3 * width, width)
        self.root = nn.Linear(width, width)
        self.neighbourhood = NeighbourhoodMean(width)
        self.decoder = nn.Sequential(
            nn.Linear(width, width // 2), nn.BatchNorm1d(width // 2), nn.ReLU(), nn.Linear(width // 2, n_times)
        )

    def forward(self, graph: EdgeGraph) -> Tensor:
        """The standardised target of every particle at every time, (N, T)."""
        silu, parts = nn.functional.silu, parts_of(graph)
        edges, x = self.embedding(graph, parts)
        for block in self.blocks:
            edges = block(edges, graph, parts)

        def summed(part: Part) -> Tensor:
            z = torch.cat([x[part.receivers], x[part.senders], edges[part.edges]], 1)
            return part.received(self.gate(z).tanh() * silu(self.value(z)))

        x = silu(in_parts(summed, parts) + self.root(x))
        outputs: Tensor = self.decoder(silu(self.neighbourhood(x, graph, parts)))
        return outputs[graph.nodes]


class Geognn(MessagePredictor):
    """The network Geo-GNN."""

    method = "geognn"
    about = About(
        "graph neural network on distances and on angles of triplets",
        "Jiang et al., arXiv 2211.12832",
        "training: ten seconds per configuration of 4096 particles and epoch; prediction: seconds",
    )
    file_format = "equiglass-geognn"
    configuration = GeognnConfiguration
    architecture_of = GeognnArchitecture

    @classmethod
    def network_of(cls, architecture: Any, n_types: int, n_times: int) -> GeognnNetwork:
        """A network with random weights."""
        return GeognnNetwork(architecture, n_types, n_times)

    @classmethod
    def graph_of(cls, system: System, architecture: Any) -> EdgeGraph:
        """All pairs within the cutoff."""
        return edge_graph(system, architecture.cutoff)
