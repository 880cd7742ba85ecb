"""Our data set: one HDF5 file of any number of configurations, format "equiglass-dataset", version 2.

    /                              attributes: format, version; failed, where checks failed, in sentences
    /configurations/000000         attributes: name, temperature, runs, time_labels, prediction_names
        types                      (N,)               int64
        box                        (3,)               float64
        positions                  (N, 3)             float64
        positions_inherent         (N, 3)             float64
        times                      (T,)               float64
        propensity                 (T, N)             float32
        replica_variance           (T, N)             float32
        propensity_halves          (2, T, N)          float32
        predictions                (P, T, N)          float32
        mean_displacement          (T, N, 3)          float16: relative precision 5e-4
        replica_displacements      (T, runs, N, 3)    float16
        self_scattering            (T, n_types)       float64: F_s(7.25, t)
        run_temperature            (T,)               float64
        energy_drift               (T,)               float64
        momentum                   (T,)               float64
        provenance                 (K, 2)             text: key, value
        potential                  attributes: name, epsilon, sigma, cutoff, truncation

What a configuration does not have is absent. Displacements beyond 1000 are stored as float32. Arrays are
compressed (gzip with shuffle) and carry check sums. Version 1 has no truncation: its potentials are shifted.
The attribute "failed" gathers the failures of the configurations.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from equiglass.errors import EquiglassError
from equiglass.files import replacing_hdf5, store
from equiglass.liquid.potential import LennardJones
from equiglass.liquid.system import System

FORMAT = "equiglass-dataset"
VERSION = 2

_EXACT = ("box", "positions", "positions_inherent", "times")
_OF_RUNS = ("self_scattering", "run_temperature", "energy_drift", "momentum")
_SINGLE = ("propensity", "replica_variance", "propensity_halves")
_HALF = ("mean_displacement", "replica_displacements")
_LARGEST_HALF = 1000.0

_POTENTIAL = tuple(field.name for field in fields(LennardJones))


def write_dataset(systems: Iterable[System], path: Path) -> None:
    """Write configurations, one after another, so that an iterator needs the memory of one only."""
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
    """The configurations, in the order they were written.

    Raises:
        EquiglassError: not a data set of ours, or one of a newer version.
    """
    import h5py

    with h5py.File(path, "r") as file:
        if file.attrs.get("format") != FORMAT:
            raise EquiglassError(f"this HDF5 file is not a data set of equiglass (its format is not {FORMAT!r}).")
        version = int(file.attrs.get("version", 0))
        if version > VERSION:
            raise EquiglassError(
                f"the data set has version {version}, and this equiglass reads versions up to {VERSION}; "
                "install a newer equiglass."
            )
        configurations = file["configurations"]
        if not len(configurations):
            raise EquiglassError("the data set holds no configurations.")
        for key in sorted(configurations):
            yield _read(configurations[key])


def _write(group: Any, system: System) -> None:
    import h5py

    group.attrs["name"] = system.name
    if system.temperature is not None:
        group.attrs["temperature"] = float(system.temperature)
    if system.runs is not None:
        group.attrs["runs"] = int(system.runs)
    if system.equilibrated is not None:
        group.attrs["equilibrated"] = system.equilibrated
    _write_texts(group, "failures", system.failures)
    _write_texts(group, "time_labels", system.time_labels)
    _write_texts(group, "prediction_names", tuple(system.predictions))
    store(group, "types", system.types)
    for keys, kind in ((_EXACT, np.float64), (_OF_RUNS, np.float64), (_SINGLE, np.float32), (_HALF, np.float16)):
        for key in keys:
            values = getattr(system, key)
            if values is None:
                continue
            exceeds = kind is np.float16 and np.nanmax(np.abs(values), initial=0) > _LARGEST_HALF
            store(group, key, values.astype(np.float32 if exceeds else kind))
    if system.predictions:
        store(group, "predictions", np.stack(list(system.predictions.values())).astype(np.float32))
    if system.potential is not None:
        potential = group.create_group("potential")
        for key in _POTENTIAL:
            potential.attrs[key] = getattr(system.potential, key)
    if system.provenance:
        pairs = np.array(list(system.provenance.items()), dtype=object)
        group.create_dataset("provenance", data=pairs, dtype=h5py.string_dtype())


def _read(group: Any) -> System:
    arrays = {key: group[key][()] for key in ("types", *_EXACT, *_OF_RUNS, *_SINGLE, *_HALF) if key in group}
    for key in ("types", "positions", "box"):
        if key not in arrays:
            raise EquiglassError(f"configuration {group.name}: the array {key!r} is missing.")
    potential = None
    if "potential" in group:
        attributes = group["potential"].attrs
        potential = LennardJones(**{key: attributes[key] for key in _POTENTIAL if key in attributes})
    names = _read_texts(group, "prediction_names")
    provenance = dict(group["provenance"].asstr()[()].tolist()) if "provenance" in group else {}
    equilibrated = bool(group.attrs["equilibrated"]) if "equilibrated" in group.attrs else None
    failures = _read_texts(group, "failures")
    # Older files have both verdicts in their provenance.
    if equilibrated is None and "equilibration" in provenance:
        equilibrated = not provenance["equilibration"].endswith("NOT in equilibrium.")
    if "failed" in provenance:
        failures = (provenance.pop("failed"),)
    return System(
        **arrays,
        name=str(group.attrs["name"]),
        temperature=float(group.attrs["temperature"]) if "temperature" in group.attrs else None,
        runs=int(group.attrs["runs"]) if "runs" in group.attrs else None,
        time_labels=_read_texts(group, "time_labels"),
        potential=potential,
        predictions=dict(zip(names, group["predictions"][()], strict=True)) if names else {},
        equilibrated=equilibrated,
        failures=failures,
        provenance=provenance,
    )


def _write_texts(group: Any, key: str, texts: tuple[str, ...]) -> None:
    if texts:
        group.attrs[key] = list(texts)


def _read_texts(group: Any, key: str) -> tuple[str, ...]:
    return tuple(str(text) for text in group.attrs.get(key, ()))
