"""The non-linear update of the nodes, and the network with it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from equiglass.model.architecture import Architecture
from equiglass.model.graph import build_graph
from equiglass.model.network import Network
from equiglass.model.update import LARGEST, Update
from samples.liquids import random_liquid

few = settings(deadline=None, max_examples=8)


def lively(l_max: int = 2, channels: int = 3, width: int = 4) -> Update:
    """An update whose last layer is not zero."""
    update = Update(l_max, channels, width).double()
    torch.nn.init.normal_(update.last.weight)
    return update


def test_against_the_formula() -> None:
    torch.manual_seed(1)
    update, h = lively(), torch.randn(5, 9, 3, dtype=torch.float64)
    field, factors = h.numpy(), update.factors.detach().numpy()
    new = np.empty_like(field)
    for i in range(5):
        degrees = [field[i, l * l : (l + 1) ** 2] for l in range(3)]
        p = [
            [sum((x @ f[:, k]) * (x @ f[:, 4 + k])) / (2 * l + 1) for k in range(4)]
            for l, (x, f) in enumerate(zip(degrees, factors, strict=True))
        ]
        known = np.concatenate([degrees[0][0], *p])
        hidden = update.hidden.weight.detach().numpy() @ known + update.hidden.bias.detach().numpy()
        hidden = hidden / (1 + np.exp(-hidden))
        s, *g = (update.last.weight.detach().numpy() @ hidden + update.last.bias.detach().numpy()).reshape(3, 3)
        new[i, 0] = degrees[0][0] + s
        for l, (x, w, gate) in enumerate(zip(degrees[1:], update.turned.detach().numpy(), g, strict=True), start=1):
            new[i, l * l : (l + 1) ** 2] = x + gate * (x @ w)
    np.testing.assert_allclose(update(h).detach().numpy(), new, rtol=1e-12)


@few
@given(seed=st.integers(0, 999))
def test_it_turns_with_the_liquid(seed: int) -> None:
    o3 = pytest.importorskip("e3nn.o3")
    torch.manual_seed(seed)
    update, h = lively(), torch.randn(7, 9, 3, dtype=torch.float64)
    rotation = o3.rand_matrix(dtype=torch.float64)
    wigner = torch.block_diag(*(o3.Irrep(l, (-1) ** l).D_from_matrix(rotation) for l in range(3)))

    def turned(field: torch.Tensor) -> torch.Tensor:
        return torch.einsum("ab,nbc->nac", wigner, field)

    np.testing.assert_allclose(update(turned(h)).detach(), turned(update(h)).detach(), atol=1e-9)


def test_a_network_with_updates_starts_as_one_without() -> None:
    graph = build_graph(random_liquid(60), 2.0, n_types=2)
    plain = Network(Architecture(l_max=2, layers=2, channels=3), (2,), 2, 1).eval()
    updating = Network(Architecture(l_max=2, layers=2, channels=3, update=4), (2,), 2, 1).eval()
    missing, unexpected = updating.load_state_dict(plain.state_dict(), strict=False)
    assert not unexpected
    assert all(name.startswith("updates.") for name in missing)
    with torch.no_grad():
        torch.testing.assert_close(updating(graph), plain(graph))


def test_every_weight_of_an_update_learns() -> None:
    graph = build_graph(random_liquid(60), 2.0, n_types=2)
    network = Network(Architecture(l_max=2, layers=2, channels=3, update=4, dropout=0.0), (2,), 2, 1)
    for update in network.updates:
        torch.nn.init.normal_(update.last.weight)
    network(graph).square().sum().backward()
    for name, parameter in network.updates.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_no_channel_becomes_longer_than_the_bound() -> None:
    torch.manual_seed(3)
    update, h = lively(), torch.randn(6, 9, 3, dtype=torch.float64)
    h[2] *= 1e6
    new = update(h)
    for l in range(3):
        assert new[:, l * l : (l + 1) ** 2].norm(dim=1).max() <= LARGEST * (1 + 1e-9)
    assert torch.isfinite(new).all()
    others = torch.cat([h[:2], h[3:]])
    torch.testing.assert_close(torch.cat([new[:2], new[3:]]), update(others))
