"""The four-point correlation G4(r, t) of the mobility indicator c_i, and its correlation length.

`four_point` and `correlation_length` take systems. `pair_sums` sums over the pairs of each configuration once. The
averages over configurations and their errors follow from these sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equiglass.errors import ConfigurationError, DataError
from equiglass.liquid.arrays import Float
from equiglass.liquid.system import System
from equiglass.observables.estimate import Estimate, bootstrap
from equiglass.observables.fields import complete, same_number
from equiglass.observables.pairs import binned_pairs, checked_edges, edges_to_half_the_box, shell_volumes
from equiglass.observables.selection import ParticleType, Predictions, masks_of, moved
from equiglass.observables.susceptibility import PAPER, Step, mobility_indicator

BIN = 0.1
"""The default width of the bins of distance, LJ length."""


class PairSums(NamedTuple):
    """Sums over the particles and the ordered pairs i != j of C configurations, by bin of distance.

    The sums contain d_i = c_i - reference.

    Attributes:
        edges: edges of the bins, (B + 1,), LJ length.
        boxes: edge lengths of the boxes, (C, 3), LJ length.
        particles: numbers of particles N, (C,).
        reference: the mean <c> over particles, then over configurations, (...).
        mean: (1/N) sum_i d_i, (C, ...).
        squares: sum_i d_i^2, (C, ...).
        pairs: numbers of pairs, (C, B).
        singles: sums over pairs of d_i + d_j, (C, ..., B).
        products: sums over pairs of d_i d_j, (C, ..., B).
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
        r: centres of the bins, (B,), LJ length.
        g4: G4(r), (..., B).
        pair_average: average of dc_i dc_j over the pairs at distance r, (..., B); NaN where there is no pair.
        self_term: contribution of i = j to the integral of G4 over space, (V/N) <sum_i dc_i^2>, (...).
    """

    r: Float
    g4: Estimate
    pair_average: Estimate
    self_term: Estimate


def four_point(
    systems: Sequence[System],
    label: str = "7",
    type: ParticleType = "A",
    edges: ArrayLike | None = None,
    step: Step = PAPER,
    predictions: Predictions | None = None,
) -> FourPoint:
    """The four-point correlation G4(r) = (V/N) <sum_{i != j} dc_i dc_j delta(r - r_i + r_j)>, dc_i = c_i - <c>.

    G4 is averaged over angles.

    Args:
        systems: configurations with propensities, which predictions replace.
        label: label of the time.
        type: type of the particles, "A" or 0.
        edges: edges of the bins of distance, (B + 1,), LJ length. By default, bins of 0.1 up to half the box.
        step: threshold and softness of c_i.
        predictions: one prediction per configuration: values (N,) by label, or an object with ``at(label)``. They
            replace the measured propensity.

    Returns:
        G4 and the average of dc_i dc_j over pairs, by distance, with bootstrap errors over configurations.

    Raises:
        DataError: there is no configuration, or one has no such type or time, or unknown values.
        ConfigurationError: the edges do not ascend from zero.

    Source: arXiv 2211.03226, sec. IV.5.
    """
    return four_point_of_sums(_sums_of_systems(systems, label, type, edges, step, predictions))


def correlation_length(
    systems: Sequence[System],
    label: str = "7",
    type: ParticleType = "A",
    edges: ArrayLike | None = None,
    step: Step = PAPER,
    predictions: Predictions | None = None,
) -> Estimate:
    """The correlation length xi of <dc_i dc_j>(r) = A exp(-r / xi), LJ length, fitted from r = 1 to half the box.

    Arguments and errors are those of `four_point`. `correlation_length_of_sums` describes the fit.
    """
    return correlation_length_of_sums(_sums_of_systems(systems, label, type, edges, step, predictions))


def _sums_of_systems(
    systems: Sequence[System],
    label: str,
    type: ParticleType,
    edges: ArrayLike | None,
    step: Step,
    predictions: Predictions | None,
) -> PairSums:
    fields = [mobility_indicator(field, step) for field in moved(systems, label, type, predictions)]
    positions = [system.positions[mask] for system, mask in zip(systems, masks_of(systems, type), strict=True)]
    bins = edges_to_half_the_box(systems, BIN) if edges is None else edges
    return pair_sums(positions, [system.box for system in systems], fields, bins)


def pair_sums(
    positions: Sequence[ArrayLike], boxes: Sequence[ArrayLike], fields: Sequence[ArrayLike], edges: ArrayLike
) -> PairSums:
    """The sums from which G4 follows, over all pairs of every configuration at their minimum image.

    Args:
        positions: initial positions of the particles of one type, (N, 3) per configuration.
        boxes: edge lengths of the periodic box, (3,) per configuration.
        fields: mobility indicators c_i, (..., N) per configuration, from `mobility_indicator`.
        edges: edges of the bins of distance, (B + 1,), LJ length. Beyond half the box, the shells are incomplete.

    Raises:
        DataError: the numbers of configurations or particles differ, or a value is NaN.
        ConfigurationError: the edges do not ascend from zero.
    """
    same_number(positions, boxes, fields)
    edges, indicators = checked_edges(edges), list(complete(fields))
    where = [np.asarray(x, dtype=np.float64) for x in positions]
    for number, (x, field) in enumerate(zip(where, indicators, strict=True), start=1):
        if x.shape != (field.shape[-1], 3):
            raise DataError(
                f"Configuration {number} has positions of shape {x.shape} for {field.shape[-1]} values of the field."
            )
    reference = np.mean([field.mean(axis=-1) for field in indicators], axis=0)
    indicators = [field - reference[..., None] for field in indicators]
    sums = [_sums(x, np.asarray(box), field, edges) for x, box, field in zip(where, boxes, indicators, strict=True)]
    pairs, singles, products = (np.stack(each) for each in zip(*sums, strict=True))
    return PairSums(
        edges=edges,
        boxes=np.array(boxes, dtype=np.float64),
        particles=np.array([field.shape[-1] for field in indicators], dtype=np.float64),
        reference=reference,
        mean=np.stack([field.mean(axis=-1) for field in indicators]),
        squares=np.stack([(field**2).sum(axis=-1) for field in indicators]),
        pairs=pairs,
        singles=singles,
        products=products,
    )


def four_point_of_sums(sums: PairSums) -> FourPoint:
    """The four-point correlation G4(r) = (V/N) <sum_{i != j} dc_i dc_j delta(r - r_i + r_j)>, averaged over angles.

    G4 is extensive, as in the paper: its integral over space plus the self term is V chi4_s. If the bins reach the
    corners of the box, this is exact: ``sum_b g4_b shell_b + self_term = <V N (Q_s - <Q_s>)^2>``.

    Args:
        sums: sums from `pair_sums`.

    Source: arXiv 2211.03226, sec. IV.5.
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


