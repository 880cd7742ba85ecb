"""The message-passing methods: their graphs and networks against slow ones, symmetries, training, files, commands."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from e3nn import o3
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import eval_legendre, sph_harm_y
from torch import Tensor, nn

import equiglass
from equiglass.benchmark.messages import PlainNetwork
from equiglass.errors import DataError
from equiglass.liquid.system import System
from equiglass.machine.compiled import compiler
from equiglass.methods import METHODS
from equiglass.methods.descent.samples import Sample
from equiglass.methods.loading import read_configuration, save_model
from equiglass.methods.messages import compiled, eignn, parts, passing, published
from equiglass.methods.messages.botan import BotanNetwork, bond_loss, edge_changes
from equiglass.methods.messages.graph import EdgeGraph, edge_graph, sharing_graphs
from equiglass.methods.messages.harmonics import degrees, real_harmonics
from equiglass.methods.messages.parts import in_parts, parts_of
from equiglass.methods.messages.passing import Skeleton, turned_at_random
from equiglass.prediction.predictor import Watch
from equiglass.training.supply import supply
from samples.command import run
from samples.labelled import labelled_liquid
from samples.liquids import random_liquid

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


# Edges of BOTAN


def test_edge_targets_are_the_mean_change_of_length() -> None:
    system = learnable(4)
    graph = edge_graph(system, 1.5)
    found = edge_changes(system, graph, ["7", "unknown"])
    assert np.isnan(found[:, 1]).all()
    particle = np.empty(40, int)
    particle[graph.nodes.numpy()] = np.arange(40)
    for e in range(0, graph.n_edges, 17):
        i, j = particle[graph.receivers[e]], particle[graph.senders[e]]
        vector = graph.vectors[e, 0].numpy()
        runs = system.replica_displacements[1]
        after = [np.linalg.norm(vector + run[i] - run[j]) for run in runs]
        assert found[e, 0] == pytest.approx(np.mean(after) - np.linalg.norm(vector), abs=1e-5)


def test_loss_of_botan_is_that_of_the_edges_alone_at_first() -> None:
    torch.manual_seed(0)
    network, system = BotanNetwork(2, 1, 6, 2), learnable(5)
    graph = edge_graph(system, 2.0)
    targets, edges = torch.randn(40, 1), torch.randn(graph.n_edges, 1)
    edges[::2] = torch.nan
    sample = Sample(
        "one", graph, targets, np.zeros((1, 40)), system.types, np.zeros((40, 0)), further_targets={"edges": edges}
    )
    loss, one = bond_loss(0.4, edge_epochs=3), torch.ones(())
    with torch.no_grad():
        out = network.particles_and_edges(graph)
        of_nodes, of_edges = ((out[0] - targets) ** 2).mean(), ((out[1] - edges)[1::2] ** 2).mean()
        assert loss(network, sample, one, torch.tensor(2.0)) == pytest.approx(of_edges.item(), rel=1e-5)
        mixed = 0.4 * of_nodes.item() + 0.6 * of_edges.item()
        assert loss(network, sample, one, torch.tensor(3.0)) == pytest.approx(mixed, rel=1e-5)


def test_botan_needs_the_displacements_of_every_run() -> None:
    systems = [replace(learnable(k), replica_displacements=None) for k in range(3)]
    with pytest.raises(DataError, match="keep_displacements"):
        METHODS["botan"].fit(systems, configuration_of("botan"))
    METHODS["botan"].fit(systems, configuration_of("botan", p=1, edge_epochs=0, epochs=1))


def test_edge_predictions_have_the_unit_of_length() -> None:
    systems = [learnable(k) for k in range(3)]
    model = METHODS["botan"].fit(systems, configuration_of("botan", epochs=2))
    known = edge_changes(systems[0], model.graph(systems[0], model.architecture), ["1", "7"])
    predicted = model.edge_values(systems[0])
    assert predicted.shape == known.T.shape
    assert abs(predicted.mean() - known.mean()) < known.std()


# Training


@pytest.mark.parametrize("name", NAMES)
def test_saved_and_loaded_model_predicts_the_same(name: str, tmp_path: Path) -> None:
    systems = [learnable(k) for k in range(4)]
    model = equiglass.train(systems, tmp_path / "run", configuration_of(name, epochs=3))
    loaded = equiglass.load_model(tmp_path / "run")
    assert loaded.method == name
    one = learnable(9)
    np.testing.assert_array_equal(loaded.predict(one).values, model.predict(one).values)
    assert np.ptp(model.predict(one).values[1]) > 0
    assert loaded.card()[0].caption.startswith("Architecture")


@pytest.mark.parametrize("name", NAMES)
def test_a_resumed_training_gives_the_same_weights(name: str, tmp_path: Path) -> None:
    systems = [learnable(k) for k in range(4)]
    configuration = configuration_of(name, epochs=3)

    def stop(done: int, total: int, loss: float) -> None:
        if done == 5:
            raise KeyboardInterrupt

    whole = equiglass.train(systems, tmp_path / "whole", configuration)
    with pytest.raises(KeyboardInterrupt):
        equiglass.train(systems, tmp_path / "part", configuration, watch=Watch(step=stop))
    resumed = equiglass.train(systems, tmp_path / "part", configuration, resume=True)
    for key, value in whole.network.state_dict().items():
        torch.testing.assert_close(resumed.network.state_dict()[key], value, rtol=0, atol=0)


@pytest.mark.parametrize("name", NAMES)
def test_unknown_labels_and_types_are_masked(name: str) -> None:
    """Two configurations that differ only where a label is unknown, or in a type that is not learned, train alike."""
    results = []
    for value in (0.3, 0.9):
        systems = []
        for k in range(2):
            system = learnable(k)
            propensity = system.propensity.copy()
            propensity[0, 3:9] = np.nan
            propensity[:, system.types == 1] = value + 0.1 * np.arange((system.types == 1).sum())
            systems.append(replace(system, propensity=propensity))
        model = METHODS[name].fit(systems, configuration_of(name, types=["A"]))
        predicted = model.values(learnable(7))
        assert np.isfinite(predicted).all()
        results.append(predicted[:, learnable(7).types == 0])
    np.testing.assert_allclose(*results, rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n_types", [1, 3])
def test_any_number_of_types(name: str, n_types: int) -> None:
    systems = [learnable(k, n_types=max(n_types, 2)) for k in range(2)]
    if n_types == 1:
        systems = [replace(s, types=np.zeros_like(s.types)) for s in systems]
    model = METHODS[name].fit(systems, configuration_of(name))
    assert model.n_types == n_types
    assert np.isfinite(model.values(systems[0])).all()


def test_a_type_that_does_not_occur_is_named() -> None:
    with pytest.raises(DataError, match="particle type C"):
        METHODS["bapst"].fit([learnable(0)], configuration_of("bapst", types=["C"]))


def test_training_lowers_the_loss() -> None:
    for name in NAMES:
        losses: list[float] = []
        watch = Watch(epoch=lambda result, losses=losses: losses.append(result.loss))
        changes = {"edge_epochs": 0} if name == "botan" else {}
        METHODS[name].fit([learnable(0)], configuration_of(name, epochs=8, **changes), watch=watch)
        assert losses[-1] < 0.99 * losses[0], name


def test_eignn_standardises_per_configuration_and_type() -> None:
    systems = [learnable(k) for k in range(2)]
    values = systems[0].propensity
    line = eignn.TargetStandardisation.fit([s.types for s in systems], [s.propensity for s in systems], 2)
    standard = METHODS["eignn"].standardised(values, systems[0].types, line)
    for kind in (0, 1):
        mine = standard[:, systems[0].types == kind]
        np.testing.assert_allclose(mine.mean(1), 0, atol=1e-12)
        np.testing.assert_allclose(mine.std(1), 1)


def test_eignn_names_a_missing_cage_state() -> None:
    configuration = configuration_of("eignn", **{"architecture.state": "cage"})
    with pytest.raises(DataError, match="no cage state"):
        METHODS["eignn"].fit([learnable(0)], configuration)


@pytest.mark.parametrize("name", NAMES)
def test_commands_take_the_method(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep = [learnable(k) for k in range(8)]
    equiglass.save(keep, tmp_path / "data.h5")
    words = [word for override in settings_of(name) for word in ("--set", override)]
    out = tmp_path / "run"
    assert run("train", "--method", name, "--data", tmp_path / "data.h5", "--out", out, *words) == 0
    words = ["evaluate", out, "--data", tmp_path / "data.h5", "--seen", "--json", tmp_path / "scores.json"]
    assert run(*words) == 0
    assert json.loads((tmp_path / "scores.json").read_text())["configurations"] == 8
    equiglass.save(learnable(9), tmp_path / "one.h5")
    assert run("predict", out, tmp_path / "one.h5", "-o", tmp_path / "one.xyz") == 0
    assert "propensity_7" in (tmp_path / "one.xyz").read_text()
    assert run("report", out, "--data", tmp_path / "data.h5", "--out", tmp_path / "report.html") == 0
    assert "Architecture" in (tmp_path / "report.html").read_text()
    capsys.readouterr()
    assert run("methods") == 0
    assert name in capsys.readouterr().out


# Published weights


def test_weights_in_the_form_of_bapst_load(tmp_path: Path) -> None:
    torch.manual_seed(1)
    network = METHODS["bapst"].network_of(METHODS["bapst"].configuration().architecture, 2, 1)
    parts_there = {
        "graph_independent/node_model": network.node_encoder,
        "graph_independent/edge_model": network.edge_encoder,
        "graph_network/edge_block": network.edge_update,
        "graph_network/node_block": network.node_update,
        "graph_independent_1/node_model": network.decoder,
    }
    arrays = {}
    for part, module in parts_there.items():
        layers = [layer for layer in module if isinstance(layer, nn.Linear)]
        for k, layer in enumerate(layers):
            arrays[f"Graph/{part}/mlp/linear_{k}/w"] = layer.weight.detach().numpy().T
            arrays[f"Graph/{part}/mlp/linear_{k}/b"] = layer.bias.detach().numpy()
    np.savez(tmp_path / "weights.npz", **arrays)
    model = published.bapst(tmp_path / "weights.npz", {"1": 0.13}, 0.44)
    graph = edge_graph(random_liquid(40), 2.0, self_edges=True)
    with torch.no_grad():
        torch.testing.assert_close(model.network(graph), network(graph))
    save_model(model, tmp_path / "run")
    assert equiglass.load_model(tmp_path / "run").times == {"1": 0.13}
    arrays.pop("Graph/graph_network/node_block/mlp/linear_1/b")
    np.savez(tmp_path / "part.npz", **arrays)
    with pytest.raises(DataError, match="node_block/mlp/linear_1/b"):
        published.bapst(tmp_path / "part.npz", {"1": 0.13}, 0.44)


def test_weights_in_the_form_of_pyg_botan_load(tmp_path: Path) -> None:
    """Their order of the inputs of a layer: sender, receiver, edge, encoded edge; node, encoded node, sum."""
    generator = torch.Generator().manual_seed(0)
    shapes = {"node_encoder": (1, 2), "edge_encoder": (3, 2), "decoder": (64, 3)}
    shapes |= {"network.edge_model.mlp": (256, 2), "network.node_model.mlp": (192, 2)}
    stored = {}
    for name, (inputs, layers) in shapes.items():
        for k in range(1, layers + 1):
            rows = 1 if k == 3 else 64
            stored[f"{name}.fc{k}.weight"] = torch.randn(rows, inputs if k == 1 else 64, generator=generator) / 8
            stored[f"{name}.fc{k}.bias"] = torch.randn(rows, generator=generator)
    torch.save(stored, tmp_path / "model.pth")
    model = published.botan(tmp_path / "model.pth", {"7": 4120.0}, 0.44)
    graph = edge_graph(random_liquid(30), 2.0)

    def layers(name: str, x: Tensor) -> Tensor:
        for k in (1, 2):
            x = torch.relu(x @ stored[f"{name}.fc{k}.weight"].T + stored[f"{name}.fc{k}.bias"])
        return x

    v0 = v = layers("node_encoder", graph.types[:, None].float())
    e0 = e = layers("edge_encoder", graph.vectors[:, 0])
    for _ in range(7):
        e = layers("network.edge_model.mlp", torch.cat([v[graph.senders], v[graph.receivers], e, e0], 1))
        v = layers("network.node_model.mlp", torch.cat([v, v0, graph.received(e)], 1))
    with torch.no_grad():
        nodes, edges = model.network.nodes_and_edges(graph)
    torch.testing.assert_close(nodes, v, rtol=1e-4, atol=1e-4 * float(v.abs().max()))
    torch.testing.assert_close(edges, e, rtol=1e-4, atol=1e-4 * float(e.abs().max()))
    stored.pop("decoder.fc3.bias")
    torch.save(stored, tmp_path / "part.pth")
    with pytest.raises(DataError, match=r"decoder\.4\.bias"):
        published.botan(tmp_path / "part.pth", {"7": 4120.0}, 0.44)
    (tmp_path / "other.pth").write_text("no weights")
    with pytest.raises(DataError, match=r"other\.pth"):
        published.botan(tmp_path / "other.pth", {"7": 4120.0}, 0.44)


@pytest.mark.data
def test_weights_of_bapst_reach_their_correlation(data_folder: Path) -> None:
    """rho(A) = 0.937 +- 0.002 at t = 0.13, mean over the ten configurations with labels from 32 runs of our own.

    `equiglass simulate data/shiba-T0.44.yaml --from shiba_T0.44_train --merge` makes these labels.
    """
    weights = data_folder.parent / "peers" / "bapst_t044_s09.npz"
    labels = data_folder / "shiba_T0.44_short_times.h5"
    if not weights.is_file():
        pytest.skip(f"the weights of Bapst et al. are not at {weights}")
    if not labels.is_file():
        pytest.skip(f"the labels at t = 0.13 are not at {labels}; 'equiglass simulate' makes them (see data/README.md)")
    model = published.bapst(weights, {"1": 0.13}, 0.44)
    rho = []
    for system in equiglass.load(labels):
        of_a = system.types == 0
        truth = system.propensity[system.row("1"), of_a]
        rho.append(np.corrcoef(model.values(system)[0, of_a], truth)[0, 1])
    assert len(rho) == 10
    assert np.mean(rho) == pytest.approx(0.937, abs=0.002)


def test_supply_gives_eignn_its_states() -> None:
    system = replace(learnable(0), positions_inherent=None)
    (whole,) = supply([system], configuration_of("eignn"))
    assert whole.positions_inherent is not None
