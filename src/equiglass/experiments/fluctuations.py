"""Measure: chi4_s(t) and Q_s(t) of measured, predicted and transfer-learned fields (Fig. 7 of arXiv 2211.03226)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from equiglass.experiments.declaration import Declaration, options_of
from equiglass.experiments.fields import (
    COLUMNS,
    STEPS,
    Field,
    FieldOptions,
    fields_of,
    medians,
    step_in_words,
    table,
)
from equiglass.experiments.measured import Line, Measured, plain
from equiglass.experiments.runs import Run
from equiglass.liquid.arrays import Float
from equiglass.observables import Step, bootstrap, chi4_of_fields, mean_mobility_of_field

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def fluctuations(runs: Sequence[Run], declaration: Declaration) -> Measured:
    """chi4_s and Q_s by field, seed, type and time, with bootstrap errors over the test configurations."""
    options = options_of(declaration, FieldOptions)
    step = STEPS[options.step]
    fields, notes = fields_of(runs, options.trained_at)
    rows = [row for field in fields for row in fluctuation_rows(field, step)]
    summary = medians(rows, COLUMNS, ("chi4", "q"))
    published = options.published
    groups = {field.group.name: field.group.temperature for field in fields}
    marks = published.lines(list(groups.items())) if published else []

    def draw() -> Mapping[str, Figure]:
        from equiglass.figures.fluctuations import fluctuations_figure

        return {"": fluctuations_figure(summary, marks)}

    if published:
        where = "drawn" if marks else "not drawn, for no group here has its temperature"
        notes.append(f"Published ({where}): {published.source}.")
    shown = table(summary, "time", {"chi4": "chi4_s", "q": "Q_s"})
    return Measured(rows, summary, shown, draw, (step_in_words(step), *notes))


def fluctuation_rows(field: Field, step: Step) -> list[Line]:
    """One row a type and time."""
    rows = []
    for kind, _, moved in field.by_type():
        susceptibility = chi4_of_fields(moved, step)
        each = np.stack([mean_mobility_of_field(values, step) for values in moved])
        q = bootstrap(partial(_mean, each), len(each))
        for t, label in enumerate(field.labels):
            numbers = (q.value[t], q.error[t], susceptibility.value[t], susceptibility.error[t])
            names = ("q", "q_error", "chi4", "chi4_error")
            values: Line = dict(zip(names, map(plain, numbers), strict=True))
            rows.append({**field.line(kind, label, step), **values})
    return rows


def _mean(each: Float, chosen: NDArray[np.int64]) -> Float:
    return np.asarray(each[chosen].mean(axis=0))
