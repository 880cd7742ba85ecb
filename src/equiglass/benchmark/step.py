"""A full training step of the paper's model: forward, loss, backward, clipping, Adam.

The step on e3nn stores about 2 GB per hidden layer for its gradient. If that does not fit into the memory, only the
first layer and one hidden layer run, forward and backward. They include radial MLP, tensor product, sum, mixing and
norm. The time of the step is then first + (layers - 1) x hidden.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import partial

import torch
from torch import Tensor, nn

from equiglass.benchmark.liquid import graph_of, liquid
from equiglass.benchmark.measure import Result, Setting, Side, by_turns, free_memory, peak_bytes, relative_error
from equiglass.benchmark.reference import E3nnNetwork, gradients, links_of, require_memory
from equiglass.methods.descent.gradient import masked_loss
from equiglass.methods.network.configuration import Configuration
from equiglass.model.graph import Graph
from equiglass.model.network import Network

TIMES = 10
TRAINING = Configuration()
# Usable fraction of the free memory; the rest of the machine needs some too.
SHARE = 0.8


def benchmark(setting: Setting) -> Result:
    """Measure our step and the step on e3nn."""
    architecture = TRAINING.architecture
    graph = graph_of(setting.system, architecture, setting.device)
    require_memory(architecture, graph, setting.device)
    small = graph_of(liquid(5), architecture, setting.device).to(torch.float64)
    errors = output_error(network_of(graph, dropout=0.0), graph), relative_error(*compared(small))
    peak, needed = peak_bytes(ours, setting), reference_bytes(setting)
    whole = needed < SHARE * free_memory(setting.device)
    if whole:
        needed = peak_bytes(reference, setting)
        times = by_turns({"ours": ours(setting), "reference": reference(setting)}, setting)
    else:
        runs = {"ours": ours(setting), "first": one_layer(setting, 0), "hidden": one_layer(setting, 1)}
        times = by_turns(runs, setting)
        pairs = zip(times["first"], times["hidden"], strict=True)
        times["reference"] = [first + (architecture.layers - 1) * hidden for first, hidden in pairs]
    return Result(
        "step",
        Side(times["ours"], peak),
        Side(times["reference"], needed),
        "e3nn network with index_add",
        errors[0],
        graph.n_nodes,
        graph.n_edges,
        "" if whole else f"first layer + {architecture.layers - 1} x one hidden layer",
        {"max_relative_error_float64": errors[1]},
    )


def network_of(graph: Graph, dropout: float) -> Network:
    """The paper's model with random weights, the same at every call."""
    architecture = TRAINING.architecture.model_copy(update={"dropout": dropout})
    torch.manual_seed(0)
    # All scalars except the energy are the one-hot of the type.
    return Network(architecture, graph.channels, graph.channels[0] - 1, TIMES).to(graph.vectors)


def targets_of(graph: Graph) -> Tensor:
    """Random targets of every particle, the same at every call."""
    return torch.randn(graph.n_nodes, TIMES, generator=torch.Generator().manual_seed(0)).to(graph.vectors)


def output_error(network: Network, graph: Graph) -> float:
    """Relative error of our output in float32; e3nn in float64 is the exact value."""
    with torch.no_grad():
        expected = E3nnNetwork(deepcopy(network).double()).train(network.training)(graph.to(torch.float64))
        return relative_error([network(graph)], [expected])


def compared(graph: Graph) -> tuple[list[Tensor], list[Tensor]]:
    """Outputs and gradients of all weights, of our network and of e3nn's, in training without dropout."""
    network, targets = network_of(graph, dropout=0.0), targets_of(graph)
    same = E3nnNetwork(network)
    out, expected = network(graph), same(graph)
    masked_loss(out, targets).backward()
    masked_loss(expected, targets).backward()
    return [out.detach(), *gradients(network)], [expected.detach(), *same.gradients()]


def ours(setting: Setting) -> Callable[[], None]:
    """A function that makes one step of our network."""
    graph = graph_of(setting.system, TRAINING.architecture, setting.device)
    return step(network_of(graph, TRAINING.architecture.dropout), graph)


def reference(setting: Setting) -> Callable[[], None]:
    """A function that makes one step of the same network on e3nn."""
    graph = graph_of(setting.system, TRAINING.architecture, setting.device)
    return step(E3nnNetwork(network_of(graph, TRAINING.architecture.dropout)), graph)


def step(network: nn.Module, graph: Graph) -> Callable[[], None]:
    """A function that makes a training step as :func:`equiglass.methods.descent.loop.fit` does."""
    optimizer = torch.optim.Adam(network.parameters(), lr=TRAINING.learning_rate, weight_decay=TRAINING.weight_decay)
    targets = targets_of(graph)

    def run() -> None:
        optimizer.zero_grad(set_to_none=True)
        masked_loss(network(graph), targets).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), TRAINING.advanced.clip)
        optimizer.step()

    return run


def one_layer(setting: Setting, which: int) -> Callable[[], None]:
    """A function that runs forward and backward of the first (0) or a hidden (1) layer on e3nn, with its norm."""
    forward, shape = _layer(setting, which)
    gradient = torch.randn(shape).to(setting.device)
    return lambda: forward().backward(gradient)


def reference_bytes(setting: Setting) -> int:
    """Memory of the step on e3nn, in bytes: the gradient storage of all layers, and the working memory of one."""
    first, hidden = (_kept(_layer(setting, which)[0]) for which in (0, 1))
    working = peak_bytes(partial(one_layer, which=1), setting) - hidden
    return first + (TRAINING.architecture.layers - 1) * hidden + working


def _layer(setting: Setting, which: int) -> tuple[Callable[[], Tensor], tuple[int, int]]:
    """A function that runs a layer of the network on e3nn with its norm, and the shape of its output."""
    architecture = TRAINING.architecture
    graph = graph_of(setting.system, architecture, setting.device)
    network = E3nnNetwork(network_of(graph, architecture.dropout))
    convolution, norm, links = network.convolutions[which], network.norms[which], links_of(graph, architecture)
    shape = (graph.n_nodes, architecture.channels * (architecture.l_max + 1) ** 2)
    h = torch.randn(shape).to(setting.device).requires_grad_() if which else None
    return lambda: norm(convolution(h, graph.inputs, links)), shape


def _kept(forward: Callable[[], Tensor]) -> int:
    """Memory of all arrays that autograd stores for the gradient, in bytes."""
    sizes: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        out = forward()
    del out
    return sum(sizes.values())
