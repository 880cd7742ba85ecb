"""Measure: rho and error of every model on the test configurations of its group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from equiglass.experiments.declaration import AMOUNT, Along, Declaration
from equiglass.experiments.measures import MEASURES, Measure, Measured
from equiglass.experiments.published import Number
from equiglass.experiments.runs import Run, groups_of_runs
from equiglass.files.tables import crossed, number, over_seeds, records, spread
from equiglass.liquid.state_points import tau_alpha

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

CONVENTIONS = ("per_configuration", "pooled")
CEILINGS = ("ceiling_per_configuration", "ceiling_pooled")

SPREAD = "Median (best, worst) over the seeds, after the last epoch."
"""Above the tables."""

NEAR = 1.1
"""Largest ratio of two times that are compared."""


def scores(runs: Sequence[Run], declaration: Declaration) -> Measured:
    """Rho in both conventions with its ceiling, and MSE, by variant, seed, type and time."""
    along = declaration.along
    rows = scores_of(runs, along)
    by = ("group", "variant", *(("at",) if along else ()), "type", "label")
    summary = over_seeds(rows, by, (*CONVENTIONS, "mse"), ("time", *CEILINGS), {"mse"})
    if declaration.published:
        temperatures = {group.name: group.temperature for group in groups_of_runs(runs)}
        summary = with_published(summary, declaration.published.numbers, temperatures)

    def draw() -> Mapping[str, Figure]:
        from equiglass.figures.experiment import rho_along, rho_by_time

        return {
            ending: rho_along(summary, along.label, convention, along.logarithmic)
            if along
            else rho_by_time(summary, convention)
            for ending, convention in zip(("", "_pooled"), CONVENTIONS, strict=True)
        }

    return Measured(rows, summary, scores_table(summary, along), draw, _notes(runs, along))


def scores_of(runs: Sequence[Run], along: Along | None = None) -> DataFrame:
    """The scores of all runs, with columns group, variant, at (if along something), seed and trained_on."""
    from pandas import Series, concat

    parts = []
    for run in runs:
        training, found = run.training, run.scores()
        who: dict[str, Any] = {"group": training.group.name, "variant": training.variant}
        if along:
            # As declared, whatever the kinds of the values.
            who["at"] = Series([training.at] * len(found), dtype=object)
        who |= {"seed": training.seed, "trained_on": len(training.systems)}
        for place, (column, value) in enumerate(who.items()):
            found.insert(place, column, value)
        parts.append(found)
    return concat(parts, ignore_index=True)


def scores_table(summary: DataFrame, along: Along | None = None) -> str:
    """For each group, type and convention: variants down, times across, median (best, worst); the ceiling last."""
    cells, ceilings = [], []
    for row in records(summary):
        name = f"{row['variant']}, {along.key.rsplit('.')[-1]} {row['at']}" if along else row["variant"]
        for convention in CONVENTIONS:
            title = f"{row['group']}, type {row['type']}, rho {convention.replace('_', ' ')}"
            where = {"title": title, "column": row["time"]}
            cells.append({**where, "row": name, "text": spread(row, convention)})
            if row.get("published_convention") in ("unsaid", convention):
                cells.append({**where, "row": f"{name}, published", "text": spread(row, "published")})
            ceilings.append({**where, "row": "noise ceiling", "text": number(row[f"ceiling_{convention}"])})
    return f"{SPREAD}\n\n{crossed([*cells, *ceilings], 't = {}')}"


def _notes(runs: Sequence[Run], along: Along | None) -> tuple[str, ...]:
    if along is None or along.key != AMOUNT:
        return ()
    notes = ["Every training has the same number of steps: a smaller training set is seen in more epochs."]
    for group in groups_of_runs(runs):
        large = [str(n) for n in along.values if isinstance(n, int) and n > len(group.training)]
        if large:
            notes.append(f"{group.name}: left out {', '.join(large)}; there are {len(group.training)} to train on.")
    return tuple(notes)


def with_published(
    summary: DataFrame, numbers: Sequence[Number], temperatures: Mapping[str, float | None]
) -> DataFrame:
    """The summary with columns published_median, _best, _worst and _convention; empty where nothing is published.

    Args:
        summary: medians over the seeds.
        numbers: the published ones; of several that fit a row the last counts.
        temperatures: by group.
    """
    last = {group: tau_alpha(list(own["label"])) for group, own in summary.groupby("group", sort=False)}

    def fits(one: Number, row: Mapping[str, Any]) -> bool:
        if (one.variant, one.at, one.type) != (row["variant"], row.get("at"), row["type"]):
            return False
        if one.temperature is not None and one.temperature != temperatures[row["group"]]:
            return False
        if one.time == "tau_alpha":
            return bool(row["label"] == last[row["group"]])
        if 0 in (row["time"], one.time):
            return bool(row["time"] == one.time)
        return bool(max(row["time"] / one.time, one.time / row["time"]) < NEAR)

    found = [next((one for one in reversed(numbers) if fits(one, row)), None) for row in records(summary)]
    columns = {"median": "rho", "best": "best", "worst": "worst", "convention": "convention"}
    return summary.assign(
        **{f"published_{name}": [getattr(one, key, None) for one in found] for name, key in columns.items()}
    )


MEASURES.add("scores", Measure(scores))
