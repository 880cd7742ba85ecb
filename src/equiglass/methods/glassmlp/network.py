"""The networks of GlassMLP: per time, 2 units (elu), then two layers of 10, then the output.

    y = w4 . elu(W3 elu(W2 elu(W1 x + b1) + b2) + b3) + b4,   W1 (2, F), W2 (10, 2), W3 (10, 10), w4 (10)

The networks of the T times have no weight in common. They are trained together, with one axis more in every weight.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import elu

UNITS = (2, 10, 10, 1)
"""Numbers of units of the layers."""


class Networks(nn.Module):
    """The networks of T times.

    Args:
        n_times: number T of networks.
        n_features: number of features.
    """

    def __init__(self, n_times: int, n_features: int) -> None:
        super().__init__()
        sizes = list(zip((n_features, *UNITS), UNITS, strict=False))
        bounds = [1 / math.sqrt(before) for before, _ in sizes]
        self.weights = nn.ParameterList(
            torch.empty(n_times, *size).uniform_(-bound, bound) for size, bound in zip(sizes, bounds, strict=True)
        )
        self.biases = nn.ParameterList(
            torch.empty(n_times, 1, size[1]).uniform_(-bound, bound) for size, bound in zip(sizes, bounds, strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Outputs (T, n) from standardised features (n, F)."""
        hidden = x.expand(len(self.weights[0]), *x.shape)
        for layer, (weights, biases) in enumerate(zip(self.weights, self.biases, strict=True), start=1):
            hidden = torch.baddbmm(biases, hidden, weights)
            if layer < len(UNITS):
                hidden = elu(hidden)
        return hidden[..., 0]
