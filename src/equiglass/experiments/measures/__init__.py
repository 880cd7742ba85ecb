"""What is measured of the trained models of an experiment: one module per measure.

To add a measure, write a module here that adds a `Measure` to `MEASURES`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from equiglass.experiments.declaration import Declaration
from equiglass.experiments.plan import Group
from equiglass.experiments.runs import Run
from equiglass.files.registry import Registry

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame


@dataclass(frozen=True)
class Measured:
    """What an experiment found.

    Attributes:
        rows: all numbers, one row per variant, seed and whatever else; for CSV and JSON.
        summary: medians over the seeds (`equiglass.files.tables.over_seeds`); for JSON.
        table: the summary for people, in Markdown.
        draw: the figures, by what their file names add to that of the experiment; "" for nothing.
        notes: sentences below the table.
    """

    rows: DataFrame
    summary: DataFrame
    table: str
    draw: Callable[[], Mapping[str, Figure]]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Measure:
    """One measure.

    Attributes:
        of: from the runs of an experiment and its declaration to what it found.
        check: called before anything is trained; raises ConfigurationError where options or data do not do.
    """

    of: Callable[[Sequence[Run], Declaration], Measured]
    check: Callable[[Sequence[Group], Declaration], None] = lambda groups, declaration: None


MEASURES: Registry[Measure] = Registry("measure", __name__)
