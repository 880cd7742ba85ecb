"""The network: exact parameter counts, symmetries, agreement with e3nn, gradients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from e3nn import o3
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import random_liquid
from equiglass.errors import EquiglassError, EquiglassWarning
from equiglass.liquid.system import System
from equiglass.machine.compiled import CompilerError
from equiglass.model.architecture import Architecture
from equiglass.model.convolution import cpu as kernel
from equiglass.model.convolution.layer import Convolution
from equiglass.model.convolution.operation import implementation
from equiglass.model.convolution.paths import Paths
from equiglass.model.geometry import edges_of
from equiglass.model.graph import Graph, batch, build_graph
from equiglass.model.network import Network
from equiglass.model.norm import EquivariantBatchNorm
from equiglass.model.radial import bessel_basis

REAL = torch.float64
SMALL = Architecture(l_max=2, layers=3, channels=4, dropout=0.0)
few = settings(deadline=None, max_examples=8)


@pytest.fixture(autouse=True)
def double_precision() -> Iterator[None]:
    """e3nn bakes its constants in the default precision."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def count(*modules: torch.nn.Module) -> int:
    return sum(p.numel() for module in modules for p in module.parameters())


def graph_of(n: int = 60, seed: int = 0, n_scalars: int = 1, displaced: bool = False) -> Graph:
    rng = np.random.default_rng(seed)
    energy, d = rng.normal(size=(n_scalars, n)), rng.normal(size=(n, 3)) if displaced else None
    return build_graph(random_liquid(n, seed=seed), 2.0, extra_scalars=list(energy), displacements=d, dtype=REAL)


def trained_like(
    architecture: Architecture = SMALL, n_times: int = 3, seed: int = 0, displaced: bool = False
) -> Network:
    """A network in evaluation mode whose running averages are those of a liquid."""
    torch.manual_seed(seed)
    network = Network(architecture, 3, 2, n_times, n_vectors=int(displaced)).double()
    network.train()
    with torch.no_grad():
        for _ in range(3):
            network(graph_of(displaced=displaced))
    return network.eval()


def wigner(rotation: torch.Tensor, l_max: int) -> torch.Tensor:
    return o3.Irreps([(1, (l, 1)) for l in range(l_max + 1)]).D_from_matrix(rotation)


def test_parameter_counts_are_those_of_the_paper() -> None:
    """Appendix A.2 of arXiv 2211.03226: 3 node scalars, 8 channels, 8 layers, 10 times, 2 types."""
    network = Network(Architecture(), n_scalars=3, n_types=2, n_times=10)
    first, *others = network.convolutions
    assert count(first.trunk, first.radial) == 412
    assert count(first.mixing) == 96
    for layer in others:
        assert count(layer.trunk, layer.radial) == 5036
        assert count(layer.mixing) == 2272
    radial = sum(count(c.trunk, c.radial) for c in network.convolutions)
    mixing = sum(count(c.mixing) for c in network.convolutions)
    assert (radial, mixing, network.decoder.numel()) == (35_664, 16_000, 640)
    assert count(network) - count(network.norms) == 52_304


def test_four_channels_give_what_the_specification_derives_not_the_printed_number() -> None:
    """The paper prints 23,210 for 4 channels; its own counting rule gives 23,672 before decoders."""
    network = Network(Architecture(channels=4), n_scalars=3, n_types=2, n_times=1)
    assert count(network) - count(network.norms) - network.decoder.numel() == 23_672


@pytest.mark.parametrize("l_max", [0, 1, 2, 3, 4])
def test_paths_are_all_triplets(l_max: int) -> None:
    degrees = range(l_max + 1)
    expected = [(a, b, c) for a in degrees for b in degrees for c in degrees if abs(a - b) <= c <= a + b]
    assert sorted(Paths(l_max, 8, (3,)).triplets) == expected


def test_harmonics_follow_the_stated_convention() -> None:
    """Component normalisation, order x, y, z for l = 1 (e3nn >= 0.2)."""
    direction = torch.tensor([[0.0, 3.0, 4.0]], dtype=torch.float64)
    y = o3.spherical_harmonics([0, 1, 2, 3], direction, normalize=True, normalization="component")[0]
    torch.testing.assert_close(y[1:4], 3**0.5 * torch.tensor([0.0, 0.6, 0.8], dtype=torch.float64))
    for l in range(4):
        assert float((y[l * l : (l + 1) ** 2] ** 2).sum()) == pytest.approx(2 * l + 1)


def test_bessel_basis_is_orthonormal() -> None:
    """Integral of B_n B_m r^2 over (0, r_c) is delta_nm (doi 10.48550/arXiv.2003.03123)."""
    r = torch.linspace(0, 2, 20_001, dtype=torch.float64)[1:]
    b = bessel_basis(r, 4, 2.0)
    gram = torch.einsum("rn,rm,r->nm", b, b, r**2) * (r[1] - r[0])
    torch.testing.assert_close(gram, torch.eye(4, dtype=torch.float64), atol=1e-6, rtol=0)


