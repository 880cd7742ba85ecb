"""The convolution on a GPU. Triton kernels compute value and gradients, and torch does the mixing.

The kernels have no atomic operations, so their sums have a fixed order.

The table gives the size of the arrays in addition to arguments, result and gradients. There are n receivers, N senders,
E edges and H hidden units. W_l channels enter at degree l, and C of them come from the field. All S_p have the size
Q = n sum_p (2 l_out + 1) W_p. R receivers share a program: R times W_l, rounded up to a power of two, is 32, or R is 1.

    stored for the gradient  S: Q,  the entering fields: N sum_l (2 l + 1) W_l
    during the value         u: E H
    during the gradient      dS: Q,  u and du: 2 E H,  dx: E (2 l_in + 1) C for one l_in at a time,
                             dz: E W_l per path, for one group of paths at a time, at most 2 l_max + 1 of them

No array grows with edges times all paths. The edges by sender, E + N + 1 whole numbers, are computed once per tensor
``senders`` and stored as long as it exists.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Sequence
from functools import cache
from itertools import groupby
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.utils.weak import WeakTensorKeyDictionary

from equiglass.errors import EquiglassError
from equiglass.model.convolution.operation import Dropout, Edges, Radial, entering_fields
from equiglass.model.convolution.paths import Paths
from equiglass.model.convolution.triton import kernels
from equiglass.model.convolution.triton.source import Group, backward_source, forward_source, groups, lanes_of

Source = Callable[[Paths, Group, int], str]

LANES = 32
EDGES = 128


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
    """The convolution, with the arguments and the result of :func:`equiglass.model.convolution.reference.convolve`.

    It is differentiable in h, radial and mixing. The values of senders and row_start are not checked, since they come
    from a graph.

    Raises:
        EquiglassError: shapes, types or devices do not fit, or data require a gradient.
    """
    _check(h, inputs, edges, radial, mixing, paths)
    # The first call reads numbers back from the device, which a recorded step must not do. So it comes here.
    sent = None
    if h is not None and h.requires_grad and torch.is_grad_enabled():
        sent = edges_by_sender(edges.senders, len(h))
    out: Tensor = TritonConvolution.apply(h, *radial, *mixing, inputs, edges, norm, paths, dropout, sent)
    return out


class TritonConvolution(torch.autograd.Function):
    """The torch function of the convolution in Triton. Call ``convolve``, which checks the input."""

    @staticmethod
    def forward(ctx: Any, h: Tensor | None, *arguments: Any) -> Tensor:
        """Compute the convolution; see ``convolve``."""
        *weights, inputs, edges, norm, paths, dropout, sent = arguments
        radial, mixing = Radial(*(w.contiguous() for w in weights[:6])), weights[6:]
        edges = Edges(*(x.contiguous() for x in edges))
        fields = entering_fields(h, inputs, paths)
        nodes = len(edges.row_start) - 1
        u = _hidden(edges, radial, dropout)
        summed = _summed(u, nodes, paths)
        for group in groups(paths, u.shape[1]):
            field = fields[group[0].path.l_in]
            every = (edges.row_start, edges.senders, u, edges.harmonics, field, radial.weight, radial.bias)
            _launch_group(forward_source, paths, group, nodes, *every, *summed)
        ctx.save_for_backward(*edges, *radial, *mixing, *fields, *summed)
        ctx.norm, ctx.paths, ctx.dropout, ctx.sent = norm, paths, dropout, sent
        return norm * torch.cat([s @ w for s, w in zip(summed, mixing, strict=True)], 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients in the order of the arguments of ``forward``."""
        paths, dropout = ctx.paths, ctx.dropout
        saved, per_l = ctx.saved_tensors, paths.l_max + 1
        edges, radial, others = Edges(*saved[:4]), Radial(*saved[4:10]), saved[10:]
        mixing, fields, summed = others[:per_l], others[per_l : 2 * per_l], others[2 * per_l :]
        nodes, hidden = len(edges.row_start) - 1, radial.weight.shape[1]

        slopes = (ctx.norm * grad).split([2 * l + 1 for l in range(per_l)], 1)
        dmixing = [s.flatten(0, 1).T @ g.flatten(0, 1) for s, g in zip(summed, slopes, strict=True)]
        dsummed = [(g @ w.T).contiguous() for g, w in zip(slopes, mixing, strict=True)]

        u = _hidden(edges, radial, dropout)
        du = torch.zeros_like(u)
        dh = None if ctx.sent is None else u.new_empty(len(fields[0]), paths.components, paths.field)
        dweight, dbias = [], []
        for degree, same in groupby(groups(paths, hidden), lambda group: group[0].path.l_in):
            field, size = fields[degree], 2 * degree + 1
            dx = u.new_empty(len(u), size, paths.field)
            every = (edges.row_start, edges.senders, u, edges.harmonics, field, radial.weight, radial.bias)
            for group in same:
                first, rows = group[0].row, len(group) * field.shape[2]
                dz = u.new_empty(len(u), rows)
                _launch_group(backward_source, paths, group, nodes, *every, *dsummed, dz, dx)
                du.addmm_(dz, radial.weight[first : first + rows])
                dweight.append(dz.T @ u)
                dbias.append(dz.sum(0))
            if dh is not None:
                _sum_over_sent(dx, ctx.sent, dh[:, degree**2 : (degree + 1) ** 2])
        dradial = (*_hidden_gradient(edges, radial, dropout, du), torch.cat(dweight), torch.cat(dbias))
        return dh, *dradial, *dmixing, None, None, None, None, None, None


