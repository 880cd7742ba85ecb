"""The Triton convolution against the reference in float64: on a GPU where there is one, else under the interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from equiglass.errors import EquiglassError
from equiglass.methods.descent.gradient import loss_of_particles
from equiglass.methods.descent.samples import Sample
from equiglass.methods.network.regularised import Regularised, loss_of_targets
from equiglass.model.architecture import Architecture
from equiglass.model.convolution import reference
from equiglass.model.convolution import triton as gpu
from equiglass.model.convolution.backend import convolve, implementation
from equiglass.model.convolution.operation import Dropout, Edges, Radial
from equiglass.model.convolution.paths import Paths
from equiglass.model.graph import build_graph
from equiglass.model.network import Network
from samples.liquids import random_liquid

pytest.importorskip("triton", reason="triton is not installed (pip install 'equiglass[gpu]')")
from equiglass.model.convolution.triton import convolution
from equiglass.model.convolution.triton.convolution import convolve as convolve_triton
from equiglass.model.convolution.triton.convolution import edges_by_sender

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


class Case(NamedTuple):
    paths: Paths
    neighbours: tuple[int, ...]
    dropout: float | None = None
    hidden: int = 4
    channels_out: int = 4
    spare_nodes: int = 0


CASES = {
    "scalars alone": Case(Paths(0, 1, (1,)), (3, 0, 2)),
    "vectors, dropout": Case(Paths(1, 4, (2, 1)), (3, 0, 1, 2, 5), 0.3),
    "no node inputs": Case(Paths(1, 4, (0,)), (3, 0, 1, 2, 5), 0.3, hidden=5),
    "l_max 2": Case(Paths(2, 4, (1,)), (2, 0, 1), channels_out=3),
    "l_max 3, dropout": Case(Paths(3, 8, (3,)), (2, 0, 1), 0.3, hidden=3, channels_out=8),
    "first layer": Case(Paths(3, 0, (3,)), (2, 0, 1, 4), 0.2),
    "degree 2 without vectors": Case(Paths(2, 4, (2, 0, 1)), (2, 0, 1), 0.2),
    "first layer, vectors": Case(Paths(2, 0, (2, 1)), (2, 0, 1, 4), 0.2),
    "two warps": Case(Paths(1, 32, (1,)), (1, 2), 0.3, hidden=2),
    "many neighbours": Case(Paths(1, 1, (1,)), (65, 1, 0, 70), 0.3, hidden=3),
    "senders that receive nothing": Case(Paths(1, 4, (1,)), (3, 1), spare_nodes=3),
    "one edge": Case(Paths(1, 4, (1,)), (0, 1)),
    "no edges": Case(Paths(1, 4, (1,)), (0, 0, 0), 0.3),
    "no receivers": Case(Paths(1, 4, (1,)), (), spare_nodes=2),
    "nothing": Case(Paths(1, 4, (1,)), (), 0.3),
}


def arguments(case: Case, dtype: torch.dtype = torch.float64) -> dict:
    """Random input of ``convolve``."""
    generator = torch.Generator().manual_seed(0)
    paths, edges = case.paths, sum(case.neighbours)
    nodes = len(case.neighbours) + case.spare_nodes

    def normal(*size: int, grad: bool = True) -> torch.Tensor:
        values = torch.randn(*size, generator=generator, dtype=torch.float64)
        return values.to(DEVICE, dtype).requires_grad_(grad)

    key = torch.randint(-(2**63), 2**63 - 1, (), generator=generator)
    return {
        "h": normal(nodes, paths.components, paths.field) if paths.field else None,
        "inputs": [normal(nodes, 2 * l + 1, size, grad=False) for l, size in enumerate(paths.inputs)],
        "edges": Edges(
            torch.tensor([0, *case.neighbours]).cumsum(0).to(DEVICE),
            torch.randint(0, max(nodes, 1), (edges,), generator=generator).to(DEVICE),
            normal(edges, paths.components, grad=False),
            normal(edges, 3, grad=False),
        ),
        "radial": Radial(
            normal(case.hidden, 3),
            *(normal(case.hidden) for _ in range(3)),
            normal(paths.combinations, case.hidden),
            normal(paths.combinations),
        ),
        "mixing": [normal(paths.combinations_to(l), case.channels_out) for l in range(paths.l_max + 1)],
        "norm": 0.3,
        "paths": paths,
        "dropout": None if case.dropout is None else Dropout(case.dropout, key.to(DEVICE)),
    }


def with_gradients(function, given: dict) -> list[torch.Tensor]:
    """Value, and the gradients of a random linear function of it: field, six radial tensors, mixing."""
    value = function(**given)
    slope = torch.randn(value.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(value)
    leaves = [x for x in (given["h"], *given["radial"], *given["mixing"]) if x is not None]
    return [value.detach(), *torch.autograd.grad(value, leaves, slope)]


def assert_agree(got, wanted, tolerance: float) -> None:
    assert len(got) == len(wanted)
    for x, y in zip(got, wanted, strict=True):
        assert x.shape == y.shape
        if y.numel():
            assert (x - y).abs().max() <= tolerance * y.abs().max()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_value_and_gradients(case):
    given = arguments(case)
    wanted = with_gradients(reference.convolve, given)
    assert_agree(with_gradients(convolve_triton, given), wanted, 1e-13)


def test_single_precision_and_repeats():
    case = CASES["vectors, dropout"]
    given = arguments(case, torch.float32)
    got = with_gradients(convolve_triton, given)
    assert_agree(got, with_gradients(reference.convolve, arguments(case)), 3e-6)
    for first, second in zip(got, with_gradients(convolve_triton, given), strict=True):
        assert torch.equal(first, second)


def test_not_contiguous():
    given = arguments(CASES["vectors, dropout"])
    wanted = with_gradients(convolve_triton, given)
    given["h"] = given["h"].detach().transpose(0, 2).contiguous().transpose(0, 2).requires_grad_()
    given["edges"] = given["edges"]._replace(harmonics=given["edges"].harmonics.T.contiguous().T)
    given["radial"] = given["radial"]._replace(weight=given["radial"].weight.detach().T.contiguous().T.requires_grad_())
    for first, second in zip(with_gradients(convolve_triton, given), wanted, strict=True):
        assert torch.equal(first, second)


def test_edges_by_sender():
    senders = torch.tensor([2, 0, 2, 1, 0], device=DEVICE)
    order, begins = edges_by_sender(senders, 4)
    assert order.tolist() == [1, 4, 3, 0, 2]
    assert begins.tolist() == [0, 2, 3, 5, 5]
    assert edges_by_sender(senders, 4)[0] is order
    with pytest.raises(EquiglassError, match="must be nodes, 0 to 1"):
        edges_by_sender(senders, 2)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda a: {"h": None}, "h is absent"),
        (lambda a: {"h": a["h"][:, :2]}, r"field h has shape \(5, 2, 4\), not \(5, 4, 4\)"),
        (lambda a: {"inputs": [x.float() for x in a["inputs"]]}, "inputs of degree 0 is torch.float32"),
        (lambda a: {"mixing": [w[1:] for w in a["mixing"]]}, "mixing matrix of degree 0 has shape"),
        (lambda a: {"edges": a["edges"]._replace(senders=a["edges"].senders.int())}, "senders is torch.int32"),
        (
            lambda a: {"edges": a["edges"]._replace(basis=a["edges"].basis.clone().requires_grad_())},
            "no gradient for them",
        ),
    ],
    ids=["no field", "field", "inputs", "mixing", "senders", "gradient"],
)
def test_wrong_input_is_refused(change, sentence):
    given = arguments(CASES["vectors, dropout"])
    with pytest.raises(EquiglassError, match=sentence):
        convolve_triton(**{**given, **change(given)})


def test_choice_of_the_implementation(monkeypatch):
    monkeypatch.setenv("EQUIGLASS_CONVOLUTION", "triton")
    given = arguments(CASES["l_max 2"])
    assert torch.equal(convolve(**given), convolve_triton(**given))
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    assert "on a CPU with TRITON_INTERPRET=1" in str(gpu.unavailable("cpu"))
    with pytest.raises(EquiglassError, match="asks for the triton convolution, but Triton computes only on CUDA GPUs"):
        implementation("cpu")
    monkeypatch.setenv("EQUIGLASS_CONVOLUTION", "compiled")
    with pytest.raises(EquiglassError, match="asks for the compiled convolution, but it computes only on CPUs"):
        implementation("cuda")
    monkeypatch.delenv("EQUIGLASS_CONVOLUTION")
    assert implementation("cuda") == ("triton" if torch.cuda.is_available() else "reference")


def test_network(monkeypatch):
    architecture = Architecture(l_max=1, layers=2, channels=4, radial_width=4, basis_size=3, cutoff=1.4)
    torch.manual_seed(0)
    network = Network(architecture, (2,), 2, 1).double().to(DEVICE)
    graph = build_graph(random_liquid(27), 1.4, dtype=torch.float64).to(torch.device(DEVICE))
    gradients = {}
    for choice in ("triton", "reference"):
        monkeypatch.setenv("EQUIGLASS_CONVOLUTION", choice)
        torch.manual_seed(1)
        gradients[choice] = torch.autograd.grad((network(graph) ** 2).sum(), list(network.parameters()))
    assert_agree(gradients["triton"], gradients["reference"], 1e-11)


class ReadsBack(TorchDispatchMode):
    """Refuses what a step that is recorded as a CUDA graph must not do: read a number from the device, or send one."""

    FORBIDDEN = ("_local_scalar_dense", "nonzero", "masked_select", "lift_fresh", "is_nonzero", "equal")

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        assert func.overloadpacket.__name__ not in self.FORBIDDEN, f"the step calls {func}"
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(("update", "further"), [(0, ()), (4, ()), (4, ("displacement", "edges", "variance"))])
def test_a_second_step_reads_nothing_back(monkeypatch, update, further):
    """A CUDA graph can hold a step only if it does not wait for the device; the first step may."""
    monkeypatch.setenv("EQUIGLASS_CONVOLUTION", "triton")
    monkeypatch.setattr(convolution, "_launch", lambda *arguments, **constants: None)
    a = Architecture(
        l_max=1, layers=2, channels=4, radial_width=4, basis_size=3, cutoff=1.4, dropout=0.1, update=update
    )
    network = Network(a, (2,), 2, 1).to(DEVICE)
    graph = build_graph(random_liquid(27), 1.4).to(DEVICE)
    zeros = partial(torch.zeros, device=DEVICE)
    sample = Sample("", graph, zeros(27, 1), np.zeros((1, 27)), np.zeros(27, int), np.zeros((27, 0)))
    sign, epoch, loss = torch.ones((), device=DEVICE), zeros(()), loss_of_particles
    if further:
        sizes = {"displacement": (27, 3), "edges": (graph.n_edges, 1), "variance": (27, 1)}
        sample = replace(sample, further_targets={name: zeros(size) for name, size in sizes.items()})
        network, loss = Regularised(network, further).to(DEVICE), loss_of_targets
    loss(network, sample, sign, epoch).backward()
    with ReadsBack():
        loss(network, sample, sign, epoch).backward()


COMPILE = """
from triton import compile
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from equiglass.model.convolution.triton import convolution, kernels
from equiglass.model.convolution.triton.source import backward_source, forward_source, groups
from equiglass.model.convolution.paths import Paths

