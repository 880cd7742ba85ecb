"""The fingerprint of a configuration: a few numbers that recognise its content in whatever file it stands.

For nine reciprocal vectors k of the box, near the first peak of the structure factor, it holds

    s(k) = |sum_j exp(i k . r_j)| / sqrt(N),    p(k) = sqrt(sum_a |sum_{j of type a} exp(i k . r_j)|^2 / N)

with the numbers of particles per type and the box. These numbers do not change with the order of the particles, the
origin, the images of the particles, or the numbers of the types. They are smooth in the positions: a random
displacement of d per coordinate changes each number by about k d, with k about 7. A hash of rounded positions would
have edges, at which rounding in a file changes the hash.

Two fingerprints match if no number differs by more than `TOLERANCE`, and no edge of the box by more than 0.1 %. So
positions rounded to three decimals match (difference 0.002). So do frames whose particles moved by less than 0.003.
Frames of a liquid that are 0.1 LJ times apart differ by about 0.5 in several of the 18 numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Generic, NamedTuple, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from equiglass.errors import DataError
from equiglass.liquid.arrays import Float

TOLERANCE = 0.02
"""The largest difference of two numbers of matching fingerprints."""

BOX_TOLERANCE = 1e-3
"""The largest relative difference of the edges of the box."""

CELL = 1.5 * TOLERANCE
"""Edge of the cells in which matching fingerprints are searched; it must exceed the tolerance."""

_TEXT = re.compile(r"\d+(\+\d+)* \S+x\S+x\S+( \d+\.\d+)+")

T = TypeVar("T")


class Fingerprint(NamedTuple):
    """The fingerprint of a configuration. `matches` compares with tolerance; ``==`` compares exactly.

    Attributes:
        counts: numbers of particles of the types that occur, descending.
        box: edges of the box, LJ length, six digits.
        sums: the numbers s(k) and p(k), three decimals.
    """

    counts: tuple[int, ...]
    box: tuple[float, ...]
    sums: tuple[float, ...]

    @classmethod
    def of(cls, positions: Float, types: NDArray[np.int64], box: Float) -> Self:
        """The fingerprint of positions (N, 3), types (N,) and a box (3,)."""
        sums = []
        fractions = positions / box
        kinds = np.unique(types)
        for n in _vectors(len(types)):
            phases = np.exp(2j * np.pi * (fractions @ n))
            of_type = np.array([phases[types == kind].sum() for kind in kinds])
            sums += [abs(of_type.sum()), np.sqrt(np.sum(np.abs(of_type) ** 2))]
        counts = sorted((int(count) for count in np.bincount(types) if count), reverse=True)
        numbers = np.array(sums) / np.sqrt(len(types))
        edges = tuple(float(f"{edge:.6g}") for edge in box)
        return cls(tuple(counts), edges, tuple(round(float(number), 3) for number in numbers))

    @classmethod
    def parse(cls, text: str) -> Self:
        """The fingerprint from its text.

        Raises:
            DataError: the text is no fingerprint.
        """
        try:
            if _TEXT.fullmatch(text):
                counts, box, *sums = text.split()
                edges = tuple(map(float, box.split("x")))
                return cls(tuple(map(int, counts.split("+"))), edges, tuple(map(float, sums)))
        except (TypeError, ValueError):
            pass
        raise DataError(f"{str(text)[:60]!r} is no fingerprint of a configuration.")

    def __str__(self) -> str:
        counts, box = "+".join(map(str, self.counts)), "x".join(f"{edge:.6g}" for edge in self.box)
        return " ".join([counts, box, *(f"{number:.3f}" for number in self.sums)])

    def matches(self, other: Fingerprint) -> bool:
        """Whether both belong to the same configuration."""
        return (
            self.counts == other.counts
            and len(self.sums) == len(other.sums)
            and all(abs(a - b) <= BOX_TOLERANCE * b for a, b in zip(self.box, other.box, strict=True))
            # The numbers have three decimals; half of the last one is added against the rounding of floats.
            and all(abs(a - b) <= TOLERANCE + 5e-4 for a, b in zip(self.sums, other.sums, strict=True))
        )


def _vectors(n: int) -> list[NDArray[np.int64]]:
    """Nine vectors of whole numbers with a length of about N^(1/3), from N alone: rounding cannot change them."""
    along, across = max(round(n ** (1 / 3)), 1), max(round(n ** (1 / 3) / np.sqrt(2)), 1)
    axes = [along * axis for axis in np.eye(3, dtype=np.int64)]
    turned = [np.roll(plane, shift) for plane in ((1, 1, 0), (1, -1, 0)) for shift in range(3)]
    return [*axes, *(across * vector for vector in turned)]


@dataclass(frozen=True)
class Known(Generic[T]):
    """Fingerprints and what belongs to each. A search takes the same time for few and for many of them."""

    _cells: dict[tuple[object, ...], list[tuple[Fingerprint, T]]]

    @classmethod
    def of(cls, pairs: Iterable[tuple[Fingerprint, T]] = ()) -> Known[T]:
        """Known fingerprints, each with what belongs to it."""
        known: Known[T] = cls({})
        for fingerprint, value in pairs:
            known.add(fingerprint, value)
        return known

    def add(self, fingerprint: Fingerprint, value: T) -> None:
        """Add a fingerprint."""
        self._cells.setdefault((fingerprint.counts, *_cell(fingerprint)), []).append((fingerprint, value))

    def find(self, fingerprint: Fingerprint) -> T | None:
        """What belongs to the first fingerprint found that matches; None if there is none."""
        for shift in product((0, -1, 1), repeat=3):
            near = (number + step for number, step in zip(_cell(fingerprint), shift, strict=True))
            for other, value in self._cells.get((fingerprint.counts, *near), ()):
                if fingerprint.matches(other):
                    return value
        return None

    def values(self) -> Iterator[T]:
        """What belongs to the fingerprints."""
        return (value for cell in self._cells.values() for _, value in cell)


def _cell(fingerprint: Fingerprint) -> tuple[int, ...]:
    return tuple(int(number // CELL) for number in fingerprint.sums[:3])
