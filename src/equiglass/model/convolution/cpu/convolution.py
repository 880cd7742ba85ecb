"""The compiled convolution and its gradient as a torch function."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from equiglass.errors import EquiglassError
from equiglass.model.convolution.cpu import CHANNELS, L_MAX
from equiglass.model.convolution.cpu.build import Shape, convolution
from equiglass.model.convolution.operation import Dropout, Edges, Radial
from equiglass.model.convolution.paths import Paths


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
    """The compiled convolution, which is differentiable in h, radial and mixing.

    Arguments and result are those of :func:`equiglass.model.convolution.reference.convolve`. Node inputs, harmonics and
    basis are data and have no gradient.

    Raises:
        EquiglassError: shapes, types or devices do not fit, or memory ran out.
        CompilerError: there is no compiler, or it fails.
    """
    given = inputs[0].flatten(1) if len(inputs) == 1 else torch.cat([x.flatten(1) for x in inputs], 1)
    mix = torch.cat([w.reshape(-1) for w in mixing])
    _check(h, given, edges, radial, mix, paths)
    out: Tensor = CompiledConvolution.apply(h, given, *edges, *radial, mix, float(norm), paths, dropout)
    return out


class _Inputs(ctypes.Structure):
    """The structure ``Inputs`` of neighbours.hpp."""

    _fields_ = (
        ("nodes", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in ("row_start", "senders", "h", "node_inputs", "harmonics", "basis")),
        *(
            (name, ctypes.c_void_p)
            for name in ("basis_weight", "basis_bias", "scale", "shift", "weight", "bias", "mix")
        ),
        ("norm", ctypes.c_double),
        ("kept", ctypes.c_double),
        *((name, ctypes.c_uint32) for name in ("threshold", "key_low", "key_high")),
    )


def _inputs(tensors: Sequence[Tensor | None], norm: float, dropout: Dropout | None) -> _Inputs:
    """The structure from the tensors in the order of ``CompiledConvolution.forward``."""
    h, given, row_start, senders, harmonics, basis, *weights = map(_address, tensors)
    assert tensors[2] is not None
    nodes = len(tensors[2]) - 1
    rate, threshold, key = (dropout.rate, dropout.threshold, int(dropout.key)) if dropout else (0.0, 0, 0)
    random = (threshold, key & 0xFFFFFFFF, key >> 32 & 0xFFFFFFFF)
    return _Inputs(nodes, row_start, senders, h, given, harmonics, basis, *weights, norm, 1 / (1 - rate), *random)


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()


class CompiledConvolution(torch.autograd.Function):
    """The torch function of the compiled convolution. Call ``convolve``, which checks the input."""

    @staticmethod
    def forward(ctx: Any, *args: Any) -> Tensor:
        """Compute the convolution of h, node inputs, edges, radial, mix, norm, paths and dropout; see ``convolve``."""
        *tensors, norm, paths, dropout = args
        tensors = [None if x is None else x.contiguous() for x in tensors]
        row_start, basis, basis_weight, mix = tensors[2], tensors[5], tensors[6], tensors[-1]
        channels_out = mix.numel() // paths.combinations
        real = "float" if basis.dtype == torch.float32 else "double"
        hidden, basis_size = basis_weight.shape
        ctx.shape = Shape(paths, channels_out, hidden, basis_size, real)
        code = convolution(ctx.shape, "forward")
        nodes = len(row_start) - 1
        out = basis.new_empty((nodes, paths.components, channels_out))
        messages = None
        if any(ctx.needs_input_grad):
            messages = basis.new_empty((nodes, code.equiglass_message_size()))
        _call(code.equiglass_forward, nodes, _inputs(tensors, norm, dropout), messages, out)
        ctx.save_for_backward(messages, *tensors)
        ctx.norm, ctx.dropout = norm, dropout
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients in the order of the arguments of ``forward``."""
        messages, *tensors = ctx.saved_tensors
        h, _, row_start, _, _, _, *weights = tensors
        dh, *dweights = [None if x is None else torch.empty_like(x) for x in (h, *weights)]
        n_field = ctypes.c_int64(0 if h is None else len(h))
        given = _inputs(tensors, ctx.norm, ctx.dropout)
        function = convolution(ctx.shape, "backward").equiglass_backward
        _call(function, len(row_start) - 1, given, messages, grad.contiguous(), n_field, dh, *dweights)
        return dh, *[None] * 5, *dweights, None, None, None


