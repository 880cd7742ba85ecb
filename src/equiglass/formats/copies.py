"""Copies of one configuration in the files of one `load`: an export next to its original, a frame written twice."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from equiglass.errors import DataError, EquiglassWarning
from equiglass.liquid.fingerprint import Known
from equiglass.liquid.system import System, type_name

LABEL_TOLERANCE = 2e-3
"""The largest relative difference of the mean labels of copies, whose files may have few digits."""


class _Original(NamedTuple):
    name: str
    file: Path
    temperature: float | None
    labels: dict[str, float]


class Returned:
    """The configurations that a `load` has returned. Only their fingerprints and mean labels stay in memory."""

    def __init__(self) -> None:
        self._known: Known[_Original] = Known.of()
        self._file = Path()
        self._copies: list[tuple[str, _Original]] = []

    @contextmanager
    def from_file(self, file: Path) -> Iterator[None]:
        """In this block the configurations are those of one file. At its end, a warning names the copies."""
        self._file, self._copies = file, []
        yield
        if self._copies:
            name, original = self._copies[0]
            number = len(self._copies)
            said = "1 configuration is a copy and is" if number == 1 else f"{number} configurations are copies and are"
            warnings.warn(
                f"{file}: {said} left out; {name} is {original.name} of {original.file.name} (same types, box and "
                "positions).",
                EquiglassWarning,
                stacklevel=5,
            )

    def is_new(self, system: System) -> bool:
        """Whether the configuration was not returned before.

        Raises:
            DataError: it was, with another temperature or other labels.
        """
        original = self._known.find(system.fingerprint)
        mine = _Original(system.name, self._file, system.temperature, _mean_labels(system))
        if original is None:
            self._known.add(system.fingerprint, mine)
            return True
        difference = _difference(mine, original)
        if difference:
            raise DataError(
                f"{system.name} is the configuration {original.name} of {original.file.name} with {difference}; give "
                "one of them."
            )
        self._copies.append((system.name, original))
        return False


def _difference(copy: _Original, original: _Original) -> str | None:
    """What the original does not have as the copy has it, in words."""
    mine, other = copy.temperature, original.temperature
    if mine is not None and other is not None and not np.isclose(mine, other, rtol=LABEL_TOLERANCE):
        return f"the temperature {mine:g}, not {other:g}"
    for what, value in copy.labels.items():
        if what not in original.labels:
            return f"a {what}, which is not there"
        if not np.isclose(value, original.labels[what], rtol=LABEL_TOLERANCE, atol=1e-6, equal_nan=True):
            return f"the {what} {value:.5g}, not {original.labels[what]:.5g}"
    return None


def _mean_labels(system: System) -> dict[str, float]:
    """Every time, and the mean propensity of every type at it; the order of the particles does not matter."""
    if system.propensity is None:
        return {}
    means: dict[str, float] = {}
    for label, time, values in zip(system.time_labels, system.times.tolist(), system.propensity, strict=True):
        means[f"time {label!r}"] = time
        for kind in np.unique(system.types):
            known = values[(system.types == kind) & np.isfinite(values)]
            means[f"mean propensity of {type_name(kind)} at {label!r}"] = float(known.mean()) if len(known) else np.nan
    return means
