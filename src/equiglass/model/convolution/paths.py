"""The paths (l_in, l_edge, l_out) of an equivariant convolution and their Clebsch-Gordan coefficients.

Conventions, stated here once and used by every implementation of the convolution:

- Components of one l are ordered as e3nn orders them (for l = 1: x, y, z of the vector); a field with all
  l = 0..l_max has K = (l_max+1)^2 components, those of l at rows l^2..(l+1)^2.
- All triplets with |l_in - l_edge| <= l_out <= l_in + l_edge and every l <= l_max are paths: SE(3), no parity rule.
- Paths are ordered by l_in, then l_edge, then l_out.
- The channels of the field h enter a layer first, equally many for every degree; the node inputs of the same degree
  follow: scalars (l = 0), vectors (l = 1), ... A path carries all channels of its l_in. The first layer has no field.
  A degree without channels has no paths.
- The coefficients are <l_in m_in l_edge m_edge | l_out m_out> = sqrt(2 l_out + 1) * (3j of e3nn), so coupling with
  Y^0 = 1 is the identity.

Source: Pezzicoli, Charpiat, Landes, SciPost Phys. 2024, arXiv:2211.03226, eqs 18-20.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Path(NamedTuple):
    """One way to couple a field of degree l_in with the harmonics of degree l_edge to a field of degree l_out."""

    l_in: int
    l_edge: int
    l_out: int


@dataclass(frozen=True)
class Paths:
    """The paths of one convolution layer, in their fixed order.

    Attributes:
        l_max: highest degree of input, harmonics and output.
        field: channels of the field h, 0 in the first layer.
        inputs: channels of the node inputs by degree: (S,) scalars, (S, V) scalars and vectors, ...
    """

    l_max: int
    field: int
    inputs: tuple[int, ...]

    def entering(self, degree: int) -> int:
        """Channels that enter at a degree: those of the field, then those of the node inputs."""
        return self.field + (self.inputs[degree] if degree < len(self.inputs) else 0)

    @cached_property
    def triplets(self) -> tuple[Path, ...]:
        """All paths: 34 for l_max = 3, 4 for its first layer with scalars."""
        degrees = range(self.l_max + 1)
        return tuple(
            Path(l_in, l_edge, l_out)
            for l_in in degrees
            if self.entering(l_in)
            for l_edge in degrees
            for l_out in range(abs(l_in - l_edge), min(l_in + l_edge, self.l_max) + 1)
        )

    @property
    def components(self) -> int:
        """K = (l_max + 1)^2."""
        return (self.l_max + 1) ** 2

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """Channels of every path."""
        return tuple(self.entering(path.l_in) for path in self.triplets)

    @property
    def combinations(self) -> int:
        """n_comb: the radial weights of one edge, 284 for l_max = 3, 8 channels, 3 scalars."""
        return sum(self.widths)

    def combinations_to(self, l_out: int) -> int:
        """Inputs of the mixing matrix of one l_out: rows (path, channel) in path order."""
        return sum(width for path, width in zip(self.triplets, self.widths, strict=True) if path.l_out == l_out)


@cache
def clebsch_gordan(path: Path) -> NDArray[np.float64]:
    """<l_in m_in l_edge m_edge | l_out m_out> in the real basis of e3nn.

    Returns:
        float64 array (2 l_in + 1, 2 l_edge + 1, 2 l_out + 1), read-only; exact zeros where it vanishes.
    """
    import torch
    from e3nn.o3 import wigner_3j

    coefficients = (wigner_3j(*path, dtype=torch.float64) * (2 * path.l_out + 1) ** 0.5).numpy()
    coefficients[np.abs(coefficients) < 1e-12] = 0.0
    coefficients.setflags(write=False)
    return coefficients
