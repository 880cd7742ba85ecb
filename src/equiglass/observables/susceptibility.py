"""The mobility indicator c_i, its mean Q_s, and the dynamic susceptibility chi4_s, which measures how Q_s fluctuates.

The whole package uses one convention, that of arXiv 2211.03226. The mobility indicator c_i is 1 for a particle that has
moved and 0 for one that has not. Other authors use the overlap 1 - c_i. Both have the same chi4 and the same G4.

`chi4`, `chi4_of_runs` and `mean_mobility` take systems. The functions of fields below them take one array per
configuration, with the particles of one type on the last axis. Their results have the axes before it, such as times.
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
    """The step of the mobility indicator as a function of the distance moved.

    Attributes:
        threshold: distance a where c_i = 1/2, LJ length.
        softness: width w of the step, LJ length; 0 for a sharp step.
    """

    threshold: float
    softness: float


PAPER = Step(threshold=0.44, softness=1 / 20)
"""The step of F. S. Pezzicoli et al., arXiv 2211.03226, sec. IV.5, from G. Jung et al., PRL 130, 238202 (2023)."""

GLASSBENCH = Step(threshold=0.3, softness=0.0)
"""The sharp step of the chi4 curves of GlassBench (arXiv 2311.14752).

The paper does not state the threshold. The value 0.3 is customary for this mixture and agrees with the published chi4
at tau_alpha; 0.44 does not.
"""


class RunSusceptibility(NamedTuple):
    """The chi4_s of single runs, and the part that the structure of the initial configurations explains.

    Attributes:
        total: fluctuations of Q_s over configurations and runs.
        structure: fluctuations over configurations of the mean Q_s over infinitely many runs.
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
    """The dynamic susceptibility chi4_s = N (<Q_s^2> - <Q_s>^2) over configurations, with c_i from the propensity.

    Args:
        systems: configurations with propensities, which predictions replace.
        label: label of the time.
        type: type of the particles, "A" or 0.
        step: threshold and softness of c_i.
        predictions: one prediction per configuration: values (N,) by label, or an object with ``at(label)``. They
            replace the measured propensity.

    Returns:
        chi4_s, a number, and its bootstrap error over configurations.

    Raises:
        DataError: there is no configuration, or one has no such type or time, or unknown values.

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
    """The mean mobility indicator <Q_s> = <(1/N) sum_i c_i>. Arguments and errors are those of `chi4`."""
    q = np.array([mean_mobility_of_field(field, step) for field in moved(systems, label, type, predictions)])
    return bootstrap(lambda chosen: q[chosen].mean(axis=0), len(q))


def chi4_of_runs(
    systems: Iterable[System], label: str = "7", type: ParticleType = "A", step: Step = PAPER
) -> RunSusceptibility:
    """The dynamic susceptibility chi4_s = N (<Q_s^2> - <Q_s>^2) over configurations and runs.

    The distance that a particle moves in a run determines its c_i in this run.

    Args:
        systems: configurations with ``replica_displacements``. They may be an iterator.
        label: label of the time.
        type: type of the particles, "A" or 0.
        step: threshold and softness of c_i.

    Returns:
        The total and the part that the structure explains; see `chi4_of_displacements`.

    Raises:
        DataError: there is no configuration, or one has no such type or time, no displacements, or fewer than two runs.
    """
    return chi4_of_displacements(displacements(systems, type, label), step)


def mobility_indicator(moved: ArrayLike, step: Step = PAPER) -> Float:
    """The mobility indicator c_i = [tanh((m_i - a) / w) + 1] / 2, which is 1 for a particle that has moved.

    If w = 0, c_i is 1 where m_i > a, and 0 elsewhere.

    Args:
        moved: propensity or distance moved m_i, any shape, LJ length; NaN where unknown.
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
    """The overlap 1 - c_i, which is 1 for a particle that has not moved; see `mobility_indicator`."""
    return 1 - mobility_indicator(moved, step)


def mean_mobility_of_field(moved: ArrayLike, step: Step = PAPER) -> Float:
    """The mean mobility indicator Q_s = (1/N) sum_i c_i of one configuration, (...), from m_i, (..., N)."""
    return np.asarray(mobility_indicator(moved, step).mean(axis=-1))


def chi4_of_fields(moved: Iterable[ArrayLike], step: Step = PAPER) -> Estimate:
    """The dynamic susceptibility chi4_s = N (<Q_s^2> - <Q_s>^2), with averages over configurations.

    The variance has the divisor n, as in the paper. On average, n independent configurations give (1 - 1/n) of the
    limit. If N differs between configurations, chi4_s = <N (Q_s - <Q_s>)^2>.

    Args:
        moved: measured or predicted propensity, (..., N) per configuration, LJ length.
        step: threshold and softness of c_i.

    Returns:
        chi4_s, (...).

    Raises:
        DataError: there is no configuration, the times differ, or a value is NaN.
    """
    fields = list(complete(moved))
    particles = np.array([field.shape[-1] for field in fields])
    q = np.stack([mean_mobility_of_field(field, step) for field in fields])
    return bootstrap(lambda chosen: _fluctuation(q[chosen], particles[chosen]), len(q))


def chi4_of_displacements(displacements: Iterable[ArrayLike], step: Step = PAPER) -> RunSusceptibility:
    """The dynamic susceptibility chi4_s = N (<Q_s^2> - <Q_s>^2), with averages over runs and configurations.

    The structure explains N Var <Q_s>_runs, minus the noise of a mean over M runs. The velocities cause the rest.

    Args:
        displacements: r(t) - r(0) of every run, (..., runs, N, 3) per configuration, unwrapped, LJ length.
        step: threshold and softness of c_i.

    Returns:
        The total and the part that the structure explains, each (...).

    Raises:
        DataError: there is no configuration, one has fewer than two runs, the times differ, or a value is NaN.

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
    """The mean <N (Q - <Q>)^2> over the first axis."""
    weight = particles.reshape(-1, *[1] * (q.ndim - 1))
    return np.asarray((weight * (q - q.mean(axis=0)) ** 2).mean(axis=0))
