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

from equiglass.errors import EquiglassError, EquiglassWarning
from equiglass.files.settings import validate
from equiglass.liquid.neighbors import periodic_pairs
from equiglass.liquid.system import System
from equiglass.machine.compiled import CompilerError
from equiglass.model.architecture import Advanced, Architecture
from equiglass.model.convolution import cpu
from equiglass.model.convolution.backend import implementation
from equiglass.model.convolution.cpu import convolution as compiled
from equiglass.model.convolution.layer import Convolution
from equiglass.model.convolution.paths import Paths
from equiglass.model.geometry import edges_of
from equiglass.model.graph import Graph, batch, build_graph
from equiglass.model.inputs import INPUTS, NodeInput
from equiglass.model.inputs.choice import Inputs
from equiglass.model.inputs.compute import compute
from equiglass.model.inputs.graph import input_graph
from equiglass.model.inputs.standardisation import InputStandardisation, fit
from equiglass.model.network import Network
from equiglass.model.norm import EquivariantBatchNorm
from equiglass.model.radial import bessel_basis
from samples.liquids import random_liquid

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
    inputs = {0: rng.normal(size=(n, 1, n_scalars))}
    if displaced:
        inputs[1] = rng.normal(size=(n, 3, 1))
    return build_graph(random_liquid(n, seed=seed), 2.0, inputs=inputs, dtype=REAL)


def trained_like(
    architecture: Architecture = SMALL, n_times: int = 3, seed: int = 0, displaced: bool = False
) -> Network:
    """A network in evaluation mode whose running averages are those of a liquid."""
    torch.manual_seed(seed)
    network = Network(architecture, (3, 1) if displaced else (3,), 2, n_times).double()
    network.train()
    with torch.no_grad():
        for _ in range(3):
            network(graph_of(displaced=displaced))
    return network.eval()


def wigner(rotation: torch.Tensor, l_max: int) -> torch.Tensor:
    return o3.Irreps([(1, (l, 1)) for l in range(l_max + 1)]).D_from_matrix(rotation)


def test_parameter_counts_are_those_of_the_paper() -> None:
    """Appendix A.2 of arXiv 2211.03226: 3 node scalars, 8 channels, 8 layers, 10 times, 2 types."""
    network = Network(Architecture(), inputs=(3,), n_types=2, n_times=10)
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


def test_keys_of_older_files_move_under_advanced() -> None:
    """Configurations and model files of version 0.1 have them at the top level."""
    old = {"channels": 4, "norm_momentum": 0.1, "last_norm": False, "decoder_gain": 0.2, "neighbors": 30.0}
    architecture = Architecture(**old)
    advanced = {"neighbors": 30.0, "last_norm": False, "norm_momentum": 0.1, "prior_scale": 0.2}
    assert architecture.model_dump() == {**Architecture(channels=4).model_dump(), "advanced": advanced}
    assert Architecture(decoder_gain=0.2, advanced=Advanced(neighbors=20.0)).advanced.neighbors == 20.0
    with pytest.raises(EquiglassError, match=r"decoder_gain is the older name of advanced\.prior_scale; give one"):
        validate(Architecture, {"decoder_gain": 1.0, "advanced": {"prior_scale": 0.1}}, "here")
    with pytest.raises(EquiglassError, match=r"unknown key 'advanced.prior_scal'. Did you mean 'advanced.prior_scale'"):
        validate(Architecture, {"advanced": {"prior_scal": 1.0}}, "here")


def test_four_channels_give_what_the_specification_derives_not_the_printed_number() -> None:
    """The paper prints 23,210 for 4 channels; its own counting rule gives 23,672 before decoders."""
    network = Network(Architecture(channels=4), inputs=(3,), n_types=2, n_times=1)
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
            return layer(h, graph.inputs, edges_of(graph, architecture))

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


def with_inputs(graph: Graph, **changed: torch.Tensor) -> Graph:
    """The graph with other node inputs; keys are degree0, degree1, ..."""
    return replace(graph, inputs=tuple(changed.get(f"degree{l}", x) for l, x in enumerate(graph.inputs)))


