"""Trajectories of HOOMD-blue, GSD (gsd.readthedocs.io), read with the library ``gsd``.

Every frame is a configuration. The box is centred at 0 and must be orthorhombic; image flags are read. The names of the
types follow the species rule: names other than A, B, ... and whole numbers need an order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from equiglass.errors import DataError, missing
from equiglass.files import decoding
from equiglass.formats import FORMATS, Format
from equiglass.formats.checks import refuse_stated_units
from equiglass.liquid.system import System

_MAGIC = b"\xdf\x65" * 4


def read_gsd(path: Path, order: Sequence[str] | None = None) -> Iterator[System]:
    """One configuration per frame, one at a time.

    Raises:
        DataError: the file is damaged, a box is tilted or two-dimensional, or the names of the types need an order.
        SetupError: the library gsd is not installed.
    """
    try:
        import gsd.hoomd
    except ImportError:
        raise missing("a GSD file", "the library gsd", "gsd") from None
    with decoding():
        trajectory = gsd.hoomd.open(str(path), "r")
    with trajectory:
        if len(trajectory) == 0:
            raise DataError("there is no frame in this file.")
        for k in range(len(trajectory)):
            with decoding():
                frame = trajectory[k]
                refuse_stated_units({key.rpartition("/")[2]: value for key, value in (frame.log or {}).items()})
                system = System.from_gsd(frame, order)
            name = path.stem if len(trajectory) == 1 else f"{path.stem}_{system.timestep}"
            yield replace(system, name=name, provenance={"format": "GSD", "source": path.name})


FORMATS.add(
    "gsd",
    Format(
        name="gsd",
        title="HOOMD GSD",
        suffixes=(".gsd",),
        recognise=lambda content: content.start.startswith(_MAGIC),
        read=lambda paths, species: (system for path in paths for system in read_gsd(path, species)),
        names_species=True,
    ),
)
