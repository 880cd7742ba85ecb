"""The representation: |h| of every particle, the invariants on which a trained network's linear decoders work.

Its file is HDF5, format "equiglass-representation", version 1:

    /                              attributes: format, version, model
    /configurations/000000         attributes: name, temperature (absent where unknown)
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
import torch
from numpy.typing import NDArray

from equiglass.errors import EquiglassError
from equiglass.files import decoding, reading, replacing_hdf5, store
from equiglass.liquid.arrays import Float
from equiglass.liquid.system import System
from equiglass.methods.loading import Model
from equiglass.methods.network.trained import Trained
from equiglass.model.inputs import Known, input_averages, input_graph, known_of

FORMAT, VERSION = "equiglass-representation", 1


@dataclass(frozen=True, eq=False)
class Represented:
    """A configuration and its representation.

    Attributes:
        system: the configuration, with its inherent structure where the model needed it.
        h: |h|, (N, F), without unit. F = (l_max + 1) * channels, degree by degree; of an ensemble the members' side
            by side.
        averages: those that the model's line to propensities takes in, (N, G).
    """

    system: System
    h: Float
    averages: Float

    @property
    def features(self) -> Float:
        """|h| and the averages side by side, (N, F + G)."""
        return np.concatenate([self.h, self.averages], axis=1)

    def of_type(self, kind: int) -> Float:
        """|h| of the particles of a type, (n, F)."""
        return self.h[self.system.types == kind]


def represent(model: Model, system: System) -> Represented:
    """The representation of a configuration, |h^(L_max)| of eq. 23 of arXiv 2211.03226; quenches if the model needs it.

    Raises:
        EquiglassError: the configuration has more particle types than the model.
    """
    system = model.prepared(system)
    first = model.networks[0]
    known = known_of(system, first.inputs, first.data.potential)
    h = np.concatenate([_invariants(member, system, known) for member in model.networks], axis=1)
    return Represented(system, h, input_averages(system, first.inputs, known))


def _invariants(trained: Trained, system: System, known: Known) -> Float:
    network = trained.network.eval()
    cutoff, dtype = network.architecture.cutoff, network.decoder.dtype
    graph = input_graph(system, trained.inputs, known, trained.standardisation, cutoff, trained.n_types, dtype)
    with torch.no_grad():
        return network.representation(graph).double().numpy()


@dataclass(frozen=True, eq=False)
class Described:
    """What the file holds of a configuration.

    Attributes:
        name: of the configuration.
        temperature: LJ units; None where unknown.
        types: (N,).
        h: |h|, (N, F).
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
    """Write the file at once or not at all."""
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
    """Read what `write_representation` wrote.

    Raises:
        EquiglassError: another file, a damaged one, or one of a newer version.
    """
    import h5py

    with reading(Path(path)), decoding(), h5py.File(path, "r") as file:
        if file.attrs.get("format") != FORMAT or file.attrs["version"] > VERSION:
            raise EquiglassError(f"this is not a file of format {FORMAT!r} up to version {VERSION}.")
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