@few
@given(seed=st.integers(0, 2**31), axis=st.integers(1, 2), displaced=st.booleans())
def test_prediction_is_invariant(seed: int, axis: int, displaced: bool) -> None:
    """Rotation, turns of the box, translation, permutation, lattice shifts of single particles."""
    rng = np.random.default_rng(seed)
    network = trained_like(displaced=displaced)
    system = random_liquid(60)
    given = {0: rng.normal(size=(60, 1, 1)), **({1: rng.normal(size=(60, 3, 1))} if displaced else {})}

    def graph_with(changed: System, given: dict[int, np.ndarray] = given) -> Graph:
        return build_graph(changed, 2.0, inputs=given, dtype=REAL)

    def predict(changed: System, given: dict[int, np.ndarray] = given) -> torch.Tensor:
        with torch.no_grad():
            return network(graph_with(changed, given))

    expected = predict(system)
    close = {"atol": 1e-9, "rtol": 0}
    moved = replace(system, positions=system.positions + rng.uniform(-50, 50, 3))
    torch.testing.assert_close(predict(moved), expected, **close)
    shifts = rng.integers(-3, 4, (60, 3)) * system.box
    torch.testing.assert_close(predict(replace(system, positions=system.positions + shifts)), expected, **close)
    order = rng.permutation(60)
    permuted = replace(system, positions=system.positions[order], types=system.types[order])
    of_permuted = predict(permuted, {l: x[order] for l, x in given.items()})
    torch.testing.assert_close(of_permuted, expected[order], **close)
    cyclic = np.roll(np.eye(3), axis, axis=0)  # a turn about (1, 1, 1), which a cubic box survives
    turned = replace(system, positions=system.positions @ cyclic.T)
    torch.testing.assert_close(
        predict(turned, {l: cyclic @ x if l else x for l, x in given.items()}), expected, **close
    )
    with torch.no_grad():
        torch.testing.assert_close(network(rotated(graph_with(system), o3.rand_matrix(dtype=REAL))), expected, **close)


def rotated(graph: Graph, rotation: torch.Tensor) -> Graph:
    """The graph of the rotated configuration."""
    inputs = [o3.Irrep(l, 1).D_from_matrix(rotation) @ x for l, x in enumerate(graph.inputs)]
    return replace(graph, vectors=graph.vectors @ rotation.T, inputs=tuple(inputs))


def test_without_vectors_the_length_of_the_displacement_remains() -> None:
    network, graph = trained_like(SMALL.model_copy(update={"l_max": 0}), displaced=True), graph_of(displaced=True)
    with torch.no_grad():
        expected = network(graph)
        assert torch.equal(network(with_inputs(graph, degree1=2 * graph.inputs[1])), expected)
        assert not torch.allclose(network(with_inputs(graph, degree0=2 * graph.inputs[0])), expected)


def test_prediction_depends_on_the_direction_of_the_displacements_and_on_the_particle_s_own() -> None:
    network, graph = trained_like(displaced=True), graph_of(displaced=True)
    with torch.no_grad():
        expected = network(graph)
        along_others = with_inputs(graph, degree1=graph.inputs[1].roll(1, dims=1))
        assert float((network(along_others) - expected).abs().max()) > 1e-4
        alone = replace(graph, row_start=torch.zeros_like(graph.row_start), receivers=graph.receivers[:0])
        alone = replace(alone, senders=graph.senders[:0], vectors=graph.vectors[:0])
        longer = with_inputs(alone, degree1=2 * alone.inputs[1])
        assert bool(((network(longer) - network(alone)).abs().sum(1) > 1e-6).all())


@pytest.fixture
def shape_of_the_neighbourhood() -> Iterator[NodeInput]:
    """A node input of degree 2: the traceless gyration tensor of the neighbours."""

    def compute(system: System) -> dict[int, np.ndarray]:
        pairs = periodic_pairs(system.positions, system.box, 1.5)
        y = o3.spherical_harmonics(2, torch.from_numpy(pairs.vectors), normalize=False).numpy()
        return {2: np.stack([np.bincount(pairs.receivers, column, system.n_particles) for column in y.T], axis=1)}

    name = "shape_of_the_neighbourhood"
    yield INPUTS.add(name, NodeInput(name, (2,), frozenset(), "σ²", "shape of the neighbourhood", compute))
    INPUTS.remove(name)


