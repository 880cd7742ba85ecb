"""Measure: G4(r, t) at one time, and its length, of the same fields as chi4 (Fig. 8 of arXiv 2211.03226)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from equiglass.experiments.declaration import Declaration, options_of
from equiglass.experiments.fields import (
    COLUMNS,
    MEASURED,
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
from equiglass.observables import (
    Step,
    correlation_length_of_sums,
    four_point_of_sums,
    mobility_indicator,
    pair_sums,
)
from equiglass.representation.transfer import tau_alpha

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BIN = 0.1
"""Width of the bins of r, LJ length; they end at half the box."""


def spatial(runs: Sequence[Run], declaration: Declaration) -> Measured:
    """G4(r) and xi at tau_alpha by field, seed and type, with bootstrap errors over the test configurations."""
    options = options_of(declaration, FieldOptions)
    step = STEPS[options.step]
    fields, notes = fields_of(runs, options.trained_at)
    at = {field.group.name: tau_alpha(field.labels) for field in fields if field.name == MEASURED}
    known = [field for field in fields if at[field.group.name] in field.labels]
    rows = [row for field in known for row in spatial_rows(field, at[field.group.name], step)]
    curves = medians(rows, (*COLUMNS, "r"), ("g4", "pair_average"))
    lengths = medians([row for row in rows if row["r"] == rows[0]["r"]], COLUMNS, ("length",))

    def draw() -> Mapping[str, Figure]:
        from equiglass.figures.fluctuations import spatial_figure

        return {"": spatial_figure(curves, lengths)}

    shown = table(lengths, "time", {"length": "dynamic length"})
    return Measured(rows, lengths, shown, draw, (step_in_words(step), *notes))


def spatial_rows(field: Field, label: str, step: Step) -> list[Line]:
    """At one time, one row a type and distance; the length xi, which is one for all distances, stands in each."""
    rows = []
    systems = field.group.test
    edges = np.arange(0, min(system.box.min() for system in systems) / 2 + BIN / 2, BIN)
    for kind, masks, moved in field.by_type():
        positions = [system.positions[mask] for system, mask in zip(systems, masks, strict=True)]
        fields = [mobility_indicator(values[field.labels.index(label)], step) for values in moved]
        sums = pair_sums(positions, [system.box for system in systems], fields, edges)
        found, length = four_point_of_sums(sums), correlation_length_of_sums(sums)
        for k, r in enumerate(found.r):
            numbers = {
                "g4": found.g4.value[k],
                "g4_error": found.g4.error[k],
                "pair_average": found.pair_average.value[k],
                "pair_average_error": found.pair_average.error[k],
                "length": float(length.value),
                "length_error": float(length.error),
            }
            values: Line = {name: plain(number) for name, number in numbers.items()}
            rows.append({**field.line(kind, label, step), "r": float(r), **values})
    return rows
