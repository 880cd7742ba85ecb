"""Method `bapst`: the graph network of Bapst et al.

The edges are all pairs within the cutoff and an edge of every particle to itself. A training turns and mirrors each
configuration at random by permutations and reflections of the axes, because the network is not invariant.

Differences from the paper: the targets are standardised per particle type, and a linear map per type restores them;
the decoder has one output per time, so that one network learns several times (``times=[7]`` learns one); all types are
learned (``types=[A]`` learns A alone); the initial weights are those of torch.

Source: V. Bapst et al., Nature Physics 16, 448 (2020), doi 10.1038/s41567-020-0842-8.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field
from torch import nn

from equiglass.liquid.system import System
from equiglass.methods.descent.gradient import Loss, loss_of_particles
from equiglass.methods.messages.graph import EdgeGraph, edge_graph
from equiglass.methods.messages.passing import Skeleton
from equiglass.methods.messages.predictor import MessageArchitecture, MessageConfiguration, MessagePredictor
from equiglass.prediction.predictor import About


class BapstArchitecture(MessageArchitecture):
    """The hyper-parameters of the network of Bapst et al."""

    steps: int = Field(7, ge=1, description="number of message-passing steps, which share their weights")


class BapstConfiguration(MessageConfiguration):
    """Settings of the method `bapst`."""

    method: Literal["bapst"] = "bapst"
    mirror: bool = Field(True, description="permute and reflect the axes of a configuration at random")
    architecture: BapstArchitecture = BapstArchitecture()


class Bapst(MessagePredictor):
    """The graph network of Bapst et al."""

    method = "bapst"
    about = About(
        "graph neural network on types and relative positions",
        "Bapst et al., Nature Physics 16, 448 (2020), doi 10.1038/s41567-020-0842-8",
        "training: a second or two per configuration of 4096 particles and epoch; prediction: a second",
    )
    file_format = "equiglass-bapst"
    configuration = BapstConfiguration
    architecture_of = BapstArchitecture

    @classmethod
    def network_of(cls, architecture: Any, n_types: int, n_times: int) -> Skeleton:
        """A network with random weights."""
        return Skeleton(n_types, n_times, architecture.width, architecture.steps, encoded_in_edges=True)

    @classmethod
    def graph_of(cls, system: System, architecture: Any) -> EdgeGraph:
        """All pairs within the cutoff, and an edge of every particle to itself."""
        return edge_graph(system, architecture.cutoff, self_edges=True)

    @classmethod
    def begin(
        cls, network: nn.Module, configuration: Any, training: Sequence[System], graphs: Sequence[EdgeGraph]
    ) -> Loss:
        """Turn the configurations at random if they are mirrored."""
        network.turned = configuration.mirror
        return loss_of_particles
