"""The Triton source of the neighbour sum and its gradient, for a group of paths with the same l_in.

    A_p[m_in, m_edge, c] = sum_j phi_{p,c}(r_ij) x_{j,c}[m_in] Y_ij[m_edge]         S_p = CG A_p, once per receiver
    q_p[m_in, c] = sum_{m_edge} D_p[m_in, m_edge, c] Y_ij[m_edge]                   D_p = CG dS_p, once per receiver
    dphi_{p,c} = sum_{m_in} q_p[m_in, c] x_{j,c}[m_in]            dx_{ij,c}[m_in] = sum_p phi_{p,c}(r_ij) q_p[m_in, c]

A lane is one channel of one receiver. A program is a few receivers with all channels of one l_in. Every lane loops over
its neighbours, with the A_p or D_p of all paths of the group in registers. The source has no loops over paths,
components or hidden units; only the number of neighbours is unknown before run time. A lane without channel, receiver
or neighbour computes zeros.

There are n receivers, E edges, W channels that enter at l_in, H hidden units and K harmonics. The kernels have these
arguments:

    begins (n + 1,), senders (E,), u (E, H), y (E, K), x (N, 2 l_in + 1, W), weight (n_comb, H), bias (n_comb,)
    s0, s1, ...   S or dS by l_out, (n, 2 l_out + 1, n_comb to l_out)
    dz            (E, rows of the group), the gradient of the radial functions before ReLU, which the kernel writes
    dx            (E, 2 l_in + 1, C), which the first group of an l_in writes and to which the others add
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from textwrap import indent
from typing import NamedTuple

import numpy as np

from equiglass.model.convolution.paths import Path, Paths, clebsch_gordan

REGISTERS = 170
"""The number of registers for the arrays of a group, out of 255 per thread.

Addresses, the edge and the sums of one path need the others.
"""


class Member(NamedTuple):
    """A path with its first row in weight and bias, and its first column in the S of its l_out."""

    path: Path
    row: int
    column: int


Group = tuple[Member, ...]


def members(paths: Paths) -> list[Member]:
    """All paths with their rows and columns."""
    found, row, columns = [], 0, [0] * (paths.l_max + 1)
    for path, width in zip(paths.triplets, paths.widths, strict=True):
        found.append(Member(path, row, columns[path.l_out]))
        row += width
        columns[path.l_out] += width
    return found


def groups(paths: Paths, hidden: int) -> list[Group]:
    """The paths in groups with the same l_in and l_edge, as large as the registers of a lane permit."""
    found: list[Group] = []
    for (l_in, l_edge), same in groupby(members(paths), lambda member: member.path[:2]):
        at_once = max(1, REGISTERS // ((2 * l_in + 1) * (2 * l_edge + 1) + hidden + 1))
        chosen = tuple(same)
        found += [chosen[first : first + at_once] for first in range(0, len(chosen), at_once)]
    return found


def lanes_of(paths: Paths, group: Group) -> int:
    """The number of lanes per receiver: the number of channels, rounded up to a power of two."""
    return 1 << (paths.entering(group[0].path.l_in) - 1).bit_length()


def forward_source(paths: Paths, group: Group, hidden: int) -> str:
    """The source of the kernel ``forward``, which computes S of a group of paths."""
    degree = group[0].path.l_in
    before = [f"a{p}_{a}_{b} = zero" for p, a, b in _components(group)]
    loop = [*_edge(paths, group, hidden)]
    for p, member in enumerate(group):
        loop.append(f"phi = tl.maximum(z{p}, 0.0)")
        for a in range(2 * degree + 1):
            loop.append(f"message = phi * x{a}")
            loop += [f"a{p}_{a}_{b} += message * y{b}" for b in range(2 * member.path.l_edge + 1)]
    after = []
    for p, member in enumerate(group):
        for m in range(2 * member.path.l_out + 1):
            coupled = _combination(clebsch_gordan(member.path)[:, :, m], f"a{p}_{{}}_{{}}")
            after.append(f"tl.store({_place(paths, member, m)}, {coupled}, mine)")
    return _kernel("forward", "", paths, group, hidden, before, loop, after)


def backward_source(paths: Paths, group: Group, hidden: int) -> str:
    """The source of the kernel ``backward``, which computes dz and dx from dS of a group of paths."""
    degree, field = group[0].path.l_in, paths.field
    size, width = 2 * degree + 1, paths.entering(degree)
    before = []
    for p, member in enumerate(group):
        orders = range(2 * member.path.l_out + 1)
        before += [f"s{p}_{m} = tl.load({_place(paths, member, m)}, mine, 0.0)" for m in orders]
        for a, b in np.ndindex(size, 2 * member.path.l_edge + 1):
            before.append(f"d{p}_{a}_{b} = {_combination(clebsch_gordan(member.path)[a, b], f's{p}_{{}}')}")

    loop = [*_edge(paths, group, hidden), *(f"dx{a} = zero" for a in range(size))]
    for p, member in enumerate(group):
        loop += [f"phi = tl.maximum(z{p}, 0.0)", "dphi = zero"]
        for a in range(size):
            terms = [f"d{p}_{a}_{b} * y{b}" for b in range(2 * member.path.l_edge + 1)]
            loop += [f"q = {' + '.join(terms)}", f"dphi += q * x{a}", f"dx{a} += q * phi"]
        at = f"dz + edge * {len(group) * width} + {p * width} + c"
        loop.append(f"tl.store({at}, tl.where(z{p} > 0, dphi, 0.0), here & (c < {width}))")
    for a in range(size if field else 0):
        # The first group of an l_in has l_edge = 0 and writes; the others add.
        earlier = f"tl.load(at, here & (c < {field}), 0.0) + " if group[0].path.l_edge else ""
        loop.append(f"at = dx + (edge * {size} + {a}) * {field} + c")
        loop.append(f"tl.store(at, {earlier}dx{a}, here & (c < {field}))")
    return _kernel("backward", "dz, dx, ", paths, group, hidden, before, loop, [])


def _kernel(
    name: str,
    results: str,
    paths: Paths,
    group: Group,
    hidden: int,
    before: list[str],
    loop: list[str],
    after: list[str],
) -> str:
    """The whole kernel from the lines before the loop over neighbours, in the loop, and after it."""
    width, lanes = paths.entering(group[0].path.l_in), lanes_of(paths, group)
    by_order = ", ".join(f"s{l}" for l in range(paths.l_max + 1))
    body = f"""program = tl.program_id(0).to(tl.int64)
