"""Protocols of simulations that take seconds, and what several tests of simulations need."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from equiglass.errors import EquiglassWarning
from equiglass.liquid.system import System

TINY: dict[str, Any] = {
    "n_particles": 100,
    "density": 1.2,
    "temperature": 0.7,
    "equilibration": {"melt_time": 2, "ramp_time": 2, "time": 4},
    "configurations": 2,
    "spacing": 2,
    "runs": 4,
    "times": [0.01, 0.1],
    "seed": 3,
}
"""Two configurations of 100 particles with four runs each."""

TINY_START: dict[str, Any] = {**TINY, "times": [0.02, 0.1], "seed": 5}
"""The protocol of configurations from which further runs start."""

RUNS: dict[str, Any] = {key: TINY_START[key] for key in ("runs", "times", "seed")}
"""Its runs alone."""

TINY_SCATTERING: dict[str, Any] = {
    **TINY,
    "equilibration": {"melt_time": 2, "ramp_time": 2, "time": 2},
    "runs": 2,
    "times": {"F": [0.9, 0.8], "longest": 10},
}
"""Times where F_s has given values."""

TINY_LONG: dict[str, Any] = {**TINY_SCATTERING, "times": {"1": 0.05, "2": 10.0}, "engine": "lammps"}
"""Runs of LAMMPS that last long enough to be killed."""

PARSL = """
from parsl import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider

executor = HighThroughputExecutor(max_workers_per_node=2, address="127.0.0.1", provider=LocalProvider())
config = Config(executors=[executor], run_dir={folder!r})
"""
"""A configuration of Parsl for this machine; ``folder`` is for its logs."""

ARRAYS = (
    "positions",
    "positions_inherent",
    "types",
    "box",
    "times",
    "propensity",
    "propensity_halves",
    "replica_variance",
    "mean_displacement",
)


@contextmanager
def short_trajectories() -> Iterator[None]:
    """Ignore the warnings of the physics checks, which so short a trajectory may well fail."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EquiglassWarning)
        yield


def assert_same(first: Sequence[System], second: Sequence[System]) -> None:
    """Configurations and labels are equal to the last bit."""
    for one, other in zip(first, second, strict=True):
        for key in ARRAYS:
            np.testing.assert_array_equal(getattr(one, key), getattr(other, key), err_msg=key)
