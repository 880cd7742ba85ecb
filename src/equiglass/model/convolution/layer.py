"""A convolution layer with the weights of the operation in :mod:`equiglass.model.convolution.operation`."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from equiglass.model.architecture import Architecture
from equiglass.model.convolution.backend import convolve, hidden_moments
from equiglass.model.convolution.operation import Dropout, Edges, Radial
from equiglass.model.convolution.paths import Paths
from equiglass.model.norm import batch_norm


class Convolution(nn.Module):
    """A layer of radial MLP, tensor product, neighbour sum and mixing (eq. 20)."""

    def __init__(self, architecture: Architecture, paths: Paths, n_lengths: int = 1) -> None:
        """Draw the weights from the random generator of torch.

        Args:
            architecture: hyper-parameters of the network.
            paths: paths of the layer.
            n_lengths: number of lengths per edge; the radial MLP has the radial basis of each.
        """
        super().__init__()
        a = architecture
        self.paths = paths
        self.norm = a.advanced.neighbors**-0.5
        self.dropout = a.dropout
        self.trunk = RadialHiddenLayer(n_lengths * a.basis_size, a.radial_width)
        self.radial = nn.Linear(a.radial_width, paths.combinations)
        self.mixing = nn.ParameterList()
        for l_out in range(a.l_max + 1):
            rows = paths.combinations_to(l_out)
            self.mixing.append(nn.Parameter(torch.randn(rows, a.channels) / max(rows, 1) ** 0.5))

    def forward(
        self, h: Tensor | None, inputs: Sequence[Tensor], edges: Edges, mixing: Sequence[Tensor] | None = None
    ) -> Tensor:
        """The convolution of the field and the node inputs.

        Args:
            h: field, (N, (l_max + 1)^2, C), or None in the first layer.
            inputs: node inputs by degree: (N, 1, S), (N, 3, V), ...
            edges: edges that n of the nodes receive. Batch averages and dropout are over these edges.
            mixing: mixing matrices that replace those of the layer.

        Returns:
            The new field of the n nodes, (n, (l_max + 1)^2, C).
        """
        weight, bias, scale, shift = self.trunk(edges.basis)
        weights = Radial(weight, bias, scale, shift, self.radial.weight, self.radial.bias)
        dropout = None
        if self.training and self.dropout > 0:
            # The key comes from the random generator of torch, so that its seed determines the dropout.
            key = torch.randint(-(2**63), 2**63 - 1, (), device=edges.basis.device)
            dropout = Dropout(self.dropout, key)
        return convolve(h, inputs, edges, weights, mixing or list(self.mixing), self.norm, self.paths, dropout)


class RadialHiddenLayer(nn.Module):
    """The hidden layer of the radial MLP (eq. 25): linear, ReLU, batch norm. All paths and channels share it."""

    def __init__(self, basis_size: int, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(basis_size, width)
        self.norm = nn.BatchNorm1d(width)

    def forward(self, basis: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The tensors W1, b1, scale and shift of `equiglass.model.convolution.operation.Radial`.

        In training, the edges are the batch.

        Args:
            basis: radial basis B(r_ij) of the edges, (E, B).
        """
        weight, bias = self.linear.weight, self.linear.bias
        scale, shift = batch_norm(self.norm, len(basis), lambda: hidden_moments(basis, weight, bias))
        return weight, bias, scale, shift
