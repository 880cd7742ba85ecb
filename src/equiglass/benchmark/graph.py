"""The graph of a configuration. The reference is scipy's cKDTree: the same edges, sorted, with float32 vectors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from equiglass.benchmark.measure import Result, Setting, Side, by_turns, peak_bytes, relative_error
from equiglass.errors import ConfigurationError, DataError, EquiglassError
from equiglass.liquid.neighbors import minimum_image
from equiglass.liquid.system import System
from equiglass.model.architecture import Architecture
from equiglass.model.graph import build_graph

CUTOFF = Architecture().cutoff


def benchmark(setting: Setting) -> Result:
    """Measure our graph and cKDTree."""
    system = setting.system
    if setting.device != "cpu":
        raise ConfigurationError("Graphs are built on the CPU; leave --device out.")
    if np.any(system.box < 2 * CUTOFF):
        raise DataError(
            f"{system.name}: the box {system.box} is smaller than two cutoffs of {CUTOFF:g}, and cKDTree finds the "
            "nearest image only; choose a larger configuration (--particles)."
        )
    mine, theirs = our_edges(system), tree_edges(system)
    if not torch.equal(mine[0], theirs[0]) or not torch.equal(mine[1], theirs[1]):
        raise EquiglassError(f"{system.name}: the two lists of edges differ.")
    peaks = [peak_bytes(side, setting) for side in (ours, reference)]
    times = by_turns({"ours": ours(setting), "reference": reference(setting)}, setting)
    return Result(
        "graph",
        Side(times["ours"], peaks[0]),
        Side(times["reference"], peaks[1]),
        "scipy cKDTree",
        relative_error([mine[2]], [theirs[2]]),
        system.n_particles,
        len(mine[0]),
    )


def ours(setting: Setting) -> Callable[[], object]:
    """A function that builds our graph."""
    return lambda: build_graph(setting.system, CUTOFF)


def reference(setting: Setting) -> Callable[[], object]:
    """A function that finds the edges with cKDTree."""
    return lambda: tree_edges(setting.system)


def our_edges(system: System) -> tuple[Tensor, Tensor, Tensor]:
    """Receivers, senders and vectors of our graph, sorted by the numbers of the particles."""
    graph = build_graph(system, CUTOFF)
    particles = torch.argsort(graph.nodes)
    receivers, senders = particles[graph.receivers], particles[graph.senders]
    order = torch.argsort(receivers * system.n_particles + senders)
    return receivers[order], senders[order], graph.vectors[order]


def tree_edges(system: System) -> tuple[Tensor, Tensor, Tensor]:
    """Receivers, senders and vectors from cKDTree: its pairs in both directions, sorted."""
    x = system.positions
    pairs = cKDTree(x, boxsize=system.box).query_pairs(CUTOFF, output_type="ndarray")
    vectors = minimum_image(x[pairs[:, 1]] - x[pairs[:, 0]], system.box)
    receivers, senders = np.concatenate([pairs, pairs[:, ::-1]]).T
    order = np.argsort(receivers * system.n_particles + senders)
    both = np.concatenate([vectors, -vectors]).astype(np.float32)
    return torch.from_numpy(receivers[order]), torch.from_numpy(senders[order]), torch.from_numpy(both[order])
