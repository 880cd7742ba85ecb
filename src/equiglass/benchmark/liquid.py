"""The configurations for the benchmarks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from equiglass.formats import load
from equiglass.liquid.inherent import quench
from equiglass.liquid.potential import KOB_ANDERSEN
from equiglass.liquid.system import System
from equiglass.model.architecture import Architecture
from equiglass.model.graph import Graph, build_graph

NOISE = 0.02


def configuration(path: Path | None, particles: int | None) -> System:
    """The first configuration of a file, or a liquid of 4096 particles, repeated to at least ``particles``."""
    system = liquid() if path is None else load(path)[0]
    return system if particles is None else repeated(system, copies(system, particles))


def liquid(side: int = 16, density: float = 1.2, seed: int = 0) -> System:
    """side^3 particles of the Kob-Andersen mixture: a perturbed lattice, relaxed until no force exceeds 3."""
    n = side**3
    rng = np.random.default_rng(seed)
    box = np.full(3, (n / density) ** (1 / 3))
    sites = np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij"), -1).reshape(n, 3)
    positions = (sites + rng.uniform(-0.2, 0.2, (n, 3))) * box / side
    types = np.zeros(n, np.int64)
    types[rng.permutation(n)[: n // 5]] = 1
    relaxed = quench(System(positions, types, box), potential=KOB_ANDERSEN, tolerance=3.0)
    assert relaxed.positions_inherent is not None
    return System(relaxed.positions_inherent, types, box, name="liquid", potential=KOB_ANDERSEN)


def copies(system: System, particles: int) -> tuple[int, int, int]:
    """Repetitions of a configuration along each axis, the shortest axis first, for at least ``particles``."""
    times = np.ones(3, np.int64)
    while system.n_particles * np.prod(times) < particles:
        times[np.argmin(times * system.box)] += 1
    return int(times[0]), int(times[1]), int(times[2])


def repeated(system: System, times: tuple[int, int, int]) -> System:
    """Periodic copies of the configuration; noise of 0.02 displaces every particle along each axis."""
    if times == (1, 1, 1):
        return system
    shifts = np.stack(np.meshgrid(*map(np.arange, times), indexing="ij"), -1).reshape(-1, 1, 3) * system.box
    positions = (shifts + system.positions).reshape(-1, 3)
    positions += np.random.default_rng(0).normal(0, NOISE, positions.shape)
    return System(positions, np.tile(system.types, len(shifts)), system.box * times, name=system.name)


def graph_of(system: System, architecture: Architecture, device: str) -> Graph:
    """The graph of a configuration; a normal random number replaces the energy."""
    noise = np.random.default_rng(1).normal(size=system.n_particles)
    n_types = max(system.n_types, 2)
    graph = build_graph(system, architecture.cutoff, n_types=n_types, inputs={0: noise[:, None, None]})
    return graph if device == "cpu" else graph.to(torch.device(device))
