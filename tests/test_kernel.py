"""The compiled convolution against the reference in float64."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from e3nn import o3
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from equiglass.errors import EquiglassError
from equiglass.machine.compiled import compiler, defect
from equiglass.model.convolution import reference
from equiglass.model.convolution.cpu import available, unavailable
from equiglass.model.convolution.cpu.convolution import convolve
from equiglass.model.convolution.cpu.edges import edge_features, hidden_moments
from equiglass.model.radial import radial_basis
from test_operation import Arguments, Shape, random_arguments

needs_compiler = pytest.mark.skipif(not available(), reason=f"compiled convolution: {unavailable()}")

NEIGHBOURS = [3, 0, 1, 40, 7, 200, 0, 5, 13, 0]
single = torch.float32
PAPER = Shape(3, 8, (3,), 8, 16, 10, single)
SMALL = Shape(1, 1, (1,), 1, 5, 3, single)
SHAPES = [
    PAPER,
    PAPER._replace(channels=0),
    SMALL,
    # The lanes of a row fill part of a vector; no size is a power of two; vectors enter with the scalars.
    Shape(1, 4, (2, 1), 5, 3, 4, single),
    # Inputs of degree 2 and none of degree 1.
    Shape(2, 4, (3, 0, 2), 4, 5, 4, single),
    # More lanes than registers hold at once.
    Shape(1, 32, (0,), 3, 4, 5, torch.float64),
]


def with_gradients(function, arguments: Arguments) -> list[torch.Tensor]:
    """Value of ``function``, and the gradients of a random sum of it."""
    value = function(*arguments)
    slope = torch.randn(value.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return [value, *torch.autograd.grad(value, arguments.leaves(), slope.to(value.dtype))]


def assert_agree(got, wanted, tolerance):
    for x, y in zip(got, wanted, strict=True):
        assert x.shape == y.shape
        if y.numel():
            assert (x - y).abs().max() <= tolerance * y.abs().max()


@needs_compiler
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rate", [0.0, 0.3])
@pytest.mark.parametrize("neighbours", [NEIGHBOURS, [0, 1], [0, 0, 0]], ids=["many", "one edge", "no edge"])
def test_value_and_gradients(shape, neighbours, rate):
    arguments = random_arguments(shape, neighbours, rate)
    got = with_gradients(convolve, arguments)
    wanted = with_gradients(reference.convolve, arguments.in_double())
    assert_agree(got, wanted, 3e-6 if shape.dtype == single else 1e-13)


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("l_max", range(5))
@pytest.mark.parametrize("channels", [1, 2, 4, 8, 16, 32])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_size(l_max, channels, dtype):
    arguments = random_arguments(Shape(l_max, channels, (3, 1)[: l_max + 1], channels, 16, 10, dtype), NEIGHBOURS, 0.3)
    got = with_gradients(convolve, arguments)
    wanted = with_gradients(reference.convolve, arguments.in_double())
    assert_agree(got, wanted, 3e-6 if dtype == single else 1e-13)


@needs_compiler
def test_without_gradient_the_value_is_the_same():
    arguments = random_arguments(PAPER, NEIGHBOURS)
    with torch.no_grad():
        value = convolve(*arguments)
    assert torch.equal(value, convolve(*arguments))


@needs_compiler
def test_some_of_the_receivers():
    """The field has more nodes than the edges have receivers."""
    arguments = random_arguments(SMALL, NEIGHBOURS)
    row_start, *others = arguments.edges
    last = int(row_start[4])
    part = arguments._replace(edges=type(arguments.edges)(row_start[:5], *(x[:last] for x in others)))
    assert torch.equal(convolve(*part), convolve(*arguments)[:4])
    assert_agree(with_gradients(convolve, part), with_gradients(reference.convolve, part.in_double()), 3e-6)


@needs_compiler
def test_threads_agree_and_repeats_are_bitwise_equal():
    arguments = random_arguments(PAPER, [20] * 30, 0.3)
    before = torch.get_num_threads()
    results = {}
    try:
        for threads in (1, 2, 7):
            torch.set_num_threads(threads)
            results[threads] = with_gradients(convolve, arguments)
            again = with_gradients(convolve, arguments)
            assert all(torch.equal(x, y) for x, y in zip(results[threads], again, strict=True))
    finally:
        torch.set_num_threads(before)
    assert_agree(results[2], results[1], 1e-6)
    assert_agree(results[7], results[1], 1e-6)


@needs_compiler
def test_arrays_need_not_be_contiguous():
    arguments = random_arguments(SMALL, NEIGHBOURS)

    def strided(x: torch.Tensor) -> torch.Tensor:
        return torch.stack([x, x], -1)[..., 0]

    apart = arguments._replace(
        h=strided(arguments.h),
        inputs=[strided(x) for x in arguments.inputs],
        edges=type(arguments.edges)(*map(strided, arguments.edges)),
        radial=type(arguments.radial)(*map(strided, arguments.radial)),
    )
    assert not apart.edges.basis.is_contiguous()
    value = convolve(*apart)
    assert torch.equal(value, convolve(*arguments))
    slope = torch.ones(2, *value.shape).permute(1, 2, 3, 0)[..., 0]
    (value * 1.0).backward(slope)
    (expected,) = torch.autograd.grad(convolve(*arguments).sum(), [arguments.h])
    assert torch.equal(arguments.h.grad, expected)


@needs_compiler
@settings(deadline=None, max_examples=5)
@given(st.integers(0, 2**31))
def test_equivariance(seed):
    """Rotating the edges, the field and the vectors that enter rotates the output."""
    rng = np.random.default_rng(seed)
    arguments = random_arguments(PAPER._replace(inputs=(3, 2)), NEIGHBOURS, 0.3, seed)
    vectors = torch.tensor(rng.normal(size=(sum(NEIGHBOURS), 3)), dtype=single)
    rotation = torch.tensor(Rotation.random(random_state=rng).as_matrix(), dtype=single)

    def edges(vectors):
        harmonics, _ = edge_features(vectors, 3, "bessel", 10, 2.0)
        return arguments.edges._replace(harmonics=harmonics)

    matrix = o3.Irreps("0e+1e+2e+3e").D_from_matrix(rotation.double()).to(single)

    def turned(x):
        return torch.einsum("ab,nbc->nac", matrix, x)

    scalars, others = arguments.inputs
    plain = convolve(*arguments._replace(edges=edges(vectors)))
    inputs = [scalars, torch.einsum("ab,nbc->nac", rotation, others)]
    output = convolve(*arguments._replace(h=turned(arguments.h), inputs=inputs, edges=edges(vectors @ rotation.T)))
    assert_agree([output], [turned(plain)], 2e-5)


@needs_compiler
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("l_max", range(5))
@pytest.mark.parametrize("name", ["bessel", "gaussian"])
def test_features_of_the_edges(name, l_max, dtype):
    generator = torch.Generator().manual_seed(0)
    vectors = torch.randn(150, 3, generator=generator, dtype=dtype)
    vectors *= (0.5 + 1.5 * torch.rand(150, 1, generator=generator, dtype=dtype)) / vectors.norm(dim=1, keepdim=True)
    harmonics, basis = edge_features(vectors, l_max, name, 10, 2.0)
    exact = vectors.double()
    expected = o3.spherical_harmonics(list(range(l_max + 1)), exact, True, "component")
    assert_agree([harmonics], [expected], 1e-6 if dtype == single else 1e-14)
    assert_agree([basis], [radial_basis(name, exact.norm(dim=1), 10, 2.0)], 1e-6 if dtype == single else 1e-13)


@needs_compiler
@pytest.mark.parametrize("edges", [1, 2, 64, 1000])
def test_moments_of_the_hidden_units(edges):
    generator = torch.Generator().manual_seed(0)
    basis = torch.rand(edges, 10, generator=generator)
    leaves = [torch.randn(16, 10, generator=generator), torch.randn(16, generator=generator)]
    results = []
    for dtype in (torch.float32, torch.float64):
        weight, bias = (x.detach().to(dtype, copy=True).requires_grad_() for x in leaves)
        if dtype == single:
            mean, variance = hidden_moments(basis, weight, bias)
        else:
            variance, mean = torch.var_mean(torch.relu(basis.to(dtype) @ weight.T + bias), 0, correction=0)
        (2 * mean + variance * torch.arange(16)).sum().backward()
        results.append([mean, variance, weight.grad, bias.grad])
    assert_agree(*results, 3e-6)


@needs_compiler
def test_two_processes_compile_at_once(tmp_path):
    script = (
        "import torch; from equiglass.model.convolution.cpu.edges import edge_features\n"
        "print(float(edge_features(torch.ones(1, 3), 0, 'bessel', 1, 2.0)[0]))"
    )
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    processes = [
        subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert [process.communicate()[0].strip() for process in processes] == ["1.0", "1.0"]
    assert [path.suffix for path in (tmp_path / "equiglass").iterdir()] == [".so"]


def test_without_compiler(monkeypatch):
    monkeypatch.setenv("CXX", "/nowhere/c++")
    for cached in (compiler, defect):
        cached.cache_clear()
    try:
        assert not available()
        assert unavailable() == "CXX=/nowhere/c++ does not run"
    finally:
        for cached in (compiler, defect):
            cached.cache_clear()


def changed(name, change):
    """The arguments with one tensor of the edges or the radial functions changed."""

    def apply(a: Arguments) -> Arguments:
        where = "edges" if name in a.edges._fields else "radial"
        part = getattr(a, where)
        return a._replace(**{where: part._replace(**{name: change(getattr(part, name))})})

    return apply


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda a: a._replace(h=None), "first layer has no field"),
        (lambda a: a._replace(h=a.h[:-1]), "h has shape"),
        (lambda a: a._replace(h=a.h.repeat(1, 1, 3)), "h has shape"),
        (lambda a: a._replace(inputs=[a.inputs[0].double()]), "inputs is torch.float64"),
        (lambda a: a._replace(inputs=[a.inputs[0][:, :, :1]]), "inputs has shape"),
        (changed("basis", lambda x: x[:, 1:]), "basis has shape"),
        (changed("weight", lambda x: x[1:]), "weight has shape"),
        (changed("scale", lambda x: x[1:]), "scale has shape"),
        (changed("harmonics", lambda x: x[1:]), "harmonics has shape"),
        (changed("harmonics", lambda x: x.clone().requires_grad_()), "no gradient"),
        (lambda a: a._replace(mixing=[a.mixing[0][1:], *a.mixing[1:]]), "mixing must be"),
        (changed("row_start", lambda x: x.flip(0)), "row_start must ascend"),
        (changed("senders", lambda x: x + 10), "senders must be nodes"),
        (changed("senders", lambda x: x.int()), "senders is torch.int32"),
        (lambda a: random_arguments(Shape(1, 2, dtype=torch.float16), [1]), "float32 or float64"),
        (lambda a: random_arguments(Shape(1, 3), [2, 2]), "channels, not 3"),
        (lambda a: random_arguments(Shape(5, 1), [2, 2]), "degrees up to 4"),
    ],
)
def test_input_that_does_not_fit_is_refused(change, sentence):
    arguments = random_arguments(Shape(1, 2, (2,), 1, 5, 3, single), NEIGHBOURS)
    with pytest.raises(EquiglassError, match=sentence):
        convolve(*change(arguments))
