"""A plain npz of one labelled configuration, which anybody can write with ``numpy.savez_compressed``.

Required: ``types`` (N,) 0 = A, 1 = B, ...; ``positions`` (N, 3); ``box`` (3,). Everything else is optional
and means what it means in System: ``name``, ``temperature``, ``positions_inherent``, ``times`` (T,),
``time_labels`` (T,) strings, by default "1", "2", ...; ``propensity`` (T, N), ``propensity_halves`` (2, T,
N), ``replica_variance`` (T, N), ``mean_displacement`` (T, N, 3), ``replica_displacements`` (T, runs, N, 3),
``self_scattering`` (T, n_types), ``run_temperature``, ``energy_drift`` and ``momentum``, (T,) each, ``runs``;
``potential``, a name, with the tables ``epsilon`` and ``sigma`` (n_types, n_types) for any mixture but the known
ones, the ``cutoff`` and the ``truncation``; ``prediction_NAME`` (T, N) for a prediction called NAME. Other keys are
not read.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from equiglass.errors import EquiglassError
from equiglass.formats.mixture import potential_named
from equiglass.formats.npz import Arrays, require
from equiglass.liquid.potential import LennardJones
from equiglass.liquid.system import System

_LABELS = (
    "propensity",
    "replica_variance",
    "propensity_halves",
    "mean_displacement",
    "replica_displacements",
    "self_scattering",
    "run_temperature",
    "energy_drift",
    "momentum",
)
_PREDICTION = "prediction_"


def read_labelled(path: Path, arrays: Arrays) -> System:
    """The configuration of one such file."""
    if "box" not in arrays and "positions" in arrays:
        raise EquiglassError("the box is missing; store the key 'box', three edge lengths.")
    require(arrays, "types", "positions", "box")
    predictions = {key.removeprefix(_PREDICTION): arrays[key] for key in arrays if key.startswith(_PREDICTION)}
    times = np.atleast_1d(arrays.get("times", np.empty(0)))
    if times.size == 0 and (predictions or any(key in arrays for key in _LABELS)):
        raise EquiglassError("there are labels but no times; store the key 'times', one ascending value a time.")
    default_labels = np.arange(1, len(times) + 1)
    return System(
        arrays["positions"],
        arrays["types"],
        arrays["box"],
        name=str(arrays["name"]) if "name" in arrays else path.stem,
        temperature=float(arrays["temperature"]) if "temperature" in arrays else None,
        potential=_potential(arrays),
        positions_inherent=arrays.get("positions_inherent"),
        time_labels=tuple(str(label) for label in np.atleast_1d(arrays.get("time_labels", default_labels))),
        times=times,
        **{key: arrays.get(key) for key in _LABELS},
        runs=int(arrays["runs"]) if "runs" in arrays else None,
        predictions=predictions,
        provenance={"format": "labelled npz", "source": path.name},
    )


def _potential(arrays: Arrays) -> LennardJones | None:
    epsilon, sigma = arrays.get("epsilon"), arrays.get("sigma")
    if "potential" not in arrays and epsilon is None and sigma is None:
        return None
    name = str(arrays.get("potential", "lennard-jones"))
    cutoff = float(arrays["cutoff"]) if "cutoff" in arrays else None
    truncation = str(arrays["truncation"]) if "truncation" in arrays else None
    return potential_named(name, epsilon, sigma, cutoff, truncation)
