"""Small labelled configurations whose propensity is a function of the structure, so that a network can learn it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from equiglass.liquid.neighbors import periodic_pairs
from equiglass.liquid.potential import LennardJones
from equiglass.liquid.system import System
from equiglass.methods.linear.descriptors import Descriptors
from equiglass.methods.linear.shells import Shells
from samples.liquids import random_liquid

SMALL = Descriptors(
    radial=(Shells(0.9, 1.5, 4, 0.05), Shells(1.7, 2.5, 3, 0.1)),
    angular=Shells(1.0, 1.6, 3, 0.1),
    l_max=6,
    generations=2,
    averaging_radius=1.6,
)
"""Descriptors of the tuned regression, few enough for a test."""


def labelled_liquid(seed: int, n: int = 64, n_types: int = 2) -> System:
    """Two times; the propensity falls with the number of neighbours. Its own inherent structure, for speed."""
    system = random_liquid(n, seed=seed, n_types=n_types)
    pairs = periodic_pairs(system.positions, system.box, 1.5)
    near = np.bincount(pairs.receivers, minlength=n) / 12
    propensity = np.stack([0.1 + 0.3 * np.exp(-near), 0.5 + np.exp(-2 * near)])
    return replace(
        system,
        positions_inherent=system.positions,
        time_labels=("1", "7"),
        times=np.array([0.1, 16.5]),
        propensity=propensity,
        replica_variance=np.full((2, n), 1e-3),
        runs=32,
    )


def shaken(seed: int) -> System:
    """A labelled liquid with an inherent structure and a cage state of its own."""
    system = labelled_liquid(seed)
    rng = np.random.default_rng(seed)
    inherent, cage = (system.positions + rng.normal(0, 0.05, (system.n_particles, 3)) for _ in range(2))
    return replace(system, positions_inherent=inherent, positions_cage=cage)


def of_types(n_types: int) -> LennardJones:
    """The same potential between all types."""
    potential = labelled_liquid(0).potential
    assert potential is not None
    return replace(potential, epsilon=((1.0,) * n_types,) * n_types, sigma=((0.9,) * n_types,) * n_types, name="alike")
