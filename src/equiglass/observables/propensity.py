"""The dynamic propensity and its statistics over the runs of an iso-configurational ensemble.

    p_i(t)    = (1/M) sum_m |dr_i^m(t)|                        propensity
    s_i^2(t)  = (1/(M-1)) sum_m (|dr_i^m(t)| - p_i(t))^2       variance over runs
    <dr_i(t)> = (1/M) sum_m dr_i^m(t)                          mean displacement

The two halves are the runs 1, 3, ... and the runs 2, 4, ...

Source: A. Widmer-Cooper, P. Harrowell and H. Fynewever, Phys. Rev. Lett. 93, 135701 (2004),
doi 10.1103/PhysRevLett.93.135701.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from equiglass.errors import DataError, EquiglassWarning
from equiglass.liquid.arrays import Float
from equiglass.observables.unwrapping import check_not_folded, unwrapped


class OverRuns(NamedTuple):
    """Statistics over runs, with the names of the labels of a System.

    Attributes:
        propensity: p_i, (..., N), LJ length.
        replica_variance: s_i^2, (..., N), LJ length squared; None for a single run.
        propensity_halves: p_i of both halves, (2, ..., N), LJ length; None for a single run.
        mean_displacement: <dr_i>, (..., N, 3), LJ length.
    """

    propensity: Float
    replica_variance: Float | None
    propensity_halves: Float | None
    mean_displacement: Float


class Accumulation:
    """Statistics over runs that come one at a time. Only the distances of all runs and one sum are in memory."""

    def __init__(self) -> None:
        self._distances: list[Float] = []
        self._sum: Float = np.zeros(())

    def add(self, displacements: NDArray[np.floating]) -> None:
        """Add a run.

        Args:
            displacements: r(t) - r(0), unwrapped, (..., N, 3), LJ length.
        """
        self._distances.append(np.linalg.norm(displacements, axis=-1))
        self._sum = self._sum + displacements

    def result(self) -> OverRuns:
        """The statistics over all runs so far. There must be at least one."""
        distances = np.stack(self._distances)
        several = len(distances) > 1
        return OverRuns(
            propensity=distances.mean(axis=0),
            replica_variance=distances.var(axis=0, ddof=1) if several else None,
            propensity_halves=np.stack([distances[k::2].mean(axis=0) for k in (0, 1)]) if several else None,
            mean_displacement=self._sum / len(distances),
        )


def over_runs(displacements: Iterable[NDArray[np.floating]]) -> OverRuns:
    """The statistics over runs.

    Args:
        displacements: r(t) - r(0), unwrapped, (..., N, 3) per run, LJ length.
    """
    accumulation = Accumulation()
    for run in displacements:
        accumulation.add(run)
    return accumulation.result()


def mean_changes_of_length(
    vectors: Float, displacements: NDArray[np.floating], first: NDArray[np.int64], second: NDArray[np.int64]
) -> Float:
    """The mean change over runs of the distance of pairs of particles, (P,), LJ length.

        < |r_ij + u_j - u_i| >_runs - |r_ij|,   r_ij = x_j(0) - x_i(0),   u = x(t) - x(0)

    Args:
        vectors: vector r_ij from the first to the second particle of every pair, (P, 3), LJ length.
        displacements: displacements u of every run, unwrapped, (runs, N, 3), LJ length.
        first: index i of every pair, (P,).
        second: index j of every pair, (P,).
    """
    total = np.zeros(len(vectors))
    for run in displacements:
        total += np.linalg.norm(vectors + run[second] - run[first], axis=1)
    return total / len(displacements) - np.linalg.norm(vectors, axis=1)


def labels_from_runs(
    ends: Iterable[NDArray[np.floating]], start: NDArray[np.floating], box: NDArray[np.floating]
) -> dict[str, Any]:
    """The labels of a System from the positions of all runs.

    Positions wrapped into the box are unwrapped where that is certain, with an EquiglassWarning (`unwrapping`).

    Args:
        ends: positions of every run, (runs, N, 3) per time, times ascending, LJ length.
        start: positions from which the runs started, (N, 3), LJ length.
        box: (3,) edge lengths of the periodic box.

    Returns:
        Fields of System by name: those of `OverRuns`, ``replica_displacements`` and ``runs``.

    Raises:
        DataError: the positions have another shape, are not finite, or are wrapped and cannot be unwrapped.
    """
    replicas: list[NDArray[np.float32]] = []
    each: list[OverRuns] = []
    times_wrapped = 0
    for positions in ends:
        if replicas and positions.shape != replicas[0].shape:
            raise DataError(
                f"the runs at different times have different shapes, {replicas[0].shape} and {positions.shape}."
            )
        if positions.ndim != 3 or positions.shape[1:] != start.shape or len(positions) == 0:
            raise DataError(f"the positions of the runs have shape {positions.shape}, not (runs, {len(start)}, 3).")
        # A damaged number may be finite and yet too large to square or to store.
        if not np.all(np.abs(positions - start) < np.finfo(np.float32).max):
            raise DataError("the positions of the runs hold values that are not finite numbers.")
        vectors, wrapped = unwrapped(positions, start, box, replicas[-1] if replicas else 0.0)
        check_not_folded(vectors, box)
        times_wrapped += wrapped
        replicas.append(vectors.astype(np.float32))
        each.append(over_runs(vectors))
    if times_wrapped:
        warnings.warn(
            f"at {times_wrapped} of {len(each)} times the positions of the runs look wrapped into the box: "
            "displacements jump by a box edge. The displacements to the nearest images are taken instead.",
            EquiglassWarning,
            stacklevel=3,
        )
    variances = [one.replica_variance for one in each if one.replica_variance is not None]
    halves = [one.propensity_halves for one in each if one.propensity_halves is not None]
    return {
        "replica_displacements": np.stack(replicas),
        "mean_displacement": np.stack([one.mean_displacement for one in each]),
        "propensity": np.stack([one.propensity for one in each]),
        "replica_variance": np.stack(variances) if variances else None,
        "propensity_halves": np.stack(halves, axis=1) if halves else None,
        "runs": len(replicas[0]),
    }
