"""The input graph: all images, sorted edges, batching."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from equiglass.errors import EquiglassError
from equiglass.liquid import neighbors
from equiglass.liquid.neighbors import minimum_image, periodic_pairs, wrap
from equiglass.model.graph import batch, build_graph
from samples.liquids import random_liquid


def brute_force(positions: np.ndarray, box: np.ndarray, cutoff: float) -> list[tuple[int, int, float]]:
    """Every image within reach, by three nested loops."""
    reach = [int(np.ceil(cutoff / length)) + 1 for length in box]
    found = []
    for i, j in product(range(len(positions)), repeat=2):
        for image in product(*(range(-r, r + 1) for r in reach)):
            distance = np.linalg.norm(positions[j] + np.array(image) * box - positions[i])
            if 0 < distance < cutoff:
                found.append((i, j, float(distance)))
    return sorted(found)


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 1000), side=st.floats(1.1, 6.0))
def test_pairs_equal_brute_force_in_small_boxes(seed: int, side: float) -> None:
    """Boxes smaller than twice the cutoff, and smaller than the cutoff, list every image, one's own included."""
    rng = np.random.default_rng(seed)
    box = np.array([side, side * 1.3, 2.5])
    positions = rng.uniform(0, 1, (5, 3)) * box
    # A side of exactly 2 puts images at the cutoff itself, where rounding decides.
    assume(len(brute_force(positions, box, 2 - 1e-9)) == len(brute_force(positions, box, 2 + 1e-9)))
    pairs = periodic_pairs(positions, box, 2.0)
    got = sorted(zip(pairs.receivers.tolist(), pairs.senders.tolist(), pairs.distances.tolist(), strict=True))
    expected = brute_force(positions, box, 2.0)
    assert [(i, j) for i, j, _ in got] == [(i, j) for i, j, _ in expected]
    np.testing.assert_allclose([d for *_, d in got], [d for *_, d in expected], atol=1e-12)


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 1000), box=st.tuples(*[st.floats(1.5, 9.0)] * 3), at_once=st.integers(1, 40))
def test_pairs_are_the_same_however_many_receivers_at_once(
    seed: int, box: tuple[float, float, float], at_once: int
) -> None:
    sides = np.array(box)
    positions = np.random.default_rng(seed).uniform(-1, 2, (60, 3)) * sides
    whole = periodic_pairs(positions, sides, 1.7)
    for one, other in zip(whole, periodic_pairs(positions, sides, 1.7, receivers=at_once), strict=True):
        np.testing.assert_array_equal(one, other)
    order = np.lexsort((whole.distances, whole.senders, whole.receivers))
    np.testing.assert_array_equal(order, np.arange(len(order)))


def test_graph_is_the_same_however_many_receivers_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = build_graph(random_liquid(200), 2.0)
    monkeypatch.setattr(neighbors, "RECEIVERS_AT_ONCE", 30)
    parts = build_graph(random_liquid(200), 2.0)
    for field in fields(whole):
        torch.testing.assert_close(getattr(whole, field.name), getattr(parts, field.name), atol=0, rtol=0)


def test_no_particles_no_pairs() -> None:
    assert periodic_pairs(np.empty((0, 3)), np.ones(3), 1.0).vectors.shape == (0, 3)


def test_few_cells_where_the_cutoff_is_tiny() -> None:
    """Cells of the size of the cutoff would be 10^12."""
    positions = np.array([[5.0, 5.0, 5.0], [5.0, 5.0, 5.05]])
    assert periodic_pairs(positions, np.full(3, 1000.0), 0.1).senders.tolist() == [1, 0]


def test_a_cutoff_that_the_library_refuses_finds_the_pairs_within_it() -> None:
    positions, box = np.array([[1.0, 1, 1], [1 + 3e-6, 1, 1], [1 + 2e-5, 1, 1]]), np.full(3, 5.0)
    assert [len(periodic_pairs(positions, box, cutoff).receivers) for cutoff in (1e-6, 4e-6, 3e-5)] == [0, 2, 6]


