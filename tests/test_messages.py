"""The message-passing methods: their graphs and networks against slow ones, and their symmetries."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from e3nn import o3
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import eval_legendre, sph_harm_y
from torch import Tensor, nn

from equiglass.benchmark.messages import PlainNetwork
from equiglass.liquid.system import System
from equiglass.machine.compiled import compiler
from equiglass.methods import METHODS
from equiglass.methods.messages import compiled, parts, passing
from equiglass.methods.messages.graph import edge_graph, sharing_graphs
from equiglass.methods.messages.harmonics import degrees, real_harmonics
from equiglass.methods.messages.parts import in_parts, parts_of
from equiglass.methods.messages.passing import Skeleton, turned_at_random
from samples.liquids import random_liquid
from samples.messages import NAMES, configuration_of, learnable, made

# Graphs


@pytest.mark.parametrize("second", [False, True])
def test_edges_are_all_pairs_within_the_cutoff_in_either_state(second: bool) -> None:
    n = 30
    system = random_liquid(n)
    moved = np.random.default_rng(1).normal(0, 0.1, (n, 3)) if second else None
    graph = edge_graph(system, 1.4, self_edges=True, displacements=moved, dtype=torch.float64)
    expected = set()
    shifts = np.array(list(product((-1, 0, 1), repeat=3))) * system.box
    for i, j in product(range(n), repeat=2):
        for shift in shifts:
            vector = system.positions[i] - system.positions[j] + shift
            both = [vector] if moved is None else [vector, vector + moved[i] - moved[j]]
            if min(np.linalg.norm(v) for v in both) < 1.4:
                expected.add((i, j, *np.round(np.concatenate(both), 6)))
    particle = np.empty(n, int)
    particle[graph.nodes.numpy()] = np.arange(n)
    found = {
        (particle[i], particle[j], *np.round(v.ravel(), 6))
        for i, j, v in zip(graph.receivers, graph.senders, graph.vectors.numpy(), strict=True)
    }
    assert len(found) == graph.n_edges
    assert found == expected
    assert graph.types[graph.nodes].tolist() == system.types.tolist()
    if moved is not None:
        np.testing.assert_allclose(graph.displacements[graph.nodes], moved)


@pytest.mark.parametrize("n", [8, 60])
def test_every_edge_has_its_reverse(n: int) -> None:
    """Also in a box so small that a particle sees its own images."""
    graph = edge_graph(random_liquid(n), 2.0, dtype=torch.float64)
    back = graph.by_sender
    torch.testing.assert_close(graph.vectors[back], -graph.vectors, atol=1e-12, rtol=0)
    assert torch.equal(graph.senders[back], graph.receivers)
    assert torch.equal(back[back], torch.arange(graph.n_edges))
    values = torch.randn(graph.n_edges, 3, dtype=torch.float64)
    for ends, sums in ((graph.receivers, graph.received(values)), (graph.senders, graph.sent(values))):
        torch.testing.assert_close(sums, torch.zeros(n, 3, dtype=torch.float64).index_add(0, ends, values))


def test_graphs_are_shared_within_a_cross_validation() -> None:
    system, method = random_liquid(20), METHODS["bapst"]
    architecture = configuration_of("bapst").architecture
    assert method.graph(system, architecture) is not method.graph(system, architecture)
    with sharing_graphs():
        assert method.graph(system, architecture) is method.graph(system, architecture)


# Networks against slow ones


@pytest.mark.parametrize("name", ["bapst", "botan"])
def test_skeleton_equals_the_plain_network(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outputs of nodes and edges, and all gradients, in float64 and several blocks."""
    monkeypatch.setattr(passing, "BLOCK", 500)
    network, graph = made(name, random_liquid(50))
    assert isinstance(network, Skeleton)
    network.steps = 7
    results = []
    for side in (network, PlainNetwork(network)):
        network.zero_grad()
        nodes, edges = side.nodes_and_edges(graph)
        (nodes.sin().sum() + (edges**2 * torch.linspace(0, 1, len(edges))[:, None]).sum()).backward()
        gradients = [p.grad.clone() for p in network.parameters() if p.grad is not None]
        results.append([nodes.detach(), edges.detach(), *gradients])
    for ours, plain in zip(*results, strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-9, atol=1e-11)


