"""Displacements from positions that may be wrapped into the periodic box.

A wrapped position jumps by a box edge where the particle crosses a face, so that r(t) - r(0) is wrong by that edge. The
positions themselves show this, in one of two ways:

- all positions of a run lie within one edge of the box, although displacements exceed half an edge;
- among displacements beyond half an edge, most are near a whole edge. A smooth distribution has no such gap.

The nearest image then gives the displacement since the previous time. It is refused where particles have moved so far
that the image is ambiguous. Displacements to the nearest image need no jump: their distribution ends at half an edge.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from equiglass.errors import DataError
from equiglass.liquid.arrays import Float

AMBIGUOUS = 1e-3
"""The share of components with an uncertain image up to which displacements are unwrapped."""

BEYOND = 10.0
"""The expected number of components beyond a limit above which it is no chance that there are none."""

OUTSIDE = 0.02
"""How far wrapped positions may lie outside the box, in edges; LAMMPS wraps only when it renews its neighbour lists."""


def unwrapped(
    ends: NDArray[np.floating],
    start: NDArray[np.floating],
    box: NDArray[np.floating],
    previous: NDArray[np.floating] | float = 0.0,
) -> tuple[Float, bool]:
    """The displacements since the start, and whether the positions were wrapped.

    Args:
        ends: positions of every run at one time, wrapped or not, (runs, N, 3), LJ length.
        start: positions from which the runs started, (N, 3), or (runs, N, 3) if they differ by images, LJ length.
        box: edge lengths of the periodic box, (3,), LJ length.
        previous: displacements at the time before, which shorten the step to follow, (runs, N, 3), LJ length.

    Returns:
        r(t) - r(0), (runs, N, 3), LJ length, and whether nearest images replaced wrapped ones.

    Raises:
        DataError: the positions are wrapped, and particles have moved too far for the nearest image to be certain.
    """
    moves = ends - start
    steps = moves - previous
    far = np.abs(steps) > box / 2
    if not np.any(far):
        return moves, False
    # One verdict per run and axis, (runs, 1, 3).
    inside = np.ptp(ends, axis=1, keepdims=True) <= (1 + OUTSIDE) * box
    wrapped = inside & np.any(far, axis=1, keepdims=True)
    nearest = steps - box * np.round(steps / box)
    short = np.abs(nearest) < box / 4
    rest = far & ~wrapped
    if _jump(int(np.sum(rest & short)), int(np.sum(rest & ~short)), bool(np.all(short))):
        wrapped = wrapped | np.any(rest, axis=1, keepdims=True)
    if not np.any(wrapped):
        return moves, False
    affected = np.broadcast_to(wrapped, steps.shape)
    components = (np.abs(nearest) / box)[affected]
    if beyond_half(components) > AMBIGUOUS * components.size:
        raise DataError(
            "the positions of the runs are wrapped into the box, and particles move further than half the box between "
            "two stored times, so that they cannot be unwrapped. Write unwrapped positions or image flags."
        )
    return np.where(affected, moves - (steps - nearest), moves), True


def check_not_folded(moves: NDArray[np.floating], box: NDArray[np.floating]) -> None:
    """Check that displacements were not replaced by those to the nearest images, or between wrapped positions.

    Args:
        moves: r(t) - r(0), (..., 3), LJ length.
        box: edge lengths of the periodic box, (3,), LJ length.

    Raises:
        DataError: the distribution of the components is cut off at half the box, or at its edge.
    """
    components = np.abs(moves) / box
    if components.max(initial=0) > 1 + OUTSIDE:
        return
    # Rounding in single precision may put a component just beyond one half.
    if components.max(initial=0) > 0.5001:
        # Differences of wrapped positions end at the edge. Of a Gaussian, some would be beyond.
        half = ndtri(np.mean(components > 0.5) / 2)
        if 2 * ndtr(2 * half) * components.size > BEYOND:
            raise DataError(
                "no displacement of the runs exceeds the edge of the box, although many exceed half of it: "
                "the positions were wrapped into the box. Write unwrapped positions."
            )
        return
    if beyond_half(components) > max(BEYOND, AMBIGUOUS * components.size):
        raise DataError(
            "no displacement of the runs exceeds half the box, although many come close: nearest images or wrapped "
            "positions were taken. The true displacements are larger and unknown. Write unwrapped positions."
        )


def beyond_half(components: NDArray[np.floating]) -> float:
    """The expected number of components beyond half an edge, from a smooth continuation of the distribution below.

    The logarithms of the numbers in (0.2, 0.3), (0.3, 0.4) and (0.4, 0.5) are continued with constant second
    difference, as for a Gaussian. The result is at most the number in the last interval.

    Args:
        components: absolute values in units of the edge, any shape.
    """
    first, second, third = np.histogram(components, bins=(0.2, 0.3, 0.4, 0.5001))[0].astype(float).tolist()
    if not second:
        return float(third)
    return float(min(third, first * (third / second) ** 3))


def _jump(short: int, long: int, gap: bool) -> bool:
    """Whether displacements beyond half an edge are jumps by a whole edge.

    Args:
        short: the number of those whose nearest image is closer than a quarter of the edge.
        long: the number of the others. In a smooth distribution they are as many or more.
        gap: whether there is no displacement at all between one and three quarters of an edge.
    """
    return short > 0 and (gap or short > 1.5 * long + 3 * np.sqrt(short + long))
