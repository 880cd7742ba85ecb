"""Measured state points for the physics checks, and configurations with runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import equiglass
from equiglass.liquid.arrays import Float
from equiglass.liquid.potential import KOB_ANDERSEN
from equiglass.liquid.system import System
from equiglass.simulate.checks import Check, StatePoint, check, collect

PACKAGE = Path(equiglass.__file__).parent / "experiments" / "data" / "kalj-T0.64.h5"
"""The data set of the package."""

PER_CONFIGURATION = (
    *("density", "energy", "inherent_energy", "crystal", "radial", "propensity", "squared_displacement", "scattering"),
    *("run_temperature", "energy_drift", "momentum", "virial"),
)
"""Arrays of a `StatePoint` with a first axis over configurations."""

TIMES = np.array([0.1, 1.0, 5.2, 16.5])


def configuration(seed: int, **changes: Any) -> StatePoint:
    """A sound configuration like those of T = 0.64; ``changes`` are arrays without the axis of configurations."""
    rng = np.random.default_rng(seed)
    F = np.exp(-((TIMES / 16.5) ** 0.6) * -np.log(0.27))
    sound = StatePoint(
        names=(f"configuration-{seed}",),
        temperature=0.64,
        potential=KOB_ANDERSEN,
        density=np.array([1.2]),
        counts=np.array([800, 200]),
        runs=32,
        energy=np.array([-6.6 + 0.01 * rng.normal()]),
        inherent_energy=np.array([-7.6 + 0.01 * rng.normal()]),
        crystal=np.array([0.002]),
        radial=np.array([np.ones((2, 2, 100))]),
        labels=("2", "4", "6", "7"),
        times=TIMES,
        propensity=np.array([np.full((4, 2), 0.3) * (1 + 0.05 * rng.normal(size=(4, 2)))]),
        squared_displacement=np.array([TIMES[:, None] * [0.1, 0.2]]),
        scattering=np.array([np.stack([F, 0.9 * F], axis=1)]),
        run_temperature=np.array([0.64 * (1 + 0.01 * rng.normal(size=4))]),
        energy_drift=np.array([np.full(4, 1e-4)]),
        momentum=np.array([np.full(4, 1e-16)]),
        virial=virial(rng, (0.64, 0.67, 0.65)),
        equilibrated=True,
        equilibration=("The energy is steady: no sign of ageing.",),
    )
    changes = {key: np.asarray(value)[None] if key in PER_CONFIGURATION else value for key, value in changes.items()}
    return replace(sound, **changes)


def virial(rng: np.random.Generator, found: tuple[float, ...], contact: float = 0.64) -> Float:
    """Sums that show these temperatures near the cutoff, per potential, and one near contact, (1, 2, 4, 8)."""
    divergence = 1000 + rng.normal(size=(2, 1, 8))
    near = np.array([found, (contact,) * len(found)])[..., None]
    return np.concatenate([divergence, near * divergence + rng.normal(size=(2, len(found), 8)) * 5], axis=1)[None]


def verdicts(measured: list[StatePoint], against: list[StatePoint] | None = None) -> dict[str, Check]:
    """The checks by name."""
    return {each.name: each for each in check(collect(measured), collect(against) if against else None)}


def with_runs(system: System, runs: int = 6, seed: int = 1) -> System:
    """Random displacements at two times, and the labels that follow from them."""
    rng = np.random.default_rng(seed)
    dr = (rng.normal(size=(2, runs, system.n_particles, 3)) * np.array([0.1, 0.4])[:, None, None, None]).astype("f4")
    distances = np.linalg.norm(dr.astype(float), axis=-1)
    return replace(
        system,
        time_labels=("1", "7"),
        times=np.array([1.0, 10.0]),
        propensity=distances.mean(1),
        replica_variance=distances.var(1, ddof=1),
        replica_displacements=dr,
        runs=runs,
    )
