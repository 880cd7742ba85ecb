"""The network built on e3nn, like the software of the paper (PyTorch Geometric and e3nn): one message per edge.

A convolution is a radial MLP per edge, ``o3.TensorProduct`` ("uvu") of the senders' fields with the harmonics,
``index_add`` to the receivers, and ``o3.Linear``. ``e3nn.nn.BatchNorm`` follows. The weights are copied from a
:class:`equiglass.model.network.Network`, so both networks give the same output up to rounding.

Fields have the layout of e3nn: degree by degree, (N, channels * (2 l + 1)) with the channel first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import NamedTuple

import torch
from e3nn import o3
from e3nn.nn import BatchNorm
from torch import Tensor, nn

from equiglass.benchmark.measure import free_memory
from equiglass.errors import SetupError
from equiglass.model.architecture import Architecture
from equiglass.model.convolution.layer import Convolution
from equiglass.model.convolution.paths import Paths
from equiglass.model.geometry import edges_of
from equiglass.model.graph import Graph
from equiglass.model.network import Network
from equiglass.model.norm import EquivariantBatchNorm


class Links(NamedTuple):
    """Edges in the form of PyTorch Geometric: senders and receivers (E,), harmonics (E, K), radial basis (E, B)."""

    senders: Tensor
    receivers: Tensor
    harmonics: Tensor
    basis: Tensor


def links_of(graph: Graph, architecture: Architecture) -> Links:
    """The edges of a graph."""
    edges = edges_of(graph, architecture)
    return Links(graph.senders, graph.receivers, edges.harmonics, edges.basis)


class E3nnConvolution(nn.Module):
    """Radial MLP, tensor product, neighbour sum, mixing."""

    def __init__(self, layer: Convolution) -> None:
        super().__init__()
        self.paths, self.norm = layer.paths, layer.norm
        self.radial = nn.Sequential(
            deepcopy(layer.trunk.linear),
            nn.ReLU(),
            deepcopy(layer.trunk.norm),
            nn.Dropout(layer.dropout),
            deepcopy(layer.radial),
            nn.ReLU(),
        )
        with precision(layer.mixing[0].dtype):
            self.product, summed = tensor_product(layer.paths)
            self.mixing = o3.Linear(summed, _irreps(layer.mixing[0].shape[1], self.paths.l_max))
        # e3nn divides by the square root of the number of rows.
        rows = [weight * len(weight) ** 0.5 for weight in layer.mixing]
        self.mixing.weight.data = torch.cat([weight.detach().flatten() for weight in rows])
        self.to(layer.mixing[0])

    def forward(self, h: Tensor | None, inputs: Sequence[Tensor], links: Links) -> Tensor:
        """Convolve a field (N, C (l_max + 1)^2), or None, and node inputs by degree, (N, 2 l + 1, channels)."""
        phi = self.radial(links.basis)
        return self.mixing(self.neighbor_sum(entering(h, inputs, self.paths), phi, links)) * self.norm

    def neighbor_sum(self, x: Tensor, phi: Tensor, links: Links) -> Tensor:
        """sum_j phi(r_ij) Y(a_ij) (x)_CG x_j per path, (N, path channels and components)."""
        messages = self.product(x[links.senders], links.harmonics, phi)
        return messages.new_zeros(len(x), messages.shape[1]).index_add(0, links.receivers, messages)

    def gradients(self) -> list[Tensor]:
        """Gradients of the weights, in the order and units of the original layer."""
        rows = [self.paths.combinations_to(l) for l in range(self.paths.l_max + 1)]
        channels = self.mixing.irreps_out[0].mul
        mixing = self.mixing.weight.grad.split([n * channels for n in rows])
        return [*_grads(self.radial), *(part * n**0.5 for part, n in zip(mixing, rows, strict=True))]


class E3nnNetwork(nn.Module):
    """Eqs 18-23 on e3nn: from a graph to the standardised target at every time."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.architecture = network.architecture
        self.convolutions = nn.ModuleList(
            E3nnConvolution(layer) for layer in network.convolutions if isinstance(layer, Convolution)
        )
        self.norms = nn.ModuleList(batch_norm(norm) for norm in network.norms)
        self.decoder = nn.Parameter(network.decoder.detach().clone())
        self.to(network.decoder)

    def forward(self, graph: Graph) -> Tensor:
        """Compute the standardised targets, as :meth:`equiglass.model.network.Network.forward` does."""
        inputs, links = graph.inputs, links_of(graph, self.architecture)
        h: Tensor | None = None
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            new = norm(convolution(h, inputs, links))
            h = new if h is None else h + new
        assert h is not None
        channels = self.architecture.channels
        degrees = h.split([channels * (2 * l + 1) for l in range(self.architecture.l_max + 1)], dim=1)
        norms = [torch.linalg.vector_norm(x.view(len(h), channels, -1), dim=2) for x in degrees[1:]]
        representation = torch.cat([degrees[0], *norms], 1)[graph.nodes]
        every_type = torch.einsum("nf,stf->nst", representation, self.decoder)
        return every_type[torch.arange(graph.n_nodes), graph.types[graph.nodes]]

    def gradients(self) -> list[Tensor]:
        """Gradients of the weights, in the order of :func:`gradients`."""
        layers = [x for layer in self.convolutions if isinstance(layer, E3nnConvolution) for x in layer.gradients()]
        return [*layers, *_grads(self.norms), *_grads(self.decoder)]


