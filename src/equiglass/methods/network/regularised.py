"""The network with its further targets: read-outs, standardised values, and the loss of all targets together.

    loss = sum over the targets of < (y - target)^2 > / (variance of the target)

The sum is also over times. A further target counts as much as the target itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from equiglass.errors import DataError
from equiglass.liquid.arrays import Float
from equiglass.liquid.system import System
from equiglass.methods.descent.gradient import masked_loss
from equiglass.methods.descent.samples import Sample
from equiglass.methods.network.further_targets import FURTHER_TARGETS, FurtherTarget
from equiglass.model.graph import Graph
from equiglass.model.inputs.standardisation import moments_of
from equiglass.model.network import Network

READ_OUTS = "read_outs."
"""Prefix of the names of the read-outs' tensors in a checkpoint."""


class Regularised(nn.Module):
    """The network in a training, with read-outs of its further targets. Its outputs are those of the network."""

    def __init__(self, network: Network, names: Sequence[str]) -> None:
        """Take the network, and draw the weights of the read-outs from the random generator of torch."""
        super().__init__()
        self.network = network
        n_types, n_times, _ = network.decoder.shape
        self.read_outs = nn.ModuleDict(
            {
                name: FURTHER_TARGETS[name].read_out(network.architecture, n_types, n_times, network.n_lengths)
                for name in names
            }
        )

    def forward(self, graph: Graph) -> Tensor:
        """The standardised target of every particle at every time, (N, T)."""
        outputs: Tensor = self.network(graph)
        return outputs

    def tensors(self) -> dict[str, Tensor]:
        """The tensors of the read-outs, as a checkpoint names them."""
        return {name: x.contiguous() for name, x in self.state_dict().items() if name.startswith(READ_OUTS)}


def weights_of(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of network and read-outs among the tensors of a checkpoint."""
    return {name: x for name, x in tensors.items() if name.startswith(("network.", READ_OUTS))}


def loss_of_targets(trained: Any, sample: Sample, sign: Tensor, epoch: Tensor) -> Tensor:
    """The `masked_loss` of the target plus that of every further target."""
    graph = sample.graph.mirrored(sign)
    h = trained.network.field(graph)
    loss = masked_loss(trained.network.read_out(h, graph), sample.targets, sample.weights)
    for name, read_out in trained.read_outs.items():
        targets = sample.further_targets[name]
        loss = loss + masked_loss(read_out(h, graph), targets * sign if FURTHER_TARGETS[name].odd else targets)
    return loss


def with_further_targets(
    samples: Sequence[Sample], systems: Sequence[System], names: Sequence[str], labels: Sequence[str]
) -> list[Sample]:
    """The samples with standardised further targets.

    Args:
        samples: the training configurations on the CPU.
        systems: the same configurations.
        names: names of the further targets.
        labels: labels of the times.

    Raises:
        DataError: no configuration has a further target at one of the times.
    """
    samples = list(samples)
    for name in names:
        what = FURTHER_TARGETS[name]
        pairs = list(zip(systems, samples, strict=True))
        values = [what.measured(system, sample.graph, labels) for system, sample in pairs]  # type: ignore[arg-type]
        if not any(np.isfinite(x).any() for x in values):
            raise DataError(
                f"further_targets: {name} is {what.title} and needs {what.label}, which no training configuration has "
                f"at the times {list(labels)}; leave {name} out, or train on configurations that have it."
            )
        kinds = [system.types for system in systems]
        if what.owner == "edges":
            kinds = [np.zeros(len(x), np.int64) for x in values]
        for k, x in enumerate(standardised(values, kinds, what)):
            tensor = torch.from_numpy(x.reshape(len(x), -1)).float()
            samples[k] = replace(samples[k], further_targets={**samples[k].further_targets, name: tensor})
    return samples


def standardised(values: Sequence[Float], kinds: Sequence[np.ndarray], what: FurtherTarget) -> list[Float]:
    """The values over all configurations with mean 0 and variance 1 for every kind and time, each (n, T, C).

    An odd quantity remains around 0, and its length has the mean square 1.
    """
    every_kind = np.concatenate(kinds)
    n_kinds = int(every_kind.max()) + 1
    sizes = np.concatenate([np.linalg.norm(x, axis=2) if what.odd else x[:, :, 0] for x in values])
    moments = [moments_of(of_time, every_kind, n_kinds) for of_time in sizes.T]
    mean, scale = (np.stack([of_time[k] for of_time in moments], axis=1) for k in (0, 1))
    if what.odd:
        mean, scale = np.zeros_like(mean), np.hypot(mean, scale)
    return [(x - mean[own][:, :, None]) / scale[own][:, :, None] for x, own in zip(values, kinds, strict=True)]
