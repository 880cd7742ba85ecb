"""The compiled convolution against its formula written out in float64."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pytest
import torch
from e3nn import o3
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from equiglass.compiled import compiler
from equiglass.errors import EquiglassError
from equiglass.model.kernel import available, convolve, unavailable
from equiglass.model.paths import Paths, clebsch_gordan

needs_compiler = pytest.mark.skipif(not available(), reason=f"compiled convolution: {unavailable()}")

NEIGHBOURS = [3, 0, 1, 40, 7, 200, 0, 5, 13, 0]


class Shape(NamedTuple):
    l_max: int
    channels: int
    scalars: int
    channels_out: int
    hidden: int
    dtype: torch.dtype
    first: bool = False


PAPER = Shape(3, 8, 3, 8, 16, torch.float32)
SMALL = Shape(1, 1, 1, 1, 5, torch.float32)
SHAPES = [
    PAPER,
    PAPER._replace(first=True),
    SMALL,
    # The lanes of a row fill part of a vector; no size is a power of two.
    Shape(1, 4, 2, 5, 3, torch.float32),
    # More lanes than registers hold at once.
    Shape(1, 32, 0, 3, 4, torch.float64),
]


def arguments(shape: Shape, neighbours: list[int], seed: int = 0) -> dict:
    """Random input of ``convolve`` for a random graph with these numbers of neighbours."""
    generator = torch.Generator().manual_seed(seed)
    paths = Paths(shape.l_max, shape.first)
    nodes, edges, n_comb = len(neighbours), sum(neighbours), paths.combinations(shape.channels, shape.scalars)

    def normal(*size: int, grad: bool = True) -> torch.Tensor:
        return torch.randn(*size, generator=generator, dtype=shape.dtype).requires_grad_(grad)

    return {
        "h": None if shape.first else normal(nodes, paths.components, shape.channels),
        "s": normal(nodes, shape.scalars, grad=False),
        "u": normal(edges, shape.hidden).detach().relu().requires_grad_(),
        "harmonics": normal(edges, paths.components, grad=False),
        "row_ptr": torch.tensor([0, *neighbours]).cumsum(0),
        "senders": torch.randint(0, max(nodes, 1), (edges,), generator=generator),
        "weight": normal(n_comb, shape.hidden),
        "bias": normal(n_comb),
        "mix": normal(n_comb * shape.channels_out),
        "norm": 0.17,
        "paths": paths,
    }


def formula(h, s, u, harmonics, row_ptr, senders, weight, bias, mix, norm, paths):
    """Every edge and path on its own: couple, weigh, sum over neighbours, mix."""
    nodes = len(row_ptr) - 1
    receivers = torch.repeat_interleave(torch.arange(nodes), row_ptr.diff())
    widths = paths.widths(0 if h is None else h.shape[2], s.shape[1])
    phi = torch.relu(u @ weight.T + bias).split(widths, dim=1)
    mixing = iter(mix.view(len(bias), -1).split([w for l in range(paths.l_max + 1)
                  for w, path in zip(widths, paths.triplets, strict=True) if path.l_out == l]))  # fmt: skip
    out = []
    for l_out in range(paths.l_max + 1):
        mixed = 0
        for p, path in enumerate(paths.triplets):
            if path.l_out != l_out:
                continue
            sent = [] if h is None else [h[:, path.l_in**2 : (path.l_in + 1) ** 2]]
            if path.l_in == 0:
                sent.append(s[:, None, :])
            filters = harmonics[:, path.l_edge**2 : (path.l_edge + 1) ** 2]
            coefficients = torch.tensor(clebsch_gordan(path), dtype=u.dtype)
            edge = torch.einsum("ec,eac,eb,abm->emc", phi[p], torch.cat(sent, 2)[senders], filters, coefficients)
            node = torch.zeros(nodes, 2 * l_out + 1, widths[p], dtype=u.dtype).index_add(0, receivers, edge)
            mixed = mixed + norm * node @ next(mixing)
        out.append(mixed)
    return torch.cat(out, 1)


def with_gradients(function, given_arguments, slope):
    """Value of ``function``, and the gradients of sum(slope * value) for all that have one."""
    value = function(**given_arguments)
    leaves = [x for x in given_arguments.values() if isinstance(x, torch.Tensor) and x.requires_grad]
    return [value, *torch.autograd.grad(value, leaves, slope.to(value.dtype))]


def in_double(given_arguments):
    return {
        key: x.detach().double().requires_grad_(x.requires_grad)
        if isinstance(x, torch.Tensor) and x.is_floating_point()
        else x
        for key, x in given_arguments.items()
    }


def slope_for(shape: Shape, nodes: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(nodes, (shape.l_max + 1) ** 2, shape.channels_out, generator=generator, dtype=shape.dtype)


def assert_agree(got, wanted, tolerance):
    for x, y in zip(got, wanted, strict=True):
        assert x.shape == y.shape
        if y.numel():
            assert (x - y).abs().max() <= tolerance * y.abs().max()


@needs_compiler
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("neighbours", [NEIGHBOURS, [0, 1], [0, 0, 0]], ids=["many", "one edge", "no edge"])
def test_value_and_gradients(shape, neighbours):
    given_arguments = arguments(shape, neighbours)
    slope = slope_for(shape, len(neighbours))
    got = with_gradients(convolve, given_arguments, slope)
    wanted = with_gradients(formula, in_double(given_arguments), slope)
    assert_agree(got, wanted, 3e-6 if shape.dtype == torch.float32 else 1e-13)


@needs_compiler
def test_without_gradient_the_value_is_the_same():
    given_arguments = arguments(PAPER, NEIGHBOURS)
    with torch.no_grad():
        value = convolve(**given_arguments)
    assert torch.equal(value, convolve(**given_arguments))


@needs_compiler
def test_threads_agree_and_repeats_are_bitwise_equal():
    given_arguments = arguments(PAPER, [20] * 30)
    slope = slope_for(PAPER, 30)
    before = torch.get_num_threads()
    results = {}
    try:
        for threads in (1, 2, 7):
            torch.set_num_threads(threads)
            results[threads] = with_gradients(convolve, given_arguments, slope)
            again = with_gradients(convolve, given_arguments, slope)
            assert all(torch.equal(x, y) for x, y in zip(results[threads], again, strict=True))
    finally:
        torch.set_num_threads(before)
    assert_agree(results[2], results[1], 1e-6)
    assert_agree(results[7], results[1], 1e-6)


@needs_compiler
def test_arrays_need_not_be_contiguous():
    given_arguments = arguments(SMALL, NEIGHBOURS)
    strided = {
        key: torch.stack([x, x], -1)[..., 0] if isinstance(x, torch.Tensor) else x for key, x in given_arguments.items()
    }
    assert not strided["u"].is_contiguous()
    slope = slope_for(SMALL, len(NEIGHBOURS)).expand(2, -1, -1, -1).permute(1, 2, 3, 0)[..., 0]
    value = convolve(**strided)
    assert torch.equal(value, convolve(**given_arguments))
    value.backward(slope)
    assert torch.equal(given_arguments["u"].grad, with_gradients(convolve, given_arguments, slope)[2])


@needs_compiler
@settings(deadline=None, max_examples=5)
@given(st.integers(0, 2**31))
def test_equivariance(seed):
    """Rotating the edges and the field rotates the output."""
    rng = np.random.default_rng(seed)
    given_arguments = arguments(PAPER, NEIGHBOURS, seed)
    vectors = torch.tensor(rng.normal(size=(sum(NEIGHBOURS), 3)), dtype=PAPER.dtype)
    rotation = torch.tensor(Rotation.random(random_state=rng).as_matrix(), dtype=PAPER.dtype)

    def harmonics(vectors):
        degrees = list(range(PAPER.l_max + 1))
        return o3.spherical_harmonics(degrees, vectors, normalize=True, normalization="component")

    # The matrix with harmonics(rotation x) = matrix harmonics(x).
    matrix = torch.linalg.lstsq(harmonics(vectors), harmonics(vectors @ rotation.T)).solution.T
    turned = torch.einsum("ab,nbc->nac", matrix, given_arguments["h"])
    plain = convolve(**{**given_arguments, "harmonics": harmonics(vectors)})
    output = convolve(**{**given_arguments, "harmonics": harmonics(vectors @ rotation.T), "h": turned})
    assert_agree([output], [torch.einsum("ab,nbc->nac", matrix, plain)], 1e-5)


@needs_compiler
def test_two_processes_compile_at_once(tmp_path):
    script = (
        "import torch; from equiglass.model.kernel import convolve; from equiglass.model.paths import Paths\n"
        "one = torch.ones(1, 1)\n"
        "print(float(convolve(None, one, one, one, torch.tensor([0, 1]), torch.tensor([0]), 3 * one, one[0], one[0],"
        " 2.0, Paths(0, first=True))))"
    )
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    processes = [
        subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    # 2 relu(3 x 1 + 1) = 8
    assert [process.communicate()[0].strip() for process in processes] == ["8.0", "8.0"]
    assert [path.suffix for path in (tmp_path / "equiglass").iterdir()] == [".so"]


def test_without_compiler(monkeypatch):
    monkeypatch.setenv("CXX", "/nowhere/c++")
    compiler.cache_clear()
    try:
        assert not available()
        assert unavailable() == "CXX=/nowhere/c++ does not run"
    finally:
        compiler.cache_clear()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda a: {"h": None}, "first layer has no field"),
        (lambda a: {"h": a["h"][:-1]}, "h has shape"),
        (lambda a: {"h": a["h"].repeat(1, 1, 3)}, "weight has shape"),
        (lambda a: {"s": a["s"].double()}, "s is torch.float64"),
        (lambda a: {"u": a["u"][:, 1:]}, "u has shape"),
        (lambda a: {"harmonics": a["harmonics"][1:]}, "harmonics has shape"),
        (lambda a: {"harmonics": a["harmonics"].clone().requires_grad_()}, "no gradient"),
        (lambda a: {"mix": a["mix"][1:]}, "mix must be"),
        (lambda a: {"row_ptr": a["row_ptr"].flip(0)}, "row_ptr must ascend"),
        (lambda a: {"senders": a["senders"] + 10}, "senders must be nodes"),
        (lambda a: {"senders": a["senders"].int()}, "senders is torch.int32"),
        (lambda a: {k: x.half() for k, x in a.items() if torch.is_tensor(x) and x.is_floating_point()}, "float32"),
    ],
)
def test_input_that_does_not_fit_is_refused(change, sentence):
    given_arguments = arguments(Shape(1, 2, 2, 1, 5, torch.float32), NEIGHBOURS)
    with pytest.raises(EquiglassError, match=sentence):
        convolve(**{**given_arguments, **change(given_arguments)})


def test_channels_that_are_not_compiled_are_refused():
    with pytest.raises(EquiglassError, match="channels, not 3"):
        convolve(**arguments(Shape(1, 3, 1, 1, 2, torch.float32), [2, 2]))
