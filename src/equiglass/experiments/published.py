"""Numbers of others, in a declaration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

if TYPE_CHECKING:
    from pandas import DataFrame

Scalar = bool | int | float | str


class Strict(BaseModel):
    """A part of a declaration: it has no unknown keys, and does not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(Strict):
    """Numbers of others, and where they come from."""

    source: str = Field(description="where the numbers stand, and on what data they were reached")


class Number(Strict):
    """A published correlation of the particles of a type."""

    variant: str
    at: Scalar | None = Field(None, description="value of the key of 'along'")
    temperature: float | None = Field(None, description="if given, the number belongs to data of this temperature only")
    time: float | Literal["tau_alpha"]
    type: str = "A"
    convention: Literal["per_configuration", "pooled", "unsaid"] = "unsaid"
    rho: float
    best: float | None = None
    worst: float | None = None


class Published(Source):
    """Correlations of others, drawn as marks and shown next to ours."""

    numbers: tuple[Number, ...]


class PublishedCurve(Strict):
    """One quantity of one method against time, at one temperature."""

    name: str
    temperature: float
    type: str = "A"
    column: str = Field(description="of our table that holds the same quantity")
    times: tuple[float, ...]
    values: tuple[float, ...]

    @model_validator(mode="after")
    def _one_value_per_time(self) -> PublishedCurve:
        if len(self.times) != len(self.values):
            raise ValueError(f"{self.name}: {len(self.times)} times, {len(self.values)} values")
        return self


class PublishedCurves(Source):
    """Curves of others, drawn in the panels of data of their temperature."""

    curves: tuple[PublishedCurve, ...]


class PublishedMatrix(Source):
    """Transfer test of others: pooled rho of A at tau_alpha."""

    rho: dict[float, dict[float, float]] = Field(description="by temperature of use, by temperature of training")


def marks(
    published: PublishedCurves | None, temperatures: Mapping[str, float | None]
) -> tuple[DataFrame, tuple[str, ...]]:
    """The published points that belong to our groups, and the sentence that names their source.

    Args:
        published: curves; None for none.
        temperatures: temperature by name of a group.

    Returns:
        A frame with columns group, name, type, time, column and value; and one sentence, or none.
    """
    from pandas import DataFrame

    found = [
        (group, curve.name, curve.type, time, curve.column, value)
        for group, temperature in temperatures.items()
        for curve in (published.curves if published else ())
        if curve.temperature == temperature
        for time, value in zip(curve.times, curve.values, strict=True)
    ]
    frame = DataFrame(found, columns=["group", "name", "type", "time", "column", "value"])
    if published is None:
        return frame, ()
    where = "drawn" if found else "not drawn, for no group here has its temperature"
    return frame, (f"Published, other data ({where}): {published.source}.",)
