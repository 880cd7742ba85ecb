"""The table of a configuration's arrays: axes, unit, type on disk and meaning.

`liquid.system` annotates every array with a `Quantity`, and every result of the runs with a `Label`. This table drives
the checks of shape, the data sets, the labelled npz files, the joining along the times and the documentation. A new
label is one new line in `liquid.system`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_type_hints

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equiglass.errors import DataError

Stored = Literal["i8", "f8", "f4", "f2"]
"""Types of numbers, as numpy abbreviates them."""


@dataclass(frozen=True)
class Quantity:
    """One array of a configuration.

    Attributes:
        layout: names of the axes, such as "T N 3": "T" times, "N" particles, "runs", "types", or a fixed length.
        unit: "length", "time", ..., in LJ units; "" for a number without a unit.
        stored: type in a data set. Displacements have half precision, which has three digits.
        meaning: description of the array in one line.
        negative: whether values below zero are possible.
        memory: type in memory.
        name: name of the field of System and of the array in files; `quantities` sets it.
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
        """The names of the axes."""
        return tuple(self.layout.split())

    @property
    def shape(self) -> str:
        """The axes as text, such as "(T, N)"."""
        return f"({', '.join(self.axes)}{',' if len(self.axes) == 1 else ''})"

    def checked(self, owner: str, value: ArrayLike, sizes: Mapping[str, int]) -> NDArray[Any]:
        """The array with the type and the shape of this quantity, after the checks of `checked`."""
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
    """A result of the runs. One of its axes is "T", and unknown values are NaN."""

    @property
    def axis_of_times(self) -> int:
        """The index of the axis of the times."""
        return self.axes.index("T")

    def axes_beyond(self, *known: str) -> tuple[str, ...]:
        """The names of the other axes, in their order."""
        return tuple(axis for axis in self.axes if axis not in known)


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
    """The values as an array with these axes; the given array itself if it has the right type already.

    Args:
        what: names of the configuration and the array, for messages.
        value: anything that numpy converts to an array of numbers.
        axes: names of the axes.
        sizes: lengths of the known axes, by name; the other axes may have any length.
        dtype: type in memory.
        may_miss: whether NaN stands for unknown values.
        negative: whether values below zero are possible.

    Raises:
        DataError: the values are not numbers, have another shape, or are infinite, NaN or negative against the rules.
    """
    array = numbers(what, value, dtype)
    wanted = [sizes.get(axis, int(axis) if axis.isdecimal() else None) for axis in axes]
    if array.ndim != len(axes) or any(w is not None and w != n for w, n in zip(wanted, array.shape, strict=True)):
        shape = ", ".join(axis if size is None else str(size) for axis, size in zip(axes, wanted, strict=True))
        raise DataError(f"{what} has shape {array.shape}, not ({shape}{',' if len(axes) == 1 else ''}).")
    if "runs" in axes and not array.flags.writeable:
        # This array is large, and it was checked when its System was made.
        return array
    bad = np.isinf(array) if may_miss else ~np.isfinite(array)
    if np.any(bad):
        raise DataError(f"{what} holds {int(bad.sum())} values that are not finite numbers.")
    if not negative and np.any(array < 0):
        raise DataError(f"{what} cannot be negative; got {float(np.nanmin(array)):g}.")
    return array


def numbers(what: str, value: ArrayLike, dtype: np.dtype[Any] | None = None) -> NDArray[Any]:
    """The value as an array of a type, by default float64.

    Raises:
        DataError: the value contains anything but real numbers; texts, truth values and complex numbers are refused.
    """
    try:
        array = np.asarray(value)
        # An array of objects may hold numbers.
        if array.dtype.kind not in "iufO":
            raise TypeError
        return array.astype(np.float64 if dtype is None else dtype, copy=False)
    except (TypeError, ValueError):
        raise DataError(f"{what} is not an array of numbers.") from None


def read_only(array: NDArray[Any], given: object = None, large: bool = False) -> NDArray[Any]:
    """A read-only array: the same array if it is new or read-only already, otherwise a copy.

    Args:
        array: any array.
        given: the object from which `numpy.asarray` made the array; None if the array is new.
        large: whether to return a view instead of a copy.
    """
    if not array.flags.writeable:
        return array
    if given is not None and (array is given or array.base is not None):
        array = array.view() if large else array.copy()
    array.flags.writeable = False
    return array


def quantities(owner: type) -> dict[str, Quantity]:
    """The table of a class: the annotated arrays by name, in the order of the fields."""
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
