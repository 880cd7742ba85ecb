"""The convolution of eqs 18-20 in plain torch, for reading and for comparison with the fast implementations."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from equiglass.model.convolution.operation import Dropout, Edges, Radial, entering_fields, hidden_units
from equiglass.model.convolution.paths import Paths, clebsch_gordan


def convolve(
    h: Tensor | None,
    inputs: Sequence[Tensor],
    edges: Edges,
    radial: Radial,
    mixing: Sequence[Tensor],
    norm: float,
    paths: Paths,
    dropout: Dropout | None = None,
) -> Tensor:
    """The convolution of :mod:`equiglass.model.convolution.operation` (eqs. 19 and 20).

    Its memory grows with edges times paths.

    Args:
        h: field of every node, (N, (l_max + 1)^2, C), or None in the first layer.
        inputs: node inputs by degree: scalars (N, 1, S), vectors (N, 3, V), ...
        edges: edges that the n nodes of the result receive.
        radial: weights of the radial MLP.
        mixing: mixing matrix of every lO, (n_comb to lO, C').
        norm: factor of the neighbour sum.
        paths: paths of the layer.
        dropout: dropout of the hidden radial units, or None.

    Returns:
        The new field of the n nodes, (n, (l_max + 1)^2, C').
    """
    row_start, senders, harmonics, basis = edges
    n, x = len(row_start) - 1, entering_fields(h, inputs, paths)
    receivers = torch.repeat_interleave(torch.arange(n, device=row_start.device), row_start.diff())
    phi = torch.relu(hidden_units(basis, radial, dropout) @ radial.weight.T + radial.bias)
    summed: list[list[Tensor]] = [[basis.new_zeros(n, 2 * l + 1, 0)] for l in range(paths.l_max + 1)]
    for path, phi_of_path in zip(paths.triplets, phi.split(paths.widths, 1), strict=True):
        l_in, l_edge, l_out = path
        y = harmonics[:, l_edge**2 : (l_edge + 1) ** 2]
        coupling = torch.as_tensor(clebsch_gordan(path).copy()).to(y)
        message = phi_of_path[:, None] * torch.einsum("eic,ef,ifo->eoc", x[l_in][senders], y, coupling)
        summed[l_out].append(message.new_zeros(n, *message.shape[1:]).index_add(0, receivers, message))
    return norm * torch.cat([torch.cat(of_l, 2) @ w for of_l, w in zip(summed, mixing, strict=True)], 1)
