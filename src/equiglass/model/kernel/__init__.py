"""The equivariant convolution in compiled code: the same function as the plain one, many times faster on a CPU.

out_i[m_out, c'] = norm sum_paths sum_c mix[(path, c), c'] sum_j relu(W2 u_ij + b2)[path, c] [Y_ij (x)_CG h_j]_path
(Pezzicoli, Charpiat, Landes, arXiv:2211.03226, eqs 18-20 and 25; conventions in equiglass.model.paths).
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from equiglass.compiled import compiler
from equiglass.errors import EquiglassError
from equiglass.model.kernel.build import Shape, library
from equiglass.model.paths import Paths, clebsch_gordan

CHANNELS = (1, 2, 4, 8, 16, 32)


def unavailable() -> str | None:
    """Why the compiled convolution cannot be used here, or None where it can."""
    found = compiler()
    return found if isinstance(found, str) else None


def available() -> bool:
    """Whether this machine has a C++ compiler."""
    return unavailable() is None


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
    from equiglass.model.operation import hidden_units
    mix = torch.cat([w.reshape(-1) for w in mixing])
    return convolve_old(h, inputs[0][:,0], hidden_units(edges.basis, radial, dropout), edges.harmonics, edges.row_start, edges.senders, radial.weight, radial.bias, mix, norm, paths)


def convolve_old(
    h: Tensor | None,
    s: Tensor,
    u: Tensor,
    harmonics: Tensor,
    row_ptr: Tensor,
    senders: Tensor,
    weight: Tensor,
    bias: Tensor,
    mix: Tensor,
    norm: float,
    paths: Paths,
) -> Tensor:
    """One equivariant convolution, differentiable in h, u, weight, bias and mix.

    Args:
        h: field of every node, (N, K, C), K = (l_max+1)^2, C one of 1, 2, 4, 8, 16, 32; None in the first layer.
        s: node scalars, (N, S), S may be 0 except in the first layer. They are data: no gradient.
        u: hidden radial activations of every edge, (E, H).
        harmonics: spherical harmonics of every edge, (E, K). No gradient.
        row_ptr: the edges row_ptr[i]..row_ptr[i+1] are received by node i, int64, (N+1,).
        senders: sender of every edge, int64, (E,).
        weight: second radial layer, (n_comb, H); rows are (path, channel) in the order of ``paths``.
        bias: its biases, (n_comb,).
        mix: mixing matrices of all l_out one after another, each (rows of that l_out, C_out) flattened; rows are
            (path, channel) in the order of ``paths``. 1-D, n_comb * C_out numbers.
        norm: factor of the sum over neighbours.
        paths: the paths; ``(paths.field==0)`` says that there is no h.

    Returns:
        (N, K, C_out).

    Raises:
        EquiglassError: shapes, types or devices that do not fit, or no compiler.
    """
    channels = 0 if h is None else h.shape[-1]
    n_comb = paths.combinations
    _check(h, s, u, harmonics, row_ptr, senders, weight, bias, mix, paths, n_comb)
    out: Tensor = CompiledConvolution.apply(h, s, u, harmonics, row_ptr, senders, weight, bias, mix, float(norm), paths)
    return out


class CompiledConvolution(torch.autograd.Function):
    """The compiled convolution and its gradient, as torch sees them. Call ``convolve``, which checks its input."""

    @staticmethod
    def forward(
        ctx: Any,
        h: Tensor | None,
        s: Tensor,
        u: Tensor,
        harmonics: Tensor,
        row_ptr: Tensor,
        senders: Tensor,
        weight: Tensor,
        bias: Tensor,
        mix: Tensor,
        norm: float,
        paths: Paths,
    ) -> Tensor:
        """See ``convolve``."""
        inputs = [None if x is None else x.contiguous() for x in (h, s, u, harmonics, weight, bias, mix)]
        row_ptr, senders = row_ptr.contiguous(), senders.contiguous()
        nodes = len(row_ptr) - 1
        channels = 0 if h is None else h.shape[2]
        channels_out = mix.numel() // len(bias)
        real = "float" if u.dtype == torch.float32 else "double"
        code = library(Shape(paths, channels, s.shape[1], channels_out, u.shape[1], real))
        out = u.new_empty((nodes, paths.components, channels_out))
        messages = None
        if any(ctx.needs_input_grad):
            messages = u.new_empty((nodes, code.equiglass_message_size()))
        _call(code.equiglass_forward, row_ptr, [senders, *inputs], paths, norm, [messages, out])
        ctx.save_for_backward(messages, row_ptr, senders, *inputs)
        ctx.code, ctx.paths, ctx.norm = code, paths, norm
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients in the order of the arguments of ``forward``."""
        messages, row_ptr, *inputs = ctx.saved_tensors
        _, h, _, u, _, weight, bias, mix = inputs
        dh = None if h is None else torch.empty_like(h)
        du, dweight, dbias, dmix = (torch.empty_like(x) for x in (u, weight, bias, mix))
        results = [messages, grad.contiguous(), dh, du, dweight, dbias, dmix]
        _call(ctx.code.equiglass_backward, row_ptr, inputs, ctx.paths, ctx.norm, results)
        return dh, None, du, None, None, None, dweight, dbias, dmix, None, None