def _call(function: Any, nodes: int, given: _Inputs, *others: Tensor | ctypes.c_int64 | None) -> None:
    threads = ctypes.c_int(max(1, min(torch.get_num_threads(), nodes)))
    rest = [x if isinstance(x, ctypes.c_int64) else ctypes.c_void_p(_address(x)) for x in others]
    if function(threads, ctypes.byref(given), *rest):
        raise EquiglassError("The convolution ran out of memory; use a smaller batch.")


def _check(h: Tensor | None, given: Tensor, edges: Edges, radial: Radial, mix: Tensor, paths: Paths) -> None:
    row_start, senders, harmonics, basis = edges
    n_edges, components, n_comb = len(senders), paths.components, paths.combinations
    hidden, basis_size = radial.basis_weight.shape
    nodes = len(given)
    if paths.l_max > L_MAX:
        raise EquiglassError(f"The compiled convolution supports degrees up to {L_MAX}, not {paths.l_max}.")
    if paths.field not in (0, *CHANNELS):
        raise EquiglassError(f"The compiled convolution supports {CHANNELS} channels, not {paths.field}.")
    if (h is None) != (paths.field == 0):
        raise EquiglassError(
            "The first layer has no field h and every other layer has one; "
            f"here the paths have {paths.field} channels and h is {'absent' if h is None else 'given'}."
        )
    wanted: list[tuple[str, Tensor, tuple[int, ...]]] = [
        (
            "inputs",
            given,
            (nodes, sum((2 * l + 1) * (paths.entering(l) - paths.field) for l in range(paths.l_max + 1))),
        ),
        ("harmonics", harmonics, (n_edges, components)),
        ("basis", basis, (n_edges, basis_size)),
        ("basis_weight", radial.basis_weight, (hidden, basis_size)),
        ("basis_bias", radial.basis_bias, (hidden,)),
        ("scale", radial.scale, (hidden,)),
        ("shift", radial.shift, (hidden,)),
        ("weight", radial.weight, (n_comb, hidden)),
        ("bias", radial.bias, (n_comb,)),
        ("row_start", row_start, (len(row_start),)),
        ("senders", senders, (n_edges,)),
    ]
    if h is not None:
        wanted.append(("h", h, (nodes, components, paths.field)))
    for name, tensor, shape in wanted:
        if tuple(tensor.shape) != shape:
            raise EquiglassError(f"The convolution's {name} has shape {tuple(tensor.shape)}, not {shape}.")
        integer = name in ("row_start", "senders")
        if tensor.dtype != (torch.int64 if integer else basis.dtype):
            raise EquiglassError(
                f"The convolution's {name} is {tensor.dtype}, not {torch.int64 if integer else basis.dtype}."
            )
        if tensor.device.type != "cpu":
            raise EquiglassError(f"The compiled convolution runs on the CPU; {name} is on {tensor.device}.")
    if basis.dtype not in (torch.float32, torch.float64):
        raise EquiglassError(f"The compiled convolution computes in float32 or float64, not {basis.dtype}.")
    if mix.dtype != basis.dtype or n_comb == 0 or mix.numel() == 0 or mix.numel() % n_comb:
        raise EquiglassError(
            f"The convolution's mixing must be {n_comb} x C_out numbers of {basis.dtype} in all; "
            f"got {mix.numel()} of {mix.dtype}."
        )
    if given.requires_grad or harmonics.requires_grad or basis.requires_grad:
        raise EquiglassError(
            "Node inputs, harmonics and basis are data: the compiled convolution has no gradient for them."
        )
    # numpy checks them on this thread. The work is too small for torch, which would wait for all of its threads.
    starts, sent = row_start.numpy(), senders.numpy()
    if len(starts) == 0 or starts[0] != 0 or starts[-1] != n_edges or np.any(np.diff(starts) < 0):
        raise EquiglassError(f"The convolution's row_start must ascend from 0 to the number of edges, {n_edges}.")
    if n_edges and not 0 <= sent.min() <= sent.max() < nodes:
        raise EquiglassError(f"The convolution's senders must be nodes, 0 to {nodes - 1}.")
