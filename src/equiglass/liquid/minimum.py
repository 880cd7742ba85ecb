"""The minimum of a potential energy downhill from given positions, by its forces alone.

FIRE goes downhill until the energy is convex in all likelihood. There L-BFGS needs far fewer steps, above all where a
direction is soft. Where L-BFGS moves through a place that is not convex, FIRE takes over again.

Positions and forces have the shape (3, N); all numbers are in LJ units with masses of 1.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from itertools import count, islice

import numpy as np

from equiglass.liquid.arrays import Float

CONVEX = 0.01
"""Largest force below which L-BFGS is tried. From 0.1 on, one of two configurations had another minimum than FIRE."""

# The usual parameters of FIRE. A first step of 0.005 and a longest step of 0.05 suit masses of 1 in LJ units.
FIRST_STEP, LONGEST_STEP, SHORTEST_STEP = 0.005, 0.05, 0.0001
LONGEST_MOVE = 0.1
DELAY = 20
GROW, SHRINK = 1.1, 0.5
MIXING, MIXING_SHRINK = 0.25, 0.99

MEMORY = 20
"""The number of moves that L-BFGS remembers."""

STIFFNESS = 500.0
"""The stiffness of the first move of L-BFGS, above that of most pairs."""

OVERSHOT = 0.9
"""L-BFGS halves a move at whose end the force along it points back with more than this fraction of its first value."""

Forces = Callable[[Float], Float]


def minimum(forces: Forces, x: Float, tolerance: float, max_steps: int) -> tuple[Float, float]:
    """Return the positions of the minimum and the largest |F_i| there.

    Args:
        forces: the forces at given positions, both (3, N).
        x: the first positions, (3, N).
        tolerance: largest |F_i| at the minimum. The returned one is larger if the steps did not suffice.
        max_steps: the number of steps or moves, each with the forces at one place or a few.

    Source: FIRE 2.0 with semi-implicit Euler steps, Guenole et al., Comput. Mater. Sci. 175, 109584 (2020),
    doi 10.1016/j.commatsci.2020.109584, after Bitzek et al., Phys. Rev. Lett. 97, 170201 (2006),
    doi 10.1103/PhysRevLett.97.170201; L-BFGS, Liu and Nocedal, Math. Program. 45, 503 (1989), doi 10.1007/BF01589116.
    """
    force, left, goal = forces(x), max_steps, CONVEX
    while True:
        for method, end in ((_fire, max(goal, tolerance)), (_lbfgs, tolerance)):
            for step in islice(method(forces, x, force, end), left):
                (x, force), left = step, left - 1
            if left == 0 or largest(force) <= tolerance:
                return x, largest(force)
        goal /= 10


def _fire(forces: Forces, x: Float, force: Float, tolerance: float) -> Iterator[tuple[Float, Float]]:
    """Positions and forces after every step of FIRE, until no force is above the tolerance."""
    v = np.zeros_like(x)
    step, mixing = FIRST_STEP, MIXING
    last_uphill = 0
    for iteration in count(1):
        if largest(force) <= tolerance:
            return
        downhill = product(v, force) > 0
        if downhill:
            along = mixing * np.sqrt(product(v, v) / product(force, force))
            keep = 1 - mixing
            if iteration - last_uphill > DELAY:
                step, mixing = min(step * GROW, LONGEST_STEP), mixing * MIXING_SHRINK
        else:
            last_uphill = iteration
            if iteration > DELAY:
                step, mixing = max(step * SHRINK, SHORTEST_STEP), MIXING
            # The last step overshot the valley: go half a step back and start from rest.
            x = x - 0.5 * step * v
            v[:] = 0
            force = forces(x)
        v += step * force
        if downhill:
            v *= keep
            v += along * force
        longest = step * largest(v)
        if longest > LONGEST_MOVE:
            v *= LONGEST_MOVE / longest
        x = x + step * v
        force = forces(x)
        yield x, force


def _lbfgs(forces: Forces, x: Float, force: Float, tolerance: float) -> Iterator[tuple[Float, Float]]:
    """Positions and forces after every move of L-BFGS, until the tolerance or a move that is not convex."""
    moves: deque[tuple[Float, Float, float]] = deque(maxlen=MEMORY)
    while largest(force) > tolerance:
        move = _newton_move(force, moves)
        move *= min(1.0, LONGEST_MOVE / largest(move))
        along = product(force, move)
        new = forces(x + move)
        while product(new, move) < -OVERSHOT * along:
            move, along = move / 2, along / 2
            new = forces(x + move)
        change = force - new
        x, force, bend = x + move, new, product(move, change)
        yield x, force
        if bend <= 0:
            return
        moves.append((move, change, 1 / bend))


def _newton_move(force: Float, moves: deque[tuple[Float, Float, float]]) -> Float:
    """The move H^-1 F, with the inverse Hessian that moves and changes of the force suggest: the two-loop recursion."""
    result = force.copy()
    shares = []
    for move, change, weight in reversed(moves):
        shares.append(weight * product(move, result))
        result -= shares[-1] * change
    if moves:
        _, change, weight = moves[-1]
        result /= weight * product(change, change)
    else:
        result /= STIFFNESS
    for (move, change, weight), share in zip(moves, reversed(shares), strict=True):
        result += (share - weight * product(change, result)) * move
    return result


def product(a: Float, b: Float) -> float:
    """The scalar product of vectors (3, N), on one thread: BLAS takes several, which wait long on a busy machine."""
    return float(np.einsum("ai,ai->", a, b))


def largest(vectors: Float) -> float:
    """The largest |v_i| of vectors (3, N)."""
    return float(np.sqrt(np.einsum("ai,ai->i", vectors, vectors).max()))
