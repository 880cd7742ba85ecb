"""Fields of several configurations, one array per configuration. Their last axis is the particles of one type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike

from equiglass.errors import DataError
from equiglass.liquid.arrays import Float


def same_number(*sequences: Sequence[object]) -> None:
    """Check that several sequences have the same number of configurations.

    Raises:
        DataError: the lengths differ.
    """
    if len({len(s) for s in sequences}) > 1:
        numbers = ", ".join(str(len(s)) for s in sequences)
        raise DataError(f"The numbers of configurations to compare differ: {numbers}.")


def known_in_both(x: ArrayLike, y: ArrayLike) -> tuple[Float, Float]:
    """The elements of two fields where neither is NaN, each (n,).

    Raises:
        DataError: the shapes differ.
    """
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if x.shape != y.shape:
        raise DataError(f"Two fields to compare have different shapes, {x.shape} and {y.shape}.")
    known = ~(np.isnan(x) | np.isnan(y))
    return x[known], y[known]


def centred(x: Float) -> Float | None:
    """The deviations x - <x>, (n,); None if x has no variance beyond rounding."""
    if len(x) < 2:
        return None
    deviation = x - x.mean()
    rounding = 4 * np.finfo(np.float64).eps * np.abs(x).max()
    return deviation if np.abs(deviation).max() > rounding else None


def pooled(arrays: Sequence[ArrayLike]) -> Float:
    """All elements of the fields of all configurations, (n,)."""
    return np.concatenate([np.empty(0), *(np.asarray(a, dtype=np.float64).ravel() for a in arrays)])


def complete(fields: Iterable[ArrayLike], trailing: int = 1) -> Iterator[Float]:
    """The fields as float64, one at a time, after a check that they have no NaN and the same leading axes.

    Args:
        fields: one array per configuration.
        trailing: number of last axes that may differ between configurations, such as that of the particles.

    Raises:
        DataError: a field contains NaN, its leading axes differ from the others, or there is no field.
    """
    leading = None
    for number, field in enumerate(fields, start=1):
        array = np.asarray(field, dtype=np.float64)
        if array.ndim < trailing or 0 in array.shape:
            raise DataError(
                f"The field of configuration {number} has shape {array.shape}: it has no particle, or lacks an axis."
            )
        leading = array.shape[:-trailing] if leading is None else leading
        if array.shape[:-trailing] != leading:
            raise DataError(
                f"The fields of configurations 1 and {number} have different leading axes, {leading} and "
                f"{array.shape[:-trailing]}; all configurations need the same times."
            )
        if not np.all(np.isfinite(array)):
            raise DataError(
                f"The field of configuration {number} has values that are not known (NaN); leave out these particles "
                "or times."
            )
        yield array
    if leading is None:
        raise DataError("There are no configurations to average over.")


def known_mean(values: ArrayLike) -> Float:
    """The mean of the finite values over the first axis; NaN where there is none."""
    values = np.asarray(values, dtype=np.float64)
    known = np.isfinite(values)
    number = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)
