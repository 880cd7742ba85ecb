"""A liquid and its simulation: structure, dynamics, energies, conservation."""

from __future__ import annotations

import math
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from equiglass.figures.curves import curves
from equiglass.figures.style import level
from equiglass.liquid.system import type_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def radial_distributions(r: ArrayLike, g: ArrayLike) -> Figure:
    """g(r) of every pair of types.

    Args:
        r: distances, (B,).
        g: symmetric in the types, (n_types, n_types, B).
    """
    from pandas import DataFrame

    r, g = np.asarray(r), np.asarray(g)
    pairs = {f"{type_name(a)}-{type_name(b)}": g[a, b] for a, b in combinations_with_replacement(range(len(g)), 2)}
    frame = DataFrame({"r": r, **pairs}).melt("r", var_name="pair", value_name="g")
    return curves(frame, "r", "g", curve="pair", xlim=(0, r[-1]))


def dynamics(times: ArrayLike, squared: ArrayLike, scattering: ArrayLike) -> Figure:
    """Mean squared displacement and F_s(k, t) by type, with 1/e.

    Args:
        times: (T,).
        squared: (T, n_types); NaN where unknown.
        scattering: the same shape, at the k of `equiglass.liquid.state_points.WAVE_NUMBER`.
    """
    from pandas import DataFrame, concat

    values = zip(np.transpose(squared), np.transpose(scattering), strict=True)
    parts = [
        DataFrame({"type": type_name(kind), "time": times, "squared": of, "scattering": other})
        for kind, (of, other) in enumerate(values)
    ]
    figure = curves(concat(parts), "time", ("squared", "scattering"), curve="type")
    level(figure.axes[1], math.exp(-1))
    return figure


def energies(thermal: ArrayLike, inherent: ArrayLike) -> Figure:
    """Energies per particle of the configurations and of their inherent structures, in order, with their means.

    Args:
        thermal: (C,).
        inherent: (C,); NaN where unknown.
    """
    from pandas import DataFrame

    frame = DataFrame({"thermal": thermal, "inherent": inherent}, dtype=float)
    frame["number"] = range(1, len(frame) + 1)
    figure = curves(frame, "number", ("thermal", "inherent"))
    for ax, column in zip(figure.axes, ("thermal", "inherent"), strict=True):
        ax.lines[0].set_linestyle("")
        level(ax, frame[column].mean())
    return figure


def conservation(times: ArrayLike, drift: ArrayLike, temperature: ArrayLike) -> Figure:
    """Largest drift of the energy, and kinetic temperature, of the runs against time.

    Args:
        times: (T,).
        drift: per particle, in units of the temperature, (T,).
        temperature: in units of the one that it should be, (T,).
    """
    from pandas import DataFrame

    frame = DataFrame({"time": times, "drift": drift, "kinetic": temperature})
    figure = curves(frame, "time", ("drift", "kinetic"))
    level(figure.axes[1], 1.0)
    return figure
