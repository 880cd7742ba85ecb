"""Where those who move are: the four-point correlation G4(r, t) of a field c_i, and its length.

The pairs of every configuration are gone through once (`pair_sums`); what is averaged over configurations, with error
bars, comes from these sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equiglass.errors import EquiglassError
from equiglass.liquid.arrays import Float
from equiglass.observables.estimate import Estimate, bootstrap
from equiglass.observables.fields import complete, same_number
from equiglass.observables.pairs import binned_pairs, checked_edges, shell_volumes


class PairSums(NamedTuple):
    """Sums over particles and over ordered pairs i != j by bin of distance, for each of C configurations.

    The field is counted from ``reference``: d_i = c_i - reference.

    Attributes:
        edges: of the bins, (B + 1,).
        boxes: edge lengths, (C, 3).
        particles: N, (C,).
        reference: <c>, the mean over configurations of the mean of each, (...).
        mean: (1/N) sum_i d_i, (C, ...).
        squares: sum_i d_i^2, (C, ...).
        pairs: number of pairs, (C, B).
        singles: sum over pairs of d_i + d_j, (C, ..., B).
        products: sum over pairs of d_i d_j, (C, ..., B).
    """

    edges: Float
    boxes: Float
    particles: Float
    reference: Float
    mean: Float
    squares: Float
    pairs: Float
    singles: Float
    products: Float


class FourPoint(NamedTuple):
    """Spatial correlations of dc_i = c_i - <c>.

    Attributes:
        r: centres of the bins, (B,).
        g4: G4(r), (..., B).
        pair_average: <dc_i dc_j> over the pairs at distance r, (..., B); NaN where there is none.
        self_term: what i = j adds to the integral of G4 over space, (V/N) <sum_i dc_i^2>, (...).
    """

    r: Float
    g4: Estimate
    pair_average: Estimate
    self_term: Estimate


def pair_sums(
    positions: Sequence[ArrayLike], boxes: Sequence[ArrayLike], overlaps: Sequence[ArrayLike], edges: ArrayLike
) -> PairSums:
    """The sums behind G4, from one pass over the pairs of every configuration, at their minimum image.

    Args:
        positions: initial positions of the particles of one type, (N, 3) for each configuration.
        boxes: edge lengths of the periodic box, (3,) for each.
        overlaps: c_i, (..., N) for each; see `equiglass.observables.overlap`.
        edges: of the bins of distance, (B + 1,). Beyond half the shortest edge of the box shells are cut by it.

    Raises:
        EquiglassError: numbers of configurations or particles that differ, or NaN.
    """
    same_number(positions, boxes, overlaps)
    edges, fields = checked_edges(edges), list(complete(overlaps))
    where = [np.asarray(x, dtype=np.float64) for x in positions]
    for number, (x, field) in enumerate(zip(where, fields, strict=True), start=1):
        if x.shape != (field.shape[-1], 3):
            raise EquiglassError(
                f"Configuration {number} has positions of shape {x.shape} for {field.shape[-1]} values of the field."
            )
    reference = np.mean([field.mean(axis=-1) for field in fields], axis=0)
    fields = [field - reference[..., None] for field in fields]
    sums = [_sums(x, np.asarray(box), field, edges) for x, box, field in zip(where, boxes, fields, strict=True)]
    pairs, singles, products = (np.stack(each) for each in zip(*sums, strict=True))
    return PairSums(
        edges=edges,
        boxes=np.array(boxes, dtype=np.float64),
        particles=np.array([field.shape[-1] for field in fields], dtype=np.float64),
        reference=reference,
        mean=np.stack([field.mean(axis=-1) for field in fields]),
        squares=np.stack([(field**2).sum(axis=-1) for field in fields]),
        pairs=pairs,
        singles=singles,
        products=products,
    )


def four_point(sums: PairSums) -> FourPoint:
    """G4(r) = (V/N) <sum_{i != j} dc_i dc_j delta(r - r_i + r_j)>, averaged over angles.

    Extensive, as printed: the integral over space, self term included, is V chi4_s. With bins that reach the corners
    of the box this holds to rounding, ``sum_b g4_b shell_b + self_term = <V N (Q_s - <Q_s>)^2>``.
    arXiv 2211.03226, sec. IV.5.
    """
    volume_per_particle = np.prod(sums.boxes, axis=1) / sums.particles
    shells = shell_volumes(sums.edges)

    def g4(chosen: NDArray[np.int64]) -> Float:
        products = _products(sums, chosen)
        return np.mean(_over(volume_per_particle[chosen], products) * products, axis=0) / shells

    def self_term(chosen: NDArray[np.int64]) -> Float:
        mean, n = sums.mean[chosen], _over(sums.particles[chosen], sums.mean)
        shift = mean.mean(axis=0)
        squares = sums.squares[chosen] - 2 * shift * n * mean + n * shift**2
        return np.asarray(np.mean(_over(volume_per_particle[chosen], squares) * squares, axis=0))

    n = len(sums.particles)
    return FourPoint(
        r=(sums.edges[1:] + sums.edges[:-1]) / 2,
        g4=bootstrap(g4, n),
        pair_average=bootstrap(lambda chosen: _pair_average(sums, chosen), n),
        self_term=bootstrap(self_term, n),
    )


def correlation_length(sums: PairSums, shortest: float = 1.0, longest: float | None = None) -> Estimate:
    """The length xi of <dc_i dc_j>(r) = A exp(-r / xi), least squares, every bin with the same weight.

    The average over pairs, unlike G4, does not carry the peaks of g(r). There is no constant in the fit: with <c> the
    average over configurations the correlation ends at zero, and a free constant makes xi depend on the range.

    Args:
        sums: from `pair_sums`.
        shortest: centre of the nearest bin that is fitted, LJ length.
        longest: of the farthest; by default half the shortest edge of any box.

    Returns:
        xi, LJ length, shape (...); NaN where nothing decays: A <= 0, or the best xi not between shortest / 2 and the
        longest edge of the boxes.

    Raises:
        EquiglassError: fewer than three bins with pairs in that range.
    """
    longest = float(sums.boxes.min()) / 2 if longest is None else longest
    r = (sums.edges[1:] + sums.edges[:-1]) / 2
    fitted = (r >= shortest) & (r <= longest) & np.any(sums.pairs > 0, axis=0)
    if fitted.sum() < 3:
        raise EquiglassError(
            f"The correlation length needs three bins with pairs between {shortest:g} and {longest:g}; "
            f"there are {fitted.sum()}."
        )
    limits = shortest / 2, float(sums.boxes.max())

    def length(chosen: NDArray[np.int64]) -> Float:
        average = _pair_average(sums, chosen)[..., fitted]
        curves = average.reshape(-1, average.shape[-1])
        return np.array([_decay_length(r[fitted], y, limits) for y in curves]).reshape(average.shape[:-1])

    return bootstrap(length, len(sums.particles))


def _sums(positions: Float, box: Float, field: Float, edges: Float) -> tuple[Float, Float, Float]:
    """(pairs, singles, products) of one configuration."""
    n, n_bins = len(positions), len(edges) - 1
    rows = field.reshape(-1, n)
    neighbors = np.zeros(n * n_bins)
    products = np.zeros((len(rows), n_bins))
    for i, j, b in binned_pairs(positions, box, edges):
        neighbors += np.bincount(i * n_bins + b, minlength=n * n_bins)
        neighbors += np.bincount(j * n_bins + b, minlength=n * n_bins)
        for row, total in zip(rows, products, strict=True):
            total += 2 * np.bincount(b, row[i] * row[j], minlength=n_bins)
    by_particle = neighbors.reshape(n, n_bins)
    shape = (*field.shape[:-1], n_bins)
    return by_particle.sum(axis=0), (2 * rows @ by_particle).reshape(shape), products.reshape(shape)


def _products(sums: PairSums, chosen: NDArray[np.int64]) -> Float:
    """Sum over pairs of dc_i dc_j with <c> taken over the chosen configurations, (len(chosen), ..., B)."""
    shift = sums.mean[chosen].mean(axis=0)[..., None]
    pairs = _over(sums.pairs[chosen], sums.products)
    return sums.products[chosen] - shift * sums.singles[chosen] + shift**2 * pairs


def _pair_average(sums: PairSums, chosen: NDArray[np.int64]) -> Float:
    pairs = sums.pairs[chosen].sum(axis=0)
    return np.divide(
        _products(sums, chosen).sum(axis=0), pairs, out=np.full(sums.products.shape[1:], np.nan), where=pairs > 0
    )


def _over(values: Float, like: Float) -> Float:
    """(C,) or (C, B) with axes put in between, to multiply (C, ...) or (C, ..., B)."""
    return values.reshape(len(values), *[1] * (like.ndim - values.ndim), *values.shape[1:])


def _decay_length(r: Float, y: Float, limits: tuple[float, float]) -> float:
    """Length xi of A exp(-r / xi); A follows from xi by linear least squares. Bins that are NaN are left out."""
    from scipy.optimize import minimize_scalar

    known = ~np.isnan(y)
    if known.sum() < 3:
        return float("nan")
    r, y = r[known], y[known]

    def projection(log_xi: float) -> float:
        # Sum y^2 - projection^2 is the squared misfit with the best A; A and the projection have the same sign.
        decay = np.exp(-(r - r[0]) * np.exp(-log_xi))
        return float(decay @ y / np.sqrt(decay @ decay))

    low, high = np.log(limits)
    log_xi = minimize_scalar(lambda x: -projection(x), bounds=(low, high), method="bounded", options={"xatol": 1e-6}).x
    inside = low + 1e-3 < log_xi < high - 1e-3
    return float(np.exp(log_xi)) if inside and projection(log_xi) > 0 else float("nan")
