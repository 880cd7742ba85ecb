"""How the predictions of several members become one: weights, offsets and uncertainty by particle type and time.

    m_i(t)   = sum_k w_k p_ik(t) + c
    s_i^2    = sum_k w_k (p_ik - <p_i>)^2 / sum_k w_k,    <p_i> = sum_k w_k p_ik / sum_k w_k
    std_i(t) = sqrt(a^2 + b^2 s_i^2 + d^2 m_i^2)

p_k is the prediction of member k. The weights w_k >= 0, the offset c and the numbers a, b, d >= 0 depend on the
particle type and the time. Mobile particles have larger errors. A member has no weight where it has not learned a type
or a time.

File: combination.json in the folder of the average, version 2. It names the members by their folders. Version 1 has no
d.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from equiglass.errors import ConfigurationError, DataError
from equiglass.files import reading, write_text
from equiglass.files.settings import validate
from equiglass.files.tables import plain
from equiglass.liquid.arrays import Float
from equiglass.liquid.system import type_name

if TYPE_CHECKING:
    from pandas import DataFrame

FORMAT, VERSION = "equiglass-combination", 2


@dataclass(frozen=True, eq=False)
class Combination:
    """Weights, offsets and uncertainty of an average of K members.

    Attributes:
        members: name of the folder of every member.
        times: values of the T times by label, LJ time, in the order of the outputs.
        weights: w, (n_types, T, K), not negative; 0 where a member has not learned a type or a time.
        offsets: c, LJ units, (n_types, T); NaN where no member has learned a type and time.
        uncertainty: a in LJ units, b and d, (n_types, T, 3), not negative; NaN where it is unknown.
    """

    members: tuple[str, ...]
    times: Mapping[str, float]
    weights: Float
    offsets: Float
    uncertainty: Float

    @property
    def is_calibrated(self) -> bool:
        """Whether the uncertainty of a type at a time is known."""
        return bool(np.isfinite(self.uncertainty).any())

    def learned(self) -> NDArray[np.bool_]:
        """Where there is a prediction, (n_types, T)."""
        return np.isfinite(self.offsets)

    def mean(self, predicted: Float, types: NDArray[np.int64]) -> Float:
        """The weighted average m, LJ units, (T, N).

        Args:
            predicted: predictions of the members, (K, T, N); NaN where a member has not learned.
            types: types of the particles, (N,).
        """
        weights, values = self._weighted(predicted, types)
        return np.asarray(np.sum(weights * values, axis=0) + self.offsets[types].T)

    def spread(self, predicted: Float, types: NDArray[np.int64]) -> Float:
        """The weighted standard deviation s of the members, LJ units, (T, N); 0 where no member has a weight."""
        weights, values = self._weighted(predicted, types)
        total = np.sum(weights, axis=0)
        shares = weights / np.where(total > 0, total, 1.0)
        return np.asarray(np.sqrt(np.sum(shares * (values - np.sum(shares * values, axis=0)) ** 2, axis=0)))

    def deviation(self, predicted: Float, types: NDArray[np.int64]) -> Float:
        """The standard deviation of the error of m, LJ units, (T, N); NaN where it is unknown."""
        a, b, d = np.moveaxis(self.uncertainty[types], 2, 0)
        terms = a.T, b.T * self.spread(predicted, types), d.T * self.mean(predicted, types)
        return np.asarray(np.sqrt(sum(np.square(term) for term in terms)))

    def frame(self) -> DataFrame:
        """Columns type, label, time, the weight of every member, offset, a, b, d; one row per type and time."""
        from pandas import DataFrame

        rows = []
        for kind, t in np.ndindex(self.offsets.shape):
            label = list(self.times)[t]
            where = {"type": type_name(kind), "label": label, "time": self.times[label]}
            line = dict(zip("abd", self.uncertainty[kind, t].tolist(), strict=True))
            weights = dict(zip(self.members, self.weights[kind, t].tolist(), strict=True))
            rows.append({**where, **weights, "offset": float(self.offsets[kind, t]), **line})
        return DataFrame(rows)

    def _weighted(self, predicted: Float, types: NDArray[np.int64]) -> tuple[Float, Float]:
        """Weights, (K, T, N), and predictions, (K, T, N), which are 0 where the weight is 0."""
        weights = np.moveaxis(self.weights[types], 0, 2).swapaxes(0, 1)
        return weights, np.where(weights > 0, predicted, 0.0)

    def write(self, path: Path) -> None:
        """Write the file, completely or not at all."""
        labels = list(self.times)
        rows = [
            {
                "type": type_name(kind),
                "label": labels[t],
                "weights": {
                    name: weight
                    for name, weight in zip(self.members, self.weights[kind, t].tolist(), strict=True)
                    if weight > 0
                },
                "offset": self.offsets[kind, t],
                "uncertainty": self.uncertainty[kind, t] if np.isfinite(self.uncertainty[kind, t]).all() else None,
            }
            for kind, t in np.ndindex(self.offsets.shape)
        ]
        head = {"format": FORMAT, "version": VERSION, "members": self.members, "times": self.times}
        write_text(path, json.dumps(plain({**head, "rows": rows}), indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> Combination:
        """Read the file.

        Raises:
            DataError: it is damaged, has a newer version, or its parts contradict each other.
        """
        with reading(path):
            return _combination(json.loads(path.read_text(encoding="utf-8")))


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    type: str
    label: str
    weights: dict[str, float]
    offset: float | None
    uncertainty: tuple[float, float] | tuple[float, float, float] | None


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    format: str
    version: int
    members: tuple[str, ...] = Field(min_length=1)
    times: dict[str, float] = Field(min_length=1)
    rows: tuple[_Row, ...] = Field(min_length=1)


def _combination(described: Any) -> Combination:
    """The combination from the content of the file."""
    known = isinstance(described, dict) and described.get("format") == FORMAT
    if not known or not isinstance(described.get("version"), int):
        raise DataError(f"the file is no description of an average (format {FORMAT}).")
    if described["version"] > VERSION:
        raise DataError(
            f"the average has version {described['version']}; this equiglass reads {FORMAT} up to version {VERSION}. "
            "Install a newer equiglass."
        )
    try:
        file = validate(_File, described, "the average")
    except ConfigurationError as error:
        raise DataError(str(error)) from None
    _check_names(file.members)
    labels, kinds = list(file.times), [type_name(k) for k in range(len({row.type for row in file.rows}))]
    found = [(row.type, row.label) for row in file.rows]
    expected = [(kind, label) for kind in kinds for label in labels]
    if odd := next((place for place in found if place not in expected or found.count(place) > 1), None):
        raise DataError(f"the average has an unknown or double row for type {odd[0]} at the time labelled {odd[1]!r}.")
    if missing := next((place for place in expected if place not in found), None):
        raise DataError(f"the average has no row for type {missing[0]} at the time labelled {missing[1]!r}.")
    shape = len(kinds), len(labels)
    weights, offsets = np.zeros((*shape, len(file.members))), np.full(shape, np.nan)
    uncertainty = np.full((*shape, 3), np.nan)
    for row in file.rows:
        at, said = (kinds.index(row.type), labels.index(row.label)), f"type {row.type}, time labelled {row.label!r}"
        if unknown := row.weights.keys() - set(file.members):
            raise DataError(f"{said}: {min(unknown)} has a weight, but is no member.")
        if min((*row.weights.values(), *(row.uncertainty or ())), default=0.0) < 0:
            raise DataError(f"{said}: a weight, or a number of the uncertainty, is negative.")
        for name, weight in row.weights.items():
            weights[(*at, file.members.index(name))] = weight
        offsets[at] = np.nan if row.offset is None else row.offset
        uncertainty[at] = np.nan if row.uncertainty is None else (*row.uncertainty, 0.0)[:3]
    return Combination(file.members, file.times, weights, offsets, uncertainty)


def _check_names(names: Sequence[str]) -> None:
    """Check that the members are different folders directly in that of the average."""
    for name in names:
        if name in ("", ".", "..") or Path(name).name != name or "\\" in name:
            raise DataError(f"the member {name!r} is no name of a folder.")
        if names.count(name) > 1:
            raise DataError(f"the member {name} occurs twice.")
