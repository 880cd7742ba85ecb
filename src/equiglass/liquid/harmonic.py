"""The motion of the particles in the harmonic approximation, from one configuration and without a run.

Around the positions x of a structure, with the Hessian H, the force F and all masses 1, a particle starts at rest from
the thermal positions and gets Maxwell velocities v:

    u(t) = b_t(H) G + s_t(H) v,   s_t(h) = sin(sqrt(h) t) / sqrt(h),   b_t(h) = (1 - cos(sqrt(h) t)) / h

u(t) is the displacement since the start. G = F for the thermal positions, and G = H d for the inherent structure, to
which the displacement is d. Where h < 0, sin and cos become sinh and cosh.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from equiglass.liquid.arrays import Float
from equiglass.liquid.displacement import displacement
from equiglass.liquid.hessian import applied, hessian, spectrum
from equiglass.liquid.needs import potential_of, temperature_of
from equiglass.liquid.potential import energy_and_forces
from equiglass.liquid.system import Structure, System

VELOCITIES = 32
"""The number of draws of velocities: the trace of the covariance has a relative error of 0.14.

Each counts with both signs in the mean distance.
"""

TETHER = 0.3
"""The stiffness that ties every particle to its site in `compliance`, LJ energy per length squared.

The softest plane wave of 4096 particles at density 1.2 has a stiffness of 1 to 2. The tether bounds the number of
products with H.
"""

COMPLIANCE_ACCURACY = 1e-3
"""Accuracy of the series of `compliance`, far below the error of its draws."""


class HarmonicMotion(NamedTuple):
    """The harmonic motion of every particle at T times.

    Attributes:
        distance: <|u_i(t)|>, (T, N), LJ length.
        mean: <u_i(t)>, (T, N, 3), LJ length. It needs no draw.
        covariance: <(u_i - <u_i>)(u_i - <u_i>)>, (T, N, 3, 3), LJ length squared.
    """

    distance: Float
    mean: Float
    covariance: Float


def harmonic_motion(
    system: System, times: Sequence[float], structure: Structure = "thermal", normal: Float | None = None
) -> HarmonicMotion:
    """Mean distance, mean displacement and covariance of the harmonic motion.

    Args:
        system: configuration with potential and temperature, and with the inherent structure if it is the centre.
        times: times since the start, LJ time. Around thermal positions they must be short: unstable modes grow.
        structure: "thermal" or "inherent" positions, around which the energy is expanded.
        normal: independent standard normal numbers, from which the velocities are made, (R, N, 3); by default
            `VELOCITIES` draws of a fixed seed.

    Raises:
        DataError: the potential, the temperature or the inherent structure is unknown.

    Source: the harmonic expansion is that of any textbook; that short times are mechanics: V. Bapst et al., Nature
    Physics 16, 448 (2020), doi 10.1038/s41567-020-0842-8.
    """
    what = "the harmonic motion"
    temperature, potential = temperature_of(system, what), potential_of(system, what)
    n, matrix = system.n_particles, hessian(system, structure)
    if structure == "thermal":
        push = energy_and_forces(system.positions, system.types, system.box, potential)[1].ravel()
    else:
        push = matrix @ displacement(system, "inherent").ravel()
    velocities = np.sqrt(temperature) * _columns(system, normal)
    interval = spectrum(matrix)
    drifts = applied(matrix, [partial(_drift, t) for t in times], push[:, None], interval)
    swings = applied(matrix, [partial(_swing, t) for t in times], velocities, interval)
    mean = np.stack(drifts).reshape(len(times), n, 3)
    swing = np.stack(swings).reshape(len(times), n, 3, -1)
    ends = np.stack([mean[..., None] + swing, mean[..., None] - swing])
    return HarmonicMotion(
        distance=np.linalg.norm(ends, axis=3).mean(axis=(0, 3)),
        mean=mean,
        covariance=np.einsum("tnar,tnbr->tnab", swing, swing) / swing.shape[-1],
    )


def compliance(system: System, normal: Float | None = None) -> Float:
    """The diagonal blocks of the inverse Hessian of the inherent structure: how far a force on a particle moves it.

        C_i = ((H + k)^-1)_ii = <xi_i xi_i>,   xi = (H + k)^-1/2 z

    with z standard normal without its mean over the particles, which would be a translation, and k = `TETHER`. T C_i is
    the harmonic Debye-Waller tensor. The relative error of the trace is about 0.8 / sqrt(R).

    Args:
        system: configuration with potential and inherent structure.
        normal: independent standard normal numbers z, (R, N, 3); by default `VELOCITIES` draws of a fixed seed.

    Returns:
        C_i, (N, 3, 3), LJ length squared per energy.

    Raises:
        DataError: the potential or the inherent structure is unknown.
    """
    matrix = hessian(system, "inherent")
    _, high = spectrum(matrix)
    interval = -TETHER / 2, high

    def root(h: Float) -> Float:
        return 1 / np.sqrt(h + TETHER)

    (xi,) = applied(matrix, [root], _columns(system, normal), interval, COMPLIANCE_ACCURACY)
    moved = xi.reshape(system.n_particles, 3, -1)
    return np.asarray(np.einsum("nar,nbr->nab", moved, moved) / moved.shape[-1])


def _columns(system: System, normal: Float | None) -> Float:
    """Draws without their mean over the particles as columns, (3 N, R)."""
    if normal is None:
        normal = np.random.default_rng(0).normal(size=(VELOCITIES, system.n_particles, 3))
    normal = normal - normal.mean(axis=1, keepdims=True)
    return np.ascontiguousarray(normal.reshape(len(normal), -1).T)


def _swing(time: float, h: Float) -> Float:
    """sin(sqrt(h) t) / sqrt(h); sinh for h < 0."""
    phase = np.sqrt(np.abs(h)) * time
    ratio = np.where(h >= 0, np.sinc(phase / np.pi), _over(np.sinh, np.minimum(phase, _LARGEST)))
    return np.asarray(time * ratio)


def _drift(time: float, h: Float) -> Float:
    """(1 - cos(sqrt(h) t)) / h = (t^2 / 2) (sin(p) / p)^2 with p = sqrt(h) t / 2; sinh for h < 0."""
    half = np.sqrt(np.abs(h)) * time / 2
    ratio = np.where(h >= 0, np.sinc(half / np.pi), _over(np.sinh, np.minimum(half, _LARGEST)))
    return np.asarray(time**2 / 2 * ratio**2)


_LARGEST = 50.0


def _over(function: Callable[[Float], Float], x: Float) -> Float:
    return np.divide(function(x), x, out=np.ones_like(x), where=x > 0)
