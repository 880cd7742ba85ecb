"""Measure: rho and error of every model on the test configurations of its group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from equiglass.experiments.declaration import AMOUNT, Along, Declaration
from equiglass.experiments.measures import MEASURES, Measure, Measured
from equiglass.experiments.published import Number
from equiglass.experiments.runs import Run, groups_of_runs, temperatures_of
from equiglass.figures.curves import curves
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
    from pandas import concat

    along = declaration.along
    by = ("group", "variant", *(("at",) if along else ()))
    rows = concat([run.named(run.scores(), *by, "seed", "trained_on") for run in runs], ignore_index=True)
    summary = over_seeds(rows, (*by, "type", "label"), (*CONVENTIONS, "mse"), ("time", *CEILINGS), {"mse"})
    if declaration.published:
        temperatures = temperatures_of(runs)
        summary = with_published(summary, declaration.published.numbers, temperatures)

    def draw() -> dict[str, Figure]:
        return {"": rho_figure(summary, CONVENTIONS[0], along), "_pooled": rho_figure(summary, CONVENTIONS[1], along)}

    return Measured(rows, summary, scores_table(summary, along), draw, _notes(runs, along))


def rho_figure(summary: DataFrame, convention: str, along: Along | None = None) -> Figure:
    """Median rho of the first type; bars go from the worst to the best seed, marks are published numbers.

    Against time: a panel per group, a curve per variant; of a single variant, a curve per group. Against what was
    varied: a panel per variant and group, a curve per time.

    Args:
        summary: columns group, variant, type, label, time, at (along something), and of the convention C: C_median,
            C_best, C_worst and ceiling_C. There may be columns published_median and published_convention.
        convention: "per_configuration" or "pooled".
        along: what was varied.
    """
    own = summary[summary["type"] == summary["type"].min()]
    several = own["group"].nunique() > 1
    x, panel, curve = "time", own["group"], own["variant"]
    axis: dict[str, Any] = {}
    if along:
        last = own.drop_duplicates("label", keep="last").sort_values("time")["label"].tolist()
        own = own.sort_values("label", key=lambda label: label.map(last.index), kind="stable")
        # The value of a time may differ between groups, its label does not.
        when = "time " + own["label"] if several else own["time"].map(r"$t$ = {:g}".format)
        x, panel, curve = "at", own["variant"], when.where(own["time"] > 0, own["label"])
        panel = panel + ", " + own["group"] if several else panel
        axis = {"xlabel": along.label, "xscale": "log" if along.logarithmic else "linear"}
    elif own["variant"].nunique() == 1:
        panel, curve = curve, panel
    own = own.assign(panel=own["type"] + ", " + panel, curve=curve)
    published = None
    if "published_median" in own:
        fits = own["published_convention"].isin(["unsaid", convention])
        published = own[fits].rename(columns={"published_median": "value"}).assign(name="other data")
    return curves(
        own,
        x,
        convention,
        curve="curve",
        panel="panel",
        seeds=True,
        shades=along is not None,
        ceiling=None if along else "group",
        published=published,
        **axis,
    )


def scores_table(summary: DataFrame, along: Along | None = None) -> str:
    """For each group, type and convention: variants down, times across, median (best, worst); the ceiling last."""
    cells, ceilings = [], []
    labels = summary.groupby(["group", "time"])["label"].nunique()
    for row in records(summary):
        # Configurations of one group may name one time differently.
        which = f", label {row['label']}" if labels.get((row["group"], row["time"]), 1) > 1 else ""
        name = f"{row['variant']}, {along.key.rsplit('.')[-1]} {row['at']}" if along else row["variant"]
        name += which
        for convention in CONVENTIONS:
            title = f"{row['group']}, type {row['type']}, rho {convention.replace('_', ' ')}"
            where = {"title": title, "column": row["time"]}
            cells.append({**where, "row": name, "text": spread(row, convention)})
            if row.get("published_convention") in ("unsaid", convention):
                cells.append({**where, "row": f"{name}, published", "text": spread(row, "published")})
            ceilings.append({**where, "row": f"noise ceiling{which}", "text": number(row[f"ceiling_{convention}"])})
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
