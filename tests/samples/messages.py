"""Small trainings and graphs of the message-passing methods."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

import equiglass
from equiglass.liquid.system import System
from equiglass.methods import METHODS
from equiglass.methods.loading import read_configuration
from equiglass.methods.messages.graph import EdgeGraph
from samples.labelled import labelled_liquid

NAMES = ("bapst", "botan", "eignn", "geognn")
SMALL = {
    "bapst": {"architecture.width": 6, "architecture.steps": 4},
    "botan": {"architecture.width": 6, "architecture.steps": 2, "edge_epochs": 1},
    "eignn": {"architecture.width": 6, "architecture.interactions": 2},
    "geognn": {"architecture.width": 6, "architecture.gaussians": 8, "architecture.angular": 4},
}


def settings_of(name: str, **changes: Any) -> list[str]:
    """Words of a small training."""
    every = {"epochs": 2, "folds": 3, "learning_rate": 0.01, **SMALL[name], **changes}
    return [f"{key}={json.dumps(value)}" for key, value in every.items()]


def configuration_of(name: str, **changes: Any) -> Any:
    return read_configuration(None, settings_of(name, **changes), name)


def learnable(seed: int, n: int = 40, n_types: int = 2) -> System:
    """A labelled configuration with the displacements of three runs and an inherent structure of its own."""
    liquid = labelled_liquid(seed, n, n_types)
    rng = np.random.default_rng(seed)
    moves = rng.normal(0, 0.1, (2, 3, n, 3)).astype(np.float32)
    inherent = liquid.positions + rng.normal(0, 0.02, (n, 3))
    potential = liquid.potential or equiglass.LennardJones(
        "three", epsilon=np.full((n_types,) * 2, 1.0), sigma=np.full((n_types,) * 2, 0.9)
    )
    return replace(liquid, replica_displacements=moves, positions_inherent=inherent, potential=potential)


def made(name: str, system: System, n_times: int = 2) -> tuple[nn.Module, EdgeGraph]:
    """A small network with random weights and the graph of a configuration."""
    method = METHODS[name]
    architecture = configuration_of(name).architecture
    torch.manual_seed(0)
    network = method.network_of(architecture, system.n_types, n_times).double()
    return network, method.graph_of(system, architecture).to(torch.float64)
