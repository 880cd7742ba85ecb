"""One hidden layer of the paper's model, forward and backward: radial MLP, tensor product, sum, mixing.

The reference is the whole layer on e3nn. Its tensor product and neighbour sum with given radial weights are also timed
separately, and compared with our whole layer.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from equiglass.benchmark.liquid import graph_of, liquid
from equiglass.benchmark.measure import Result, Setting, Side, by_turns, peak_bytes, relative_error
from equiglass.benchmark.reference import (
    E3nnConvolution,
    e3nn_field,
    entering,
    layer_gradients,
    links_of,
    require_memory,
)
from equiglass.model.architecture import Architecture
from equiglass.model.convolution.layer import Convolution
from equiglass.model.convolution.paths import Paths
from equiglass.model.geometry import edges_of
from equiglass.model.graph import Graph

ARCHITECTURE = Architecture(dropout=0.0)


class Layer(NamedTuple):
    """A layer and its arguments.

    Attributes:
        convolution: our layer.
        graph: graph of the configuration, with node inputs.
        field: field that enters, (N, K, C).
        gradient: gradient of the loss with respect to the output, (N, K, C).
    """

    convolution: Convolution
    graph: Graph
    field: Tensor
    gradient: Tensor

    def double(self) -> Layer:
        """The layer and its arguments in float64."""
        graph, convolution = self.graph.to(torch.float64), deepcopy(self.convolution).double()
        return Layer(convolution, graph, self.field.double(), self.gradient.double())


def benchmark(setting: Setting) -> Result:
    """Measure our layer and the layer on e3nn."""
    layer = hidden_layer(setting)
    require_memory(ARCHITECTURE, layer.graph, setting.device)
    small = replace(setting, system=liquid(5))
    error, error_float64 = output_error(layer), relative_error(*compared(hidden_layer(small).double()))
    sides = {"ours": ours, "reference": reference, "product": product}
    peaks = {name: peak_bytes(prepare, setting) for name, prepare in sides.items()}
    times = by_turns({name: prepare(setting) for name, prepare in sides.items()}, setting)
    measured = {name: Side(times[name], peaks[name]) for name in sides}
    alone = measured["product"]
    return Result(
        "convolution",
        measured["ours"],
        measured["reference"],
        "e3nn layer with index_add",
        error,
        layer.graph.n_nodes,
        layer.graph.n_edges,
        more={
            "max_relative_error_float64": error_float64,
            "tensor_product_s": alone.median,
            "tensor_product_range_s": [min(alone.seconds), max(alone.seconds)],
            "tensor_product_peak_bytes": alone.peak_bytes,
            "tensor_product_ratio": alone.median / measured["ours"].median,
        },
    )


def hidden_layer(setting: Setting) -> Layer:
    """A hidden layer of the paper's model in training, without dropout, with random weights and a random field."""
    graph = graph_of(setting.system, ARCHITECTURE, setting.device)
    paths = Paths(ARCHITECTURE.l_max, ARCHITECTURE.channels, graph.channels)
    torch.manual_seed(0)
    convolution = Convolution(ARCHITECTURE, paths).to(setting.device)
    shape = (graph.n_nodes, paths.components, ARCHITECTURE.channels)
    field, gradient = (torch.randn(shape).to(setting.device) for _ in range(2))
    return Layer(convolution, graph, field, gradient)


def output_error(layer: Layer) -> float:
    """Relative error of our output in float32; e3nn in float64 is the exact value."""
    exact = layer.double()
    with torch.no_grad():
        out = layer.convolution(layer.field, layer.graph.inputs, edges_of(layer.graph, ARCHITECTURE))
        same = E3nnConvolution(exact.convolution)
        expected = same(e3nn_field(exact.field), exact.graph.inputs, links_of(exact.graph, ARCHITECTURE))
    return relative_error([e3nn_field(out)], [expected])


def compared(layer: Layer) -> tuple[list[Tensor], list[Tensor]]:
    """Outputs and gradients of field and weights, of our layer and of e3nn's, in the layout of e3nn."""
    h = layer.field.requires_grad_()
    out = layer.convolution(h, layer.graph.inputs, edges_of(layer.graph, ARCHITECTURE))
    out.backward(layer.gradient)
    same, x = E3nnConvolution(layer.convolution), e3nn_field(layer.field.detach()).requires_grad_()
    expected = same(x, layer.graph.inputs, links_of(layer.graph, ARCHITECTURE))
    expected.backward(e3nn_field(layer.gradient))
    assert h.grad is not None
    assert x.grad is not None
    mine = [e3nn_field(out.detach()), e3nn_field(h.grad), *layer_gradients(layer.convolution)]
    return mine, [expected.detach(), x.grad, *same.gradients()]


def ours(setting: Setting) -> Callable[[], None]:
    """A function that runs forward and backward of our layer."""
    layer = hidden_layer(setting)
    h, edges = layer.field.requires_grad_(), edges_of(layer.graph, ARCHITECTURE)

    def run() -> None:
        h.grad = None
        layer.convolution.zero_grad()
        layer.convolution(h, layer.graph.inputs, edges).backward(layer.gradient)

    return run


def reference(setting: Setting) -> Callable[[], None]:
    """A function that runs forward and backward of the same layer on e3nn."""
    layer = hidden_layer(setting)
    same, links = E3nnConvolution(layer.convolution), links_of(layer.graph, ARCHITECTURE)
    h, gradient = e3nn_field(layer.field).requires_grad_(), e3nn_field(layer.gradient)

    def run() -> None:
        h.grad = None
        same.zero_grad()
        same(h, layer.graph.inputs, links).backward(gradient)

    return run


def product(setting: Setting) -> Callable[[], None]:
    """A function that runs e3nn's tensor product and neighbour sum, with gradients of field and radial weights."""
    layer = hidden_layer(setting)
    same, links = E3nnConvolution(layer.convolution), links_of(layer.graph, ARCHITECTURE)
    with torch.no_grad():
        x, phi = entering(e3nn_field(layer.field), layer.graph.inputs, same.paths), same.radial(links.basis)
    x.requires_grad_()
    phi.requires_grad_()
    gradient = torch.randn(len(x), same.product.irreps_out.dim).to(setting.device)

    def run() -> None:
        x.grad = phi.grad = None
        same.neighbor_sum(x, phi, links).backward(gradient)

    return run
