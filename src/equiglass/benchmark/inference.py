"""Prediction without gradient, from one configuration to a million particles: graph and the paper's model.

Our network runs at every size in a new process. The e3nn network runs at the smallest size, alternating with ours. For
the largest size, its time and memory are scaled by the number of particles.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from equiglass.benchmark.liquid import copies, graph_of, repeated
from equiglass.benchmark.measure import (
    Result,
    Setting,
    Side,
    by_turns,
    forget_peak,
    highest_memory,
    in_fresh_process,
    now,
    peak_bytes,
    use_threads,
)
from equiglass.benchmark.reference import E3nnNetwork, require_memory
from equiglass.benchmark.step import TRAINING, network_of, output_error
from equiglass.liquid.system import System
from equiglass.machine.memory import keep_freed_memory
from equiglass.model.network import Network

PARTICLES = 1_000_000


def benchmark(setting: Setting, particles: int = PARTICLES) -> Result:
    """Measure our network at every size up to ``particles``, and the e3nn network at the smallest size."""
    graph = graph_of(setting.system, TRAINING.architecture, setting.device)
    require_memory(TRAINING.architecture, graph, setting.device)
    error = output_error(settled_network(setting), graph)
    peak = peak_bytes(reference, setting)
    alone = replace(setting, on_turn=None)
    sizes = [in_fresh_process(at_size, alone, n) for n in sizes_up_to(setting.system, particles)]
    times = by_turns({"ours": ours(setting), "reference": reference(setting)}, setting)
    largest = sizes[-1]
    factor = largest["particles"] / graph.n_nodes
    return Result(
        "inference",
        Side(largest["total_s"], largest["peak_bytes"]),
        Side([factor * x for x in times["reference"]], round(factor * peak)),
        "e3nn network with index_add",
        error,
        largest["particles"],
        largest["edges"],
        f"{graph.n_nodes} particles, time and memory x {factor:g}" if factor > 1 else "",
        {
            "smallest": {
                "particles": graph.n_nodes,
                "ours_s": statistics.median(times["ours"]),
                "reference_s": statistics.median(times["reference"]),
                "reference_peak_bytes": peak,
            },
            "sizes": [{**size, "total_s": statistics.median(size["total_s"])} for size in sizes],
        },
    )


def sizes_up_to(system: System, particles: int) -> list[int]:
    """Sizes to measure: that of the configuration times 1, 8, 64, ..., and ``particles``."""
    sizes = [system.n_particles]
    while 8 * sizes[-1] < particles:
        sizes.append(8 * sizes[-1])
    return [*sizes, particles] if sizes[-1] < particles else sizes


def settled_network(setting: Setting) -> Network:
    """The paper's model in evaluation mode, with running averages from the configuration."""
    graph = graph_of(setting.system, TRAINING.architecture, setting.device)
    network = network_of(graph, dropout=0.0)
    with torch.no_grad():
        for _ in range(3):
            network(graph)
    return network.eval()


def ours(setting: Setting) -> Callable[[], None]:
    """A function that builds the graph and runs our network."""
    return _prediction(settled_network(setting), setting)


def reference(setting: Setting) -> Callable[[], None]:
    """A function that builds the same graph and runs the network on e3nn."""
    return _prediction(E3nnNetwork(settled_network(setting)).eval(), setting)


def _prediction(network: nn.Module, setting: Setting) -> Callable[[], None]:
    def run() -> None:
        graph = graph_of(setting.system, TRAINING.architecture, setting.device)
        with torch.no_grad():
            network(graph)

    return run


def at_size(setting: Setting, particles: int) -> dict[str, Any]:
    """Times and peak memory of our network for the configuration repeated to ``particles``; run it in a new process."""
    use_threads(setting.threads)
    network = settled_network(setting)
    large = repeated(setting.system, copies(setting.system, particles))

    def predict() -> tuple[float, float, int]:
        start = now(setting.device)
        graph = graph_of(large, TRAINING.architecture, setting.device)
        between = now(setting.device)
        with torch.no_grad():
            network(graph)
        return between - start, now(setting.device) - between, graph.n_edges

    keep_freed_memory()
    before = forget_peak(setting.device)
    graph_s, network_s, edges = zip(*(predict() for _ in range(setting.repeats)), strict=True)
    return {
        "particles": large.n_particles,
        "edges": edges[0],
        "graph_s": statistics.median(graph_s),
        "network_s": statistics.median(network_s),
        "total_s": [a + b for a, b in zip(graph_s, network_s, strict=True)],
        "peak_bytes": highest_memory(setting.device) - before,
    }
