"""The equivariant convolution in compiled C++: many times faster on a CPU than plain torch."""

from __future__ import annotations

from equiglass.machine.compiled import defect
from equiglass.model.convolution.paths import Paths

CHANNELS = (1, 2, 4, 8, 16, 32)
"""The numbers of channels of the field for which there is compiled code."""

L_MAX = 4
"""The highest degree for which there is compiled code."""


def unavailable() -> str | None:
    """The reason why the compiled convolution cannot run on this machine, or None if it can."""
    return defect()


def available() -> bool:
    """Whether the C++ compiler of this machine works."""
    return unavailable() is None


def fits(paths: Paths) -> bool:
    """Whether the compiled convolution has code for these channels and degrees."""
    return paths.l_max <= L_MAX and paths.field in (0, *CHANNELS)