lane = tl.arange(0, R * {lanes})
c = lane % {lanes}
node = program * R + lane // {lanes}
mine = (node < n) & (c < {width})
begin = tl.load(begins + node, mine, 0)
count = tl.load(begins + node + 1, mine, 0) - begin
zero = tl.zeros((R * {lanes},), u.dtype.element_ty)
"""
    for p, member in enumerate(group):
        at = f"({member.row} + c)"
        body += f"b{p} = tl.load(bias + {at}, c < {width}, 0.0)\n"
        for k in range(hidden):
            body += f"w{p}_{k} = tl.load(weight + {at} * {hidden} + {k}, c < {width}, 0.0)\n"
    body += "\n".join([*before, "for k in range(tl.max(count, 0)):", indent("\n".join(loop), "    "), *after])
    arguments = f"begins, senders, u, y, x, weight, bias, {by_order}, {results}n, R: tl.constexpr"
    return f"@triton.jit\ndef {name}({arguments}):\n" + indent(body, "    ") + "\n"


def _edge(paths: Paths, group: Group, hidden: int) -> Iterator[str]:
    """The lines that load u, y and x of neighbour k and compute z, the radial functions before their ReLU."""
    l_in, l_edge, _ = group[0].path
    yield from ("edge = begin + k", "here = k < count", "sender = tl.load(senders + edge, here, 0)")
    yield from (f"u{k} = tl.load(u + edge * {hidden} + {k}, here, 0.0)" for k in range(hidden))
    for b in range(2 * l_edge + 1):
        yield f"y{b} = tl.load(y + edge * {paths.components} + {l_edge**2 + b}, here, 0.0)"
    for a in range(2 * l_in + 1):
        yield f"x{a} = tl.load(x + (sender * {2 * l_in + 1} + {a}) * {paths.entering(l_in)} + c, here, 0.0)"
    for p in range(len(group)):
        yield " + ".join([f"z{p} = b{p}", *(f"w{p}_{k} * u{k}" for k in range(hidden))])


def _components(group: Group) -> Iterator[tuple[int, int, int]]:
    for p, member in enumerate(group):
        for a, b in np.ndindex(2 * member.path.l_in + 1, 2 * member.path.l_edge + 1):
            yield p, a, b


def _place(paths: Paths, member: Member, m: int) -> str:
    l_out = member.path.l_out
    return f"s{l_out} + (node * {2 * l_out + 1} + {m}) * {paths.combinations_to(l_out)} + {member.column} + c"


def _combination(coefficients: np.ndarray, name: str) -> str:
    """The sum of coefficients times variables, over the coefficients that do not vanish."""
    terms = [f"{float(coefficients[at])!r} * {name.format(*at)}" for at in zip(*np.nonzero(coefficients), strict=True)]
    return " + ".join(terms) or "zero"
