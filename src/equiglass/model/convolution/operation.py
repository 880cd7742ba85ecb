"""The equivariant convolution as one operation, and its reference implementation in plain torch.

    h'_{i,c,p}   = sum_{j in N(i)} phi_{p,c}(r_ij) [ Y^{lF}(a_ij) (x)_CG x^{lI}_{j,c} ]^{lO},     p = (lI, lF, lO)
    out^{lO}_{i,c'} = norm sum_{p to lO} sum_c W^{lO}_{(p,c),c'} h'_{i,c,p}
    phi(r)       = relu(W2 u + b2),    u = kept * (scale * relu(W1 B(r) + b1) + shift) / (1 - rate)

(Pezzicoli, Charpiat, Landes, SciPost Phys. 2024, arXiv 2211.03226, eqs 18-20 and 25.) x are the channels of the field h
and of the node inputs; their order and that of paths and components is stated in `equiglass.model.convolution.paths`.
scale and shift are a batch normalisation of the hidden radial units; kept is 0 or 1 for every edge and hidden unit.

``convolve`` and ``hidden_moments`` choose the implementation: compiled C++ (`convolution.cpu`) on a CPU,
Triton (`convolution.triton`) on a CUDA GPU, or the reference.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from equiglass.errors import EquiglassError, EquiglassWarning
from equiglass.machine.compiled import CompilerError
from equiglass.model.convolution import cpu as kernel
from equiglass.model.convolution import triton as gpu
from equiglass.model.convolution.paths import Paths, clebsch_gordan

EDGES_AT_ONCE = 16_384
T = TypeVar("T")


class Edges(NamedTuple):
    """The edges that n consecutive nodes receive.

    Attributes:
        row_start: node i receives the edges row_start[i] to row_start[i + 1]; int64, (n + 1,).
        senders: of every edge, an index into the field and the node inputs; int64, (E,).
        harmonics: Y(a_ij), (E, (l_max + 1)^2).
        basis: radial basis B(r_ij), (E, B).
    """

    row_start: Tensor
    senders: Tensor
    harmonics: Tensor
    basis: Tensor


class Radial(NamedTuple):
    """The radial functions; H hidden units.

    Attributes:
        basis_weight: W1, (H, B).
        basis_bias: b1, (H,).
        scale: of the hidden units, (H,).
        shift: of the hidden units, (H,).
        weight: W2, (n_comb, H); rows are (path, channel).
        bias: b2, (n_comb,).
    """

    basis_weight: Tensor
    basis_bias: Tensor
    scale: Tensor
    shift: Tensor
    weight: Tensor
    bias: Tensor


class Dropout(NamedTuple):
    """Which hidden units of which edges are zero: a function of key, edge and unit, the same in every implementation.

    Attributes:
        rate: share of zeros.
        key: 64 random bits, int64, shape ().
    """

    rate: float
    key: Tensor

    def kept(self, first: int, last: int, units: int) -> Tensor:
        """Whether each hidden unit of the edges number first to last is kept, (last - first, units), bool."""
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
        """A unit is kept where its 32 random bits, as a whole number, are at least this."""
        return round(self.rate * 2**32)


def implementation(device: str = "cpu") -> str:
    """Which implementation runs on a kind of device: "compiled" on a CPU, "triton" on a GPU ("cuda"), or "reference".

    The reference runs where there is no compiler, or no Triton. EQUIGLASS_CONVOLUTION forces one of the three.

    Raises:
        EquiglassError: the forced one is unknown or cannot run here.
    """
    reasons = {
        "compiled": kernel.unavailable() if device == "cpu" else "it computes on CPUs alone",
        "triton": gpu.unavailable(device),
        "reference": None,
    }
    fastest = "compiled" if device == "cpu" else "triton"
    forced = os.environ.get("EQUIGLASS_CONVOLUTION", "reference" if reasons[fastest] else fastest)
    if forced not in reasons:
        raise EquiglassError(f"EQUIGLASS_CONVOLUTION is {forced!r}; it must be 'compiled', 'triton' or 'reference'.")
    if device == "cpu" and forced != fastest and "EQUIGLASS_CONVOLUTION" not in os.environ:
        _say_once(f"The convolution runs in plain torch, many times slower: {reasons[fastest]}.")
    if reason := reasons[forced]:
        raise EquiglassError(f"EQUIGLASS_CONVOLUTION asks for the {forced} convolution, but {reason}.")
    return forced


def convolve(
    h: Tensor | None,
    inputs: Sequence[Tensor],
    edges: Edges,
    radial: Radial,
    mixing: Sequence[Tensor],
    norm: float,
    paths: Paths,
    dropout: Dropout | None = None,
) -> Tensor:
    """The convolution by the fastest implementation there is; arguments as in :func:`convolve_reference`."""
    arguments = (h, inputs, edges, radial, mixing, norm, paths, dropout)
    # The fast ones take node inputs, harmonics and basis as data.
    data = (*inputs, edges.harmonics, edges.basis)
    if implementation(edges.basis.device.type) == "triton" and not any(x.requires_grad for x in data):
        from equiglass.model.convolution.triton.convolution import convolve as convolve_triton

        return convolve_triton(*arguments)
    if kernel.fits(paths):
        return fastest(data, lambda: kernel.convolve(*arguments), lambda: convolve_reference(*arguments))
    return convolve_reference(*arguments)


def fastest(data: Sequence[Tensor], compiled: Callable[[], T], reference: Callable[[], T]) -> T:
    """What the compiled code gives, or the reference where that does not serve.

    Args:
        data: tensors that the compiled code takes from the CPU and gives no gradient to.
        compiled: uses the compiled code.
        reference: does the same without.
    """
    if any(x.requires_grad or x.device.type != "cpu" for x in data) or implementation() != "compiled":
        return reference()
    try:
        return compiled()
    except CompilerError as error:
        if os.environ.get("EQUIGLASS_CONVOLUTION") == "compiled":
            raise
        _say_once(f"{error} Plain torch is used, many times slower.")
        return reference()


@cache
def _say_once(sentence: str) -> None:
    warnings.warn(sentence, EquiglassWarning, stacklevel=4)


def hidden_moments(basis: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance over all edges of relu(W1 B + b1), each (H,); the variance is the biased one."""

    def reference() -> tuple[Tensor, Tensor]:
        variance, mean = torch.var_mean(torch.relu(basis @ weight.T + bias), 0, correction=0)
        return mean, variance

    return fastest([basis], lambda: kernel.hidden_moments(basis, weight, bias), reference)


