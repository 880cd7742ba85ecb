"""A plain npz with one labelled configuration, which ``numpy.savez_compressed`` can write.

The keys ``types`` (N,) 0 = A, 1 = B, ..., ``positions`` (N, 3) and ``box`` (3,) are required. The other keys are
optional and have the same meaning as in System:

- ``name``, ``temperature``, ``runs``, and every array of `liquid.system.QUANTITIES`;
- ``time_labels`` (T,): strings, by default "1", "2", ...;
- ``potential``: the name of the mixture;
- ``epsilon``, ``sigma`` (types, types): tables of a mixture that the package does not know;
- ``cutoff``, ``truncation``: the cutoff of the potential, in units of sigma_ab, and its treatment;
- ``prediction_NAME`` (T, N): the prediction called NAME.

Further keys are ignored.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from equiglass.errors import DataError
from equiglass.formats import FORMATS, Format
from equiglass.formats.mixture import potential_named
from equiglass.formats.npz import Arrays, read_npz, require
from equiglass.liquid.potential import LennardJones
from equiglass.liquid.system import LABELS, System

_PREDICTION = "prediction_"


def read_labelled(path: Path) -> System:
    """The configuration of a labelled npz file.

    Raises:
        DataError: a required key is missing, or an array has another type or shape.
    """
    arrays = read_npz(path)
    if "box" not in arrays and "positions" in arrays:
        raise DataError("the box is missing; store the key 'box', three edge lengths.")
    require(arrays, "types", "positions", "box")
    predictions = {key.removeprefix(_PREDICTION): arrays[key] for key in arrays if key.startswith(_PREDICTION)}
    times = np.atleast_1d(arrays.get("times", np.empty(0)))
    if times.size == 0 and (predictions or any(key in arrays for key in LABELS)):
        raise DataError("there are labels but no times; store the key 'times', ascending values.")
    runs = _number(arrays, "runs")
    labels: dict[str, Any] = {key: arrays.get(key) for key in LABELS}
    default_labels = np.arange(1, len(times) + 1)
    return System(
        arrays["positions"],
        arrays["types"],
        arrays["box"],
        name=str(arrays["name"]) if "name" in arrays else path.stem,
        temperature=_number(arrays, "temperature"),
        potential=_potential(arrays),
        positions_inherent=arrays.get("positions_inherent"),
        positions_cage=arrays.get("positions_cage"),
        time_labels=tuple(str(label) for label in np.atleast_1d(arrays.get("time_labels", default_labels))),
        times=times,
        runs=None if runs is None else int(runs),
        predictions=predictions,
        provenance={"format": "labelled npz", "source": path.name},
        **labels,
    )


def _potential(arrays: Arrays) -> LennardJones | None:
    epsilon, sigma = arrays.get("epsilon"), arrays.get("sigma")
    if "potential" not in arrays and epsilon is None and sigma is None:
        return None
    name = str(arrays.get("potential", "lennard-jones"))
    cutoff = _number(arrays, "cutoff")
    truncation = str(arrays["truncation"]) if "truncation" in arrays else None
    return potential_named(name, epsilon, sigma, cutoff, truncation)


def _number(arrays: Arrays, key: str) -> float | None:
    if key not in arrays:
        return None
    try:
        return float(arrays[key].item())
    except (TypeError, ValueError):
        shape = arrays[key].shape
        raise DataError(f"key {key!r} must be one number; got {arrays[key].dtype} of shape {shape}.") from None


FORMATS.add(
    "labelled",
    Format(
        name="labelled",
        title="labelled npz",
        suffixes=(".npz",),
        recognise=lambda content: bool(content.keys),
        read=lambda paths, species: [read_labelled(path) for path in paths],
        general=True,
    ),
)
