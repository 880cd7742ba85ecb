"""A configuration that has everything a configuration can have, and when two are the same."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from equiglass.liquid.potential import LennardJones
from equiglass.liquid.system import System
from samples.liquids import random_liquid

MIXTURE = LennardJones(
    "other",
    epsilon=((1.0, 0.7), (0.7, 0.3)),
    sigma=((1.0, 0.9), (0.9, 0.8)),
    cutoff=2.0,
    truncation="force-shifted",
)


def full_system(seed: int = 0) -> System:
    """A configuration that has everything a configuration can have, with unknown values in the labels."""
    rng = np.random.default_rng(seed)
    liquid = random_liquid(n=40, seed=seed)
    propensity = rng.uniform(0.1, 2.0, (3, 40))
    propensity[2, 5] = np.nan
    return replace(
        liquid,
        name=f'liquid "{seed}" at T=0.5',
        temperature=0.5,
        potential=MIXTURE,
        positions_inherent=liquid.positions + rng.normal(0, 0.02, (40, 3)),
        positions_cage=liquid.positions + rng.normal(0, 0.02, (40, 3)),
        covariance_cage=rng.normal(0, 0.01, (40, 3, 3)).astype(np.float32),
        propensity_cage=rng.uniform(0, 0.2, 40).astype(np.float32),
        images=rng.integers(-2, 3, (40, 3)),
        time=20.0,
        time_labels=("F=0.9", "F=1/e", "7"),
        times=np.array([0.125, 3.7, 1e5]),
        propensity=propensity,
        replica_variance=rng.uniform(0.0, 1.0, (3, 40)),
        propensity_halves=rng.uniform(0.1, 2.0, (2, 3, 40)),
        mean_displacement=rng.normal(0, 1, (3, 40, 3)),
        replica_displacements=rng.normal(0, 1, (3, 4, 40, 3)).astype(np.float32),
        self_scattering=rng.uniform(0, 1, (3, 2)),
        run_temperature=np.array([0.49, np.nan, 0.51]),
        energy_drift=rng.uniform(0, 1e-3, 3),
        momentum=rng.uniform(0, 1e-15, 3),
        runs=4,
        ids=rng.permutation(1000)[:40],
        origin=np.array([-1.5, 0.0, 2.25]),
        timestep=123_456_789_012,
        equilibrated=False,
        predictions={"SE3": rng.uniform(0.1, 2.0, (3, 40)), "model/two": rng.uniform(0.1, 2.0, (3, 40))},
        provenance={"source": "a test", "doi": "10.1000/ü/1"},
    )


def assert_same(one: System, other: System, tolerance: dict[str, float]) -> None:
    """Equal in every field; the named ones to a tolerance, relative beyond 1 and absolute below."""
    for key in (field.name for field in fields(System)):
        a, b = getattr(one, key), getattr(other, key)
        if isinstance(a, np.ndarray):
            np.testing.assert_allclose(b, a, rtol=tolerance.get(key, 0), atol=tolerance.get(key, 0), err_msg=key)
        elif key == "predictions":
            assert list(a) == list(b)
            for name in a:
                np.testing.assert_allclose(b[name], a[name], rtol=tolerance.get(key, 0))
        else:
            assert a == b, key
