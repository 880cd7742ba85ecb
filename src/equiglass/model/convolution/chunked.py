"""The convolution in plain torch, in chunks of edges. It is slow but runs everywhere, with bounded memory."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from equiglass.model.convolution.operation import (
    Dropout,
    Edges,
    Radial,
    entering_fields,
    hidden_units,
    starts_of_parts,
)
from equiglass.model.convolution.paths import Paths, clebsch_gordan

EDGES_AT_ONCE = 16_384
"""The default number of edges per chunk."""


def convolve(
    h: Tensor | None,
    inputs: Sequence[Tensor],
    edges: Edges,
    radial: Radial,
    mixing: Sequence[Tensor],
    norm: float,
    paths: Paths,
    dropout: Dropout | None = None,
    edges_at_once: int = EDGES_AT_ONCE,
) -> Tensor:
    """The convolution, with the arguments and the result of :func:`equiglass.model.convolution.reference.convolve`.

    If there are several chunks, the gradient computes each again instead of storing it.
    """
    fields = entering_fields(h, inputs, paths)
    firsts = starts_of_parts(edges.row_start, edges_at_once)
    row_start, senders, harmonics, basis = edges

    def chunk(first: int, last: int, radial: Radial, *fields: Tensor) -> Tensor:
        begin, end = int(row_start[first]), int(row_start[last])
        phi = torch.relu(hidden_units(basis[begin:end], radial, dropout, begin) @ radial.weight.T + radial.bias)
        counts = row_start[first : last + 1].diff()
        receivers = torch.repeat_interleave(torch.arange(last - first, device=counts.device), counts)
        y = harmonics[begin:end]
        sent = [x[senders[begin:end]] for x in fields]
        summed: list[list[Tensor]] = [[y.new_zeros(last - first, 2 * l + 1, 0)] for l in range(paths.l_max + 1)]
        at = 0
        for path, width in zip(paths.triplets, paths.widths, strict=True):
            l_in, l_edge, l_out = path
            cg = torch.as_tensor(clebsch_gordan(path).copy(), dtype=y.dtype, device=y.device)
            coupling = torch.einsum("ef,ifo->eio", y[:, l_edge**2 : (l_edge + 1) ** 2], cg)
            message = torch.einsum("eic,eio->eoc", sent[l_in], coupling) * phi[:, None, at : at + width]
            total = message.new_zeros(last - first, *message.shape[1:])
            summed[l_out].append(total.index_add(0, receivers, message))
            at += width
        mixed = [torch.cat(parts, 2) @ w for parts, w in zip(summed, mixing, strict=True)]
        return norm * torch.cat(mixed, 1)

    recompute = torch.is_grad_enabled() and len(firsts) > 2
    out = [
        checkpoint(chunk, a, b, radial, *fields, use_reentrant=False) if recompute else chunk(a, b, radial, *fields)
        for a, b in pairwise(firsts)
    ]
    return torch.cat(out)