def test_edge_vectors_point_from_receiver_to_sender() -> None:
    positions, box = np.array([[0.2, 1.0, 1.0], [0.7, 1.0, 1.0]]), np.full(3, 10.0)
    pairs = periodic_pairs(positions, box, 1.0)
    assert pairs.receivers.tolist() == [0, 1]
    assert pairs.senders.tolist() == [1, 0]
    np.testing.assert_allclose(pairs.vectors, [[0.5, 0, 0], [-0.5, 0, 0]], atol=1e-15)


def test_rows_are_sorted_and_complete() -> None:
    graph = build_graph(random_liquid(80), 2.0)
    assert torch.all(graph.receivers.diff() >= 0)
    counts = torch.bincount(graph.receivers, minlength=80)
    assert torch.equal(graph.row_start.diff(), counts)
    assert [x.shape for x in graph.inputs] == [(80, 1, 2)]


def test_node_inputs_follow_the_particles_and_degrees_between_them_are_empty() -> None:
    system, rng = random_liquid(80), np.random.default_rng(0)
    given = {0: rng.normal(size=(80, 1, 1)), 2: rng.normal(size=(80, 5, 3))}
    graph = build_graph(system, 2.0, n_types=3, inputs=given, dtype=torch.float64)
    assert graph.channels == (4, 0, 3)
    scalars, vectors, tensors = (x[graph.nodes].numpy() for x in graph.inputs)
    np.testing.assert_array_equal(scalars[:, 0, :3], np.eye(3)[system.types])
    np.testing.assert_array_equal(scalars[:, :, 3:], given[0])
    assert vectors.shape == (80, 3, 0)
    np.testing.assert_array_equal(tensors, given[2])


@pytest.mark.parametrize("shape", [(80, 3), (80, 1, 1), (79, 3, 1)])
def test_node_inputs_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(EquiglassError, match=r"liquid-0: the node inputs of degree 1 have shape .*\(80, 3, channels\)"):
        build_graph(random_liquid(80), 2.0, inputs={1: np.zeros(shape)})


def test_batch_is_a_disjoint_union() -> None:
    a, b = build_graph(random_liquid(40), 2.0), build_graph(random_liquid(50, seed=1), 2.0)
    both = batch([a, b])
    assert (both.n_nodes, both.n_edges) == (90, a.n_edges + b.n_edges)
    assert torch.equal(both.senders[a.n_edges :] - 40, b.senders)
    assert torch.equal(both.row_start.diff(), torch.cat([a.row_start.diff(), b.row_start.diff()]))


def test_inherent_graph_needs_the_inherent_structure() -> None:
    system = random_liquid(40)
    with pytest.raises(EquiglassError, match="no inherent structure"):
        build_graph(system, 2.0, "inherent")
    same = replace(system, positions_inherent=system.positions)
    assert torch.equal(build_graph(same, 2.0, "inherent").vectors, build_graph(system, 2.0).vectors)


@example([0.0, 1.0, -5e-324], 2.0)
@given(st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=3), st.floats(0.5, 20))
def test_wrapping(position: list[float], side: float) -> None:
    box = np.full(3, side)
    x = np.array([position])
    wrapped = wrap(x, box)
    assert np.all((wrapped >= 0) & (wrapped < box))
    np.testing.assert_allclose(minimum_image(wrapped - x, box), 0, atol=1e-9 * max(1.0, side))


@pytest.mark.data
def test_real_configuration_has_the_published_number_of_edges(data_folder) -> None:  # type: ignore[no-untyped-def]
    """About 166,500 edges within 2.0, 40.7 a node."""
    with np.load(data_folder / "shiba_T0.44_train" / "isoconfig_N4096T0.44_1_tc07.npz") as file:
        positions = file["initial_positions"]
    edges = len(periodic_pairs(positions, np.full(3, (4096 / 1.2) ** (1 / 3)), 2.0).receivers)
    assert edges == pytest.approx(166_500, rel=0.005)
