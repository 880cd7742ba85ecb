"""Moments of features and targets, which determine a regression: one pass over the configurations.

    n = sum_i 1,   X = sum_i x_i,   XX = sum_i x_i x_i^T,   Y = sum_i y_i,   YX = sum_i y_i x_i

The sums run over the particles of one type whose target is known. x_i is taken from a fixed centre near the mean, so
that no digits are lost; all sums are float64. XX is large, (F, F). Configurations share one XX if their particles have
the same weight at the same times: a parent, or all ends of its runs at one time. The other sums are small, and every
configuration has its own. Weights and levels of the labels therefore may be chosen after the pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from equiglass.errors import DataError
from equiglass.liquid.arrays import Float
from equiglass.methods.linear.solver import solve_ridge


class Example(NamedTuple):
    """One labelled configuration.

    Attributes:
        name: name of the configuration, for messages.
        features: features of the particles, (N, F).
        types: types of the particles, (N,).
        targets: targets in the order of the labels, (T, N); NaN where unknown.
        noise: noise of the labels, (n_types, T). Configurations of a block with the same noise have the same weight. If
            None, all have.
        scored: whether a prediction of this configuration may be scored; its features then are held in memory.
    """

    name: str
    features: NDArray[np.floating]
    types: NDArray[np.integer]
    targets: Float
    noise: Float | None = None
    scored: bool = True


Centre = dict[int, Float]
"""The centre of the features of a type, (F,). The first configuration with particles of this type sets it."""


class Gram(NamedTuple):
    """What the particles of one XX have in common: their type, the times with a target, the noise at these times."""

    kind: int
    times: tuple[int, ...]
    noise: bytes


class Sums(NamedTuple):
    """The small sums of one configuration over the particles of a `Gram`: n, X (F,), Y (t,) and YX (t, F)."""

    gram: Gram
    n: int
    x: Float
    y: Float
    yx: Float


class Spread(NamedTuple):
    """Sums over all particles of a type, with or without a target: n, X and the diagonal of XX, both (F,)."""

    n: int
    x: Float
    squares: Float


@dataclass(frozen=True, eq=False)
class Block:
    """Configurations that no fold separates: their moments, and the examples that may be scored.

    Attributes:
        centre: the centre of the features.
        spreads: the spread of the features by type.
        sums: the small sums of every configuration.
        grams: upper triangle of XX, (F (F + 1) / 2,), summed over the configurations.
        first: number of the first configuration of every gram.
        scored: examples that may be scored, by number of the configuration.
        weights: weight of the particles of every configuration, (configurations, n_types, T); 1 if None.
        levels: slopes and offsets of the labels, y' = slope y + offset, of the same shape; y if None.
    """

    centre: Centre
    spreads: dict[int, Spread] = field(default_factory=dict)
    sums: list[list[Sums]] = field(default_factory=list)
    grams: dict[Gram, Float] = field(default_factory=dict)
    first: dict[Gram, int] = field(default_factory=dict)
    scored: dict[int, Example] = field(default_factory=dict)
    weights: Float | None = None
    levels: tuple[Float, Float] | None = None

    @classmethod
    def over(cls, examples: Iterable[Example], centre: Centre, summed: bool = True) -> Self:
        """The block of these examples, which are needed one at a time.

        Args:
            examples: the configurations.
            centre: the centre that all blocks of a regression share.
            summed: whether the moments are wanted, besides the examples to score.

        Raises:
            DataError: features differ in number or are not finite, or labels are infinite.
        """
        block = cls(centre)
        for number, example in enumerate(examples):
            _check(example, centre)
            if example.scored:
                block.scored[number] = example
            block.sums.append(block._add(number, example) if summed else [])
        return block

    def weighed(self, weights: Float | None, levels: tuple[Float, Float] | None = None) -> Self:
        """The same moments with weights and levels of the labels."""
        return replace(self, weights=weights, levels=levels)

    def weight(self, number: int, kind: int, time: int) -> float:
        """The weight of the particles of a type at a time in a configuration."""
        return 1.0 if self.weights is None else float(self.weights[number, kind, time])

    def _add(self, number: int, example: Example) -> list[Sums]:
        found = []
        for kind in np.unique(example.types).tolist():
            of_type = example.types == kind
            x, y = example.features[of_type] - self.centre[kind], example.targets[:, of_type]
            spread = self.spreads.get(kind, Spread(0, np.zeros(x.shape[1]), np.zeros(x.shape[1])))
            squares = np.einsum("nf,nf->f", x, x)
            self.spreads[kind] = Spread(spread.n + len(x), spread.x + x.sum(axis=0), spread.squares + squares)
            patterns, group = np.unique(~np.isnan(y), axis=0, return_inverse=True)
            for k, known in enumerate(patterns):
                if not known.any():
                    continue
                times = np.flatnonzero(group.ravel() == k)
                noise = b"" if example.noise is None else example.noise[kind, times].tobytes()
                gram = Gram(kind, tuple(times.tolist()), noise)
                x_known, y_known = (x, y[times]) if known.all() else (x[known], y[np.ix_(times, known)])
                packed = (x_known.T @ x_known).ravel()[_triangle(x.shape[1])]
                if gram in self.grams:
                    self.grams[gram] += packed
                else:
                    self.grams[gram], self.first[gram] = packed, number
                sums = x_known.sum(axis=0), y_known.sum(axis=1), y_known @ x_known
                found.append(Sums(gram, len(x_known), *sums))
        return found


@dataclass(frozen=True, eq=False)
class Moments:
    """Weighted means over particles: <x> (F,), <x x^T> - <x> <x>^T (F, F), <y> (T,) and <y x> - <y> <x> (T, F).

    The sum of the weights is ``n``.
    """

    n: float
    x: Float
    xx: Float
    y: Float
    yx: Float

    def ridge(self, emphasis: Float, penalties: Sequence[float]) -> tuple[Float, Float]:
        """The regressions min_w <(y - w . x)^2> + penalty |w / e|^2; a feature of emphasis e = 0 is left out.

        Returns:
            Weights, (penalties, T, F), and offsets, (penalties, T); x is counted from the centre.
        """
        used = np.flatnonzero(emphasis)
        e = emphasis[used]
        gram = self.xx[np.ix_(used, used)]
        gram *= e[:, None]
        gram *= e
        weights = np.zeros((len(penalties), len(self.y), len(emphasis)))
        for k, penalty in enumerate(penalties):
            weights[k][:, used] = solve_ridge(gram, self.yx[:, used] * e, penalty) * e
        return weights, self.y - weights @ self.x


def moments(blocks: Sequence[Block], kind: int, times: Sequence[int]) -> Moments | None:
    """The moments of all blocks for one type and times of one group of `groups_of_times`; None without data."""
    t, n = times[0], 0.0
    size = len(blocks[0].centre[kind]) if blocks else 0
    x, xx = np.zeros(size), np.zeros(size * (size + 1) // 2)
    y, yx = np.zeros(len(times)), np.zeros((len(times), size))
    for block in blocks:
        for gram, packed in block.grams.items():
            if gram.kind == kind and t in gram.times:
                xx += block.weight(block.first[gram], kind, t) * packed
        for number, parts in enumerate(block.sums):
            for part in parts:
                if part.gram.kind == kind and t in part.gram.times:
                    w, rows = block.weight(number, kind, t), [part.gram.times.index(time) for time in times]
                    own, own_x = part.y[rows], part.yx[rows]
                    if block.levels is not None:
                        slope, offset = (level[number, kind, times] for level in block.levels)
                        own, own_x = slope * own + offset * part.n, slope[:, None] * own_x + np.outer(offset, part.x)
                    n, x, y, yx = n + w * part.n, x + w * part.x, y + w * own, yx + w * own_x
    if n == 0:
        return None
    x, y = x / n, y / n
    covariance = np.zeros((size, size))
    covariance.ravel()[_triangle(size)] = xx / n
    covariance += np.triu(covariance, 1).T
    covariance -= np.outer(x, x)
    return Moments(n, x, covariance, y, yx / n - np.outer(y, x))


def groups_of_times(blocks: Sequence[Block], kind: int) -> list[list[int]]:
    """Times grouped by the particles whose target is known and by the ratio of their weights.

    The times of a group need one XX and one factorisation.
    """
    # Per time, the sums XX with their weights.
    terms: dict[int, list[tuple[int, Gram, float]]] = {}
    for b, block in enumerate(blocks):
        for gram, number in block.first.items():
            if gram.kind == kind:
                for t in gram.times:
                    terms.setdefault(t, []).append((b, gram, block.weight(number, kind, t)))
    groups: dict[tuple, list[int]] = {}
    for t in sorted(terms):
        largest = max(w for *_, w in terms[t])
        groups.setdefault(tuple((b, gram, round(w / largest, 12)) for b, gram, w in terms[t]), []).append(t)
    return list(groups.values())


def standard(blocks: Sequence[Block], kind: int) -> tuple[Float, Float] | None:
    """Mean and standard deviation of the features of a type over all particles, both (F,); None without particles."""
    spreads = [block.spreads[kind] for block in blocks if kind in block.spreads]
    if not spreads:
        return None
    n = sum(spread.n for spread in spreads)
    mean = sum(spread.x for spread in spreads) / n
    variance = sum(spread.squares for spread in spreads) / n - mean**2
    return blocks[0].centre[kind] + mean, np.sqrt(np.maximum(variance, 0))


def _check(example: Example, centre: Centre) -> None:
    n_features = len(next(iter(centre.values()))) if centre else example.features.shape[-1]
    shape = (len(example.types), n_features)
    if example.features.shape != shape:
        raise DataError(f"{example.name}: features of shape {example.features.shape}, not {shape}.")
    if not np.all(np.isfinite(example.features)):
        raise DataError(f"{example.name}: some features are not finite numbers.")
    if np.any(np.isinf(example.targets)):
        raise DataError(f"{example.name}: some labels are infinite.")
    for kind in np.unique(example.types).tolist():
        if kind not in centre:
            centre[kind] = example.features[example.types == kind].mean(axis=0, dtype=np.float64)


@lru_cache(maxsize=1)
def _triangle(n: int) -> NDArray[np.intp]:
    """Places of the upper triangle in the flat array of an (n, n) matrix."""
    return np.flatnonzero(np.triu(np.ones((n, n), dtype=bool)))