def correlation_length_of_sums(sums: PairSums, shortest: float = 1.0, longest: float | None = None) -> Estimate:
    """The correlation length xi of <dc_i dc_j>(r) = A exp(-r / xi), by least squares with equal weights for all bins.

    Unlike G4, the average over pairs does not contain the peaks of g(r). The fit has no constant, because the
    correlation decays to zero: <c> is the average over configurations. With a constant, xi would depend on the range.

    Args:
        sums: sums from `pair_sums`.
        shortest: lower limit of the centres of the fitted bins, LJ length.
        longest: upper limit of these centres, by default half the shortest edge of all boxes.

    Returns:
        xi, (...), LJ length. It is NaN where the correlation does not decay: A <= 0, or the best xi is not between
        shortest / 2 and the longest edge of the boxes.

    Raises:
        ConfigurationError: fewer than three bins in this range have pairs.
    """
    longest = float(sums.boxes.min()) / 2 if longest is None else longest
    r = (sums.edges[1:] + sums.edges[:-1]) / 2
    fitted = (r >= shortest) & (r <= longest) & np.any(sums.pairs > 0, axis=0)
    if fitted.sum() < 3:
        raise ConfigurationError(
            f"The correlation length needs three bins with pairs between {shortest:g} and {longest:g}; "
            f"there are {fitted.sum()}. Take a wider range or more bins."
        )
    limits = shortest / 2, float(sums.boxes.max())

    def length(chosen: NDArray[np.int64]) -> Float:
        average = _pair_average(sums, chosen)[..., fitted]
        curves = average.reshape(-1, average.shape[-1])
        return np.array([_decay_length(r[fitted], y, limits) for y in curves]).reshape(average.shape[:-1])

    return bootstrap(length, len(sums.particles))


def _sums(positions: Float, box: Float, field: Float, edges: Float) -> tuple[Float, Float, Float]:
    """The sums (pairs, singles, products) of one configuration."""
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
    """The sums over pairs of dc_i dc_j, (len(chosen), ..., B); <c> is the mean over the chosen configurations."""
    shift = sums.mean[chosen].mean(axis=0)[..., None]
    pairs = _over(sums.pairs[chosen], sums.products)
    return sums.products[chosen] - shift * sums.singles[chosen] + shift**2 * pairs


def _pair_average(sums: PairSums, chosen: NDArray[np.int64]) -> Float:
    pairs = sums.pairs[chosen].sum(axis=0)
    return np.divide(
        _products(sums, chosen).sum(axis=0), pairs, out=np.full(sums.products.shape[1:], np.nan), where=pairs > 0
    )


def _over(values: Float, like: Float) -> Float:
    """The values, (C,) or (C, B), with new axes, so that they multiply an array (C, ...) or (C, ..., B)."""
    return values.reshape(len(values), *[1] * (like.ndim - values.ndim), *values.shape[1:])


def _decay_length(r: Float, y: Float, limits: tuple[float, float]) -> float:
    """The length xi of A exp(-r / xi) without the NaN bins. A follows from xi by linear least squares."""
    from scipy.optimize import minimize_scalar

    known = ~np.isnan(y)
    if known.sum() < 3:
        return float("nan")
    r, y = r[known], y[known]

    def projection(log_xi: float) -> float:
        # With the best A, the squared misfit is sum y^2 - projection^2. A and the projection have the same sign.
        decay = np.exp(-(r - r[0]) * np.exp(-log_xi))
        return float(decay @ y / np.sqrt(decay @ decay))

    low, high = np.log(limits)
    log_xi = minimize_scalar(lambda x: -projection(x), bounds=(low, high), method="bounded", options={"xatol": 1e-6}).x
    inside = low + 1e-3 < log_xi < high - 1e-3
    return float(np.exp(log_xi)) if inside and projection(log_xi) > 0 else float("nan")
