"""Measure: G4(r, t) at one time, and its length, of the same fields as chi4 (Fig. 8 of arXiv 2211.03226)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from equiglass.experiments.declaration import Declaration, options_of
from equiglass.experiments.measures import MEASURES, Measure, Measured
from equiglass.experiments.propensity_fields import (
    COLUMNS,
    MEASURED,
    STEPS,
    FieldOptions,
    PropensityField,
    check_fields,
    fields_of,
    fields_table,
    step_in_words,
)
from equiglass.experiments.runs import Run
from equiglass.files.tables import over_seeds
from equiglass.liquid.state_points import tau_alpha
from equiglass.observables import (
    Step,
    correlation_length_of_sums,
    four_point_of_sums,
    mobility_indicator,
    pair_sums,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

BIN = 0.1
"""Width of the bins of r, LJ length; they end at half the box."""


def correlations(runs: Sequence[Run], declaration: Declaration) -> Measured:
    """G4(r) and xi at tau_alpha by field, seed and type, with bootstrap errors over the test configurations."""
    from pandas import concat

    options = options_of(declaration, FieldOptions)
    step = STEPS[options.step]
    fields, notes = fields_of(runs, options.trained_at)
    at = {field.group.name: tau_alpha(field.labels) for field in fields if field.name == MEASURED}
    known = [field for field in fields if at[field.group.name] in field.labels]
    rows = concat([correlation_rows(field, at[field.group.name], step) for field in known], ignore_index=True)
    curves = over_seeds(rows, (*COLUMNS, "r"), ("g4", "pair_average"))
    lengths = over_seeds(rows[rows["r"] == rows["r"].iloc[0]], COLUMNS, ("length",))

    def draw() -> Mapping[str, Figure]:
        from equiglass.figures.fluctuations import spatial_figure

        return {"": spatial_figure(curves, lengths)}

    return Measured(
        rows, lengths, fields_table(lengths, {"length": "dynamic length"}), draw, (step_in_words(step), *notes)
    )


def correlation_rows(field: PropensityField, label: str, step: Step) -> DataFrame:
    """At one time, one row per type and distance; the length xi, one for all distances, stands in each."""
    from pandas import concat

    parts = []
    systems = field.group.test
    edges = np.arange(0, min(system.box.min() for system in systems) / 2 + BIN / 2, BIN)
    for kind, masks, moved in field.by_type():
        positions = [system.positions[mask] for system, mask in zip(systems, masks, strict=True)]
        fields = [mobility_indicator(values[field.labels.index(label)], step) for values in moved]
        sums = pair_sums(positions, [system.box for system in systems], fields, edges)
        found, length = four_point_of_sums(sums), correlation_length_of_sums(sums)
        numbers = {
            "r": found.r,
            "g4": found.g4.value,
            "g4_error": found.g4.error,
            "pair_average": found.pair_average.value,
            "pair_average_error": found.pair_average.error,
            "length": float(length.value),
            "length_error": float(length.error),
        }
        parts.append(field.rows(kind, [label] * len(found.r), step, **numbers))
    return concat(parts, ignore_index=True)


MEASURES.add("g4", Measure(correlations, check_fields))