@pytest.mark.skipif(isinstance(compiler(), str), reason="no C++ compiler")
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("width", [16, 48])
@pytest.mark.parametrize("n", [1, 50])
def test_compiled_edge_update_equals_plain_torch(n: int, width: int, threads: int) -> None:
    """New edges, sums and all gradients; also where edges or sums have no gradient."""
    generator = torch.Generator().manual_seed(0)
    graph = edge_graph(random_liquid(n), 2.0, self_edges=True)
    shapes = [(graph.n_edges, width)] * 2 + [(n, width)] * 2 + [(width, width)] * 2 + [(width,)]
    tensors = [torch.randn(*shape, generator=generator) for shape in shapes]
    of_new, of_sums = torch.randn(graph.n_edges, width), torch.randn(n, width)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        new = passing._plain_forward(*tensors, graph)
        pairs = [(compiled.forward(*tensors, graph), new)]
        for gradients in ((of_new, of_sums), (None, of_sums), (of_new, None)):
            arguments = (*tensors[:-1], new[0], *gradients, graph)
            pairs.append((compiled.backward(*arguments), passing._plain_backward(*arguments)))
    finally:
        torch.set_num_threads(before)
    for ours, plain in pairs:
        for x, y in zip(ours, plain, strict=True):
            torch.testing.assert_close(x, y, rtol=1e-4, atol=1e-5 * float(y.abs().max() + 1))