def test_a_new_node_input_of_degree_2_needs_nothing_but_its_computation(
    shape_of_the_neighbourhood: NodeInput,
) -> None:
    """Through configuration, standardisation, model file, graph and network, with all symmetries."""
    inputs = Inputs(nodes=(shape_of_the_neighbourhood.name,))
    assert inputs.channels(2) == (2, 0, 1)
    system = random_liquid(60)
    fitted = fit([compute(system, inputs)], [system.types], 2)
    standardisation = InputStandardisation.from_tensors(fitted.tensors())

    def graph_with(changed: System) -> Graph:
        return input_graph(changed, inputs, compute(changed, inputs), standardisation, 2.0, 2, REAL)

    graph = graph_with(system)
    assert graph.channels == (2, 0, 1)
    rms = graph.inputs[2].square().sum(1).mean().sqrt()
    assert float(rms) == pytest.approx(1, abs=0.01)
    torch.manual_seed(0)
    network = Network(SMALL, inputs.channels(2), 2, 3).double()
    network(graph).square().sum().backward()
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in network.parameters())
    network.eval()
    with torch.no_grad():
        expected = network(graph)
        blind = replace(graph, inputs=(*graph.inputs[:2], 0 * graph.inputs[2]))
        assert float((network(blind) - expected).abs().max()) > 1e-4
        turned = network(rotated(graph, o3.rand_matrix(dtype=REAL)))
        torch.testing.assert_close(turned, expected, atol=1e-9, rtol=0)
        # A turn about (1, 1, 1) and an inversion of the configuration itself, which a cubic box survives.
        cyclic = np.roll(np.eye(3), 1, axis=0)
        again = network(graph_with(replace(system, positions=system.positions @ cyclic.T)))
        torch.testing.assert_close(again, expected, atol=1e-9, rtol=0)
        inverted = network(graph_with(replace(system, positions=-system.positions)))
        torch.testing.assert_close(inverted, network(graph.mirrored()), atol=1e-9, rtol=0)


@pytest.mark.parametrize("displaced", [False, True])
def test_the_mirrored_graph_is_that_of_the_mirror_image(displaced: bool) -> None:
    """Inversion of all positions and vectors; mirrored twice it is the graph itself."""
    system, rng = random_liquid(60), np.random.default_rng(0)
    given = {0: rng.normal(size=(60, 1, 1)), **({1: rng.normal(size=(60, 3, 1))} if displaced else {})}
    graph = build_graph(system, 2.0, inputs=given, dtype=REAL)
    inverted = replace(system, positions=-system.positions)
    other = build_graph(inverted, 2.0, inputs={l: (-1) ** l * x for l, x in given.items()}, dtype=REAL)
    network = trained_like(displaced=displaced)
    with torch.no_grad():
        torch.testing.assert_close(network(graph.mirrored()), network(other), atol=1e-9, rtol=0)
        assert torch.equal(network(graph.mirrored().mirrored()), network(graph))
        assert torch.equal(network(graph.mirrored(1.0)), network(graph))


@pytest.mark.parametrize("displaced", [False, True])
def test_evaluation_in_parts_changes_nothing(displaced: bool) -> None:
    """Without gradient the norms are folded into the mixing and the nodes are taken in parts."""
    network, graph = trained_like(displaced=displaced), graph_of(displaced=displaced)
    expected = network.representation(graph).detach()
    with torch.no_grad():
        got = network.representation(graph, edges_at_once=64)
    torch.testing.assert_close(got, expected, atol=1e-12, rtol=1e-12)


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
        mirrored = network(graph.mirrored())
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
    scalars = graph.inputs[0].clone().requires_grad_()
    network(with_inputs(graph, degree0=scalars))[:40].sum().backward()
    assert scalars.grad is not None
    slope = scalars.grad[graph.nodes]
    assert float(slope[:40].abs().max()) > 0
    assert float(slope[40:].abs().max()) == 0


def test_both_implementations_give_the_same_network(monkeypatch: pytest.MonkeyPatch) -> None:
    if cpu.unavailable():
        pytest.skip(f"no compiled convolution: {cpu.unavailable()}")
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
    monkeypatch.setattr(compiled, "convolve", broken)
    monkeypatch.delenv("EQUIGLASS_CONVOLUTION", raising=False)
    with pytest.warns(EquiglassWarning, match="Plain torch"):
        got = network(graph)
    torch.testing.assert_close(got, expected, atol=1e-10, rtol=1e-10)
