"""The compilation of the C++ of the convolution for the shapes of a network, once per machine."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache, partial
from pathlib import Path as File
from typing import Literal, NamedTuple

import numpy as np

from equiglass.machine import compiled
from equiglass.model.convolution.paths import Path, Paths, clebsch_gordan

FOLDER = File(__file__).parent
# Without OpenMP in the compiler, the convolution runs on one thread.
THREADS = "-fopenmp"


class Shape(NamedTuple):
    """The sizes that are fixed at compile time. There is one library per shape and direction.

    Attributes:
        paths: paths of the layer.
        channels_out: number of channels of the output.
        hidden: number of hidden units of the radial MLP.
        basis: number of radial basis functions.
        real: "float" or "double".
    """

    paths: Paths
    channels_out: int
    hidden: int
    basis: int
    real: str

    def header(self) -> str:
        """The header with the definitions that shape.hpp lists."""
        return _header(self)


@cache
def _header(shape: Shape) -> str:
    p = shape.paths
    couplings = _couplings(p)
    inputs = [p.entering(degree) - p.field for degree in range(p.l_max + 1)]
    definitions = {
        "REAL": shape.real,
        "L_MAX": p.l_max,
        "FIELD": p.field,
        "INPUTS": ",".join(map(str, inputs)),
        "CHANNELS_OUT": shape.channels_out,
        "HIDDEN": shape.hidden,
        "BASIS": shape.basis,
        "PATHS": _table(list(p.triplets)),
        "COUPLINGS": _table(sorted(couplings, key=lambda c: (c[0], c[3]))),
        "COUPLINGS_BACK": _table(sorted(couplings, key=lambda c: (c[0], c[2], c[1]))),
    }
    return _defined(definitions)


def _couplings(paths: Paths) -> list[tuple[float, ...]]:
    """The Clebsch-Gordan coefficients that do not vanish, as (path, m_in, m_edge, m_out, value)."""
    found = []
    for index, path in enumerate(paths.triplets):
        coefficients = clebsch_gordan(path)
        found += [(index, *map(int, at), float(coefficients[tuple(at)])) for at in np.argwhere(coefficients)]
    return found


def _harmonics(l_max: int) -> list[tuple[float, ...]]:
    """The coefficients of Y^l in terms of Y^1 and Y^(l-1), as (l, m of Y^1, m of Y^(l-1), m of Y^l, coefficient)."""
    import torch
    from e3nn.o3 import spherical_harmonics

    direction = torch.tensor([[0.3, -0.5, 0.8]], dtype=torch.float64)
    found = []
    for l in range(2, l_max + 1):
        one, before, wanted = (
            spherical_harmonics(degree, direction, True, "component")[0].numpy() for degree in (1, l - 1, l)
        )
        coefficients = clebsch_gordan(Path(1, l - 1, l))
        coupled = np.einsum("a,b,abm->m", one, before, coefficients)
        factor = wanted @ coupled / (coupled @ coupled)
        found += [(l, *map(int, at), float(factor * coefficients[tuple(at)])) for at in np.argwhere(coefficients)]
    return found


def _table(rows: Iterable[tuple[float, ...]]) -> str:
    return ",".join("{" + ",".join(map(repr, row)) + "}" for row in rows)


def _defined(definitions: dict[str, object]) -> str:
    return "".join(f"#define {name} {value}\n" for name, value in definitions.items())


def geometry(l_max: int, basis: int, gaussian: bool, real: str) -> ctypes.CDLL:
    """The compiled spherical harmonics and radial basis (geometry.cpp)."""
    return _library("geometry", _geometry_header(l_max, basis, gaussian, real))


def moments(hidden: int, basis: int, real: str) -> ctypes.CDLL:
    """The compiled moments of the hidden radial units (moments.cpp)."""
    return _library("moments", _defined({"REAL": real, "HIDDEN": hidden, "BASIS": basis}))


def convolution(shape: Shape, direction: Literal["forward", "backward"]) -> ctypes.CDLL:
    """The compiled convolution of a shape (forward.cpp), or its gradient (backward.cpp)."""
    return _library(direction, shape.header())


@cache
def prepare(shapes: tuple[Shape, ...], gaussian: bool, gradient: bool) -> None:
    """Compile the libraries of layers of these shapes in parallel.

    This function raises no error of the compiler; the first use of a library raises it.

    Args:
        shapes: shapes of all layers.
        gaussian: whether the radial basis is Gaussian.
        gradient: whether gradients are needed.
    """
    l_max, hidden, basis, real = shapes[0].paths.l_max, shapes[0].hidden, shapes[0].basis, shapes[0].real
    jobs: list[Callable[[], object]] = [partial(geometry, l_max, basis, gaussian, real)]
    for shape in dict.fromkeys(shapes):
        jobs.append(partial(convolution, shape, "forward"))
        if gradient:
            jobs.append(partial(convolution, shape, "backward"))
    if gradient:
        jobs.append(partial(moments, hidden, basis, real))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        # The gradients take longest to compile, so they come first.
        for done in [pool.submit(job) for job in reversed(jobs)]:
            with suppress(compiled.CompilerError):
                done.result()


def _library(name: str, header: str) -> ctypes.CDLL:
    return compiled.library(FOLDER / f"{name}.cpp", header, wished=(THREADS,))


@cache
def _geometry_header(l_max: int, basis: int, gaussian: bool, real: str) -> str:
    return _defined(
        {
            "REAL": real,
            "L_MAX": l_max,
            "BASIS": basis,
            "GAUSSIAN": int(gaussian),
            # C++ has no empty arrays.
            "HARMONICS": _table(_harmonics(l_max)) or "{}",
        }
    )
