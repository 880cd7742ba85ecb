"""What is measured of the trained models of an experiment: one module per measure.

To add a measure, write a module here that adds a `Measure` to `MEASURES`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from equiglass.experiments.declaration import Declaration
from equiglass.experiments.plan import Group
from equiglass.experiments.runs import Run
from equiglass.files.registry import Registry
from equiglass.report.scores import Scored

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
        more: further frames by what their file names add to that of the experiment; for CSV and JSON.
        fields: predictions for the view in three dimensions, NAME.html.
    """

    rows: DataFrame
    summary: DataFrame
    table: str
    draw: Callable[[], Mapping[str, Figure]]
    notes: tuple[str, ...] = ()
    more: Mapping[str, DataFrame] = field(default_factory=dict)
    fields: Sequence[Scored] = ()


@dataclass(frozen=True)
class Measure:
    """One measure.

    Attributes:
        of: from the runs of an experiment and its declaration to what it found.
        check: called before anything is trained; raises ConfigurationError where options or data do not do.
        folds: whether it joins the folds of a cross-validation.
    """

    of: Callable[[Sequence[Run], Declaration], Measured]
    check: Callable[[Sequence[Group], Declaration], None] = lambda groups, declaration: None
    folds: bool = False


MEASURES: Registry[Measure] = Registry("measure", __name__)
