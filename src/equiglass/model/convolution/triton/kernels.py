# mypy: disable-error-code="no-untyped-def, no-untyped-call"
"""The Triton kernels that do not depend on paths: hidden radial units, their gradient, and the sum over sent edges."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _before_relu(basis, weight, bias, edge, unit, E, H: tl.constexpr, B: tl.constexpr):
    """W1 B(r) + b1 for a block of edges and all units."""
    a = tl.load(bias + unit, unit < H, 0.0)[None, :] + tl.zeros((edge.shape[0], unit.shape[0]), basis.dtype.element_ty)
    for b in range(B):
        a += (
            tl.load(basis + edge * B + b, edge < E, 0.0)[:, None]
            * tl.load(weight + unit * B + b, unit < H, 0.0)[None, :]
        )
    return a


@triton.jit
def _kept(key, edge, unit, H: tl.constexpr, THRESHOLD: tl.constexpr):
    """The variable ``kept`` of :class:`equiglass.model.convolution.operation.Dropout`, by the same hash in 32 bits."""
    bits = tl.load(key)
    x = (edge[:, None] * H + unit[None, :]).to(tl.uint32)
    x = (x ^ bits.to(tl.uint32)) * 0x9E3779B1
    x = (x ^ (x >> 15)) + (bits >> 32).to(tl.uint32)
    x = (x ^ (x >> 16)) * 0x7FEB352D
    x = (x ^ (x >> 15)) * 0x846CA68B
    x = x ^ (x >> 16)
    return x.to(tl.int64) >= THRESHOLD


@triton.jit
def hidden(
    basis, weight, bias, scale, shift, key, u, E,
    H: tl.constexpr, B: tl.constexpr, FACTOR: tl.constexpr, THRESHOLD: tl.constexpr,
    EDGES: tl.constexpr, UNITS: tl.constexpr,
):  # fmt: skip
    """The hidden units u of EDGES edges. FACTOR is 1 / (1 - rate), and key is None without dropout."""
    edge = tl.program_id(0).to(tl.int64) * EDGES + tl.arange(0, EDGES)
    unit = tl.arange(0, UNITS)
    active = tl.maximum(_before_relu(basis, weight, bias, edge, unit, E, H, B), 0.0)
    value = active * tl.load(scale + unit, unit < H, 0.0)[None, :] + tl.load(shift + unit, unit < H, 0.0)[None, :]
    if key is not None:
        value = tl.where(_kept(key, edge, unit, H, THRESHOLD), value * FACTOR, 0.0)
    tl.store(u + edge[:, None] * H + unit[None, :], value, (edge < E)[:, None] & (unit < H)[None, :])


@triton.jit
def hidden_gradient(
    basis, weight, bias, scale, key, du, partial, E,
    H: tl.constexpr, B: tl.constexpr, FACTOR: tl.constexpr, THRESHOLD: tl.constexpr,
    EDGES: tl.constexpr, UNITS: tl.constexpr,
):  # fmt: skip
    """The gradients of W1, b1, scale and shift, summed over EDGES edges: partial, (programs, B + 3, H)."""
    program = tl.program_id(0).to(tl.int64)
    edge = program * EDGES + tl.arange(0, EDGES)
    unit = tl.arange(0, UNITS)
    a = _before_relu(basis, weight, bias, edge, unit, E, H, B)
    slope = tl.load(du + edge[:, None] * H + unit[None, :], (edge < E)[:, None] & (unit < H)[None, :], 0.0)
    if key is not None:
        slope = tl.where(_kept(key, edge, unit, H, THRESHOLD), slope * FACTOR, 0.0)
    inner = tl.where(a > 0, slope * tl.load(scale + unit, unit < H, 0.0)[None, :], 0.0)
    at = partial + program * (B + 3) * H + unit
    for b in range(B):
        of_basis = tl.load(basis + edge * B + b, edge < E, 0.0)[:, None]
        tl.store(at + b * H, tl.sum(inner * of_basis, 0), unit < H)
    tl.store(at + B * H, tl.sum(inner, 0), unit < H)
    tl.store(at + (B + 1) * H, tl.sum(slope * tl.maximum(a, 0.0), 0), unit < H)
    tl.store(at + (B + 2) * H, tl.sum(slope, 0), unit < H)


@triton.jit
def sum_over_sent(dx, order, begins, dh, COLUMNS: tl.constexpr, STRIDE: tl.constexpr, LANES: tl.constexpr):
    """The gradient dh of one sender and degree, COLUMNS numbers: the sum of dx over the edges that it sends."""
    sender = tl.program_id(0).to(tl.int64)
    column = tl.arange(0, LANES)
    total = tl.zeros((LANES,), dx.dtype.element_ty)
    for k in range(tl.load(begins + sender), tl.load(begins + sender + 1)):
        total += tl.load(dx + tl.load(order + k) * COLUMNS + column, column < COLUMNS, 0.0)
    tl.store(dh + sender * STRIDE + column, total, column < COLUMNS)
