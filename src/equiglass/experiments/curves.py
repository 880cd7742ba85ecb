"""Published curves against time, in the options of a declaration."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field, model_validator

from equiglass.experiments.measured import Line


class PublishedCurve(BaseModel):
    """One quantity of one method against time, at one temperature."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    temperature: float
    type: str = "A"
    column: str = Field(description="of our table that holds the same quantity")
    times: tuple[float, ...]
    values: tuple[float, ...]

    @model_validator(mode="after")
    def _one_value_a_time(self) -> PublishedCurve:
        if len(self.times) != len(self.values):
            raise ValueError(f"{self.name}: {len(self.times)} times, {len(self.values)} values")
        return self


class PublishedCurves(BaseModel):
    """Curves of others. They are drawn beside data of their temperature."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str = Field(description="where they stand, and on what data they were reached")
    curves: tuple[PublishedCurve, ...]

    def lines(self, groups: Sequence[tuple[str, float | None]]) -> list[Line]:
        """Lines with group, name, type, time, column and value, for the groups (name, temperature) of ours."""
        return [
            {"group": group, "name": c.name, "type": c.type, "time": time, "column": c.column, "value": value}
            for group, temperature in groups
            for c in self.curves
            if c.temperature == temperature
            for time, value in zip(c.times, c.values, strict=True)
        ]
