"""Small labelled configurations with the displacements of their runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from equiglass.liquid.system import System
from samples.labelled import labelled_liquid


def with_runs(seed: int, runs: int = 4) -> System:
    """A labelled liquid with displacements of every run; those of run 2 are unknown at the second time."""
    system = labelled_liquid(seed)
    moves = np.random.default_rng(seed).normal(0, 0.05, (2, runs, system.n_particles, 3)).astype(np.float32)
    moves[1, 1] = np.nan
    return replace(system, replica_displacements=moves)