def gradients(network: Network) -> list[Tensor]:
    """Gradients of the weights of our network: convolutions, norms, linear read-out."""
    layers = [x for layer in network.convolutions if isinstance(layer, Convolution) for x in layer_gradients(layer)]
    return [*layers, *_grads(network.norms), *_grads(network.decoder)]


def layer_gradients(layer: Convolution) -> list[Tensor]:
    """Gradients of the weights of one of our layers: radial MLP, mixing."""
    return [*_grads(layer.trunk), *_grads(layer.radial), *_grads(layer.mixing)]


def _grads(weights: nn.Module | nn.Parameter) -> list[Tensor]:
    parameters = [weights] if isinstance(weights, nn.Parameter) else weights.parameters()
    return [p.grad for p in parameters if p.grad is not None]


def tensor_product(paths: Paths) -> tuple[o3.TensorProduct, o3.Irreps]:
    """All paths as one tensor product with a weight per edge, path and channel, and the irreps of its output.

    The weights are in the order of ``paths``. The output is sorted by degree, then by path, so that one matrix per
    degree mixes it.
    """
    degrees = [l for l in range(paths.l_max + 1) if paths.entering(l)]
    fields = o3.Irreps([(paths.entering(l), (l, 1)) for l in degrees])
    given, place, _ = o3.Irreps(
        [(width, (path.l_out, 1)) for path, width in zip(paths.triplets, paths.widths, strict=True)]
    ).sort()
    instructions = [
        (degrees.index(path.l_in), path.l_edge, place[k], "uvu", True) for k, path in enumerate(paths.triplets)
    ]
    product = o3.TensorProduct(
        fields, _irreps(1, paths.l_max), given, instructions, shared_weights=False, internal_weights=False
    )
    return product, given.simplify()


def batch_norm(norm: nn.Module) -> nn.Module:
    """The batch norm of e3nn with the weights and running averages of our batch norm."""
    if not isinstance(norm, EquivariantBatchNorm):
        return nn.Identity()
    same = BatchNorm(_irreps(len(norm.shift), norm.l_max), eps=norm.epsilon, momentum=norm.momentum)
    same.weight.data, same.bias.data = norm.scale.detach().flatten().clone(), norm.shift.detach().clone()
    same.running_mean, same.running_var = norm.running_mean.clone(), norm.running_variance.flatten().clone()
    return same


def entering(h: Tensor | None, inputs: Sequence[Tensor], paths: Paths) -> Tensor:
    """Field and node inputs of every node, concatenated degree by degree."""
    parts = []
    for degree in range(paths.l_max + 1):
        if h is not None:
            parts.append(h[:, paths.field * degree**2 : paths.field * (degree + 1) ** 2])
        if degree < len(inputs):
            parts.append(inputs[degree].transpose(1, 2).flatten(1))
    return torch.cat(parts, 1)


def e3nn_field(h: Tensor) -> Tensor:
    """A field in our layout, (N, (l_max + 1)^2, C), in the layout of e3nn."""
    l_max = round(h.shape[1] ** 0.5) - 1
    return torch.cat([h[:, l * l : (l + 1) ** 2].transpose(1, 2).flatten(1) for l in range(l_max + 1)], 1)


def require_memory(architecture: Architecture, graph: Graph, device: str) -> None:
    """Check that the memory is large enough for forward and backward of one hidden layer on e3nn.

    Raises:
        SetupError: the layer needs more memory than is free.
    """
    paths = Paths(architecture.l_max, architecture.channels, graph.channels)
    degrees = range(paths.l_max + 1)
    products = sum(paths.entering(l) * (2 * l + 1) for l in degrees) * paths.components
    messages = sum(width * (2 * path.l_out + 1) for path, width in zip(paths.triplets, paths.widths, strict=True))
    needed = 8 * graph.n_edges * (products + 2 * messages)
    if needed > free_memory(device):
        raise SetupError(
            f"The layer on e3nn needs about {needed / 2**30:.0f} GiB for {graph.n_edges} edges, and "
            f"{free_memory(device) / 2**30:.0f} GiB are free; choose a smaller configuration."
        )


@contextmanager
def precision(dtype: torch.dtype) -> Iterator[None]:
    """In this block e3nn makes its constants in this precision."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def _irreps(channels: int, l_max: int) -> o3.Irreps:
    # No parity: every degree is even.
    return o3.Irreps([(channels, (l, 1)) for l in range(l_max + 1)])
