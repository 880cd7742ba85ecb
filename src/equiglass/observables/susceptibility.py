"""Which particles have moved, c_i; how many of them, Q_s; and how much that number fluctuates, chi4_s.

The convention, stated here once: the mobility indicator c_i is 1 for a particle that has moved and 0 for one that has
not, as in arXiv 2211.03226. Other authors use the overlap 1 - c_i. Both have the same chi4 and the same G4.

`chi4`, `chi4_of_runs` and `mean_mobility` take systems. Below them, the functions of fields take one array per
configuration with the particles of one type on the last axis. They keep the axes before it, such as times.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equiglass.errors import ConfigurationError, DataError
from equiglass.liquid.arrays import Float
from equiglass.liquid.system import System
from equiglass.observables.estimate import Estimate, bootstrap
from equiglass.observables.fields import complete
from equiglass.observables.selection import ParticleType, Predictions, displacements, moved


class Step(NamedTuple):
    """Where and how sharply a particle begins to count as moved.

    Attributes:
        threshold: distance a at which c_i = 1/2, LJ length.
        softness: width w of the step, LJ length; 0 is the sharp step.
    """

    threshold: float
    softness: float


PAPER = Step(threshold=0.44, softness=1 / 20)
"""F. S. Pezzicoli et al., arXiv 2211.03226, sec. IV.5; from G. Jung et al., PRL 130, 238202 (2023)."""

GLASSBENCH = Step(threshold=0.3, softness=0.0)
"""The sharp step behind the chi4 curves of GlassBench (arXiv 2311.14752). The threshold is inferred, not quoted:
0.3 is customary for this mixture and agrees with the published chi4 at tau_alpha; 0.44 does not."""


class RunSusceptibility(NamedTuple):
    """chi4_s of single runs, and the part of it that the initial configurations explain.

    Attributes:
        total: fluctuations of Q_s over configurations and runs.
        structure: fluctuations over configurations of the mean of Q_s over infinitely many runs.
    """

    total: Estimate
    structure: Estimate


def chi4(
    systems: Sequence[System],
    label: str = "7",
    type: ParticleType = "A",
    step: Step = PAPER,
    predictions: Predictions | None = None,
) -> Estimate:
    """chi4_s = N (<Q_s^2> - <Q_s>^2) over configurations, with c_i from the propensity.

    Args:
        systems: configurations with propensities; with predictions they need none.
        label: of the time.
        type: of the particles, "A" or 0.
        step: threshold and softness of c_i.
        predictions: one per configuration, values (N,) by label or objects with ``at(label)``. They replace the
            measured propensity.

    Returns:
        A number and its bootstrap error over configurations.

    Raises:
        DataError: no configuration; or in one of them no such type or time, or unknown values.

    Source: arXiv 2211.03226, sec. IV.5.
    """
    return chi4_of_fields(moved(systems, label, type, predictions), step)


def mean_mobility(
    systems: Sequence[System],
    label: str = "7",
    type: ParticleType = "A",
    step: Step = PAPER,
    predictions: Predictions | None = None,
) -> Estimate:
    """<Q_s> = <(1/N) sum_i c_i>, the mean mobility indicator; arguments and errors as for `chi4`."""
    q = np.array([mean_mobility_of_field(field, step) for field in moved(systems, label, type, predictions)])
    return bootstrap(lambda chosen: q[chosen].mean(axis=0), len(q))


def chi4_of_runs(
    systems: Iterable[System], label: str = "7", type: ParticleType = "A", step: Step = PAPER
) -> RunSusceptibility:
    """chi4_s = N (<Q_s^2> - <Q_s>^2) over configurations and runs, with c_i from the distance moved in each run.

    Args:
        systems: configurations with ``replica_displacements``; may be an iterator.
        label: of the time.
        type: of the particles, "A" or 0.
        step: threshold and softness of c_i.

    Returns:
        The total and the part that the structure explains; see `chi4_of_displacements`.

    Raises:
        DataError: the displacements are not stored, there are fewer than two runs, or as for `chi4`.
    """
    return chi4_of_displacements(displacements(systems, type, label), step)


def mobility_indicator(moved: ArrayLike, step: Step = PAPER) -> Float:
    """c_i = [tanh((m_i - a) / w) + 1] / 2; with w = 0: 1 where m_i > a, else 0. One for a particle that has moved.

    Args:
        moved: m_i, a propensity or a distance moved, any shape, LJ length; NaN where unknown.
        step: threshold a and softness w.

    Returns:
        c_i, the same shape; NaN where unknown.

    Raises:
        ConfigurationError: the softness is negative.

    Source: arXiv 2211.03226, sec. IV.5.
    """
    if step.softness < 0:
        raise ConfigurationError(f"The softness of a step is a width and cannot be negative; got {step.softness}.")
    excess = np.asarray(moved, dtype=np.float64) - step.threshold
    if step.softness == 0:
        return np.where(np.isnan(excess), np.nan, (excess > 0).astype(np.float64))
    # A softness near zero divides to infinity, and tanh takes it to the sharp step.
    with np.errstate(over="ignore"):
        return (np.tanh(excess / step.softness) + 1) / 2


def overlap(moved: ArrayLike, step: Step = PAPER) -> Float:
    """1 - c_i: one for a particle that has not moved; see `mobility_indicator`."""
    return 1 - mobility_indicator(moved, step)


def mean_mobility_of_field(moved: ArrayLike, step: Step = PAPER) -> Float:
    """Q_s = (1/N) sum_i c_i of one configuration, the mean over the last axis: (..., N) to (...)."""
    return np.asarray(mobility_indicator(moved, step).mean(axis=-1))


def chi4_of_fields(moved: Iterable[ArrayLike], step: Step = PAPER) -> Estimate:
    """chi4_s = N (<Q_s^2> - <Q_s>^2), averages over configurations.

    The divisor is the n of a plain average, as printed in the paper. On average, n independent configurations give
    (1 - 1/n) of the limit. Where N differs between configurations, chi4_s = <N (Q_s - <Q_s>)^2>.

    Args:
        moved: propensity, measured or predicted, (..., N) per configuration.
        step: threshold and softness.

    Returns:
        Shape (...).

    Raises:
        DataError: no configuration, times that differ, or NaN.
    """
    fields = list(complete(moved))
    particles = np.array([field.shape[-1] for field in fields])
    q = np.stack([mean_mobility_of_field(field, step) for field in fields])
    return bootstrap(lambda chosen: _fluctuation(q[chosen], particles[chosen]), len(q))


def chi4_of_displacements(displacements: Iterable[ArrayLike], step: Step = PAPER) -> RunSusceptibility:
    """chi4_s = N (<Q_s^2> - <Q_s>^2), averages over runs and configurations, with c_i from each run.

    The part of the structure is N Var <Q_s>_runs, less the noise that a mean over M runs adds to it. The velocities
    cause the rest of the total.

    Args:
        displacements: r(t) - r(0) of every run, (..., runs, N, 3) per configuration, unwrapped.
        step: threshold and softness.

    Returns:
        Both of shape (...).

    Raises:
        DataError: no configuration, fewer than two runs, times that differ, or NaN.

    Source: L. Berthier and R. L. Jack, PRE 76, 041509 (2007), doi 10.1103/PhysRevE.76.041509.
    """
    of_runs, sizes = [], []
    for field in complete(displacements, trailing=3):
        if field.shape[-3] < 2:
            raise DataError("The part of chi4 that the structure explains needs two runs or more per configuration.")
        of_runs.append(mean_mobility_of_field(np.linalg.norm(field, axis=-1), step))
        sizes.append(field.shape[-2])
    particles = np.array(sizes)
    q = np.stack([runs.mean(axis=-1) for runs in of_runs])
    within = np.stack([n * runs.var(axis=-1) for n, runs in zip(sizes, of_runs, strict=True)])
    noise = np.stack([w / (runs.shape[-1] - 1) for w, runs in zip(within, of_runs, strict=True)])

    def structure(chosen: NDArray[np.int64]) -> Float:
        return _fluctuation(q[chosen], particles[chosen]) - noise[chosen].mean(axis=0)

    def total(chosen: NDArray[np.int64]) -> Float:
        return _fluctuation(q[chosen], particles[chosen]) + within[chosen].mean(axis=0)

    return RunSusceptibility(bootstrap(total, len(q)), bootstrap(structure, len(q)))


def _fluctuation(q: Float, particles: NDArray[np.int64]) -> Float:
    """<N (Q - <Q>)^2> over the first axis."""
    weight = particles.reshape(-1, *[1] * (q.ndim - 1))
    return np.asarray((weight * (q - q.mean(axis=0)) ** 2).mean(axis=0))
