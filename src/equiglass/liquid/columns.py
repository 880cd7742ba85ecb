"""The labels of a configuration as columns of its particles and as keys, which extended XYZ and ASE hold.

Every label of a particle is a column per time, such as ``propensity_7``, ``replica_variance_7``, ``halves_7`` and
``mean_displacement_7``. The keys are ``times``, ``time_labels``, ``runs``, and every label that belongs to no particle,
flat. Displacements of every run have no column.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from equiglass.errors import DataError, EquiglassWarning
from equiglass.liquid.arrays import Float
from equiglass.liquid.fingerprint import Fingerprint
from equiglass.liquid.labels import Label

PREDICTED = "predicted_by"
"""The key of the model that predicted the propensity columns, which are then no measured ones."""

STATES = {
    "pos_inherent": "positions_inherent",
    "pos_cage": "positions_cage",
    "cage_covariance": "covariance_cage",
    "cage_propensity": "propensity_cage",
}
"""The columns of states of a configuration, and the names of its arrays."""

UNCERTAINTY = "_std"
"""What the column of the uncertainty of a prediction adds to the name of the column of the prediction."""

_SPARE = {"propensity_halves": "halves"}
"""Names of columns that would otherwise be taken for a propensity."""

_WORD = re.compile(r"""[^\s\[\]{}"'\\]+""")


class Keys(Protocol):
    """Values by key: those of a comment line, or of ``ase.Atoms.info``."""

    def __contains__(self, key: str) -> bool:
        """Whether there is a value."""

    def text(self, key: str) -> str:
        """The value as text."""

    def words(self, key: str) -> list[str]:
        """The words of a value."""

    def numbers(self, key: str, *, may_miss: bool = False) -> NDArray[np.float64] | None:
        """The values as numbers, flat; None if there is no such key. The word nan is a number if values may miss."""


def column(label: str, quantity: str = "propensity") -> str:
    """The name of the column of a time, such as "propensity_7" or "propensity_F_0.9"."""
    return f"{_SPARE.get(quantity, quantity)}_" + re.sub(r"[^A-Za-z0-9.+-]", "_", label)


def widths(table: Mapping[str, Label]) -> dict[str, tuple[int, ...]]:
    """The shapes of the values of a particle, by the beginning of the name of a column."""
    return {column("", key): tuple(map(int, each.axes_beyond("T", "N"))) for key, each in _of_particles(table).items()}


def columns_of(system: Any, table: Mapping[str, Label]) -> dict[str, NDArray[Any]]:
    """The columns of the states and labels of a System, (N,) or (N, width), by name."""
    found = {name: getattr(system, key) for name, key in STATES.items() if getattr(system, key) is not None}
    for key, each in _of_particles(table).items():
        values = getattr(system, key)
        if values is not None:
            for row, label in enumerate(system.time_labels):
                at = np.take(values, row, each.axis_of_times)
                found[column(label, key)] = np.moveaxis(at, each.axes_beyond("T").index("N"), 0)
    return {name: each if each.ndim == 1 else each.reshape(len(each), -1) for name, each in found.items()}


def keys_of(system: Any, table: Mapping[str, Label]) -> dict[str, str | int | Float]:
    """The keys of the labels of a System; none if it has no times.

    Raises:
        DataError: a label of a time is not one word, or two have one column.
    """
    if not system.time_labels:
        return {}
    split = [label for label in system.time_labels if not _WORD.fullmatch(label)]
    if split or len({column(label) for label in system.time_labels}) < len(system.time_labels):
        raise DataError(
            f"{system.name}: the labels of times {list(system.time_labels)} cannot name columns, because one has "
            "spaces, brackets or quotation marks, or two differ only in special characters. Rename them, or save a "
            "data set (.h5)."
        )
    keys: dict[str, str | int | Float] = {"time_labels": " ".join(system.time_labels), "times": np.array(system.times)}
    keys |= {key: np.ravel(getattr(system, key)) for key in _of_all(table) if getattr(system, key) is not None}
    return keys if system.runs is None else {**keys, "runs": system.runs}


def labels_in(columns: Mapping[str, NDArray[Any]], keys: Keys, table: Mapping[str, Label]) -> dict[str, Any]:
    """The times and labels of a System by field, measured or predicted; nothing if the times are unknown.

    Warns:
        EquiglassWarning: there are columns of a propensity, but no times.

    Raises:
        DataError: the columns, the labels of times and the times do not fit together.
    """
    start = column("")
    found = [key.removeprefix(start) for key in columns if key.startswith(start)]
    if PREDICTED in keys:
        found = [key for key in found if key.removesuffix(UNCERTAINTY) not in found or not key.endswith(UNCERTAINTY)]
    times = keys.numbers("times")
    if times is None:
        if found:
            warnings.warn(
                "the propensity columns are left out, because their times are not given; add "
                'times="..." with one value per column.',
                EquiglassWarning,
                stacklevel=2,
            )
        return {}
    labels = tuple(keys.words("time_labels")) if "time_labels" in keys else tuple(found)
    left = set(found) - {column(label).removeprefix(start) for label in labels}
    if left or (found and times.size != len(labels)):
        raise DataError(f"there are {len(found)} propensity columns, {len(labels)} labels and {times.size} times.")
    held: dict[str, Any] = {}
    for key, each in _of_particles(table).items():
        named = [column(label, key) for label in labels]
        if found if key == "propensity" else any(name in columns for name in named):
            missing = [label for label, name in zip(labels, named, strict=True) if name not in columns]
            if missing:
                raise DataError(f"there is no column {column(missing[0], key)!r} for the time {missing[0]!r}.")
            place = each.axes_beyond("T").index("N")
            held[key] = np.stack([np.moveaxis(columns[name], 0, place) for name in named], each.axis_of_times)
    if PREDICTED in keys:
        held = {"predictions": {keys.text(PREDICTED): held["propensity"]}} if found else {}
    elif times.size and times.size == len(labels):
        held |= {key: _of_times(keys, key, each, times.size) for key, each in _of_all(table).items() if key in keys}
    if not held:
        return {}
    runs = {"runs": _whole(keys, "runs")} if "runs" in keys and PREDICTED not in keys else {}
    return {"time_labels": labels, "times": times, **held, **runs}


def parent_in(keys: Keys) -> Fingerprint | None:
    """The fingerprint under the key ``parent``.

    Warns:
        EquiglassWarning: other programs may write something else under this key, which is left out.
    """
    if "parent" not in keys:
        return None
    try:
        return Fingerprint.parse(keys.text("parent"))
    except DataError as error:
        warnings.warn(f"the key 'parent' is left out: {error}", EquiglassWarning, stacklevel=2)
        return None


def _of_particles(table: Mapping[str, Label]) -> dict[str, Label]:
    return {key: each for key, each in table.items() if "N" in each.axes and "runs" not in each.axes}


def _of_all(table: Mapping[str, Label]) -> dict[str, Label]:
    return {key: each for key, each in table.items() if "N" not in each.axes}


def _of_times(keys: Keys, key: str, label: Label, n_times: int) -> NDArray[np.float64]:
    values = keys.numbers(key, may_miss=True)
    assert values is not None
    if values.size % n_times:
        raise DataError(f"the key {key!r} holds {values.size} numbers for {n_times} times.")
    return values.reshape(n_times, -1) if len(label.axes) > 1 else values


def _whole(keys: Keys, key: str) -> int:
    text = keys.text(key).strip()
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise DataError(f"the key {key!r} must be a whole number; got {text[:40]!r}.")
    return int(text)
