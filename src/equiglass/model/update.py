"""The update of a node: non-linear in the invariants of its own field.

    p_l = (h_l U_l) . (h_l V_l),   l = 0 .. l_max;   (s, g) = MLP(h_0, p)
    h_0 <- h_0 + s,                h_l <- h_l + g_l (h_l W_l)

. is the mean over m, so p are products of two channels: their l = 0 part. A sum over neighbours contains pairs of
particles; its products contain triplets, and those of later layers higher orders. s and g start at zero, so a network
starts as one without updates.

Products of products grow fast, so a channel longer than `LARGEST` is shortened to it.

The network of the paper has no updates. Gates of this kind: Weiler et al. 2018, arXiv 1807.02547, sec. 4.2; products
of summed neighbourhoods: Batatia et al., NeurIPS 2022, arXiv 2206.07697.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

LARGEST = 100.0
"""The largest length of a channel of the field. In the shipped networks it is at most 43 on real configurations."""


class Update(nn.Module):
    """The update of the field of every node."""

    def __init__(self, l_max: int, channels: int, width: int) -> None:
        """Draw the weights from the random generator of torch.

        Args:
            l_max: highest degree of the field.
            channels: number of channels C of every degree.
            width: number of products of every degree, and half of the hidden width of the MLP.
        """
        super().__init__()
        self.l_max, self.channels, self.width = l_max, channels, width
        self.factors = nn.Parameter(torch.randn(l_max + 1, channels, 2 * width) / channels**0.5)
        self.turned = nn.Parameter(torch.randn(l_max, channels, channels) / channels**0.5)
        self.hidden = nn.Linear(channels + (l_max + 1) * width, 2 * width)
        self.last = nn.Linear(2 * width, (l_max + 1) * channels)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, h: Tensor) -> Tensor:
        """The updated field, (N, (l_max + 1)^2, C), from a field of the same shape."""
        degrees = [h[:, l * l : (l + 1) ** 2] for l in range(self.l_max + 1)]
        products = []
        for l, part in enumerate(degrees):
            first, second = (part @ self.factors[l]).chunk(2, dim=-1)
            products.append((first * second).mean(1))
        known = torch.cat([h[:, 0], *products], dim=1)
        change = self.last(nn.functional.silu(self.hidden(known)))
        scalars, *gates = change.split(self.channels, dim=1)
        parts = [bounded(h[:, :1] + scalars[:, None])]
        for part, turned, gate in zip(degrees[1:], self.turned, gates, strict=True):
            parts.append(bounded(part + gate[:, None] * (part @ turned)))
        return torch.cat(parts, dim=1)


def bounded(part: Tensor) -> Tensor:
    """The part of one degree, (N, 2 l + 1, C), with no channel longer than `LARGEST`."""
    square = part.detach().square().sum(1, keepdim=True)
    return torch.where(square > LARGEST**2, part * (LARGEST * torch.rsqrt(square.clamp(min=LARGEST**2))), part)
