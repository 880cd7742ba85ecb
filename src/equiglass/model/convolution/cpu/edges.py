"""The compiled features of the edges, and the compiled moments of the hidden radial units."""

from __future__ import annotations

import ctypes
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from equiglass.model.convolution.cpu.build import geometry, moments


def edge_features(vectors: Tensor, l_max: int, basis: str, size: int, cutoff: float) -> tuple[Tensor, Tensor]:
    """The spherical harmonics, (E, (l_max + 1)^2), and the radial basis, (E, size), of the edges.

    Args:
        vectors: vectors of the edges, (E, 3), LJ length, on the CPU and without gradient.
        l_max: highest degree.
        basis: "bessel" or "gaussian".
        size: number of radial basis functions.
        cutoff: upper limit d_c of the length of edges, LJ length.
    """
    vectors = vectors.contiguous()
    code = geometry(l_max, size, basis == "gaussian", _real(vectors))
    harmonics, functions = vectors.new_empty(len(vectors), (l_max + 1) ** 2), vectors.new_empty(len(vectors), size)
    code.equiglass_edges(
        _threads(), _edges(vectors), _at(vectors), ctypes.c_double(cutoff), _at(harmonics), _at(functions)
    )
    return harmonics, functions


def hidden_moments(basis: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """The result of `equiglass.model.convolution.backend.hidden_moments`, for a basis on the CPU without gradient."""
    mean, variance = HiddenMoments.apply(basis.contiguous(), weight.contiguous(), bias)
    return mean, variance


class HiddenMoments(torch.autograd.Function):
    """The torch function of the mean and the variance of relu(W1 B + b1)."""

    @staticmethod
    def forward(ctx: Any, basis: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the moments; see ``hidden_moments``."""
        hidden, size = weight.shape
        ctx.code = moments(hidden, size, _real(basis))
        mean, variance = torch.empty_like(bias), torch.empty_like(bias)
        arguments = map(_at, (basis, weight, bias, mean, variance))
        ctx.code.equiglass_moments(_threads(), _edges(basis), *arguments)
        ctx.save_for_backward(basis, weight, bias, mean)
        return mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients of the weight and the bias."""
        basis, weight, bias, mean = ctx.saved_tensors
        dweight, dbias = torch.empty_like(weight), torch.empty_like(bias)
        dmean, dvariance = (g.contiguous() for g in grad)
        arguments = map(_at, (basis, weight, bias, mean, dmean, dvariance, dweight, dbias))
        ctx.code.equiglass_moments_backward(_threads(), _edges(basis), *arguments)
        return None, dweight, dbias


def _threads() -> ctypes.c_int:
    return ctypes.c_int(torch.get_num_threads())


def _edges(tensor: Tensor) -> ctypes.c_int64:
    return ctypes.c_int64(len(tensor))


def _at(tensor: Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(tensor.data_ptr())


def _real(tensor: Tensor) -> str:
    return "float" if tensor.dtype == torch.float32 else "double"