def hidden_units(basis: Tensor, radial: Radial, dropout: Dropout | None, first: int = 0) -> Tensor:
    """Hidden units u of every edge, (E, H).

    Args:
        basis: of the edges, (E, B).
        radial: the radial functions.
        dropout: or None.
        first: number of the first of these edges; the edges of one call of ``convolve`` are numbered from 0.
    """
    hidden = torch.relu(basis @ radial.basis_weight.T + radial.basis_bias) * radial.scale + radial.shift
    if dropout is None:
        return hidden
    kept = dropout.kept(first, first + len(basis), hidden.shape[1])
    return hidden * (kept.to(hidden.dtype) / (1 - dropout.rate))


def convolve_reference(
    h: Tensor | None,
    inputs: Sequence[Tensor],
    edges: Edges,
    radial: Radial,
    mixing: Sequence[Tensor],
    norm: float,
    paths: Paths,
    dropout: Dropout | None = None,
) -> Tensor:
    """The convolution as it is written above, in chunks of edges so that memory stays bounded.

    Args:
        h: field of every node, (N, (l_max + 1)^2, C), or None in the first layer.
        inputs: node inputs by degree: scalars (N, 1, S), vectors (N, 3, V), ...
        edges: received by the n nodes of the result.
        radial: the radial functions.
        mixing: for every lO a matrix (n_comb to lO, C').
        norm: factor of the neighbour sum.
        paths: of this layer.
        dropout: of the hidden radial units, or None.

    Returns:
        (n, (l_max + 1)^2, C').
    """
    fields = entering_fields(h, inputs, paths)
    firsts = starts_of_parts(edges.row_start, EDGES_AT_ONCE)
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

    keep_little = torch.is_grad_enabled() and len(firsts) > 2
    out = [
        checkpoint(chunk, a, b, radial, *fields, use_reentrant=False) if keep_little else chunk(a, b, radial, *fields)
        for a, b in pairwise(firsts)
    ]
    return torch.cat(out)


def entering_fields(h: Tensor | None, inputs: Sequence[Tensor], paths: Paths) -> list[Tensor]:
    """What enters at every degree, (N, 2 l + 1, channels): the field, then the node inputs."""
    fields = []
    for degree in range(paths.l_max + 1):
        parts = [] if h is None else [h[:, degree**2 : (degree + 1) ** 2]]
        parts += [inputs[degree]] if degree < len(inputs) else []
        fields.append(torch.cat(parts, 2) if parts else inputs[0].new_zeros(len(inputs[0]), 2 * degree + 1, 0))
    return fields


def starts_of_parts(row_start: Tensor, edges: int) -> list[int]:
    """Node indices that cut the nodes into runs that receive about so many edges; first 0, last n."""
    n, starts = len(row_start) - 1, [0]
    while starts[-1] < n:
        limit = int(row_start[starts[-1]]) + edges
        after = int(torch.searchsorted(row_start, limit, right=True)) - 1
        starts.append(min(max(after, starts[-1] + 1), n))
    return starts if n else [0, 0]
