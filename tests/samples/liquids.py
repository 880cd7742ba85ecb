"""Small disordered configurations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

import equiglass
from equiglass.liquid.potential import KOB_ANDERSEN
from equiglass.liquid.system import System


def random_liquid(n: int = 120, density: float = 1.2, seed: int = 0, n_types: int = 2) -> System:
    """A disordered configuration without overlaps: a jittered lattice with random types."""
    rng = np.random.default_rng(seed)
    side = (n / density) ** (1 / 3)
    cells = int(np.ceil(n ** (1 / 3)))
    grid = np.stack(np.meshgrid(*[np.arange(cells)] * 3, indexing="ij"), -1).reshape(-1, 3)
    sites = grid[rng.permutation(len(grid))[:n]]
    positions = (sites + 0.5 + rng.uniform(-0.2, 0.2, (n, 3))) * side / cells
    types = np.zeros(n, dtype=np.int64)
    types[rng.permutation(n)[: n // 5]] = min(1, n_types - 1)
    if n_types > 2:
        types[rng.permutation(n)[: n // 6]] = n_types - 1
    potential = KOB_ANDERSEN if n_types == 2 else None
    return System(positions, types, np.full(3, side), name=f"liquid-{seed}", temperature=0.5, potential=potential)


def settled_liquid(n: int = 200, seed: int = 4) -> System:
    """A liquid at T = 0.44 around an inherent structure. The forces are those of a liquid, so predictions are fast."""
    system = random_liquid(n, seed=seed)
    inherent = equiglass.quench(system).positions_in("inherent")
    return replace(system, positions=inherent + np.random.default_rng(seed).normal(0, 0.05, (n, 3)), temperature=0.44)
