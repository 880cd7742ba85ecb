"""A training step of `bapst`: forward, loss, backward, clipping, Adam; against the same network in plain torch.

The plain network gathers, concatenates, applies the MLP and sums with index_add, for all edges at once. If PyTorch
Geometric is installed, a third side is the same network as its `MessagePassing`.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from importlib.util import find_spec

import torch
from torch import Tensor, nn

from equiglass.benchmark.liquid import liquid
from equiglass.benchmark.measure import Result, Setting, Side, by_turns, peak_bytes, relative_error
from equiglass.liquid.system import System
from equiglass.methods.descent.gradient import masked_loss
from equiglass.methods.messages.bapst import Bapst, BapstArchitecture, BapstConfiguration
from equiglass.methods.messages.graph import EdgeGraph
from equiglass.methods.messages.passing import Skeleton

TRAINING = BapstConfiguration()


def benchmark(setting: Setting) -> Result:
    """Measure our step, and the step in plain torch and in PyTorch Geometric."""
    graph = graph_of(setting.system, setting.device)
    small = graph_of(liquid(5), setting.device).to(torch.float64)
    error = output_error(graph), relative_error(*compared(small))
    sides = {"ours": ours, "reference": plain}
    if find_spec("torch_geometric"):
        sides["geometric"] = geometric
    peaks = {name: peak_bytes(side, setting) for name, side in sides.items()}
    times = by_turns({name: side(setting) for name, side in sides.items()}, setting)
    measured = {name: Side(times[name], peaks[name]) for name in sides}
    more = {"max_relative_error_float64": error[1]}
    if "geometric" in measured:
        side = measured["geometric"]
        more |= {"geometric_s": side.median, "geometric_ratio": side.median / measured["ours"].median}
        more |= {"geometric_peak_bytes": side.peak_bytes}
    return Result(
        "messages",
        measured["ours"],
        measured["reference"],
        "plain torch with index_add",
        error[0],
        graph.n_nodes,
        graph.n_edges,
        more=more,
    )


def graph_of(system: System, device: str) -> EdgeGraph:
    """The graph of a configuration for `bapst`."""
    return Bapst.graph(system, TRAINING.architecture).to(torch.device(device))


def network_of(graph: EdgeGraph) -> Skeleton:
    """The network of `bapst` for one time with random weights, the same at every call."""
    torch.manual_seed(0)
    return Bapst.network_of(BapstArchitecture(**TRAINING.architecture.model_dump()), 2, 1).to(graph.vectors)


class PlainNetwork(nn.Module):
    """The same network in plain torch: every step stores all that autograd needs."""

    def __init__(self, network: Skeleton) -> None:
        """Take the weights of our network."""
        super().__init__()
        self.network = network

    def forward(self, graph: EdgeGraph) -> Tensor:
        """The standardised target of every particle at every time, (N, T)."""
        return self.network.decoder(self.nodes_and_edges(graph)[0])[graph.nodes]

    def nodes_and_edges(self, graph: EdgeGraph) -> tuple[Tensor, Tensor]:
        """The nodes, (N, W), and the edges, (E, W), after the last step."""
        network, vectors = self.network, graph.vectors[:, 0]
        types = torch.eye(max(network.n_types, 2)).to(vectors)[graph.types, 1:]
        v = v0 = network.node_encoder(types)
        e = e0 = network.edge_encoder(vectors)
        for _ in range(network.steps):
            u = torch.cat([v, v0], 1) if network.encoded_in_edges else v
            e, sums = self.step(graph, u, torch.cat([e, e0], 1))
            v = network.node_update(torch.cat([sums, v, v0], 1))
        return v, e

    def step(self, graph: EdgeGraph, seen: Tensor, edges: Tensor) -> tuple[Tensor, Tensor]:
        """The new edges, (E, W), and their sums, (N, W), from what the edge MLP takes of nodes and edges."""
        ends = [seen.index_select(0, graph.receivers), seen.index_select(0, graph.senders)]
        new = self.network.edge_update(torch.cat([edges, *ends], 1))
        return new, new.new_zeros(len(seen), new.shape[1]).index_add(0, graph.receivers, new)


def geometric_network(network: Skeleton) -> nn.Module:
    """The same network with the messages of PyTorch Geometric."""
    from torch_geometric.nn import MessagePassing

    class Passing(MessagePassing):
        def forward(self, edge_index: Tensor, seen: Tensor, edges: Tensor) -> tuple[Tensor, Tensor]:
            edges = self.edge_updater(edge_index, seen=seen, edges=edges)
            return edges, self.propagate(edge_index, edges=edges, size=(len(seen), len(seen)))

        def edge_update(self, seen_i: Tensor, seen_j: Tensor, edges: Tensor) -> Tensor:
            return network.edge_update(torch.cat([edges, seen_i, seen_j], 1))

        def message(self, edges: Tensor) -> Tensor:
            return edges

    class GeometricNetwork(PlainNetwork):
        def __init__(self) -> None:
            super().__init__(network)
            self.passing = Passing(aggr="add")

        def step(self, graph: EdgeGraph, seen: Tensor, edges: Tensor) -> tuple[Tensor, Tensor]:
            return self.passing(torch.stack([graph.senders, graph.receivers]), seen, edges)

    return GeometricNetwork()


def output_error(graph: EdgeGraph) -> float:
    """Relative error of our output in float32; plain torch in float64 is the exact value."""
    network = network_of(graph)
    with torch.no_grad():
        expected = PlainNetwork(deepcopy(network).double())(graph.to(torch.float64))
        return relative_error([network(graph)], [expected])


def compared(graph: EdgeGraph) -> tuple[list[Tensor], list[Tensor]]:
    """Outputs and gradients of all weights, of our network and of the plain one."""
    results = []
    for side in (lambda network: network, PlainNetwork):
        network = side(network_of(graph))
        out = network(graph)
        masked_loss(out, targets_of(graph)).backward()
        results.append([out.detach(), *(p.grad for p in network.parameters() if p.grad is not None)])
    return results[0], results[1]


def targets_of(graph: EdgeGraph) -> Tensor:
    """Random targets of every particle, the same at every call."""
    return torch.randn(graph.n_nodes, 1, generator=torch.Generator().manual_seed(0)).to(graph.vectors)


def ours(setting: Setting) -> Callable[[], None]:
    """A function that makes one step of our network."""
    graph = graph_of(setting.system, setting.device)
    return step(network_of(graph), graph)


def plain(setting: Setting) -> Callable[[], None]:
    """A function that makes one step in plain torch."""
    graph = graph_of(setting.system, setting.device)
    return step(PlainNetwork(network_of(graph)), graph)


def geometric(setting: Setting) -> Callable[[], None]:
    """A function that makes one step in PyTorch Geometric."""
    graph = graph_of(setting.system, setting.device)
    return step(geometric_network(network_of(graph)), graph)


def step(network: nn.Module, graph: EdgeGraph) -> Callable[[], None]:
    """A function that makes a training step as :func:`equiglass.methods.descent.loop.fit` does."""
    optimizer = torch.optim.Adam(network.parameters(), lr=TRAINING.learning_rate)
    targets = targets_of(graph)

    def run() -> None:
        optimizer.zero_grad(set_to_none=True)
        masked_loss(network(graph), targets).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), TRAINING.advanced.clip)
        optimizer.step()

    return run
