"""First velocities of a simulation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def maxwell_boltzmann(rng: np.random.Generator, n_particles: int, temperature: float) -> NDArray[np.float64]:
    """Gaussian velocities without total momentum and with sum_i v_i^2 = (3N - 3) T exactly; masses are 1.

    Args:
        rng: where they are drawn from.
        n_particles: N, two at least.
        temperature: T.

    Returns:
        Velocities, LJ units, (N, 3).
    """
    velocities = rng.standard_normal((n_particles, 3))
    velocities -= velocities.mean(0)
    return velocities * np.sqrt((3 * n_particles - 3) * temperature / np.sum(velocities**2))
