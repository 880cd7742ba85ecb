"""A plain npz with one labelled configuration, which ``numpy.savez_compressed`` can write.

The keys ``types`` (N,) 0 = A, 1 = B, ..., ``positions`` (N, 3) and ``box`` (3,) are required. The other keys are
optional and have the same meaning as in System:

- ``name``, ``temperature``, ``runs``, ``timestep``, ``time``, and every array of `liquid.system.QUANTITIES`;
- ``time_labels`` (T,): strings, by default "1", "2", ...;
- ``potential``: the name of the mixture;
- ``epsilon``, ``sigma`` (types, types): tables of a mixture that the package does not know;
- ``cutoff``, ``truncation``: the cutoff of the potential, one number in units of sigma_ab or a table of distances, and
  its treatment;
- ``parent``: the fingerprint of the configuration from which this one was made, as text;
- ``prediction_NAME`` (T, N): the prediction called NAME;
- ``units``, ``length_unit`` and the like: refused unless they are Lennard-Jones units.

Further keys are ignored.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equiglass.errors import DataError
from equiglass.formats import FORMATS, Format
from equiglass.formats.agreement import warn_of_contradictions
from equiglass.formats.checks import refuse_stated_units
from equiglass.formats.npz import Arrays, read_npz, refuse_half, refuse_whole, require
from equiglass.liquid.fingerprint import Fingerprint
from equiglass.liquid.labels import numbers
from equiglass.liquid.mixture import STATED_POTENTIAL, potential_named
from equiglass.liquid.potential import LennardJones
from equiglass.liquid.system import LABELS, System
from equiglass.observables.unwrapping import check_not_folded, unwrapped

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
    refuse_half(arrays, "positions", "positions_inherent", "box", "times")
    refuse_whole(arrays, "positions_inherent", *LABELS)
    refuse_stated_units(arrays)
    predictions = {key.removeprefix(_PREDICTION): arrays[key] for key in arrays if key.startswith(_PREDICTION)}
    times = np.atleast_1d(arrays.get("times", np.empty(0)))
    if times.size == 0 and (predictions or any(key in arrays for key in LABELS)):
        raise DataError("there are labels but no times; store the key 'times', ascending values.")
    if "replica_displacements" in arrays:
        _check_unwrapped(arrays["replica_displacements"], arrays["positions"], np.ravel(arrays["box"]))
    runs, timestep = _number(arrays, "runs"), _number(arrays, "timestep")
    labels: dict[str, Any] = {key: arrays.get(key) for key in LABELS}
    default_labels = np.arange(1, len(times) + 1)
    potential = _potential(arrays)
    stated = {STATED_POTENTIAL: str(arrays["potential"])} if potential is None and "potential" in arrays else {}
    system = System(
        arrays["positions"],
        arrays["types"],
        arrays["box"],
        name=str(arrays["name"]) if "name" in arrays else path.stem,
        temperature=_number(arrays, "temperature"),
        potential=potential,
        positions_inherent=arrays.get("positions_inherent"),
        positions_cage=arrays.get("positions_cage"),
        covariance_cage=arrays.get("covariance_cage"),
        propensity_cage=arrays.get("propensity_cage"),
        images=arrays.get("images"),
        time=_number(arrays, "time"),
        time_labels=tuple(str(label) for label in np.atleast_1d(arrays.get("time_labels", default_labels))),
        times=times,
        runs=None if runs is None else int(runs),
        ids=arrays.get("ids"),
        origin=arrays.get("origin"),
        timestep=None if timestep is None else int(timestep),
        predictions=predictions,
        parent=Fingerprint.parse(str(arrays["parent"])) if "parent" in arrays else None,
        provenance={"format": "labelled npz", "source": path.name, **stated},
        **labels,
    )
    warn_of_contradictions(system)
    return system


def _check_unwrapped(displacements: NDArray[Any], start: NDArray[Any], box: NDArray[Any]) -> None:
    """Refuse displacements of runs, (T, runs, N, 3), from wrapped positions."""
    if (
        displacements.ndim != 4
        or displacements.shape[2:] != start.shape
        or displacements.dtype.kind != "f"
        or box.shape != (3,)
        or not np.all(box > 0)
    ):
        return
    for moves in displacements.astype(np.float64):
        known = np.where(np.isfinite(moves), moves, 0.0)
        if unwrapped(start + known, start, box)[1]:
            raise DataError(
                "replica_displacements jump by a box edge, as those of positions wrapped into the box. Unwrap the "
                "positions, and compute the propensity from them."
            )
        check_not_folded(known, box)


def _potential(arrays: Arrays) -> LennardJones | None:
    epsilon, sigma = arrays.get("epsilon"), arrays.get("sigma")
    if "potential" not in arrays and epsilon is None and sigma is None:
        return None
    name = str(arrays.get("potential", "lennard-jones"))
    cutoff = numbers("key 'cutoff'", arrays["cutoff"]) if "cutoff" in arrays else None
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