def _call(
    function: Any,
    row_ptr: Tensor,
    inputs: Sequence[Tensor | None],
    paths: Paths,
    norm: float,
    others: Sequence[Tensor | None],
) -> None:
    """Calls a compiled function: the inputs both have in common, then its own."""
    terms, values = coupling_terms(paths)
    nodes = len(row_ptr) - 1
    failed = function(
        ctypes.c_int(max(1, min(torch.get_num_threads(), nodes))),
        ctypes.c_int64(nodes),
        _pointer(row_ptr),
        *map(_pointer, inputs),
        ctypes.c_int(len(values)),
        ctypes.c_void_p(terms.ctypes.data),
        ctypes.c_void_p(values.ctypes.data),
        ctypes.c_double(norm),
        *map(_pointer, others),
    )
    if failed:
        raise EquiglassError("The convolution ran out of memory; use a smaller batch.")


def _pointer(tensor: Tensor | None) -> ctypes.c_void_p:
    return ctypes.c_void_p(None if tensor is None else tensor.data_ptr())


@cache
def coupling_terms(paths: Paths) -> tuple[np.ndarray, np.ndarray]:
    """The coefficients that do not vanish: (path, m_in, m_edge, m_out) of each, int32 (n, 4), and values (n,)."""
    terms, values = [], []
    for p, path in enumerate(paths.triplets):
        coefficients = clebsch_gordan(path)
        where = np.argwhere(coefficients)
        terms.append(np.column_stack([np.full(len(where), p), where]))
        values.append(coefficients[tuple(where.T)])
    return np.ascontiguousarray(np.concatenate(terms), dtype=np.int32), np.concatenate(values)


def _check(
    h: Tensor | None,
    s: Tensor,
    u: Tensor,
    harmonics: Tensor,
    row_ptr: Tensor,
    senders: Tensor,
    weight: Tensor,
    bias: Tensor,
    mix: Tensor,
    paths: Paths,
    n_comb: int,
) -> None:
    if (h is None) != (paths.field==0):
        raise EquiglassError(
            "The first layer has no field h and every other layer has one; "
            f"here (paths.field==0) is {(paths.field==0)} and h is {'absent' if h is None else 'given'}."
        )
    nodes, edges, hidden = len(row_ptr) - 1, len(senders), weight.shape[-1]
    wanted: list[tuple[str, Tensor, tuple[int, ...]]] = [
        ("s", s, (nodes, s.shape[-1])),
        ("u", u, (edges, hidden)),
        ("harmonics", harmonics, (edges, paths.components)),
        ("weight", weight, (n_comb, hidden)),
        ("bias", bias, (n_comb,)),
        ("row_ptr", row_ptr, (nodes + 1,)),
        ("senders", senders, (edges,)),
    ]
    if h is not None:
        wanted.append(("h", h, (nodes, paths.components, h.shape[-1])))
    for name, tensor, shape in wanted:
        if tuple(tensor.shape) != shape:
            raise EquiglassError(f"The convolution's {name} has shape {tuple(tensor.shape)}, not {shape}.")
        integer = name in ("row_ptr", "senders")
        if tensor.dtype != (torch.int64 if integer else u.dtype):
            raise EquiglassError(
                f"The convolution's {name} is {tensor.dtype}, not {torch.int64 if integer else u.dtype}."
            )
        if tensor.device.type != "cpu":
            raise EquiglassError(f"The compiled convolution runs on the CPU; {name} is on {tensor.device}.")
    if u.dtype not in (torch.float32, torch.float64):
        raise EquiglassError(f"The compiled convolution computes in float32 or float64, not {u.dtype}.")
    if mix.ndim != 1 or mix.dtype != u.dtype or n_comb == 0 or mix.numel() == 0 or mix.numel() % n_comb:
        raise EquiglassError(
            f"The convolution's mix must be one row of {n_comb} x C_out numbers of {u.dtype}; "
            f"got {tuple(mix.shape)} of {mix.dtype}."
        )
    if h is not None and h.shape[-1] not in CHANNELS:
        raise EquiglassError(f"The compiled convolution has {CHANNELS} channels, not {h.shape[-1]}.")
    if s.requires_grad or harmonics.requires_grad:
        raise EquiglassError("Node scalars and harmonics are data: the compiled convolution has no gradient for them.")
    # numpy looks through them on this thread; torch would wait for all of its threads, for less work than that costs.
    starts, sent = row_ptr.numpy(), senders.numpy()
    if starts[0] != 0 or starts[-1] != edges or np.any(np.diff(starts) < 0):
        raise EquiglassError(f"The convolution's row_ptr must ascend from 0 to the number of edges, {edges}.")
    if edges and not 0 <= sent.min() <= sent.max() < nodes:
        raise EquiglassError(f"The convolution's senders must be nodes, 0 to {nodes - 1}.")