def test_the_arrays_of_edges_in_memory_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tensors stored for the gradient hold no edges of every step."""
    stored: dict[int, Tensor] = {}

    def pack(x: Tensor) -> Tensor:
        stored[x.data_ptr()] = x
        return x

    counts = {}
    for steps in (6, 12):
        network, graph = made("bapst", random_liquid(50))
        network.steps = steps
        stored.clear()
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
            network(graph)
        counts[steps] = sum(x.numel() == graph.n_edges * network.width for x in stored.values())
    assert counts[12] <= counts[6] + 2


@pytest.mark.parametrize("n", [1, 3, 16])
def test_harmonics_are_those_of_scipy(n: int) -> None:
    directions = nn.functional.normalize(torch.randn(20, 3, dtype=torch.float64), dim=1)
    x, y, z = directions.T.numpy()
    polar, azimuth = np.arccos(z), np.arctan2(y, x)
    expected = []
    for part, start in ((np.real, 0), (np.imag, 1)):
        for l in range(n):
            for m in range(start, l + 1):
                value = part(sph_harm_y(l, m, polar, azimuth)) * (-1) ** m
                expected.append(value * (np.sqrt(2) if m else 1))
    np.testing.assert_allclose(real_harmonics(directions, n), np.stack(expected, 1), atol=1e-12)
    of_degree = torch.zeros(n, dtype=torch.float64).index_add(0, degrees(n), torch.ones(n * n, dtype=torch.float64))
    assert of_degree.tolist() == [2 * l + 1 for l in range(n)]


def test_sum_over_triplets_equals_a_slow_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "EDGES_AT_ONCE", 100)
    network, graph = made("geognn", random_liquid(60))
    graph = edge_graph(random_liquid(60), 1.5, dtype=torch.float64)
    block = network.blocks[0]
    x = torch.randn(graph.n_edges, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = block.sums(x, graph, parts_of(graph)).detach().numpy()
    weights = (block.channels.weight @ block.angular.weight).detach().numpy()
    vectors, senders, receivers = graph.vectors[:, 0].numpy(), graph.senders.tolist(), graph.receivers.tolist()
    expected = np.zeros_like(found)
    for ji in range(graph.n_edges):
        to_i = -vectors[ji]
        for kj in range(graph.n_edges):
            if receivers[kj] == senders[ji] and senders[kj] != receivers[ji]:
                to_j = -vectors[kj]
                cosine = to_i @ to_j / np.linalg.norm(to_i) / np.linalg.norm(to_j)
                harmonics = [np.sqrt((2 * l + 1) / (4 * np.pi)) * eval_legendre(l, cosine) for l in range(4)]
                expected[ji] += x[kj].numpy() * (weights @ harmonics)
    np.testing.assert_allclose(found, expected, atol=1e-10)


def test_mean_over_the_neighbourhood_equals_a_batch_norm_over_all_edges() -> None:
    network, graph = made("geognn", random_liquid(40))
    layer = network.neighbourhood
    x = torch.randn(40, 6, dtype=torch.float64)
    norm = nn.BatchNorm1d(6).double()
    for training in (True, False):
        found = layer.train(training)(x, graph, parts_of(graph))
        entering = torch.cat([x[graph.receivers], x[graph.senders] - x[graph.receivers]], 1)
        each = layer.second(torch.relu(norm.train(training)(layer.first(entering))))
        torch.testing.assert_close(found, graph.received(each) / graph.degrees)
        torch.testing.assert_close(layer.norm.running_var, norm.running_var)
        torch.testing.assert_close(layer.norm.running_mean, norm.running_mean)


def test_interaction_of_eignn_equals_that_of_e3nn_modules() -> None:
    """The interaction edge by edge, with the products and the norm of e3nn."""
    from e3nn.nn import BatchNorm

    torch.manual_seed(0)
    network, graph = made("eignn", learnable(3))
    layer, n = network.interactions[0].train(), graph.n_nodes
    irreps = o3.Irreps("1x0e + 1x1e + 1x2e")
    x, h = torch.randn(n, 6, dtype=torch.float64), torch.randn(n, 9, dtype=torch.float64)
    features = torch.randn(graph.n_edges, 17, dtype=torch.float64)
    harmonics = o3.spherical_harmonics([0, 1, 2], graph.vectors[:, 0], True, "component")
    found = layer(x, h, features, harmonics, graph, parts_of(graph, 200))

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        full = o3.FullTensorProduct(irreps, irreps, filter_ir_out=["0e", "1e", "2e"])
        mixing = o3.Linear(full.irreps_out, irreps)
        scalar = o3.ElementwiseTensorProduct(irreps, irreps, filter_ir_out=["0e"])
        size, norm = o3.Norm(irreps, squared=True), BatchNorm(irreps)
    finally:
        torch.set_default_dtype(before)
    mixing.weight.data = torch.cat(list(layer.vector_mixing))
    i, j = graph.receivers, graph.senders
    silu = nn.functional.silu
    w = silu(layer.weights(silu(layer.message(torch.cat([x[i], x[j], features], 1)))))
    edges = torch.cat([w[:, l : l + 1] * harmonics[:, l * l : (l + 1) ** 2] for l in range(3)], 1)
    products = full(h, graph.received(edges) / graph.degrees)
    new_x, new_h = layer.scalars(torch.cat([x, products[:, :3]], 1)), mixing(products)
    gate = torch.cat([features, scalar(edges, new_h[j]), size(new_h[i] - new_h[j])], 1)
    messages = layer.gate(gate).sigmoid() * silu(layer.value(new_x[j]))
    new_x = layer.norm(new_x + graph.received(messages) / graph.degrees)
    torch.testing.assert_close(found[0], new_x)
    torch.testing.assert_close(found[1], norm(new_h))


@pytest.mark.parametrize("name", ["eignn", "geognn"])
def test_parts_change_neither_outputs_nor_gradients(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network, graph = made(name, learnable(2))
    results = []
    for edges in (10**6, 100):
        monkeypatch.setattr(parts, "EDGES_AT_ONCE", edges)
        network.zero_grad()
        out = network(graph)
        (out**2).sum().backward()
        results.append([out.detach(), *(p.grad.clone() for p in network.parameters() if p.grad is not None)])
    for whole, divided in zip(*results, strict=True):
        torch.testing.assert_close(whole, divided, rtol=1e-8, atol=1e-10)


def test_parts_cover_the_graph() -> None:
    graph = edge_graph(random_liquid(40), 1.5, dtype=torch.float64)
    values = torch.randn(graph.n_edges, 2, dtype=torch.float64)
    assert len(parts_of(graph, 30)) > 3
    summed = in_parts(lambda part: part.received(values[part.edges]), parts_of(graph, 30))
    torch.testing.assert_close(summed, graph.received(values))


@pytest.mark.parametrize(("name", "count"), [("bapst", 62401), ("botan", 54209), ("eignn", 46746), ("geognn", 29314)])
def test_number_of_weights(name: str, count: int) -> None:
    """As in the published networks: two types; ten times for EIGNN, one for the others."""
    architecture = METHODS[name].configuration().architecture
    network = METHODS[name].network_of(architecture, 2, 10 if name == "eignn" else 1)
    assert sum(p.numel() for p in network.parameters()) == count


# Symmetries


@pytest.mark.parametrize("name", NAMES)
def test_permuted_particles_give_permuted_outputs(name: str) -> None:
    system = learnable(1)
    order = np.random.default_rng(0).permutation(system.n_particles)
    other = System(
        system.positions[order],
        system.types[order],
        system.box,
        positions_inherent=system.positions_inherent[order],
        potential=system.potential,
    )
    network, graph = made(name, system)
    again = METHODS[name].graph_of(other, configuration_of(name).architecture).to(torch.float64)
    with torch.no_grad():
        out, expected = network.eval()(again), network(graph)[order]
    # Real numbers of a graph are made in single precision.
    torch.testing.assert_close(out, expected, rtol=1e-4, atol=1e-5)


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**31), mirror=st.booleans())
def test_geognn_is_invariant_under_rotations_and_reflections_eignn_under_rotations(seed: int, mirror: bool) -> None:
    torch.manual_seed(seed)
    rotation = o3.rand_matrix().double()
    for name in ("geognn", "eignn"):
        network, graph = made(name, learnable(1))
        turned = replace(graph, vectors=graph.vectors @ rotation.T)
        if graph.displacements.shape[1]:
            turned = replace(turned, displacements=graph.displacements @ rotation.T)
        if mirror and name == "geognn":
            turned = turned.mirrored()
        with torch.no_grad():
            torch.testing.assert_close(network.eval()(turned), network(graph), rtol=1e-7, atol=1e-8)


def test_turned_at_random_permutes_and_reflects() -> None:
    vectors = torch.tensor([[1.0, 2.0, 3.0]])
    torch.manual_seed(0)
    seen = {tuple(turned_at_random(vectors)[0].tolist()) for _ in range(2000)}
    assert len(seen) == 48
    assert {tuple(sorted(map(abs, one))) for one in seen} == {(1.0, 2.0, 3.0)}
