"""Message passing with shared weights on edges and nodes: the skeleton of Bapst's network and of BOTAN.

    e^0 = encode(a), v^0 = encode(type)
    e^k_ij = MLP[e^(k-1)_ij, e^0_ij, u_i, u_j],   v^k_i = MLP[sum_j e^k_ij, v^(k-1)_i, v^0_i],   k = 1 ... steps

with u = (v^(k-1), v^0) or u = v^(k-1). The first layer of the edge MLP is linear, so its products with u are computed
per node and gathered, and the product with e^0 is computed once for all steps.

The edges are processed in blocks: gather, MLP, sum. The hidden layer is recomputed in the backward pass. Of the steps,
one in `SEGMENT` stores the edges; the others are recomputed. So the arrays of edges times width in memory are few.

Sources: V. Bapst et al., Nature Physics 16, 448 (2020), doi 10.1038/s41567-020-0842-8; H. Shiba et al., J. Chem. Phys.
158, 084503 (2023), doi 10.1063/5.0129791.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import checkpoint

from equiglass.methods.messages import compiled
from equiglass.methods.messages.graph import EdgeGraph
from equiglass.model.convolution.backend import fastest

SEGMENT = 3
"""Number of steps between stored edges."""

BLOCK = 4096
"""Number of edges of a block; its arrays fit into the cache of a core."""

R = TypeVar("R")

threshold_backward = torch.ops.aten.threshold_backward
"""The gradient of a ReLU: (gradient, output, 0) -> the gradient where the output is positive, else 0."""


def recomputed(function: Callable[..., R], *arguments: Any) -> R:
    """The value of a function whose intermediate arrays are recomputed in the backward pass, not stored."""
    if not torch.is_grad_enabled():
        return function(*arguments)
    result: R = checkpoint(function, *arguments, use_reentrant=False, preserve_rng_state=False)
    return result


def mlp(inputs: int, width: int) -> nn.Sequential:
    """Two linear layers of a width, each with a ReLU."""
    return nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())


def linear_layers(layers: nn.Sequential) -> list[nn.Linear]:
    """The linear layers among these layers."""
    return [layer for layer in layers if isinstance(layer, nn.Linear)]


class Skeleton(nn.Module):
    """The network, which maps a graph to the standardised target at every time."""

    recordable = False

    def __init__(
        self, n_types: int, n_times: int, width: int, steps: int, encoded_in_edges: bool, turned: bool = False
    ) -> None:
        """Draw the weights from the random generator of torch.

        Args:
            n_types: number of particle types. The node input is one number for two types, as in the published
                networks; in general it is the one-hot of the type without the first type.
            n_times: number of times.
            width: width W of all layers.
            steps: number of steps.
            encoded_in_edges: whether the edge MLP takes the encoded nodes v^0 too.
            turned: whether to permute and reflect the axes at random in training.
        """
        super().__init__()
        self.n_types, self.width, self.steps, self.encoded_in_edges = n_types, width, steps, encoded_in_edges
        self.turned = turned
        self.node_encoder = mlp(max(n_types - 1, 1), width)
        self.edge_encoder = mlp(3, width)
        self.edge_update = mlp((6 if encoded_in_edges else 4) * width, width)
        self.node_update = mlp(3 * width, width)
        self.decoder = nn.Sequential(*mlp(width, width), nn.Linear(width, n_times))

    def forward(self, graph: EdgeGraph) -> Tensor:
        """The standardised target of every particle at every time, (N, T)."""
        nodes, _ = self.nodes_and_edges(graph)
        return self.decoder(nodes)[graph.nodes]

    def nodes_and_edges(self, graph: EdgeGraph) -> tuple[Tensor, Tensor]:
        """The nodes v, (N, W), and the edges e, (E, W), after the last step."""
        vectors = graph.vectors[:, 0]
        if self.training and self.turned:
            vectors = turned_at_random(vectors)
        width = self.width
        node_types = torch.eye(max(self.n_types, 2), device=vectors.device, dtype=vectors.dtype)[graph.types, 1:]
        nodes = encoded_nodes = self.node_encoder(node_types)
        edges = recomputed(self.edge_encoder, vectors)
        first, _ = linear_layers(self.edge_update)
        encoded = nn.functional.linear(edges, first.weight[:, width : 2 * width], first.bias)
        for done in range(0, self.steps, SEGMENT):
            steps = min(SEGMENT, self.steps - done)
            nodes, edges = recomputed(self._segment, nodes, edges, encoded_nodes, encoded, graph, steps)
        return nodes, edges

    def _segment(
        self, nodes: Tensor, edges: Tensor, encoded_nodes: Tensor, encoded: Tensor, graph: EdgeGraph, steps: int
    ) -> tuple[Tensor, Tensor]:
        """Some steps of message passing."""
        first, second = linear_layers(self.edge_update)
        width = self.width
        latest, _, ends = first.weight.split([width, width, first.in_features - 2 * width], dim=1)
        receivers, senders = ends.chunk(2, dim=1)
        for _ in range(steps):
            seen = torch.cat([nodes, encoded_nodes], 1) if self.encoded_in_edges else nodes
            to_receivers, to_senders = nn.functional.linear(seen, receivers), nn.functional.linear(seen, senders)
            arguments = (edges, encoded, to_receivers, to_senders, latest, second.weight, second.bias, graph)
            edges, sums = EdgeUpdate.apply(*arguments)
            nodes = self.node_update(torch.cat([sums, nodes, encoded_nodes], 1))
        return nodes, edges


class EdgeUpdate(torch.autograd.Function):
    """The edge MLP and the sum over the edges of every node, compiled where that is possible.

    new_ij = relu(W2 relu(W1 e_ij + encoded_ij + receivers_i + senders_j) + b2),   sums_i = sum_j new_ij
    """

    @staticmethod
    def forward(
        ctx: Any,
        edges: Tensor,
        encoded: Tensor,
        receivers: Tensor,
        senders: Tensor,
        weight: Tensor,
        weight2: Tensor,
        bias2: Tensor,
        graph: EdgeGraph,
    ) -> tuple[Tensor, Tensor]:
        """The new edges, (E, W), and their sums, (N, W).

        Args:
            ctx: context of autograd.
            edges: edges e, (E, W).
            encoded: summands of the edges, (E, W).
            receivers: summands of the receivers, (N, W).
            senders: summands of the senders, (N, W).
            weight: W1, (W, W).
            weight2: W2, (W, W).
            bias2: b2, (W,).
            graph: the graph.
        """
        entering = edges, encoded, receivers, senders, weight, weight2
        new, sums = _fastest(
            edges,
            lambda: compiled.forward(*entering, bias2, graph),
            lambda: _plain_forward(*entering, bias2, graph),
        )
        ctx.graph = graph
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*entering, new)
        return new, sums

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        """The gradients of all tensors."""
        # A checkpoint gives its tensors once.
        saved = ctx.saved_tensors
        arguments = *saved, *gradients, ctx.graph
        fast, plain = partial(compiled.backward, *arguments), partial(_plain_backward, *arguments)
        return *_fastest(saved[0], fast, plain), None


def _fastest(edges: Tensor, fast: Callable[[], R], plain: Callable[[], R]) -> R:
    return fastest([edges.detach()], fast, plain) if compiled.fits(edges) else plain()


def _plain_forward(
    edges: Tensor,
    encoded: Tensor,
    receivers: Tensor,
    senders: Tensor,
    weight: Tensor,
    weight2: Tensor,
    bias2: Tensor,
    graph: EdgeGraph,
) -> tuple[Tensor, Tensor]:
    """The new edges and their sums in plain torch."""
    new = torch.empty_like(edges)
    for block in blocks(len(edges)):
        hidden = _hidden(block, edges, encoded, receivers, senders, weight, graph)
        torch.addmm(bias2, hidden, weight2.T, out=new[block]).relu_()
    return new, graph.received(new)


def _plain_backward(
    edges: Tensor,
    encoded: Tensor,
    receivers: Tensor,
    senders: Tensor,
    weight: Tensor,
    weight2: Tensor,
    new: Tensor,
    of_new: Tensor | None,
    of_sums: Tensor | None,
    graph: EdgeGraph,
) -> tuple[Tensor, ...]:
    """The gradients of edges, encoded, receivers, senders, W1, W2 and b2 in plain torch."""
    before, of_edges = torch.empty_like(edges), torch.empty_like(edges)
    of_weight, of_weight2 = torch.zeros_like(weight), torch.zeros_like(weight2)
    of_bias2 = torch.zeros_like(weight2[0])
    for block in blocks(len(edges)):
        hidden = _hidden(block, edges, encoded, receivers, senders, weight, graph)
        after = torch.zeros_like(hidden) if of_sums is None else of_sums.index_select(0, graph.receivers[block])
        if of_new is not None:
            after += of_new[block]
        after = threshold_backward(after, new[block], 0)
        of_weight2.addmm_(after.T, hidden)
        of_bias2 += after.sum(0)
        of_hidden = threshold_backward(after @ weight2, hidden, 0)
        before[block] = of_hidden
        of_weight.addmm_(of_hidden.T, edges[block])
        torch.mm(of_hidden, weight, out=of_edges[block])
    return of_edges, before, graph.received(before), graph.sent(before), of_weight, of_weight2, of_bias2


def _hidden(
    block: slice, edges: Tensor, encoded: Tensor, receivers: Tensor, senders: Tensor, weight: Tensor, graph: EdgeGraph
) -> Tensor:
    """The hidden layer of the edge MLP of a block."""
    hidden = torch.addmm(encoded[block], edges[block], weight.T)
    hidden += receivers.index_select(0, graph.receivers[block])
    hidden += senders.index_select(0, graph.senders[block])
    return hidden.relu_()


def blocks(edges: int) -> Iterator[slice]:
    """The edges in blocks."""
    return (slice(first, min(first + BLOCK, edges)) for first in range(0, edges, BLOCK))


def turned_at_random(vectors: Tensor) -> Tensor:
    """The vectors with axes permuted and reflected at random, (E, 3); 48 equally likely cases."""
    device = vectors.device
    axes = torch.rand(3, device=device).argsort()
    signs = torch.randint(0, 2, (3,), device=device) * 2 - 1
    return vectors[:, axes] * signs.to(vectors.dtype)
