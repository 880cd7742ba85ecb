"""A configuration made ready for training, and the times to learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from numpy.typing import NDArray
from torch import Tensor

from equiglass.errors import DataError
from equiglass.liquid.arrays import Float
from equiglass.liquid.system import System
from equiglass.liquid.targets import times_of
from equiglass.model.graph import Graph


@dataclass(frozen=True)
class Sample:
    """One configuration as the loop uses it.

    Attributes:
        name: of the configuration.
        graph: the input; built once per training.
        targets: standardised, (N, T), NaN where missing.
        measured: the same in LJ units, (T, N).
        types: (N,).
        averages: those that the line from outputs to targets takes in, (N, G).
    """

    name: str
    graph: Graph
    targets: Tensor
    measured: Float
    types: NDArray
    averages: Float

    def to(self, device: torch.device) -> Sample:
        """The same with graph and targets on a device."""
        return replace(self, graph=self.graph.to(device), targets=self.targets.to(device))


def labels_of(systems: Sequence[System], wanted: str | Sequence[str], target: str = "propensity") -> dict[str, float]:
    """Times to learn: value by label, ascending in the value of the first configuration that has it.

    Args:
        systems: the training configurations.
        wanted: labels, or "all".
        target: name of the target.

    Raises:
        DataError: nothing to learn from, or a wanted label that no configuration has.
    """
    times: dict[str, float] = {}
    for system in systems:
        for label, time in times_of(system, target).items():
            times.setdefault(label, time)
    if not times:
        raise DataError(f"none of the training configurations has a {target} to learn from.")
    if wanted != "all":
        missing = [label for label in wanted if label not in times]
        if missing:
            raise DataError(f"no configuration has times labelled {missing}; there are {list(times)}.")
        times = {label: times[label] for label in wanted}
    return dict(sorted(times.items(), key=lambda item: item[1]))
