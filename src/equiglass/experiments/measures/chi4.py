"""Measure: chi4_s(t) and Q_s(t) of measured, predicted and transfer-learned fields (Fig. 7 of arXiv 2211.03226)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from equiglass.experiments.declaration import Declaration, options_of
from equiglass.experiments.measures import MEASURES, Measure, Measured
from equiglass.experiments.propensity_fields import (
    COLUMNS,
    STEPS,
    FieldOptions,
    PropensityField,
    check_fields,
    fields_of,
    fields_table,
    step_in_words,
)
from equiglass.experiments.published import marks
from equiglass.experiments.runs import Run, groups_of_runs
from equiglass.files.tables import over_seeds
from equiglass.liquid.arrays import Float
from equiglass.observables import Step, bootstrap, chi4_of_fields, mean_mobility_of_field

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame


def fluctuations(runs: Sequence[Run], declaration: Declaration) -> Measured:
    """chi4_s and Q_s by field, seed, type and time, with bootstrap errors over the test configurations."""
    from pandas import concat

    options = options_of(declaration, FieldOptions)
    step = STEPS[options.step]
    fields, notes = fields_of(runs, options.trained_at)
    rows = concat([fluctuation_rows(field, step) for field in fields], ignore_index=True)
    summary = over_seeds(rows, COLUMNS, ("chi4", "q"))
    published, said = marks(options.published, [(g.name, g.temperature) for g in groups_of_runs(runs)])

    def draw() -> Mapping[str, Figure]:
        from equiglass.figures.fluctuations import fluctuations_figure

        return {"": fluctuations_figure(summary, published)}

    table = fields_table(summary, {"chi4": "chi4_s", "q": "Q_s"})
    return Measured(rows, summary, table, draw, (step_in_words(step), *notes, *said))


def fluctuation_rows(field: PropensityField, step: Step) -> DataFrame:
    """One row per type and time."""
    from pandas import concat

    parts = []
    for kind, _, moved in field.by_type():
        susceptibility = chi4_of_fields(moved, step)
        each = np.stack([mean_mobility_of_field(values, step) for values in moved])
        q = bootstrap(partial(_mean, each), len(each))
        numbers = {"q": q.value, "q_error": q.error, "chi4": susceptibility.value, "chi4_error": susceptibility.error}
        parts.append(field.rows(kind, field.labels, step, **numbers))
    return concat(parts, ignore_index=True)


def _mean(each: Float, chosen: NDArray[np.int64]) -> Float:
    return np.asarray(each[chosen].mean(axis=0))


MEASURES.add("chi4", Measure(fluctuations, check_fields))
