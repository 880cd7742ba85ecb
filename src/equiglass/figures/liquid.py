"""A liquid and its simulation: structure, dynamics, energies, conservation."""

from __future__ import annotations

import math
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from equiglass.figures.style import COLOURS, COLUMN, MARKERS, figure_of, new_axes, style
from equiglass.liquid.system import type_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def radial_distributions(r: ArrayLike, g: ArrayLike) -> Figure:
    """g(r) of every pair of types.

    Args:
        r: distances, (B,).
        g: symmetric in the types, (n_types, n_types, B).
    """
    r, g = np.asarray(r), np.asarray(g)
    with style():
        ax = new_axes()
        for k, (a, b) in enumerate(combinations_with_replacement(range(len(g)), 2)):
            ax.plot(r, g[a, b], color=COLOURS[k % len(COLOURS)], label=f"{type_name(a)}-{type_name(b)}")
        ax.set(xlabel=r"$r$", ylabel=r"$g(r)$", xlim=(0, r[-1]), ylim=(0, None))
        ax.legend()
        return figure_of(ax)


def dynamics(times: ArrayLike, squared: ArrayLike, scattering: ArrayLike, k: float) -> Figure:
    """Mean squared displacement and F_s(k, t) by type, with 1/e.

    Args:
        times: (T,).
        squared: (T, n_types); NaN where unknown.
        scattering: the same shape.
        k: wave number.
    """
    with style():
        left, right = _panels()
        for ax, values in ((left, np.asarray(squared)), (right, np.asarray(scattering))):
            for kind, of_type in enumerate(values.T):
                colour, marker = COLOURS[kind % len(COLOURS)], MARKERS[kind % len(MARKERS)]
                ax.plot(times, of_type, color=colour, marker=marker, label=type_name(kind))
            ax.set(xlabel=r"$t$", xscale="log")
        left.set(ylabel="mean squared displacement", yscale="log")
        left.legend()
        _line(right, math.exp(-1))
        right.set(ylabel=rf"$F_s({k:g}, t)$", ylim=(0, 1))
        return figure_of(left)


def energies(thermal: ArrayLike, inherent: ArrayLike) -> Figure:
    """Energies per particle of the configurations and of their inherent structures, in order, with their means.

    Args:
        thermal: (C,).
        inherent: (C,); NaN where unknown.
    """
    with style():
        panels = _panels()
        for ax, values, what in zip(panels, (thermal, inherent), ("configuration", "inherent structure"), strict=True):
            values = np.asarray(values)
            ax.plot(np.arange(1, len(values) + 1), values, color=COLOURS[0], marker=MARKERS[0], linestyle="none")
            known = values[~np.isnan(values)]
            if len(known):
                _line(ax, float(known.mean()))
            ax.set(xlabel="number", ylabel="potential energy per particle", title=what)
        return figure_of(panels[0])


def conservation(times: ArrayLike, drift: ArrayLike, temperature: ArrayLike) -> Figure:
    """Largest drift of the energy, and kinetic temperature, of the runs against time.

    Args:
        times: (T,).
        drift: per particle, in units of the temperature, (T,).
        temperature: in units of the one that it should be, (T,).
    """
    with style():
        left, right = _panels()
        for ax, values in ((left, drift), (right, temperature)):
            ax.plot(times, values, color=COLOURS[0], marker=MARKERS[0])
            ax.set(xlabel=r"$t$", xscale="log")
        left.set(ylabel=r"largest drift of the energy / $T$", ylim=(0, None))
        _line(right, 1.0)
        right.set(ylabel=r"kinetic temperature / $T$")
        return figure_of(left)


def _panels() -> tuple[Axes, Axes]:
    from matplotlib.figure import Figure

    left, right = Figure(figsize=(2 * COLUMN, 0.85 * COLUMN), layout="constrained").subplots(1, 2)
    return left, right


def _line(ax: Axes, height: float) -> None:
    ax.axhline(height, color="0.4", linewidth=0.8, linestyle=(0, (4, 2)))
