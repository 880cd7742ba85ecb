"""Whether the labels of a configuration agree with one another and with its positions.

Labels of wrapped positions are wrong by a box edge where a particle crosses a face of the box. Such particles are next
to the faces at the start, so that the propensity is largest there. In a periodic liquid no plane is special.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np

from equiglass.errors import DataError, EquiglassWarning
from equiglass.liquid.arrays import Float
from equiglass.liquid.system import System
from equiglass.observables.propensity import over_runs

SAME = 0.02
"""The largest difference of labels that are the same, root mean square over particles, relative to the propensity."""

SLABS = 10
"""The number of slabs into which each edge is divided; one is centred on the face."""

FACES = (0.0, 0.5)
"""Where the faces of the box may lie, in units of the edge: the source may count from 0 or from -L/2."""

EXCESS = 1.25
"""How much the slab on the face must exceed the largest other one, along all three edges.

In liquids of 250 and 4096 particles the smallest of the three ratios was 0.66 to 1.01. Wrapped positions gave 1.46
where the mean displacement is a fifth of the edge, about the largest that can be unwrapped.
"""

SURE = 12.0
"""How many standard errors the slabs on the faces must exceed the particles far from all faces, three edges together.

In 2500 liquids of 250 particles with random mobilities it was at most 7.3; wrapped positions gave at least 19.8.
"""

FEWEST = 200
"""The number of particles below which the slabs are too small."""


def check_not_of_wrapped_positions(system: System) -> None:
    """Check that the propensity is not largest next to the faces of the box, along all three edges.

    Raises:
        DataError: it is.
    """
    if system.propensity is None or system.n_particles < FEWEST:
        return
    for label, propensity in zip(system.time_labels, system.propensity, strict=True):
        if _is_of_wrapped_positions(system, propensity):
            raise DataError(
                f"{system.name}: the propensity at the time labelled {label!r} is largest next to the faces of the "
                "box, as that of positions wrapped into the box. Compute it from unwrapped positions."
            )


def warn_of_contradictions(system: System) -> None:
    """Compare the propensity with the other labels.

    Warns:
        EquiglassWarning: the displacements of the runs, the halves or the mean displacements contradict it.
    """
    if system.propensity is None:
        return
    for t, (label, propensity) in enumerate(zip(system.time_labels, system.propensity, strict=True)):
        for what, lowest, highest in _bounds(system, t):
            beyond = np.maximum(np.maximum(lowest - propensity, propensity - highest), 0)
            known = np.isfinite(beyond)
            if np.sum(beyond[known] ** 2) > SAME**2 * np.sum(propensity[known] ** 2):
                warnings.warn(
                    f"{system.name}: the propensity at the time labelled {label!r}, {np.mean(propensity[known]):.4g} "
                    f"on average, contradicts {what}, {np.mean(lowest[known]):.4g}. Remove one of them, or compute it "
                    "again.",
                    EquiglassWarning,
                    stacklevel=2,
                )
                return


def _bounds(system: System, t: int) -> Iterator[tuple[str, Float, Float]]:
    """The other labels at a time, in words, each with the lowest and the highest propensity that it allows, (N,)."""
    if system.replica_displacements is not None:
        mean = over_runs(system.replica_displacements[t]).propensity
        yield "the mean of the replica_displacements", mean, mean
    if system.propensity_halves is not None:
        halves = system.propensity_halves[:, t]
        yield "the propensity_halves", halves.min(axis=0), halves.max(axis=0)
    if system.mean_displacement is not None:
        length = np.linalg.norm(system.mean_displacement[t], axis=-1)
        yield "the length of the mean_displacement", length, np.where(np.isfinite(length), np.inf, np.nan)


def _is_of_wrapped_positions(system: System, propensity: Float) -> bool:
    known = np.isfinite(propensity)
    for face in FACES:
        slabs = np.rint((system.positions / system.box - face) * SLABS).astype(np.int64)[known] % SLABS
        numbers = np.array([np.bincount(axis, minlength=SLABS) for axis in slabs.T])
        sums = np.array([np.bincount(axis, propensity[known], SLABS) for axis in slabs.T])
        means = sums / np.maximum(numbers, 1)
        inside = propensity[known][np.all((slabs > 1) & (slabs < SLABS - 1), axis=1)]
        if not len(inside) or not np.all(means[:, 0] > EXCESS * means[:, 2:-1].max(axis=1)):
            continue
        # The sum of three normal variables has a standard deviation of sqrt(3).
        if np.sum((means[:, 0] - inside.mean()) * np.sqrt(numbers[:, 0])) > SURE * np.sqrt(3) * inside.std():
            return True
    return False
