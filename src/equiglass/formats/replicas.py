"""The iso-configurational ensemble: from the displacements of every run to propensity and its statistics."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equiglass.errors import EquiglassError, EquiglassWarning


def labels_from_runs(displacements: Iterable[NDArray[np.floating]], box: NDArray[np.floating]) -> dict[str, Any]:
    """p_i(t) = (1/M) sum_m |dr_i^m(t)|, with variance, halves (even and odd runs) and mean vector.

    The displacements must be unwrapped, and are taken as they are; where they look wrapped (a share of them
    beyond half the box although the particles hardly move), an EquiglassWarning says so.

    Args:
        displacements: for every time r(t) - r(0) of every run, (runs, N, 3).
        box: (3,) edge lengths.

    Returns:
        The fields of System that hold labels, by name. One run alone has neither variance nor halves.
    """
    replicas: list[NDArray[np.float32]] = []
    means, propensity, variance, halves = [], [], [], []
    for vectors in displacements:
        if replicas and vectors.shape != replicas[0].shape:
            raise EquiglassError(f"runs at different times have shapes {replicas[0].shape} and {vectors.shape}.")
        if vectors.ndim != 3 or len(vectors) == 0:
            raise EquiglassError(f"the positions of the runs have shape {vectors.shape}, not (runs, N, 3).")
        if not np.all(np.isfinite(vectors)):
            raise EquiglassError("the positions of the runs hold values that are not finite numbers.")
        distances = np.linalg.norm(vectors, axis=-1)
        beyond = np.mean(np.any(np.abs(vectors) > box / 2, axis=-1))
        if beyond > 0.001 and np.median(distances) < 1:
            warnings.warn(
                f"{beyond:.1%} of the displacements exceed half the box although most are small: the "
                "positions of the runs look wrapped into the box. They must be unwrapped for the propensity "
                "to be right.",
                EquiglassWarning,
                stacklevel=2,
            )
        replicas.append(vectors.astype(np.float32))
        means.append(vectors.mean(axis=0))
        propensity.append(distances.mean(axis=0))
        if len(vectors) > 1:
            variance.append(distances.var(axis=0, ddof=1))
            halves.append([distances[0::2].mean(axis=0), distances[1::2].mean(axis=0)])
    return {
        "replica_displacements": np.stack(replicas),
        "mean_displacement": np.stack(means),
        "propensity": np.stack(propensity),
        "replica_variance": np.stack(variance) if variance else None,
        "propensity_halves": np.stack(halves, axis=1) if halves else None,
        "runs": len(replicas[0]),
    }