@pytest.mark.parametrize("l_max", [0, 1, 3])
@pytest.mark.parametrize("first", [True, False])
def test_convolution_is_equivariant(l_max: int, first: bool) -> None:
    torch.manual_seed(1)
    architecture = Architecture(l_max=l_max, channels=4, dropout=0.0)
    layer = Convolution(architecture, Paths(l_max, 0 if first else 4, (3,))).double().eval()
    graph = graph_of()
    h = None if first else torch.randn(graph.n_nodes, (l_max + 1) ** 2, 4, dtype=torch.float64)
    rotation = o3.rand_matrix(dtype=torch.float64)
    d = wigner(rotation, l_max)
    turned = replace(graph, vectors=graph.vectors @ rotation.T)

    def run(h: torch.Tensor | None, graph: Graph) -> torch.Tensor:
        with torch.no_grad():
            return layer(h, [graph.scalars[:, None]], edges_of(graph, architecture))

    expected = torch.einsum("ab,nbc->nac", d, run(h, graph))
    got = run(None if h is None else torch.einsum("ab,nbc->nac", d, h), turned)
    assert float((got - expected).abs().max()) < 1e-10 * float(expected.abs().max())


def test_batch_norm_is_equivariant_and_normalises() -> None:
    norm = EquivariantBatchNorm(3, 5, momentum=0.5).double()
    with torch.no_grad():
        norm.shift.normal_()
        norm.scale.normal_()
    h = 3 * torch.randn(50, 16, 5, dtype=torch.float64) + 1
    d = wigner(o3.rand_matrix(dtype=torch.float64), 3)

    def turn(x: torch.Tensor) -> torch.Tensor:
        return torch.einsum("ab,nbc->nac", d, x)

    torch.testing.assert_close(norm(turn(h)), turn(norm(h)), atol=1e-10, rtol=0)
    out = norm(h)
    for l in range(1, 4):
        power = (out[:, l * l : (l + 1) ** 2] ** 2).sum(1).mean(0) / (2 * l + 1)
        torch.testing.assert_close(power, norm.scale[l] ** 2, rtol=1e-5, atol=0)
    torch.testing.assert_close(out[:, 0].mean(0), norm.shift, atol=1e-10, rtol=0)


@few
@given(seed=st.integers(0, 2**31), axis=st.integers(1, 2), displaced=st.booleans())
def test_prediction_is_invariant(seed: int, axis: int, displaced: bool) -> None:
    """Rotation, turns of the box, translation, permutation, lattice shifts of single particles."""
    rng = np.random.default_rng(seed)
    network = trained_like(displaced=displaced)
    system = random_liquid(60)
    energy, d = rng.normal(size=60), rng.normal(size=(60, 3)) if displaced else None

    def graph_with(changed: System, energy: np.ndarray = energy, d: np.ndarray | None = d) -> Graph:
        return build_graph(changed, 2.0, extra_scalars=[energy], displacements=d, dtype=REAL)

    def predict(changed: System, energy: np.ndarray = energy, d: np.ndarray | None = d) -> torch.Tensor:
        with torch.no_grad():
            return network(graph_with(changed, energy, d))

    expected = predict(system)
    close = {"atol": 1e-9, "rtol": 0}
    moved = replace(system, positions=system.positions + rng.uniform(-50, 50, 3))
    torch.testing.assert_close(predict(moved), expected, **close)
    shifts = rng.integers(-3, 4, (60, 3)) * system.box
    torch.testing.assert_close(predict(replace(system, positions=system.positions + shifts)), expected, **close)
    order = rng.permutation(60)
    permuted = replace(system, positions=system.positions[order], types=system.types[order])
    of_permuted = predict(permuted, energy[order], None if d is None else d[order])
    torch.testing.assert_close(of_permuted, expected[order], **close)
    cyclic = np.roll(np.eye(3), axis, axis=0)  # a turn about (1, 1, 1), which a cubic box survives
    turned = replace(system, positions=system.positions @ cyclic.T)
    torch.testing.assert_close(predict(turned, d=None if d is None else d @ cyclic.T), expected, **close)
    graph, rotation = graph_with(system), o3.rand_matrix(dtype=REAL)
    turned_graph = replace(graph, vectors=graph.vectors @ rotation.T, displacements=rotation @ graph.displacements)
    with torch.no_grad():
        torch.testing.assert_close(network(turned_graph), expected, **close)


def test_without_vectors_the_length_of_the_displacement_remains() -> None:
    network, graph = trained_like(SMALL.model_copy(update={"l_max": 0}), displaced=True), graph_of(displaced=True)
    with torch.no_grad():
        expected = network(graph)
        assert torch.equal(network(replace(graph, displacements=2 * graph.displacements)), expected)
        assert not torch.allclose(network(replace(graph, scalars=2 * graph.scalars)), expected)


