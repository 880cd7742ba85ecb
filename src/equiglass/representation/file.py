"""The file of a representation: HDF5, format "equiglass-representation", version 1.

/                              attributes: format, version, model
/configurations/000000         attributes: name, temperature (absent if unknown)
types                      (N,)      int64
representation             (N, F)    float32
coordinates                (N, 2)    float32: first two principal components of |h| of the particle's type
structure                  (N,)      int64: locally favoured structure of the particle's type, from 1
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from equiglass.errors import DataError
from equiglass.files import decoding, reading, replacing_hdf5, store
from equiglass.liquid.arrays import Float

FORMAT, VERSION = "equiglass-representation", 1


@dataclass(frozen=True, eq=False)
class Described:
    """A configuration in the file.

    Attributes:
        name: name of the configuration.
        temperature: temperature, LJ units; None if unknown.
        types: types of the particles, (N,).
        h: invariants |h|, (N, F).
        coordinates: first two principal components of |h| of the particle's type, (N, 2).
        structure: locally favoured structure of the particle's type, from 1, (N,).
    """

    name: str
    temperature: float | None
    types: NDArray[np.int64]
    h: Float
    coordinates: Float
    structure: NDArray[np.int64]


def write_representation(configurations: Sequence[Described], path: Path, model: str) -> None:
    """Write the file, completely or not at all."""
    with replacing_hdf5(path) as file:
        file.attrs.update(format=FORMAT, version=VERSION, model=model)
        for k, c in enumerate(configurations):
            group = file.create_group(f"configurations/{k:06d}")
            group.attrs["name"] = c.name
            if c.temperature is not None:
                group.attrs["temperature"] = c.temperature
            store(group, "types", c.types)
            store(group, "representation", c.h.astype(np.float32))
            store(group, "coordinates", c.coordinates.astype(np.float32))
            store(group, "structure", c.structure)


def read_representation(path: Path | str) -> list[Described]:
    """Read a file that `write_representation` wrote.

    Raises:
        DataError: the file has another format, is damaged, or has a newer version.
    """
    import h5py

    with reading(Path(path)), decoding(), h5py.File(path, "r") as file:
        if file.attrs.get("format") != FORMAT:
            raise DataError(f"this is not a file of format {FORMAT!r}.")
        if file.attrs["version"] > VERSION:
            raise DataError(
                f"the file has version {file.attrs['version']}; this equiglass reads {FORMAT} up to version {VERSION}. "
                "Install a newer equiglass."
            )
        groups = [file["configurations"][key] for key in sorted(file["configurations"])]
        return [
            Described(
                str(group.attrs["name"]),
                float(group.attrs["temperature"]) if "temperature" in group.attrs else None,
                group["types"][()],
                group["representation"][()].astype(np.float64),
                group["coordinates"][()].astype(np.float64),
                group["structure"][()],
            )
            for group in groups
        ]
