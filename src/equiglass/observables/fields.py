"""Fields of several configurations: one array each, the last axis over particles of one type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike

from equiglass.errors import EquiglassError
from equiglass.liquid.arrays import Float


def same_number(*sequences: Sequence[object]) -> None:
    """Refuse sequences over configurations that differ in length."""
    if len({len(s) for s in sequences}) > 1:
        numbers = ", ".join(str(len(s)) for s in sequences)
        raise EquiglassError(f"The numbers of configurations to compare differ: {numbers}.")


def known_in_both(x: ArrayLike, y: ArrayLike) -> tuple[Float, Float]:
    """The elements that are NaN in neither of two fields of one shape, each (n,)."""
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if x.shape != y.shape:
        raise EquiglassError(f"Two fields to compare have different shapes, {x.shape} and {y.shape}.")
    known = ~(np.isnan(x) | np.isnan(y))
    return x[known], y[known]


def centred(x: Float) -> Float | None:
    """Deviation x - <x>, (n,), or None where x has no variance beyond rounding."""
    if len(x) < 2:
        return None
    deviation = x - x.mean()
    rounding = 4 * np.finfo(np.float64).eps * np.abs(x).max()
    return deviation if np.abs(deviation).max() > rounding else None


def pooled(arrays: Sequence[ArrayLike]) -> Float:
    """All elements of all configurations, (n,)."""
    return np.concatenate([np.empty(0), *(np.asarray(a, dtype=np.float64).ravel() for a in arrays)])


def complete(fields: Iterable[ArrayLike], trailing: int = 1) -> Iterator[Float]:
    """The fields as float64, one at a time, checked: no NaN, axes but the last ``trailing`` as in the first field.

    Raises:
        EquiglassError: one of these does not hold, or there is no field.
    """
    leading = None
    for number, field in enumerate(fields, start=1):
        array = np.asarray(field, dtype=np.float64)
        if array.ndim < trailing or 0 in array.shape:
            raise EquiglassError(
                f"The field of configuration {number} has shape {array.shape}: it holds no particle, or lacks an axis."
            )
        leading = array.shape[:-trailing] if leading is None else leading
        if array.shape[:-trailing] != leading:
            raise EquiglassError(
                f"The fields of configurations 1 and {number} differ in the axes before runs and particles, {leading} "
                f"and {array.shape[:-trailing]}; all configurations need the same times."
            )
        if not np.all(np.isfinite(array)):
            raise EquiglassError(
                f"The field of configuration {number} holds values that are not known (NaN); leave out these particles "
                "or times."
            )
        yield array
    if leading is None:
        raise EquiglassError("There are no configurations to average over.")
