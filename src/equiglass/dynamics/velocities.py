"""The initial velocities of a simulation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def maxwell_boltzmann(rng: np.random.Generator, n_particles: int, temperature: float) -> NDArray[np.float64]:
    """Gaussian velocities with zero total momentum and exactly sum_i v_i^2 = (3N - 3) T. Masses are 1.

    Args:
        rng: random generator.
        n_particles: number of particles N, at least two.
        temperature: temperature T, LJ units.

    Returns:
        Velocities, (N, 3), LJ units.
    """
    velocities = rng.standard_normal((n_particles, 3))
    velocities -= velocities.mean(0)
    return velocities * np.sqrt((3 * n_particles - 3) * temperature / np.sum(velocities**2))
