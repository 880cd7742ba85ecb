"""Numpy archives. They are read without unpickling, which could run code."""

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
    """The keys of the arrays, without reading the arrays.

    Raises:
        DataError: the file is no archive, or is incomplete.
    """
    _check_archive(path)
    with decoding(), zipfile.ZipFile(path) as archive:
        return frozenset(name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy"))


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of the archive, by key.

    Raises:
        DataError: the file is no archive, is incomplete, or contains Python objects.
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
        raise DataError("this file is no npz archive, or is incomplete; fetch or write it again.")


def require(arrays: Arrays, *keys: str) -> None:
    """Check that the arrays have these keys, with numbers, and that positions are three-dimensional.

    Raises:
        DataError: a key is missing, has no numbers, or has two-dimensional positions.
    """
    missing = [key for key in keys if key not in arrays]
    if missing:
        raise DataError(f"key {missing[0]!r} is missing; the keys are {', '.join(sorted(arrays)) or 'none'}.")
    for key in keys:
        if arrays[key].dtype.kind not in "iuf":
            raise DataError(f"key {key!r} holds {arrays[key].dtype}, not numbers.")
        if "positions" in key and arrays[key].shape[-1:] == (2,):
            raise DataError(f"{key!r} are two-dimensional; only configurations in three dimensions are read.")


def refuse_whole(arrays: Arrays, *keys: str) -> None:
    """Check that measured values are not whole numbers, which have lost their digits.

    Raises:
        DataError: an array with one of these keys has another type than floating point.
    """
    for key in keys:
        if key in arrays and arrays[key].dtype.kind != "f":
            raise DataError(f"key {key!r} holds {arrays[key].dtype}; its values must be floating point numbers.")


def refuse_half(arrays: Arrays, *keys: str) -> None:
    """Check that positions, boxes and times have more digits than half precision, whose error is 5e-4.

    Raises:
        DataError: an array with one of these keys has half precision.
    """
    for key in keys:
        if key in arrays and arrays[key].dtype == np.float16:
            raise DataError(f"key {key!r} has half precision (float16), which has too few digits; store float32.")