_sent: WeakTensorKeyDictionary = WeakTensorKeyDictionary()


def edges_by_sender(senders: Tensor, nodes: int) -> tuple[Tensor, Tensor]:
    """The edges in the order of their senders, (E,), and the index of the first edge of each sender, (nodes + 1,).

    The result is computed once per tensor of senders and stored as long as the tensor exists.

    Raises:
        EquiglassError: a sender is no node.
    """
    known = _sent.get(senders)
    if known is None or len(known[1]) != nodes + 1:
        ascending, order = torch.sort(senders, stable=True)
        if len(ascending) and not 0 <= int(ascending[0]) <= int(ascending[-1]) < nodes:
            raise EquiglassError(f"The convolution's senders must be nodes, 0 to {nodes - 1}.")
        known = order, torch.searchsorted(ascending, torch.arange(nodes + 1, device=senders.device))
        _sent[senders] = known
    return known


def receivers(paths: Paths, group: Group) -> int:
    """The number of receivers per program."""
    return max(1, LANES // lanes_of(paths, group))


def _summed(like: Tensor, nodes: int, paths: Paths) -> list[Tensor]:
    return [like.new_empty(nodes, 2 * l + 1, paths.combinations_to(l)) for l in range(paths.l_max + 1)]


def _hidden(edges: Edges, radial: Radial, dropout: Dropout | None) -> Tensor:
    u = edges.basis.new_empty(len(edges.basis), len(radial.basis_bias))
    key, constants = _constants(edges, radial, dropout)
    grid = (triton.cdiv(len(u), EDGES),)
    _launch(kernels.hidden, grid, edges.basis, *radial[:4], key, u, len(u), **constants)
    return u


def _hidden_gradient(edges: Edges, radial: Radial, dropout: Dropout | None, du: Tensor) -> tuple[Tensor, ...]:
    """The gradients of W1, b1, scale and shift."""
    size = edges.basis.shape[1]
    programs = triton.cdiv(len(du), EDGES)
    partial = du.new_empty(programs, size + 3, du.shape[1])
    key, constants = _constants(edges, radial, dropout)
    _launch(kernels.hidden_gradient, (programs,), edges.basis, *radial[:3], key, du, partial, len(du), **constants)
    total = partial.sum(0)
    return total[:size].T, *total[size:]


def _constants(edges: Edges, radial: Radial, dropout: Dropout | None) -> tuple[Tensor | None, dict[str, Any]]:
    units, size = radial.basis_weight.shape
    return None if dropout is None else dropout.key, {
        "H": units,
        "B": size,
        "FACTOR": 1.0 if dropout is None else 1 / (1 - dropout.rate),
        "THRESHOLD": 0 if dropout is None else dropout.threshold,
        "EDGES": EDGES,
        "UNITS": triton.next_power_of_2(units),
    }


def _sum_over_sent(dx: Tensor, sent: tuple[Tensor, Tensor], dh: Tensor) -> None:
    """Write dh of one degree, (N, 2 l_in + 1, C), which must be contiguous in the last two axes."""
    columns = dh.shape[1] * dh.shape[2]
    sizes = {"COLUMNS": columns, "STRIDE": dh.stride(0), "LANES": triton.next_power_of_2(columns)}
    _launch(kernels.sum_over_sent, (len(dh),), dx, *sent, dh, **sizes)


def _launch_group(source: Source, paths: Paths, group: Group, n: int, *arguments: Any) -> None:
    R = receivers(paths, group)
    warps = max(1, R * lanes_of(paths, group) // 32)
    kernel = compiled(source, paths, group, arguments[2].shape[1])
    _launch(kernel, (triton.cdiv(n, R),), *arguments, n, R=R, num_warps=warps)


def _launch(kernel: Any, grid: tuple[int], *arguments: Any, **constants: Any) -> None:
    # CUDA refuses an empty grid.
    if grid[0]:
        kernel[grid](*arguments, **constants, enable_fp_fusion=True)


@cache
def compiled(source: Source, paths: Paths, group: Group, hidden: int) -> Any:
    """The kernel of a generated source. Triton reads the source of the function through linecache."""
    text = source(paths, group, hidden)
    file = f"<{source.__name__} {paths} {group} {hidden}>"
    linecache.cache[file] = len(text), None, text.splitlines(keepends=True), file
    names: dict[str, Any] = {"triton": triton, "tl": tl, "__name__": __name__}
    exec(compile(text, file, "exec"), names)
    return names[source.__name__.removesuffix("_source")]


def _check(
    h: Tensor | None,
    inputs: Sequence[Tensor],
    edges: Edges,
    radial: Radial,
    mixing: Sequence[Tensor],
    paths: Paths,
) -> None:
    if (h is None) != (paths.field == 0):
        raise EquiglassError(
            "The first layer has no field h and every other layer has one; "
            f"here the paths have {paths.field} channels and h is {'absent' if h is None else 'given'}."
        )
    count, (units, size) = edges.senders.shape[0], radial.basis_weight.shape
    senders = len(inputs[0]) if h is None else len(h)
    wanted: dict[str, tuple[Tensor, tuple[int, ...]]] = {
        "row_start": (edges.row_start, (len(edges.row_start),)),
        "senders": (edges.senders, (count,)),
        "harmonics": (edges.harmonics, (count, paths.components)),
        "basis": (edges.basis, (count, size)),
        "weight": (radial.weight, (paths.combinations, units)),
        "bias": (radial.bias, (paths.combinations,)),
        **{name: (getattr(radial, name), (units,)) for name in ("basis_bias", "scale", "shift")},
        **{f"inputs of degree {l}": (x, (senders, 2 * l + 1, paths.inputs[l])) for l, x in enumerate(inputs)},
        **{
            f"mixing matrix of degree {l}": (w, (paths.combinations_to(l), mixing[0].shape[1]))
            for l, w in enumerate(mixing)
        },
    }
    if h is not None:
        wanted["field h"] = (h, (senders, paths.components, paths.field))
    real, device = radial.weight.dtype, radial.weight.device
    for name, (tensor, shape) in wanted.items():
        if tuple(tensor.shape) != shape:
            raise EquiglassError(f"The convolution's {name} has shape {tuple(tensor.shape)}, not {shape}.")
        kind = torch.int64 if name in ("row_start", "senders") else real
        if tensor.dtype != kind or tensor.device != device:
            raise EquiglassError(
                f"The convolution's {name} is {tensor.dtype} on {tensor.device}, not {kind} on {device}."
            )
    if real not in (torch.float32, torch.float64):
        raise EquiglassError(f"The convolution computes in float32 or float64, not {real}.")
    if any(x.requires_grad for x in (*inputs, edges.harmonics, edges.basis)):
        raise EquiglassError(
            "Node inputs, harmonics and basis are data: the Triton convolution has no gradient for them."
        )