def test_prediction_depends_on_the_direction_of_the_displacements_and_on_the_particle_s_own() -> None:
    network, graph = trained_like(displaced=True), graph_of(displaced=True)
    with torch.no_grad():
        expected = network(graph)
        along_others = replace(graph, displacements=graph.displacements.roll(1, dims=1))
        assert float((network(along_others) - expected).abs().max()) > 1e-4
        alone = replace(graph, row_start=torch.zeros_like(graph.row_start), receivers=graph.receivers[:0])
        alone = replace(alone, senders=graph.senders[:0], vectors=graph.vectors[:0])
        longer = replace(alone, displacements=2 * alone.displacements)
        assert bool(((network(longer) - network(alone)).abs().sum(1) > 1e-6).all())


@pytest.mark.parametrize("displaced", [False, True])
def test_evaluation_in_parts_changes_nothing(displaced: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without gradient the norms are folded into the mixing and the nodes are taken in parts."""
    network, graph = trained_like(displaced=displaced), graph_of(displaced=displaced)
    expected = network(graph).detach()
    monkeypatch.setattr("equiglass.model.network.EDGES_OF_A_PART", 64)
    with torch.no_grad():
        torch.testing.assert_close(network(graph), expected, atol=1e-12, rtol=1e-12)


def test_folded_norm_is_the_norm() -> None:
    torch.manual_seed(0)
    norm = EquivariantBatchNorm(2, 4, 0.5).double()
    for parameter in (norm.scale, norm.shift, norm.running_mean):
        parameter.data.normal_()
    norm.running_variance.uniform_(0.5, 2)
    norm.eval()
    messages, mixing = torch.randn(6, 9, 5), [torch.randn(5, 4) for _ in range(3)]

    def mix(matrices: list[torch.Tensor]) -> torch.Tensor:
        return torch.cat([messages[:, l * l : (l + 1) ** 2] @ w for l, w in enumerate(matrices)], 1)

    folded, shift = norm.fold(mixing)
    got = mix(folded)
    got[:, 0] += shift
    torch.testing.assert_close(got, norm(mix(mixing)), atol=1e-12, rtol=0)


def test_it_sees_chirality() -> None:
    """SE(3), not E(3): all triplets couple, so a mirror image may get another prediction."""
    network = trained_like()
    graph = graph_of()
    with torch.no_grad():
        mirrored = network(replace(graph, vectors=-graph.vectors))
        assert float((mirrored - network(graph)).abs().max()) > 1e-4


@few
@given(seeds=st.lists(st.integers(0, 100), min_size=2, max_size=4))
def test_batching_changes_nothing(seeds: list[int]) -> None:
    network = trained_like()
    graphs = [graph_of(40 + 5 * k, seed) for k, seed in enumerate(seeds)]
    with torch.no_grad():
        together = network(batch(graphs))
        apart = torch.cat([network(g) for g in graphs])
    torch.testing.assert_close(together, apart, atol=1e-11, rtol=0)


def test_no_gradient_crosses_between_batched_configurations() -> None:
    network = trained_like()
    graph = batch([graph_of(40, 1), graph_of(50, 2)])
    scalars = graph.scalars.clone().requires_grad_()
    network(replace(graph, scalars=scalars))[:40].sum().backward()
    assert scalars.grad is not None
    slope = scalars.grad[graph.nodes]
    assert float(slope[:40].abs().max()) > 0
    assert float(slope[40:].abs().max()) == 0


def test_both_implementations_give_the_same_network(monkeypatch: pytest.MonkeyPatch) -> None:
    if kernel.unavailable():
        pytest.skip(f"no compiled convolution: {kernel.unavailable()}")
    graph = graph_of()
    predictions, gradients = [], []
    for forced in ("compiled", "reference"):
        monkeypatch.setenv("EQUIGLASS_CONVOLUTION", forced)
        assert implementation() == forced
        network = trained_like()
        predictions.append(network(graph))
        predictions[-1].square().sum().backward()
        gradients.append([p.grad for p in network.parameters() if p.grad is not None])
    torch.testing.assert_close(*predictions, atol=1e-10, rtol=1e-10)
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, atol=1e-8, rtol=1e-8)


def test_an_unknown_implementation_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EQUIGLASS_CONVOLUTION", "fast")
    with pytest.raises(EquiglassError, match="must be 'compiled', 'triton' or 'reference'"):
        implementation()


def test_without_a_compiler_that_works_the_reference_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> torch.Tensor:
        raise CompilerError("c++ could not compile convolution.cpp.")

    graph, network = graph_of(), trained_like()
    expected = network(graph)
    monkeypatch.setattr(kernel, "convolve", broken)
    monkeypatch.delenv("EQUIGLASS_CONVOLUTION", raising=False)
    with pytest.warns(EquiglassWarning, match="Plain torch"):
        got = network(graph)
    torch.testing.assert_close(got, expected, atol=1e-10, rtol=1e-10)
