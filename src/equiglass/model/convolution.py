"""The equivariant convolution (eqs 19, 20): the layer, and its reference implementation in plain torch.

    h'_{i,c,p} = n^{-1/2} sum_{j in N(i)} phi_{p,c}(r_ij) [ Y^{lF}(a_ij) (x)_CG h^{lI}_{j,c} ]^{lO},   p = (lI, lF, lO)
    h^{lO}_{i,c'} = sum_{p to lO} sum_c W^{lO}_{(p,c),c'} h'_{i,c,p}

The node scalars are further l = 0 channels of the input. The order of paths, channels and components is that of
:mod:`equiglass.model.paths`.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from equiglass.compiled import CompilerError
from equiglass.errors import EquiglassError, EquiglassWarning
from equiglass.graph import Graph
from equiglass.model import kernel
from equiglass.model.architecture import Architecture
from equiglass.model.paths import Paths, clebsch_gordan
from equiglass.model.radial import RadialTrunk

EDGES_AT_ONCE = 16_384


class Convolution(nn.Module):
    """One convolution: radial network, tensor product, neighbour sum, mixing."""

    def __init__(self, architecture: Architecture, n_scalars: int, first: bool) -> None:
        super().__init__()
        a = architecture
        self.paths = Paths(a.l_max, first)
        self.norm = a.neighbors**-0.5
        n_comb = self.paths.combinations(a.channels, n_scalars)
        self.trunk = RadialTrunk(a.basis_size, a.radial_width, a.dropout)
        self.radial = nn.Linear(a.radial_width, n_comb)
        self.mixing = nn.ParameterList()
        for l_out in range(a.l_max + 1):
            rows = self.paths.combinations_to(l_out, a.channels, n_scalars)
            self.mixing.append(nn.Parameter(torch.randn(rows, a.channels) / rows**0.5))

    def forward(self, h: Tensor | None, graph: Graph, harmonics: Tensor, basis: Tensor) -> Tensor:
        """Convolve.

        Args:
            h: (N, (l_max + 1)^2, C), or None in the first layer.
            graph: edges and node scalars.
            harmonics: Y(a_ij), (E, (l_max + 1)^2).
            basis: radial basis of |a_ij|, (E, basis_size).

        Returns:
            (N, (l_max + 1)^2, C).
        """
        weights = (self.radial.weight, self.radial.bias, list(self.mixing))
        return convolve(h, graph, harmonics, self.trunk(basis), *weights, self.norm, self.paths)


def implementation() -> str:
    """Which implementation runs on this machine: "compiled", or "reference" where there is no compiler.

    The environment variable EQUIGLASS_CONVOLUTION forces one of the two.

    Raises:
        EquiglassError: the forced one is unknown or cannot run here.
    """
    reason = kernel.unavailable()
    forced = os.environ.get("EQUIGLASS_CONVOLUTION", "reference" if reason else "compiled")
    if forced not in ("compiled", "reference"):
        raise EquiglassError(f"EQUIGLASS_CONVOLUTION is {forced!r}; it must be 'compiled' or 'reference'.")
    if forced == "compiled" and reason:
        raise EquiglassError(f"EQUIGLASS_CONVOLUTION asks for the compiled convolution, but {reason}.")
    return forced


def convolve(
    h: Tensor | None,
    graph: Graph,
    harmonics: Tensor,
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor,
    mixing: Sequence[Tensor],
    norm: float,
    paths: Paths,
) -> Tensor:
    """The convolution by the fastest implementation there is; arguments as in :func:`convolve_reference`."""
    channels = 1 if h is None else h.shape[2]
    fits = channels in kernel.CHANNELS and mixing[0].shape[1] in kernel.CHANNELS and hidden.device.type == "cpu"
    # The compiled kernel takes node scalars and harmonics as data.
    if not fits or graph.scalars.requires_grad or harmonics.requires_grad or implementation() == "reference":
        return convolve_reference(h, graph, harmonics, hidden, weight, bias, mixing, norm, paths)
    packed = torch.cat([w.reshape(-1) for w in mixing])
    edges = (graph.row_start, graph.senders)
    try:
        return kernel.convolve(h, graph.scalars, hidden, harmonics, *edges, weight, bias, packed, norm, paths)
    except CompilerError as error:
        if os.environ.get("EQUIGLASS_CONVOLUTION") == "compiled":
            raise
        warnings.warn(
            f"{error} The convolution runs in plain torch, many times slower.", EquiglassWarning, stacklevel=2
        )
        return convolve_reference(h, graph, harmonics, hidden, weight, bias, mixing, norm, paths)


def convolve_reference(
    h: Tensor | None,
    graph: Graph,
    harmonics: Tensor,
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor,
    mixing: Sequence[Tensor],
    norm: float,
    paths: Paths,
) -> Tensor:
    """Eqs 19 and 20 as they are written, in chunks of edges so that memory stays bounded.

    Args:
        h: (N, (l_max + 1)^2, C), or None in the first layer.
        graph: edges sorted by receiver, node scalars (N, S).
        harmonics: (E, (l_max + 1)^2).
        hidden: hidden layer of the radial network, (E, H); phi = relu(hidden weight^T + bias).
        weight: (n_comb, H).
        bias: (n_comb,).
        mixing: for every lO a matrix (n_comb to lO, C').
        norm: factor of the neighbour sum.
        paths: of this layer.

    Returns:
        (N, (l_max + 1)^2, C').
    """
    inputs = _inputs(h, graph.scalars, paths)
    firsts = _chunk_starts(graph.row_start)

    def chunk(first: int, last: int, hidden: Tensor, weight: Tensor, bias: Tensor, *inputs: Tensor) -> Tensor:
        edges = slice(int(graph.row_start[first]), int(graph.row_start[last]))
        phi = torch.relu(hidden[edges] @ weight.T + bias)
        receivers, senders, y = graph.receivers[edges] - first, graph.senders[edges], harmonics[edges]
        sent = [x[senders] for x in inputs]
        summed: list[list[Tensor]] = [[] for _ in mixing]
        at = 0
        for path in paths.triplets:
            l_in, l_edge, l_out = path
            x = sent[l_in]
            cg = torch.as_tensor(clebsch_gordan(path).copy(), dtype=y.dtype, device=y.device)
            coupling = torch.einsum("ef,ifo->eio", y[:, l_edge**2 : (l_edge + 1) ** 2], cg)
            message = torch.einsum("eic,eio->eoc", x, coupling) * phi[:, None, at : at + x.shape[2]]
            total = message.new_zeros(last - first, *message.shape[1:])
            summed[l_out].append(total.index_add(0, receivers, message))
            at += x.shape[2]
        mixed = [torch.cat(parts, 2) @ w for parts, w in zip(summed, mixing, strict=True)]
        return norm * torch.cat(mixed, 1)

    run = torch.is_grad_enabled() and len(firsts) > 2
    out = [
        checkpoint(chunk, a, b, hidden, weight, bias, *inputs, use_reentrant=False)
        if run
        else chunk(a, b, hidden, weight, bias, *inputs)
        for a, b in pairwise(firsts)
    ]
    return torch.cat(out)


def _inputs(h: Tensor | None, scalars: Tensor, paths: Paths) -> list[Tensor]:
    """The input field of every degree, (N, 2 l + 1, channels), the node scalars last among those of l = 0."""
    if h is None:
        return [scalars[:, None, :]]
    fields = [h[:, l * l : (l + 1) ** 2] for l in range(paths.l_max + 1)]
    return [torch.cat([fields[0], scalars[:, None, :]], 2), *fields[1:]]


def _chunk_starts(row_start: Tensor) -> list[int]:
    """Node indices that cut the nodes into runs of about EDGES_AT_ONCE edges; first 0, last N."""
    n, starts = len(row_start) - 1, [0]
    while starts[-1] < n:
        limit = int(row_start[starts[-1]]) + EDGES_AT_ONCE
        after = int(torch.searchsorted(row_start, limit, right=True)) - 1
        starts.append(min(max(after, starts[-1] + 1), n))
    return starts if n else [0, 0]
