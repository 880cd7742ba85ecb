"""Measures of measured, predicted and transfer-learned fields: chi4_s(t) and Q_s(t), and G4(r) with its length.

Figures 7 and 8 of arXiv 2211.03226.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

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
)
from equiglass.experiments.published import marks
from equiglass.experiments.runs import Run, temperatures_of
from equiglass.figures.curves import curves, legend
from equiglass.figures.style import COLUMN, panels, style
from equiglass.files.tables import over_seeds
from equiglass.liquid.arrays import Float
from equiglass.liquid.state_points import tau_alpha
from equiglass.observables import (
    Step,
    bootstrap,
    chi4_of_fields,
    correlation_length_of_sums,
    four_point_of_sums,
    mean_mobility_of_field,
    mobility_indicator,
    pair_sums,
)
from equiglass.observables.four_point import BIN
from equiglass.observables.pairs import edges_to_half_the_box

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
    published, said = marks(options.published, temperatures_of(runs))
    table = fields_table(summary, {"chi4": "chi4_s", "q": "Q_s"})
    draw = partial(fluctuations_figure, summary, published)
    return Measured(rows, summary, table, lambda: {"": draw()}, (in_words(step), *notes, *said))


def fluctuation_rows(field: PropensityField, step: Step) -> DataFrame:
    """One row per type and time."""

    def numbers(_: list[np.ndarray], moved: list[Float]) -> dict[str, Float]:
        susceptibility = chi4_of_fields(moved, step)
        each = np.stack([mean_mobility_of_field(values, step) for values in moved])
        q = bootstrap(lambda chosen: np.asarray(each[chosen].mean(axis=0)), len(each))
        return {"q": q.value, "q_error": q.error, "chi4": susceptibility.value, "chi4_error": susceptibility.error}

    return field.rows(field.labels, step, numbers)


def fluctuations_figure(summary: DataFrame, published: DataFrame) -> Figure:
    """chi4_s and Q_s against time, a column per particle type; colours are groups, lines and markers fields."""
    return curves(
        summary.assign(panel="type " + summary["type"]),
        "time",
        ("chi4", "q"),
        curve="group",
        line="field",
        panel="panel",
        published=published.assign(panel="type " + published["type"]),
        title=_step_of(summary),
    )


def correlations(runs: Sequence[Run], declaration: Declaration) -> Measured:
    """G4(r) and xi at tau_alpha by field, seed and type, with bootstrap errors over the test configurations."""
    from pandas import concat

    options = options_of(declaration, FieldOptions)
    step = STEPS[options.step]
    fields, notes = fields_of(runs, options.trained_at)
    at = {field.group.name: tau_alpha(field.labels) for field in fields if field.name == MEASURED}
    known = [field for field in fields if at[field.group.name] in field.labels]
    rows = concat([correlation_rows(field, at[field.group.name], step) for field in known], ignore_index=True)
    spatial = over_seeds(rows, (*COLUMNS, "r"), ("g4", "pair_average"))
    lengths = over_seeds(rows[rows["r"] == rows["r"].iloc[0]], COLUMNS, ("length",))
    table = fields_table(lengths, {"length": "dynamic length"})
    return Measured(rows, lengths, table, lambda: {"": spatial_figure(spatial, lengths)}, (in_words(step), *notes))


def correlation_rows(field: PropensityField, label: str, step: Step) -> DataFrame:
    """At one time, one row per type and distance; the length xi, one for all distances, stands in each."""
    systems = field.group.test
    edges = edges_to_half_the_box(systems, BIN)

    def numbers(masks: list[np.ndarray], moved: list[Float]) -> dict[str, Any]:
        positions = [system.positions[mask] for system, mask in zip(systems, masks, strict=True)]
        fields = [mobility_indicator(values[field.labels.index(label)], step) for values in moved]
        sums = pair_sums(positions, [system.box for system in systems], fields, edges)
        found, length = four_point_of_sums(sums), correlation_length_of_sums(sums)
        return {
            "r": found.r,
            "g4": found.g4.value,
            "g4_error": found.g4.error,
            "pair_average": found.pair_average.value,
            "pair_average_error": found.pair_average.error,
            "length": float(length.value),
            "length_error": float(length.error),
        }

    return field.rows([label], step, numbers)


def spatial_figure(spatial: DataFrame, lengths: DataFrame) -> Figure:
    """G4 against distance, above its length against temperature, a column per particle type."""
    kinds = spatial["type"].nunique()
    spatial = spatial.assign(panel="type " + spatial["type"] + ", time " + spatial["label"])
    lengths = lengths.assign(panel="type " + lengths["type"])
    with style():
        figure, (top, bottom) = panels(2, kinds, COLUMN * kinds, 1.5 * COLUMN)
        curves(spatial, "r", "g4", curve="group", line="field", panel="panel", axes=top)
        curves(lengths, "temperature", "length", line="field", panel="panel", axes=bottom)
        legend(figure, _step_of(spatial))
        return figure


def in_words(step: Step) -> str:
    """Threshold and softness as a sentence."""
    how = f"softened over {step.softness:g}" if step.softness else "sharp"
    return f"c_i is the step of the propensity at {step.threshold:g}, {how} (LJ lengths)."


def _step_of(frame: DataFrame) -> str:
    first = frame.iloc[0]
    return rf"$c_i$: threshold {first['threshold']:g}, softness {first['softness']:g}"


MEASURES.add("chi4", Measure(fluctuations, check_fields, folds=True))
MEASURES.add("g4", Measure(correlations, check_fields, folds=True))