whole = {"begins": "*i64", "senders": "*i64", "order": "*i64", "key": "*i64", "n": "i32", "E": "i32"}
paths = Paths(1, 4, (2, 1))
group = groups(paths, 3)[-1]
hidden = {"H": 3, "B": 2, "FACTOR": 1.5, "THRESHOLD": 2**31, "EDGES": 128, "UNITS": 4}
for kernel, constants in [
    (convolution.compiled(forward_source, paths, group, 3), {"R": 4}),
    (convolution.compiled(backward_source, paths, group, 3), {"R": 4}),
    (kernels.hidden, hidden),
    (kernels.hidden_gradient, {**hidden, "key": None}),
    (kernels.sum_over_sent, {"COLUMNS": 12, "STRIDE": 16, "LANES": 16}),
]:
    names = kernel.arg_names
    signature = {name: "constexpr" if name in constants else whole.get(name, "*fp32") for name in names}
    places = {(names.index(name),): value for name, value in constants.items()}
    assert compile(ASTSource(kernel, signature, places), GPUTarget("cuda", 90, 32)).asm["cubin"]
"""


def test_compiles_for_an_h100():
    """The interpreter accepts what the compiler may not. Compiling needs no GPU."""
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    environment["TRITON_DEFAULT_FP_FUSION"] = "1"
    done = subprocess.run([sys.executable, "-c", COMPILE], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
