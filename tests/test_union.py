"""Edges of two states: every pair within the cutoff in either, with its direction in one and its lengths in both."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import equiglass
from equiglass.liquid.neighbors import union_pairs
from equiglass.liquid.system import System
from equiglass.methods.loading import read_configuration
from equiglass.methods.network.predictor import NetworkPredictor
from equiglass.model.architecture import Architecture
from equiglass.model.geometry import edges_of
from equiglass.model.graph import Graph, batch, build_graph
from equiglass.model.network import Network
from samples.labelled import labelled_liquid
from samples.liquids import random_liquid

SMALL = Architecture(l_max=2, layers=2, channels=3, basis_size=5, radial_width=4, dropout=0.0)

few = settings(deadline=None, max_examples=8)


def two_states(n: int = 60, seed: int = 0, moved: float = 0.1) -> System:
    """A configuration whose inherent structure is a little away."""
    system = random_liquid(n, seed=seed)
    moves = np.random.default_rng(seed).normal(0, moved, (n, 3))
    return replace(system, positions_inherent=system.positions + moves)


def union_graph(system: System, structure: str = "thermal") -> Graph:
    return build_graph(system, 1.6, structure, n_types=2, dtype=torch.float64, union=True)  # type: ignore[arg-type]


def network_of(lengths: int = 2) -> Network:
    torch.manual_seed(0)
    return Network(SMALL, (2,), 2, 1, lengths).double().eval()


@few
@given(seed=st.integers(0, 999), side=st.floats(2.5, 5.0))
def test_pairs_equal_brute_force_in_small_boxes(seed: int, side: float) -> None:
    """Every image of every pair, with the vectors of the same image in both states."""
    rng, cutoff = np.random.default_rng(seed), 1.7
    box = np.array([side, 1.2 * side, 1.5])
    positions, moves = rng.uniform(0, 1, (4, 3)) * box, rng.normal(0, 0.2, (4, 3))
    expected = []
    for i, j, *image in product(range(4), range(4), *[range(-3, 4)] * 3):
        here = positions[j] + np.array(image) * box - positions[i]
        there = here + moves[j] - moves[i]
        lengths = np.linalg.norm([here, there], axis=1)
        assume(np.all(np.abs(lengths - cutoff) > 1e-9))
        if lengths.min() < cutoff and (i != j or any(image)):
            expected.append((i, j, *here, *there))
    pairs = union_pairs(positions, moves, box, cutoff)
    rows = np.column_stack([pairs.receivers, pairs.senders, pairs.vectors.reshape(-1, 6)])
    assert np.all(np.diff(pairs.receivers) >= 0)
    np.testing.assert_allclose(rows[np.lexsort(rows.round(6).T[::-1])], sorted(expected), atol=1e-12)


def test_both_orders_of_the_states_have_the_same_edges() -> None:
    system = two_states()
    one, other = union_graph(system), union_graph(system, "inherent")
    assert one.lengths is not None
    assert other.lengths is not None
    assert one.n_edges == other.n_edges > build_graph(system, 1.6).n_edges
    torch.testing.assert_close(one.lengths.sort().values, other.vectors.norm(dim=1).sort().values)
    torch.testing.assert_close(other.lengths.sort().values, one.vectors.norm(dim=1).sort().values)


def test_equal_states_have_every_length_twice() -> None:
    system = two_states(moved=0.0)
    graph = union_graph(system)
    assert graph.lengths is not None
    torch.testing.assert_close(graph.lengths, graph.vectors.norm(dim=1))
    basis = edges_of(graph, SMALL).basis
    torch.testing.assert_close(basis[:, :5], basis[:, 5:])
    torch.testing.assert_close(basis[:, :5], edges_of(replace(graph, lengths=None), SMALL).basis)


def test_beyond_the_cutoff_a_length_has_no_radial_functions() -> None:
    architecture = SMALL.model_copy(update={"cutoff": 1.6})
    graph = union_graph(two_states())
    assert graph.lengths is not None
    basis = edges_of(graph, architecture).basis
    for lengths, functions in zip((graph.vectors.norm(dim=1), graph.lengths), basis.split(5, 1), strict=True):
        far = lengths >= 1.6
        assert 0 < int(far.sum()) < graph.n_edges
        assert float(functions[far].abs().max()) < 1e-14
        assert float(functions[~far].abs().max(1).values.min()) > 0


@few
@given(seed=st.integers(0, 999))
def test_prediction_is_invariant(seed: int) -> None:
    """Rotation, translation, permutation, and lattice shifts of single particles in either state."""
    o3 = pytest.importorskip("e3nn.o3")
    rng, system, network = np.random.default_rng(seed), two_states(seed=seed), network_of()
    assert system.positions_inherent is not None
    order, shift = rng.permutation(60), rng.uniform(-50, 50, 3)
    graph = union_graph(system)
    with torch.no_grad():
        expected = network(graph)
        turned = replace(graph, vectors=graph.vectors @ o3.rand_matrix(dtype=torch.float64).T)
        torch.testing.assert_close(network(turned), expected, atol=1e-9, rtol=0)
        for changed, same in (
            (
                replace(
                    system, positions=system.positions + shift, positions_inherent=system.positions_inherent + shift
                ),
                None,
            ),
            (replace(system, positions=system.positions + rng.integers(-3, 4, (60, 3)) * system.box), None),
            (
                replace(
                    system, positions_inherent=system.positions_inherent + rng.integers(-3, 4, (60, 3)) * system.box
                ),
                None,
            ),
            (
                replace(
                    system,
                    positions=system.positions[order],
                    positions_inherent=system.positions_inherent[order],
                    types=system.types[order],
                ),
                order,
            ),
        ):
            wanted = expected if same is None else expected[same]
            torch.testing.assert_close(network(union_graph(changed)), wanted, atol=1e-9, rtol=0)


def test_parts_and_batches_change_nothing() -> None:
    network, graphs = network_of(), [union_graph(two_states(seed=seed)) for seed in (0, 1)]
    with torch.no_grad():
        each = torch.cat([network.representation(graph) for graph in graphs])
        torch.testing.assert_close(network.representation(batch(graphs)), each, atol=1e-12, rtol=0)
        torch.testing.assert_close(network.representation(batch(graphs), edges_at_once=64), each, atol=1e-12, rtol=0)


def test_compiled_convolution_equals_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = union_graph(two_states())
    gradients = []
    for forced in (None, "reference"):
        if forced:
            monkeypatch.setenv("EQUIGLASS_CONVOLUTION", forced)
        network = network_of().train()
        network(graph).square().sum().backward()
        gradients.append([p.grad for p in network.parameters()])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, atol=1e-9, rtol=1e-9)


def test_a_network_learns_is_stored_and_predicts_with_two_lengths(tmp_path: Path) -> None:
    systems = []
    for seed in range(3):
        liquid = labelled_liquid(seed)
        moves = np.random.default_rng(seed).normal(0, 0.03, liquid.positions.shape)
        systems.append(replace(liquid, positions_inherent=liquid.positions + moves))
    settings = ["epochs=2", "folds=3", "inputs.edges=union", "inputs.nodes=[]"]
    settings += ["architecture.l_max=1", "architecture.layers=2", "architecture.channels=2"]
    model = equiglass.train(systems, tmp_path / "run", read_configuration(None, settings, "network"))
    assert model.needs == {"potential", "inherent"}
    again = NetworkPredictor.load(tmp_path / "run" / "last.safetensors")
    assert again.inputs.edges == "union"
    values = again.values(systems[0])
    np.testing.assert_array_equal(values, model.values(systems[0]))  # type: ignore[attr-defined]
    away = replace(systems[0], positions_inherent=systems[0].positions)
    assert np.abs(again.values(away) - values).max() > 1e-6
