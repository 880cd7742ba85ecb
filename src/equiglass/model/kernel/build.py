"""Compiles the convolution for one shape, once per machine, and loads it."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import NamedTuple

from equiglass import compiled
from equiglass.model.paths import Paths

SOURCE = Path(__file__).with_name("convolution.cpp")
# Where the compiler has no OpenMP the convolution runs on one thread.
THREADS = "-fopenmp"


class Shape(NamedTuple):
    """What is fixed when the convolution is compiled; one library for each."""

    paths: Paths
    channels: int
    scalars: int
    channels_out: int
    hidden: int
    real: str

    def flags(self) -> tuple[str, ...]:
        """The shape as definitions for the compiler."""
        triplets = ",".join(f"{{{p.l_in},{p.l_edge},{p.l_out}}}" for p in self.paths.triplets)
        return (
            f"-DREAL={self.real}",
            f"-DL_MAX={self.paths.l_max}",
            f"-DCHANNELS={self.channels}",
            f"-DSCALARS={self.scalars}",
            f"-DCHANNELS_OUT={self.channels_out}",
            f"-DHIDDEN={self.hidden}",
            f"-DPATHS={triplets}",
        )


def library(shape: Shape) -> ctypes.CDLL:
    """The compiled convolution of that shape; see :func:`equiglass.compiled.library`."""
    return compiled.library(SOURCE, shape.flags(), (THREADS,))
