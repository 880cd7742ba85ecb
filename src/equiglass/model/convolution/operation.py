"""The equivariant convolution: its definition and the types of its arguments.

    h'_{i,c,p}   = sum_{j in N(i)} phi_{p,c}(r_ij) [ Y^{lF}(a_ij) (x)_CG x^{lI}_{j,c} ]^{lO},     p = (lI, lF, lO)
    out^{lO}_{i,c'} = norm sum_{p to lO} sum_c W^{lO}_{(p,c),c'} h'_{i,c,p}
    phi(r)       = relu(W2 u + b2),    u = kept * (scale * relu(W1 B(r) + b1) + shift) / (1 - rate)

Here x are the channels of the field h and of the node inputs. `equiglass.model.convolution.paths` defines their order,
and the order of paths and components. The numbers scale and shift are a batch normalisation of the hidden radial units.
The dropout variable ``kept`` is 0 or 1 for every edge and hidden unit.

Four implementations have the same arguments: `reference` (the formula in plain torch), `chunked` (the same in bounded
memory), `cpu` (compiled C++) and `triton` (for a CUDA GPU). `backend` chooses between them.

Source: Pezzicoli, Charpiat, Landes, SciPost Phys. 2024, arXiv 2211.03226, eqs 18-20 and 25.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from equiglass.model.convolution.paths import Paths


class Edges(NamedTuple):
    """The edges that n consecutive nodes receive.

    Attributes:
        row_start: indices of edges, int64, (n + 1,). Node i receives the edges row_start[i] to row_start[i + 1].
        senders: sender of every edge, an index into the field and the node inputs, int64, (E,).
        harmonics: spherical harmonics Y(a_ij), (E, (l_max + 1)^2).
        basis: radial basis B(r_ij), (E, B).
    """

    row_start: Tensor
    senders: Tensor
    harmonics: Tensor
    basis: Tensor


class Radial(NamedTuple):
    """The weights of the radial MLP, which has H hidden units.

    Attributes:
        basis_weight: W1, (H, B).
        basis_bias: b1, (H,).
        scale: factors of the hidden units, (H,).
        shift: summands of the hidden units, (H,).
        weight: W2, (n_comb, H), with one row per path and channel.
        bias: b2, (n_comb,).
    """

    basis_weight: Tensor
    basis_bias: Tensor
    scale: Tensor
    shift: Tensor
    weight: Tensor
    bias: Tensor


class Dropout(NamedTuple):
    """The dropout of hidden units: a function of key, edge and unit that is the same in every implementation.

    Attributes:
        rate: mean share of the units that are zero.
        key: 64 random bits, int64, shape ().
    """

    rate: float
    key: Tensor

    def kept(self, first: int, last: int, units: int) -> Tensor:
        """The variable ``kept`` of all hidden units of the edges ``first`` to ``last``, (last - first, units), bool."""
        mask = 0xFFFFFFFF
        x = torch.arange(first * units, last * units, device=self.key.device) & mask
        x = ((x ^ (self.key & mask)) * 0x9E3779B1) & mask
        x = ((x ^ (x >> 15)) + ((self.key >> 32) & mask)) & mask
        x = ((x ^ (x >> 16)) * 0x7FEB352D) & mask
        x = ((x ^ (x >> 15)) * 0x846CA68B) & mask
        x = x ^ (x >> 16)
        return (x >= self.threshold).view(last - first, units)

    @property
    def threshold(self) -> int:
        """The smallest value of the 32 random bits of a unit, as a whole number, for which ``kept`` is 1."""
        return round(self.rate * 2**32)


def hidden_units(basis: Tensor, radial: Radial, dropout: Dropout | None, first: int = 0) -> Tensor:
    """The hidden units u of every edge, (E, H) (eq. 25).

    Args:
        basis: radial basis B(r_ij) of the edges, (E, B).
        radial: weights of the radial MLP.
        dropout: dropout of the hidden units, or None.
        first: index of the first of these edges among the edges of the convolution.
    """
    hidden = torch.relu(basis @ radial.basis_weight.T + radial.basis_bias) * radial.scale + radial.shift
    if dropout is None:
        return hidden
    kept = dropout.kept(first, first + len(basis), hidden.shape[1])
    return hidden * (kept.to(hidden.dtype) / (1 - dropout.rate))


def entering_fields(h: Tensor | None, inputs: Sequence[Tensor], paths: Paths) -> list[Tensor]:
    """The channels x that enter the convolution, by degree, each (N, 2 l + 1, channels): the field, then the inputs."""
    fields = []
    for degree in range(paths.l_max + 1):
        parts = [] if h is None else [h[:, degree**2 : (degree + 1) ** 2]]
        parts += [inputs[degree]] if degree < len(inputs) else []
        fields.append(torch.cat(parts, 2) if parts else inputs[0].new_zeros(len(inputs[0]), 2 * degree + 1, 0))
    return fields


def starts_of_parts(row_start: Tensor, edges: int) -> list[int]:
    """The indices that divide n nodes into consecutive parts with few edges.

    Args:
        row_start: index of the first edge of every node, (n + 1,).
        edges: largest number of edges per part. Only a part with one node may receive more.

    Returns:
        The first nodes of all parts, beginning with 0, and n.
    """
    n, starts = len(row_start) - 1, [0]
    while starts[-1] < n:
        limit = int(row_start[starts[-1]]) + edges
        after = int(torch.searchsorted(row_start, limit, right=True)) - 1
        starts.append(min(max(after, starts[-1] + 1), n))
    return starts if n else [0, 0]
