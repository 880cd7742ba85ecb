"""The data set of this package: one HDF5 file with any number of configurations, "equiglass-dataset" version 4.

    /                              attributes: format, version; failed: the failures of all configurations
    /configurations/000000         attributes: name, temperature, runs, timestep, time, time_labels, prediction_names,
                                   failures, equilibrated, fingerprint, parent
        KEY                        every array of `liquid.system.QUANTITIES`, with the type in that table
        predictions                (P, T, N)          float32
        provenance                 (K, 2)             text: key, value
        potential                  attributes: name, epsilon, sigma, cutoff, truncation

Arrays and attributes that a configuration does not have are absent. Half precision (float16) has a relative error of
5e-4. Displacements beyond 1000 are stored as float32. Arrays are compressed (gzip with shuffle) and have check sums.

``fingerprint`` and ``parent`` are the texts of `liquid.fingerprint`: which configurations a data set holds can be seen
without their positions. The fingerprint of a loaded configuration is always computed from its positions.

Versions 1 to 3 have no fingerprints and no parents. Version 1 has no truncation: its potentials are shifted. Versions 1
and 2 have ``failures`` and ``equilibrated`` in the provenance, from which they are translated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from equiglass.errors import DataError
from equiglass.files import decoding, replacing_hdf5, store
from equiglass.formats import FORMATS, Format
from equiglass.formats.npz import refuse_half
from equiglass.liquid.fingerprint import Fingerprint
from equiglass.liquid.potential import LennardJones
from equiglass.liquid.system import QUANTITIES, System

FORMAT = "equiglass-dataset"
VERSION = 4

_LARGEST_HALF = 1000.0
"""The largest displacement in half precision, LJ length. Larger ones would lose their digits."""

_AGEING = "NOT in equilibrium."
"""The end of the statement on a trajectory with signs of ageing, in versions 1 and 2."""


def _whole(value: Any) -> int:
    if not np.issubdtype(np.asarray(value).dtype, np.integer):
        raise DataError(f"a whole number is expected; got {value!r}.")
    return int(value)


_ATTRIBUTES: dict[str, Callable[[Any], Any]] = {
    "name": str,
    "temperature": float,
    "runs": _whole,
    "timestep": _whole,
    "time": float,
    "equilibrated": bool,
    "parent": Fingerprint.parse,
}
_TEXTS = ("time_labels", "failures")
_POTENTIAL: dict[str, Callable[[Any], Any]] = {
    "name": str,
    "epsilon": np.asarray,
    "sigma": np.asarray,
    "cutoff": partial(np.asarray, dtype=np.float64),
    "truncation": str,
}


def write_dataset(systems: Iterable[System], path: Path) -> None:
    """Write configurations one by one, so that an iterator needs the memory of one configuration only."""
    with replacing_hdf5(path) as file:
        file.attrs["format"] = FORMAT
        file.attrs["version"] = VERSION
        configurations = file.create_group("configurations")
        failed: dict[str, None] = {}
        for k, system in enumerate(systems):
            _write(configurations.create_group(f"{k:06d}"), system)
            failed |= dict.fromkeys(system.failures)
        _write_texts(file, "failed", tuple(failed))


def read_dataset(path: Path) -> Iterator[System]:
    """The configurations, in the order in which they were written.

    Raises:
        DataError: the file is no data set of equiglass, is damaged, or has a newer version.
    """
    import h5py

    with h5py.File(path, "r") as file:
        with decoding():
            kind, version = file.attrs.get("format"), int(file.attrs.get("version", 0))
        if kind != FORMAT:
            raise DataError(f"this HDF5 file is not a data set of equiglass (its format is not {FORMAT!r}).")
        if version > VERSION:
            raise DataError(
                f"the data set has version {version}, but this equiglass reads versions up to {VERSION}; "
                "install a newer equiglass."
            )
        with decoding():
            configurations = file["configurations"]
            keys = sorted(configurations)
        if not keys:
            raise DataError("the data set holds no configurations.")
        for key in keys:
            with decoding():
                stored = _read(configurations[key])
            potential = stored.pop("potential")
            if version < 3:
                stored |= _translated(stored["provenance"])
            yield System(potential=LennardJones(**potential) if potential else None, **stored)


def _write(group: Any, system: System) -> None:
    import h5py

    group.attrs["name"] = system.name
    if system.temperature is not None:
        group.attrs["temperature"] = float(system.temperature)
    if system.runs is not None:
        group.attrs["runs"] = int(system.runs)
    if system.timestep is not None:
        group.attrs["timestep"] = int(system.timestep)
    if system.time is not None:
        group.attrs["time"] = float(system.time)
    if system.equilibrated is not None:
        group.attrs["equilibrated"] = system.equilibrated
    group.attrs["fingerprint"] = str(system.fingerprint)
    if system.parent is not None:
        group.attrs["parent"] = str(system.parent)
    for key in _TEXTS:
        _write_texts(group, key, getattr(system, key))
    _write_texts(group, "prediction_names", tuple(system.predictions))
    for key, quantity in QUANTITIES.items():
        values = getattr(system, key)
        if values is not None:
            exceeds = quantity.stored == "f2" and np.nanmax(np.abs(values), initial=0) > _LARGEST_HALF
            store(group, key, values.astype("f4" if exceeds else quantity.stored))
    if system.predictions:
        store(group, "predictions", np.stack(list(system.predictions.values())).astype(np.float32))
    if system.potential is not None:
        potential = group.create_group("potential")
        for key in _POTENTIAL:
            potential.attrs[key] = getattr(system.potential, key)
    if system.provenance:
        pairs = np.array(list(system.provenance.items()), dtype=object)
        group.create_dataset("provenance", data=pairs, dtype=h5py.string_dtype())


def _read(group: Any) -> dict[str, Any]:
    """The fields of System by name. The potential is a dict of its parameters, empty if there is none."""
    stored: dict[str, Any] = {key: group[key][()] for key in QUANTITIES if key in group}
    for key, values in stored.items():
        kind = np.dtype(QUANTITIES[key].stored).kind
        if values.dtype.kind != kind:
            raise DataError(f"configuration {group.name}: the array {key!r} holds {values.dtype}, which it cannot.")
    refuse_half(stored, "positions", "positions_inherent", "box", "times", "origin")
    for key in ("types", "positions", "box"):
        if key not in stored:
            raise DataError(f"configuration {group.name}: the array {key!r} is missing.")
    if "name" not in group.attrs:
        raise DataError(f"configuration {group.name}: the attribute 'name' is missing.")
    attributes = {key: kind(group.attrs[key]) for key, kind in _ATTRIBUTES.items() if key in group.attrs}
    names = _read_texts(group, "prediction_names")
    potential = {}
    if "potential" in group:
        given = group["potential"].attrs
        potential = {key: kind(given[key]) for key, kind in _POTENTIAL.items() if key in given}
        missing = [key for key in ("name", "epsilon", "sigma") if key not in given]
        if missing:
            raise DataError(f"configuration {group.name}: the {missing[0]} of the potential is missing.")
    return {
        **stored,
        **attributes,
        **{key: _read_texts(group, key) for key in _TEXTS},
        "potential": potential,
        "predictions": dict(zip(names, group["predictions"][()], strict=True)) if names else {},
        "provenance": dict(group["provenance"].asstr()[()].tolist()) if "provenance" in group else {},
    }


def _translated(provenance: dict[str, str]) -> dict[str, Any]:
    """The fields ``failures``, ``equilibrated`` and ``provenance`` from the provenance of versions 1 and 2."""
    provenance = dict(provenance)
    failed, equilibration = provenance.pop("failed", None), provenance.get("equilibration")
    return {
        "failures": () if failed is None else (failed,),
        "equilibrated": None if equilibration is None else not equilibration.endswith(_AGEING),
        "provenance": provenance,
    }


def _write_texts(group: Any, key: str, texts: tuple[str, ...]) -> None:
    if texts:
        group.attrs[key] = list(texts)


def _read_texts(group: Any, key: str) -> tuple[str, ...]:
    return tuple(str(text) for text in group.attrs.get(key, ()))


FORMATS.add(
    "dataset",
    Format(
        name="dataset",
        title="data set of equiglass",
        suffixes=(".h5", ".hdf5"),
        recognise=lambda content: content.start.startswith(b"\x89HDF"),
        read=lambda paths, species: (system for path in paths for system in read_dataset(path)),
        write=write_dataset,
        general=True,
    ),
)
