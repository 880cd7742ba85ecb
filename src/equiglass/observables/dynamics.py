"""How far the particles go: self intermediate scattering function and mean squared displacement of one type."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike

from equiglass.observables.estimate import Estimate, bootstrap
from equiglass.observables.fields import complete


def self_scattering(displacements: Iterable[ArrayLike], k: float = 7.25) -> Estimate:
    """F_s(k, t) = < (1/N) sum_i sin(k |dr_i|) / (k |dr_i|) >, the isotropic average of exp(i k . dr_i).

    Args:
        displacements: r(t) - r(0) of every run, (..., runs, N, 3) for each configuration, unwrapped.
        k: wave number, inverse LJ length; 7.25 is the first peak of the structure factor of A in the Kob-Andersen
            mixture.

    Returns:
        Mean over particles, runs and configurations, shape (...).

    Raises:
        EquiglassError: no configuration, times that differ, or NaN.
    """
    # numpy's sinc(x) is sin(pi x) / (pi x).
    each = [np.sinc(k / np.pi * np.linalg.norm(dr, axis=-1)).mean(axis=(-2, -1)) for dr in complete(displacements, 3)]
    return bootstrap(lambda chosen: np.mean([each[n] for n in chosen], axis=0), len(each))


def mean_squared_displacement(displacements: Iterable[ArrayLike]) -> Estimate:
    """MSD(t) = < (1/N) sum_i |dr_i|^2 >, LJ length squared; arguments and result as for `self_scattering`."""
    each = [np.square(dr).sum(axis=-1).mean(axis=(-2, -1)) for dr in complete(displacements, 3)]
    return bootstrap(lambda chosen: np.mean([each[n] for n in chosen], axis=0), len(each))
