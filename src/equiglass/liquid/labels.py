"""The table of a configuration's arrays: axes, unit, type on disk and meaning.

`liquid.system` annotates every array with a `Quantity` and every result of the runs with a `Label`. Checks of shape,
data sets, labelled npz files, joining along the times and the documentation read this table. A new label is one new
line there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_type_hints

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equiglass.errors import DataError

Stored = Literal["i8", "f8", "f4", "f2"]
"""Types on disk as numpy abbreviates them."""


@dataclass(frozen=True)
class Quantity:
    """One array of a configuration.

    Attributes:
        layout: names of the axes, "T N 3": "T" times, "N" particles, "runs", "types", or a fixed length.
        unit: "length", "time", ... in LJ units; "" for a number without unit.
        stored: type in a data set. Half precision, for displacements, has three digits.
        meaning: one line.
        negative: whether values below zero are possible.
        memory: type in memory.
        name: name of the field of System, in files too; filled in by `quantities`.
    """

    layout: str
    unit: str
    stored: Stored
    meaning: str
    negative: bool = True
    memory: Stored = "f8"
    name: str = ""

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the axes."""
        return tuple(self.layout.split())

    @property
    def shape(self) -> str:
        """The axes as text, "(T, N)"."""
        return f"({', '.join(self.axes)}{',' if len(self.axes) == 1 else ''})"

    def checked(self, owner: str, value: ArrayLike, sizes: Mapping[str, int]) -> NDArray[Any]:
        """The array as numbers of the right type and shape; `checked` with what the table says of it."""
        return checked(
            f"{owner}: {self.name}",
            value,
            self.axes,
            sizes,
            np.dtype(self.memory),
            may_miss=isinstance(self, Label),
            negative=self.negative,
        )


class Label(Quantity):
    """A result of the runs: one of its axes is "T"; NaN stands for what is unknown."""

    @property
    def axis_of_times(self) -> int:
        """Which axis is that of the times."""
        return self.axes.index("T")


def checked(
    what: str,
    value: ArrayLike,
    axes: tuple[str, ...],
    sizes: Mapping[str, int],
    dtype: np.dtype[Any],
    *,
    may_miss: bool,
    negative: bool,
) -> NDArray[Any]:
    """The values as an array of these axes; the given array itself where it has the type already.

    Args:
        what: configuration and array, for messages.
        value: anything numpy takes for an array of numbers.
        axes: names of the axes.
        sizes: length by name of the axes that are known; the array itself decides the others.
        dtype: type in memory.
        may_miss: whether NaN stands for unknown values.
        negative: whether values below zero are possible.

    Raises:
        DataError: not numbers, another shape, values that are infinite or NaN, or negative where they cannot be.
    """
    array = numbers(what, value, dtype)
    wanted = [sizes.get(axis, int(axis) if axis.isdecimal() else None) for axis in axes]
    if array.ndim != len(axes) or any(w is not None and w != n for w, n in zip(wanted, array.shape, strict=True)):
        shape = ", ".join(axis if size is None else str(size) for axis, size in zip(axes, wanted, strict=True))
        raise DataError(f"{what} has shape {array.shape}, not ({shape}{',' if len(axes) == 1 else ''}).")
    if "runs" in axes and not array.flags.writeable:
        # Large, and checked already when the System that it comes from was made.
        return array
    bad = np.isinf(array) if may_miss else ~np.isfinite(array)
    if np.any(bad):
        raise DataError(f"{what} holds {int(bad.sum())} values that are not finite numbers.")
    if not negative and np.any(array < 0):
        raise DataError(f"{what} cannot be negative; got {float(np.nanmin(array)):g}.")
    return array


def numbers(what: str, value: ArrayLike, dtype: np.dtype[Any] | None = None) -> NDArray[Any]:
    """The value as an array of that type, float64 if not given; raises DataError if it holds anything but numbers."""
    try:
        return np.asarray(value, dtype=np.float64 if dtype is None else dtype)
    except (TypeError, ValueError):
        raise DataError(f"{what} is not an array of numbers.") from None


def read_only(array: NDArray[Any], given: object = None, large: bool = False) -> NDArray[Any]:
    """The array, not writeable: the same array if it is read-only already or new, else a copy.

    Args:
        array: any.
        given: what the array was made from by `numpy.asarray`; None for an array that is new.
        large: return a view in place of a copy.
    """
    if not array.flags.writeable:
        return array
    if given is not None and (array is given or array.base is not None):
        array = array.view() if large else array.copy()
    array.flags.writeable = False
    return array


def quantities(owner: type) -> dict[str, Quantity]:
    """The table of a class: its annotated arrays by name, in the order of the fields."""
    table = {}
    for name, hint in get_type_hints(owner, include_extras=True).items():
        for entry in getattr(hint, "__metadata__", ()):
            if isinstance(entry, Quantity):
                table[name] = replace(entry, name=name)
    return table


_ON_DISK = {
    "i8": "int64",
    "f8": "float64",
    "f4": "float32",
    "f2": "float16",
}


def as_markdown(table: Mapping[str, Quantity]) -> str:
    """The table for the documentation, in Markdown."""
    from pandas import DataFrame

    from equiglass.files.tables import markdown

    rows = [
        {
            "name": f"`{each.name}`",
            "shape": each.shape,
            "unit": each.unit or "-",
            "stored as": _ON_DISK[each.stored],
            "meaning": each.meaning.replace("|", "\\|"),
        }
        for each in table.values()
    ]
    return markdown(DataFrame(rows))
