"""The choice of the implementation of the convolution: compiled C++ on a CPU, Triton on a CUDA GPU, or plain torch."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from typing import TypeVar

import torch
from torch import Tensor

from equiglass.errors import ConfigurationError, EquiglassWarning, SetupError
from equiglass.machine.compiled import CompilerError
from equiglass.model.architecture import Architecture
from equiglass.model.convolution import chunked, cpu, triton
from equiglass.model.convolution.cpu import build
from equiglass.model.convolution.cpu import convolution as compiled_convolution
from equiglass.model.convolution.cpu import edges as compiled_edges
from equiglass.model.convolution.operation import Dropout, Edges, Radial
from equiglass.model.convolution.paths import Paths

VARIABLE = "EQUIGLASS_CONVOLUTION"
"""The environment variable that forces an implementation."""

T = TypeVar("T")


def implementation(device: str = "cpu") -> str:
    """The implementation that runs on a device: "compiled", "triton" or "reference".

    "compiled" runs on a CPU, and "triton" on a GPU. "reference" is plain torch in chunks; it runs if there is no
    compiler, or no Triton. The environment variable EQUIGLASS_CONVOLUTION forces one of the three.

    Args:
        device: kind of the device, "cpu" or "cuda".

    Raises:
        ConfigurationError: the forced implementation does not exist.
        SetupError: the forced implementation cannot run on this machine.
    """
    reasons = {
        "compiled": cpu.unavailable() if device == "cpu" else "it computes only on CPUs",
        "triton": triton.unavailable(device),
        "reference": None,
    }
    fastest = "compiled" if device == "cpu" else "triton"
    forced = os.environ.get(VARIABLE, "reference" if reasons[fastest] else fastest)
    if forced not in reasons:
        raise ConfigurationError(f"{VARIABLE} is {forced!r}; it must be 'compiled', 'triton' or 'reference'.")
    if device == "cpu" and forced != fastest and VARIABLE not in os.environ:
        _say_once(f"The convolution runs in plain torch, many times slower: {reasons[fastest]}.")
    if reason := reasons[forced]:
        raise SetupError(f"{VARIABLE} asks for the {forced} convolution, but {reason}.")
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
    """The convolution, computed by the fastest implementation that runs on this machine.

    Arguments and result are those of :func:`equiglass.model.convolution.reference.convolve`.
    """
    arguments = (h, inputs, edges, radial, mixing, norm, paths, dropout)
    # The fast implementations have no gradient for node inputs, harmonics and basis.
    data = (*inputs, edges.harmonics, edges.basis)
    if implementation(edges.basis.device.type) == "triton" and not any(x.requires_grad for x in data):
        from equiglass.model.convolution.triton.convolution import convolve as convolve_triton

        return convolve_triton(*arguments)
    if cpu.fits(paths):
        return fastest(data, lambda: compiled_convolution.convolve(*arguments), lambda: chunked.convolve(*arguments))
    return chunked.convolve(*arguments)


def hidden_moments(basis: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """The mean and the biased variance of relu(W1 B + b1) over all edges, each (H,)."""

    def plain() -> tuple[Tensor, Tensor]:
        variance, mean = torch.var_mean(torch.relu(basis @ weight.T + bias), 0, correction=0)
        return mean, variance

    return fastest([basis], lambda: compiled_edges.hidden_moments(basis, weight, bias), plain)


def fastest(data: Sequence[Tensor], compiled: Callable[[], T], plain: Callable[[], T]) -> T:
    """The result of the compiled code if it can run, otherwise of plain torch.

    Args:
        data: tensors that must lie on the CPU and need no gradient for the compiled code.
        compiled: function that computes the result with the compiled code.
        plain: function that computes the same in plain torch.
    """
    if any(x.requires_grad or x.device.type != "cpu" for x in data) or implementation() != "compiled":
        return plain()
    try:
        return compiled()
    except CompilerError as error:
        if os.environ.get(VARIABLE) == "compiled":
            raise
        _say_once(f"{error} Plain torch is used, many times slower.")
        return plain()


def prepare(layers: Sequence[Paths], architecture: Architecture, basis_size: int, like: Tensor) -> None:
    """Compile the code of all layers of a network in parallel, if the compiled code will run.

    Args:
        layers: paths of every layer.
        architecture: hyper-parameters of the network.
        basis_size: number of radial functions per edge.
        like: any tensor with the device and the precision of the input.
    """
    if like.device.type != "cpu" or implementation() != "compiled" or not all(map(cpu.fits, layers)):
        return
    a, real = architecture, {torch.float32: "float", torch.float64: "double"}[like.dtype]
    shapes = tuple(build.Shape(paths, a.channels, a.radial_width, basis_size, real) for paths in layers)
    build.prepare(shapes, a.radial_basis == "gaussian", torch.is_grad_enabled())


@cache
def _say_once(sentence: str) -> None:
    warnings.warn(sentence, EquiglassWarning, stacklevel=4)
