"""Further target: the mean change over runs of the length of every edge, as BOTAN learns it.

    < |r_ij + u_j(t) - u_i(t)| - |r_ij| >_runs,   r_ij = x_j(0) - x_i(0),   u = x(t) - x(0)

The positions are thermal, whatever structure makes the graph. The read-out sees both ends along the edge, and the edge:

    MLP( sum_m Y_lm(a_ij) (h_i + (-1)^l h_j)_lmc for every l and c,   B(a_ij) )

It is the same for both directions of the edge. For small displacements the change is r_ij . (u_j - u_i) / |r_ij|, a sum
of this form with l = 1.

Source: H. Shiba, M. Hanai, T. Suzumura, T. Shimokawabe, J. Chem. Phys. 158, 084503 (2023), doi 10.1063/5.0129791.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from equiglass.liquid.arrays import Float
from equiglass.liquid.neighbors import minimum_image
from equiglass.liquid.system import System
from equiglass.methods.network.further_targets import FURTHER_TARGETS, FurtherTarget
from equiglass.model.architecture import Architecture
from equiglass.model.geometry import edges_of
from equiglass.model.graph import Graph
from equiglass.observables.propensity import mean_changes_of_length

HIDDEN = 16
"""Hidden width of the read-out."""


class EdgeReadOut(nn.Module):
    """A number per edge and time, from both ends and the edge."""

    def __init__(self, architecture: Architecture, n_types: int, n_times: int, n_lengths: int) -> None:
        super().__init__()
        self.architecture = a = architecture
        self.hidden = nn.Linear((a.l_max + 1) * a.channels + n_lengths * a.basis_size, HIDDEN)
        self.last = nn.Linear(HIDDEN, n_times)

    def forward(self, h: Tensor, graph: Graph) -> Tensor:
        """The number of every edge at every time, (E, T)."""
        a, edges = self.architecture, edges_of(graph, self.architecture)
        # The gradient of an embedding sums in a fixed order, also on a GPU.
        of_receivers, of_senders = (
            nn.functional.embedding(ends, h.flatten(1)).view(-1, *h.shape[1:])
            for ends in (graph.receivers, graph.senders)
        )
        seen = []
        for l in range(a.l_max + 1):
            own = slice(l * l, (l + 1) ** 2)
            both = of_receivers[:, own] + (-1) ** l * of_senders[:, own]
            seen.append(torch.einsum("em,emc->ec", edges.harmonics[:, own], both) / (2 * l + 1) ** 0.5)
        hidden = self.hidden(torch.cat([*seen, edges.basis], 1))
        outputs: Tensor = self.last(nn.functional.silu(hidden))
        return outputs


def measured(system: System, graph: Graph, labels: Sequence[str]) -> Float:
    """The mean change of the length of every edge, (E, T, 1), LJ length."""
    changes = np.full((graph.n_edges, len(labels), 1), np.nan)
    if system.replica_displacements is None:
        return changes
    particle_of = np.argsort(graph.nodes.numpy())
    receivers, senders = particle_of[graph.receivers.numpy()], particle_of[graph.senders.numpy()]
    in_graph = graph.vectors.double().numpy()
    # The image that the graph means, at its thermal distance.
    straight = system.positions[senders] - system.positions[receivers]
    vectors = in_graph + minimum_image(straight - in_graph, system.box)
    for t, label in enumerate(labels):
        if label in system.time_labels:
            runs = system.replica_displacements[system.row(label)]
            changes[:, t, 0] = mean_changes_of_length(vectors, runs, receivers, senders)
    return changes


FURTHER_TARGETS.add(
    "edges",
    FurtherTarget(
        name="edges",
        title="the change of the length of every edge",
        label="replica_displacements",
        owner="edges",
        degree=0,
        odd=False,
        measured=measured,
        read_out=EdgeReadOut,
    ),
)
