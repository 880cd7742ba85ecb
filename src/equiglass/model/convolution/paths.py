"""The paths (l_in, l_edge, l_out) of an equivariant convolution and their Clebsch-Gordan coefficients.

Every implementation of the convolution uses these conventions:

- The components of one l have the order of e3nn (for l = 1: x, y, z). A field with all l = 0..l_max has
  K = (l_max + 1)^2 components, and those of l are the rows l^2 to (l + 1)^2.
- All triplets with |l_in - l_edge| <= l_out <= l_in + l_edge and all l <= l_max are paths. The symmetry is SE(3), so
  there is no parity rule.
- Paths are sorted by l_in, then l_edge, then l_out.
- The channels of the field h come first, with the same number for every degree. The node inputs of the same degree
  follow: scalars (l = 0), vectors (l = 1), ... The first layer has no field.
- A path has all channels of its l_in. A degree without channels has no paths.
- The coefficients are <l_in m_in l_edge m_edge | l_out m_out> = sqrt(2 l_out + 1) * (3j of e3nn), so that the coupling
  with Y^0 = 1 is the identity.

Source: Pezzicoli, Charpiat, Landes, SciPost Phys. 2024, arXiv 2211.03226, eqs 18-20.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Path(NamedTuple):
    """A coupling of a field of degree l_in with the harmonics of degree l_edge to a field of degree l_out."""

    l_in: int
    l_edge: int
    l_out: int


@dataclass(frozen=True)
class Paths:
    """The paths of one convolution layer, in their fixed order (eqs. 4 and 17).

    Attributes:
        l_max: highest degree of input, harmonics and output.
        field: number of channels of the field h, 0 in the first layer.
        inputs: numbers of channels of the node inputs by degree: (S,) scalars, (S, V) scalars and vectors, ...
    """

    l_max: int
    field: int
    inputs: tuple[int, ...]

    def entering(self, degree: int) -> int:
        """The number of channels of the field and the node inputs that enter at a degree."""
        return self.field + (self.inputs[degree] if degree < len(self.inputs) else 0)

    @cached_property
    def triplets(self) -> tuple[Path, ...]:
        """All paths. For l_max = 3, there are 34, and 4 in a first layer with scalars only."""
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
        """The number of components K = (l_max + 1)^2."""
        return (self.l_max + 1) ** 2

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """The number of channels of every path."""
        return tuple(self.entering(path.l_in) for path in self.triplets)

    @property
    def combinations(self) -> int:
        """The number n_comb of radial weights per edge: 284 for l_max = 3, 8 channels and 3 scalars."""
        return sum(self.widths)

    def combinations_to(self, l_out: int) -> int:
        """The number of rows of the mixing matrix of l_out, one per channel of every path to l_out."""
        return sum(width for path, width in zip(self.triplets, self.widths, strict=True) if path.l_out == l_out)


@cache
def clebsch_gordan(path: Path) -> NDArray[np.float64]:
    """The Clebsch-Gordan coefficients <l_in m_in l_edge m_edge | l_out m_out> in the real basis of e3nn (eq. 16).

    Returns:
        A read-only array (2 l_in + 1, 2 l_edge + 1, 2 l_out + 1), float64. Coefficients that vanish are exactly zero.
    """
    import torch
    from e3nn.o3 import wigner_3j

    coefficients = (wigner_3j(*path, dtype=torch.float64) * (2 * path.l_out + 1) ** 0.5).numpy()
    coefficients[np.abs(coefficients) < 1e-12] = 0.0
    coefficients.setflags(write=False)
    return coefficients
