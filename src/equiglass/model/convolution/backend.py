"""Which implementation of the convolution runs: compiled C++ on a CPU, Triton on a CUDA GPU, or plain torch."""

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
T = TypeVar("T")


def implementation(device: str = "cpu") -> str:
    """Which implementation runs on a kind of device: "compiled" on a CPU, "triton" on a GPU ("cuda"), or "reference".

    "reference" is plain torch in chunks; it runs where there is no compiler, or no Triton. The environment variable
    EQUIGLASS_CONVOLUTION forces one of the three.

    Raises:
        ConfigurationError: the forced one is unknown.
        SetupError: the forced one cannot run here.
    """
    reasons = {
        "compiled": cpu.unavailable() if device == "cpu" else "it computes on CPUs alone",
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
    """The convolution by the fastest implementation that runs here.

    Arguments and result are those of :func:`equiglass.model.convolution.reference.convolve`.
    """
    arguments = (h, inputs, edges, radial, mixing, norm, paths, dropout)
    # The fast ones take node inputs, harmonics and basis as data.
    data = (*inputs, edges.harmonics, edges.basis)
    if implementation(edges.basis.device.type) == "triton" and not any(x.requires_grad for x in data):
        from equiglass.model.convolution.triton.convolution import convolve as convolve_triton

        return convolve_triton(*arguments)
    if cpu.fits(paths):
        return fastest(data, lambda: compiled_convolution.convolve(*arguments), lambda: chunked.convolve(*arguments))
    return chunked.convolve(*arguments)


def hidden_moments(basis: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance over all edges of relu(W1 B + b1), each (H,); the variance is the biased one."""

    def plain() -> tuple[Tensor, Tensor]:
        variance, mean = torch.var_mean(torch.relu(basis @ weight.T + bias), 0, correction=0)
        return mean, variance

    return fastest([basis], lambda: compiled_edges.hidden_moments(basis, weight, bias), plain)


def fastest(data: Sequence[Tensor], compiled: Callable[[], T], plain: Callable[[], T]) -> T:
    """The result of the compiled code, or of plain torch where that cannot serve.

    Args:
        data: tensors that the compiled code takes from the CPU and gives no gradient to.
        compiled: computes it with the compiled code.
        plain: computes the same in torch.
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


def prepare(layers: Sequence[Paths], architecture: Architecture, like: Tensor) -> None:
    """Compile the code of all layers of a network side by side, where compiled code will run.

    Args:
        layers: the paths of every layer.
        architecture: of the network.
        like: a tensor on the device and in the precision of the network's input.
    """
    if like.device.type != "cpu" or implementation() != "compiled" or not all(map(cpu.fits, layers)):
        return
    a, real = architecture, "float" if like.dtype == torch.float32 else "double"
    shapes = tuple(build.Shape(paths, a.channels, a.radial_width, a.basis_size, real) for paths in layers)
    build.prepare(shapes, a.radial_basis == "gaussian", torch.is_grad_enabled())


@cache
def _say_once(sentence: str) -> None:
    warnings.warn(sentence, EquiglassWarning, stacklevel=4)
