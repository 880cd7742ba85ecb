"""Numpy archives, read without ever unpickling."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equiglass.errors import DataError
from equiglass.files import decoding

Arrays = Mapping[str, NDArray[Any]]


def keys_of(path: Path) -> frozenset[str]:
    """Keys of the arrays, without reading them.

    Raises:
        DataError: not an archive.
    """
    _check_archive(path)
    with decoding(), zipfile.ZipFile(path) as archive:
        return frozenset(name.removesuffix(".npy") for name in archive.namelist())


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """Every array of the archive by key.

    Raises:
        DataError: not an archive, or it holds Python objects (reading these could run code).
    """
    _check_archive(path)
    arrays = {}
    with decoding(), path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
        for key in archive.files:
            try:
                arrays[key] = archive[key]
            except ValueError as error:
                if "Object arrays" not in str(error):
                    raise
                raise DataError(
                    f"key {key!r} holds Python objects, which are refused because reading them can run code; "
                    "save plain arrays of numbers."
                ) from None
    return arrays


def _check_archive(path: Path) -> None:
    if not zipfile.is_zipfile(path):
        raise DataError("this is not an npz archive, or only the beginning of one; fetch or write it again.")


def require(arrays: Arrays, *keys: str) -> None:
    """Raise a DataError unless all these keys are there, as numbers, and the positions are in three dimensions."""
    missing = [key for key in keys if key not in arrays]
    if missing:
        raise DataError(f"key {missing[0]!r} is missing; the keys are {', '.join(sorted(arrays)) or 'none'}.")
    for key in keys:
        if arrays[key].dtype.kind not in "biuf":
            raise DataError(f"key {key!r} holds {arrays[key].dtype}, not numbers.")
        if "positions" in key and arrays[key].shape[-1:] == (2,):
            raise DataError(f"{key!r} are two-dimensional; only configurations in three dimensions are read.")
