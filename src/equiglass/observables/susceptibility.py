"""Who has moved, c_i; how many, Q_s; and how much that number fluctuates, chi4_s.

Every field is one array for each configuration, the last axis over particles of one type; axes before it, such as
times, are kept. All configurations need the same times.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equiglass.errors import EquiglassError
from equiglass.liquid.arrays import Float
from equiglass.observables.estimate import Estimate, bootstrap
from equiglass.observables.fields import complete


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
0.3 is the customary one of the mixture and agrees with the published chi4 at tau_alpha, where 0.44 does not."""


class RunSusceptibility(NamedTuple):
    """chi4_s of single runs and the part of it that the initial configurations explain.

    Attributes:
        total: fluctuations of Q_s over configurations and runs.
        structure: fluctuations over configurations of the mean of Q_s over infinitely many runs.
    """

    total: Estimate
    structure: Estimate


def overlap(moved: ArrayLike, step: Step = PAPER) -> Float:
    """c_i = [tanh((m_i - a) / w) + 1] / 2, with w = 0: 1 where m_i > a, else 0.

    One for a particle that has moved, zero for one that has not: 1 - c_i is what others call overlap, with the same
    chi4 and G4.

    Args:
        moved: m_i, a propensity or a distance moved, any shape, LJ length; NaN where unknown.
        step: threshold a and softness w.

    Returns:
        c_i, the same shape; NaN where unknown.

    Raises:
        EquiglassError: the softness is negative.
    """
    if step.softness < 0:
        raise EquiglassError(f"The softness of a step is a width and cannot be negative; got {step.softness}.")
    excess = np.asarray(moved, dtype=np.float64) - step.threshold
    if step.softness == 0:
        return np.where(np.isnan(excess), np.nan, (excess > 0).astype(np.float64))
    return (np.tanh(excess / step.softness) + 1) / 2


def self_overlap(moved: ArrayLike, step: Step = PAPER) -> Float:
    """Q_s = (1/N) sum_i c_i, the mean over the last axis. Shape (..., N) to (...)."""
    return np.asarray(overlap(moved, step).mean(axis=-1))


def chi4(moved: Iterable[ArrayLike], step: Step = PAPER) -> Estimate:
    """chi4_s = N (<Q_s^2> - <Q_s>^2), averages over configurations.

    With the divisor n of a plain average, as printed; n independent configurations give (1 - 1/n) of the limit on
    average. Where N differs between configurations, chi4_s = <N (Q_s - <Q_s>)^2>.

    Args:
        moved: propensity, measured or predicted, (..., N) for each configuration.
        step: threshold and softness.

    Returns:
        Shape (...).

    Raises:
        EquiglassError: no configuration, times that differ, or NaN.
    """
    fields = list(complete(moved))
    particles = np.array([field.shape[-1] for field in fields])
    q = np.stack([self_overlap(field, step) for field in fields])
    return bootstrap(lambda chosen: _fluctuation(q[chosen], particles[chosen]), len(q))


def chi4_of_runs(displacements: Iterable[ArrayLike], step: Step = PAPER) -> RunSusceptibility:
    """chi4_s = N (<Q_s^2> - <Q_s>^2), averages over runs and configurations, c_i from every run by itself.

    The part of the structure is N Var <Q_s>_runs, less what the noise of a mean over M runs adds to it. The rest of
    the total comes from the velocities. L. Berthier and R. L. Jack, PRE 76, 041509 (2007),
    doi 10.1103/PhysRevE.76.041509.

    Args:
        displacements: r(t) - r(0) of every run, (..., runs, N, 3) for each configuration, unwrapped.
        step: threshold and softness.

    Returns:
        Both of shape (...).

    Raises:
        EquiglassError: no configuration, fewer than two runs, times that differ, or NaN.
    """
    of_runs, sizes = [], []
    for field in complete(displacements, trailing=3):
        if field.shape[-3] < 2:
            raise EquiglassError("What the structure explains needs at least two runs of every configuration.")
        of_runs.append(self_overlap(np.linalg.norm(field, axis=-1), step))
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
