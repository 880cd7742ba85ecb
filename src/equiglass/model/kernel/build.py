"""Compiles the convolution for one shape, once per machine, and loads it."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from functools import cache
from pathlib import Path as File
from typing import Literal, NamedTuple

import numpy as np

from equiglass import compiled
from equiglass.model.paths import Path, Paths, clebsch_gordan

FOLDER = File(__file__).parent
# Where the compiler has no OpenMP the convolution runs on one thread.
THREADS = "-fopenmp"


class Shape(NamedTuple):
    """What is fixed when the convolution is compiled; one library for each."""

    paths: Paths
    channels_out: int
    hidden: int
    basis: int
    real: str

    def header(self) -> str:
        """The definitions that shape.hpp lists."""
        p = self.paths
        couplings = _couplings(p)

        inputs = [p.entering(degree) - p.field for degree in range(p.l_max + 1)]
        definitions = {
            "REAL": self.real,
            "L_MAX": p.l_max,
            "FIELD": p.field,
            "INPUTS": ",".join(map(str, inputs)),
            "CHANNELS_OUT": self.channels_out,
            "HIDDEN": self.hidden,
            "BASIS": self.basis,
            "PATHS": _table(list(p.triplets)),
            "COUPLINGS": _table(sorted(couplings, key=lambda c: (c[0], c[3]))),
            "COUPLINGS_BACK": _table(sorted(couplings, key=lambda c: (c[0], c[2], c[1]))),
        }
        return _defined(definitions)


def _couplings(paths: Paths) -> list[tuple[int, int, int, int, float]]:
    """The Clebsch-Gordan coefficients that do not vanish: path, m_in, m_edge, m_out and value."""
    found = []
    for index, path in enumerate(paths.triplets):
        coefficients = clebsch_gordan(path)
        found += [(index, *map(int, at), float(coefficients[tuple(at)])) for at in np.argwhere(coefficients)]
    return found


def _harmonics(l_max: int) -> list[tuple[int, int, int, int, float]]:
    """Y^l from Y^1 and Y^(l-1): l, m of Y^1, m of Y^(l-1), m of Y^l and coefficient."""
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


@cache
def edges_library(l_max: int, hidden: int, basis: int, gaussian: bool, real: str) -> ctypes.CDLL:
    """The compiled functions of the edges (edges.cpp)."""
    definitions = {
        "REAL": real,
        "L_MAX": l_max,
        "HIDDEN": hidden,
        "BASIS": basis,
        "GAUSSIAN": int(gaussian),
        "HARMONICS": _table(_harmonics(l_max)) or "{}",
    }
    return compiled.library(FOLDER / "edges.cpp", header=_defined(definitions), wished=(THREADS,))


@cache
def library(shape: Shape, direction: Literal["forward", "backward"]) -> ctypes.CDLL:
    """The compiled convolution of that shape, or its gradient; see :func:`equiglass.compiled.library`."""
    return compiled.library(FOLDER / f"{direction}.cpp", header=shape.header(), wished=(THREADS,))
