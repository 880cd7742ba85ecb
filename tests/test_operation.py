"""The reference convolution against e3nn and finite differences, the chunked one against the reference; the dropout."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from e3nn import o3

from equiglass.model.convolution import chunked, reference
from equiglass.model.convolution.operation import (
    Dropout,
    Edges,
    Radial,
    entering_fields,
    hidden_units,
    starts_of_parts,
)
from equiglass.model.convolution.paths import Paths


class Shape(NamedTuple):
    """Of a random convolution; channels 0 is the first layer."""

    l_max: int
    channels: int
    inputs: tuple[int, ...] = (3,)
    channels_out: int = 4
    hidden: int = 5
    basis: int = 4
    dtype: torch.dtype = torch.float64


class Arguments(NamedTuple):
    """Of ``convolve``, in its order."""

    h: torch.Tensor | None
    inputs: list[torch.Tensor]
    edges: Edges
    radial: Radial
    mixing: list[torch.Tensor]
    norm: float
    paths: Paths
    dropout: Dropout | None

    def leaves(self) -> list[torch.Tensor]:
        """The tensors that get a gradient."""
        return [x for x in (self.h, *self.radial, *self.mixing) if x is not None and x.numel()]

    def in_double(self) -> Arguments:
        """The same numbers in float64."""

        def double(x: torch.Tensor) -> torch.Tensor:
            return x.detach().double().requires_grad_(x.requires_grad) if x.is_floating_point() else x

        return self._replace(
            h=None if self.h is None else double(self.h),
            inputs=[double(x) for x in self.inputs],
            edges=Edges(*map(double, self.edges)),
            radial=Radial(*map(double, self.radial)),
            mixing=[double(x) for x in self.mixing],
        )


def random_arguments(shape: Shape, neighbours: list[int], rate: float = 0.0, seed: int = 0) -> Arguments:
    """Random input of ``convolve`` for a random graph with these numbers of neighbours."""
    generator = torch.Generator().manual_seed(seed)
    paths = Paths(shape.l_max, shape.channels, shape.inputs)
    nodes, edges, n_comb = len(neighbours), sum(neighbours), paths.combinations

    def normal(*size: int) -> torch.Tensor:
        return torch.randn(*size, generator=generator, dtype=shape.dtype)

    weights = [(shape.hidden, shape.basis), *[(shape.hidden,)] * 3, (n_comb, shape.hidden), (n_comb,)]
    return Arguments(
        normal(nodes, paths.components, shape.channels).requires_grad_() if shape.channels else None,
        [normal(nodes, 2 * l + 1, width) for l, width in enumerate(shape.inputs)],
        Edges(
            torch.tensor([0, *neighbours]).cumsum(0),
            torch.randint(0, nodes, (edges,), generator=generator),
            normal(edges, paths.components),
            normal(edges, shape.basis).abs(),
        ),
        Radial(*[normal(*size).requires_grad_() for size in weights]),
        [normal(paths.combinations_to(l), shape.channels_out).requires_grad_() for l in range(shape.l_max + 1)],
        0.17,
        paths,
        Dropout(rate, torch.tensor(-8_070_450_532_247_928_832 + seed)) if rate else None,
    )


@pytest.mark.parametrize("shape", [Shape(0, 4), Shape(2, 4), Shape(3, 4), Shape(3, 0), Shape(2, 3, (2, 3))])
def test_reference_equals_e3nn_tensor_product_and_scatter(shape: Shape) -> None:
    torch.set_default_dtype(torch.float64)
    try:
        arguments = random_arguments(shape, [3, 0, 7, 12, 1, 40])
        _, _, edges, radial, mixing, norm, paths, _ = arguments
        got = reference.convolve(*arguments)
        widths = [paths.entering(l) for l in range(shape.l_max + 1)]
        irreps_out = o3.Irreps([(width, (p.l_out, 1)) for p, width in zip(paths.triplets, paths.widths, strict=True)])
        product = o3.TensorProduct(
            o3.Irreps([(w, (l, 1)) for l, w in enumerate(widths)]),
            o3.Irreps([(1, (l, 1)) for l in range(shape.l_max + 1)]),
            irreps_out,
            [(p.l_in, p.l_edge, k, "uvu", True) for k, p in enumerate(paths.triplets)],
            irrep_normalization="component",
            path_normalization="none",
            shared_weights=False,
            internal_weights=False,
        )
        fields = entering_fields(arguments.h, arguments.inputs, paths)
        x = torch.cat([f.transpose(1, 2).flatten(1) for f in fields], 1)
        phi = torch.relu(hidden_units(edges.basis, radial, None) @ radial.weight.T + radial.bias)
        messages = product(x[edges.senders], edges.harmonics, phi)
        receivers = torch.repeat_interleave(torch.arange(len(x)), edges.row_start.diff())
        summed = messages.new_zeros(len(x), messages.shape[1]).index_add(0, receivers, messages)
        parts: list[list[torch.Tensor]] = [[summed.new_zeros(len(x), 2 * l + 1, 0)] for l in range(shape.l_max + 1)]
        for path, where in zip(paths.triplets, irreps_out.slices(), strict=True):
            parts[path.l_out].append(summed[:, where].reshape(len(x), -1, 2 * path.l_out + 1).transpose(1, 2))
        expected = norm * torch.cat([torch.cat(p, 2) @ w for p, w in zip(parts, mixing, strict=True)], 1)
        torch.testing.assert_close(got, expected, atol=1e-10, rtol=1e-10)
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_gradient_of_the_reference_by_finite_differences(rate: float) -> None:
    arguments = random_arguments(Shape(1, 2, (2, 1), 2), [3, 0, 2], rate)

    def run(h: torch.Tensor, *weights: torch.Tensor) -> torch.Tensor:
        changed = arguments._replace(h=h, radial=Radial(*weights[:6]), mixing=list(weights[6:]))
        return reference.convolve(*changed)

    assert torch.autograd.gradcheck(run, arguments.leaves(), fast_mode=True)


@pytest.mark.parametrize("shape", [Shape(2, 2), Shape(3, 0), Shape(2, 3, (2, 0, 1))])
@pytest.mark.parametrize("rate", [0.0, 0.3])
@pytest.mark.parametrize("edges_at_once", [8, 10_000])
def test_chunks_give_the_value_and_the_gradients_of_the_reference(
    shape: Shape, rate: float, edges_at_once: int
) -> None:
    arguments = random_arguments(shape, [3, 0, 7, 12, 1, 40], rate)
    whole = reference.convolve(*arguments)
    slopes = torch.autograd.grad(whole.square().sum(), arguments.leaves())
    pieces = chunked.convolve(*arguments, edges_at_once=edges_at_once)
    torch.testing.assert_close(pieces, whole)
    for got, expected in zip(torch.autograd.grad(pieces.square().sum(), arguments.leaves()), slopes, strict=True):
        torch.testing.assert_close(got, expected)


def test_parts_of_a_graph() -> None:
    row_start = torch.tensor([0, 3, 3, 10, 22, 23])
    assert starts_of_parts(row_start, 10) == [0, 3, 4, 5]
    assert starts_of_parts(row_start, 100) == [0, 5]
    assert starts_of_parts(row_start[:1], 100) == [0, 0]


def test_dropout_has_its_share_and_depends_on_every_bit_of_the_key() -> None:
    keys = [0, 1, 2**32, -(2**63), 1234567890123456789]
    kept = [Dropout(0.3, torch.tensor(key)).kept(0, 20_000, 16) for key in keys]
    for mask in kept:
        assert float((~mask).double().mean()) == pytest.approx(0.3, abs=3e-3)
        # Neither units of an edge nor neighbouring edges go together.
        together = torch.corrcoef(mask[:-1].T.double()).fill_diagonal_(0)
        assert float(together.abs().max()) < 0.03
        following = torch.corrcoef(torch.stack([mask[:-1].flatten(), mask[1:].flatten()]).double())
        assert abs(float(following[0, 1])) < 0.01
    for a in range(len(keys)):
        for b in range(a):
            assert float((kept[a] == kept[b]).double().mean()) == pytest.approx(0.58, abs=5e-3)
    assert torch.equal(kept[0][100:200], Dropout(0.3, torch.tensor(0)).kept(100, 200, 16))


def test_dropout_keeps_the_mean() -> None:
    arguments = random_arguments(Shape(1, 2, hidden=16), [30_000])
    radial = Radial(*(x.detach() for x in arguments.radial))
    plain = hidden_units(arguments.edges.basis, radial, None)
    dropped = hidden_units(arguments.edges.basis, radial, Dropout(0.3, torch.tensor(7)))
    torch.testing.assert_close(dropped.mean(0), plain.mean(0), atol=0.03 * float(plain.abs().max()), rtol=0)
