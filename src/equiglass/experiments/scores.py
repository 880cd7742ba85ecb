"""Measure: rho and error of every network on the test configurations of its group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from equiglass.experiments.declaration import AMOUNT, Along, Declaration, Number
from equiglass.experiments.measured import Cell, Line, Measured, markdown, number, over_seeds, spread
from equiglass.experiments.runs import Run, groups_of_runs
from equiglass.liquid.state_points import tau_alpha
from equiglass.prediction.evaluation import as_line, evaluate_model

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NEAR = 1.1
"""Largest ratio of two times that are set beside each other."""


def scores(runs: Sequence[Run], declaration: Declaration) -> Measured:
    """Rho in both conventions with its ceiling, and MSE, by variant, seed, type and time."""
    rows: list[Line] = []
    for run in runs:
        training = run.training
        found, _, _ = evaluate_model(run.model, training.group.test)
        for row in found:
            who: Line = {"group": training.group.name, "variant": training.variant}
            if declaration.along:
                who["at"] = training.at
            rows.append({**who, "seed": training.seed, "trained_on": len(training.systems), **as_line(row)})
    by = ("group", "variant", *(("at",) if declaration.along else ()), "type", "label")
    ceilings = ("ceiling_per_configuration", "ceiling_pooled")
    summary = over_seeds(rows, by, ("per_configuration", "pooled", "mse"), ("time", *ceilings), {"mse"})
    _set_published(runs, summary, declaration)

    def draw() -> Mapping[str, Figure]:
        from equiglass.figures.experiment import rho_along, rho_by_time

        along = declaration.along
        return {
            ending: rho_along(summary, along.label, convention, along.logarithmic)
            if along
            else rho_by_time(summary, convention)
            for ending, convention in (("", "per_configuration"), ("_pooled", "pooled"))
        }

    return Measured(rows, summary, table(summary, declaration.along), draw, _notes(runs, declaration.along))


def table(summary: Sequence[Line], along: Along | None) -> str:
    """For each group, type and convention: variants down, times across, median (best, worst); the ceiling last."""
    parts = ["Median (best, worst) over the seeds, after the last epoch."]
    for group, kind in dict.fromkeys((line["group"], line["type"]) for line in summary):
        own = [line for line in summary if (line["group"], line["type"]) == (group, kind)]
        times = dict(
            sorted({line["label"]: line["time"] for line in own}.items(), key=lambda item: float(item[1] or 0))
        )
        for convention in ("per_configuration", "pooled"):
            cells: dict[str, dict[Cell, str]] = {}
            for line in own:
                at = f", {along.key.rsplit('.')[-1]} {line['at']}" if along else ""
                name = f"{line['variant']}{at}"
                cells.setdefault(name, {})[line["label"]] = spread(line, convention)
                if line.get("published_convention") in ("unsaid", convention):
                    cells.setdefault(f"{name}, published", {})[line["label"]] = spread(line, "published")
            cells["noise ceiling"] = {line["label"]: number(line[f"ceiling_{convention}"]) for line in own}
            body = [[name, *(found.get(label, "") for label in times)] for name, found in cells.items()]
            header = ["", *(f"t = {number(time)}" for time in times.values())]
            parts += [f"{group}, type {kind}, rho {convention.replace('_', ' ')}:", markdown(header, body)]
    return "\n\n".join(part.strip() for part in parts)


def _notes(runs: Sequence[Run], along: Along | None) -> tuple[str, ...]:
    if along is None or along.key != AMOUNT:
        return ()
    notes = ["Every training has the same number of steps: a smaller training set is seen in more epochs."]
    for group in groups_of_runs(runs):
        large = [str(n) for n in along.values if isinstance(n, int) and n > len(group.training)]
        if large:
            notes.append(f"{group.name}: left out {', '.join(large)}; there are {len(group.training)} to train on.")
    return tuple(notes)


def _set_published(runs: Sequence[Run], summary: Sequence[Line], declaration: Declaration) -> None:
    """Set published numbers beside ours, in columns of their own."""
    temperatures = {group.name: group.temperature for group in groups_of_runs(runs)}
    numbers = declaration.published.numbers if declaration.published else ()
    for line in summary:
        last = tau_alpha([str(other["label"]) for other in summary if other["group"] == line["group"]])
        for one in numbers:
            if _fits(one, line, temperatures[str(line["group"])], line["label"] == last):
                line["published_median"], line["published_convention"] = one.rho, one.convention
                line["published_best"], line["published_worst"] = one.best, one.worst


def _fits(number: Number, line: Line, temperature: float | None, at_tau_alpha: bool) -> bool:
    if (number.variant, number.at, number.type) != (line["variant"], line.get("at"), line["type"]):
        return False
    if number.temperature is not None and number.temperature != temperature:
        return False
    if number.time == "tau_alpha":
        return at_tau_alpha
    time = line["time"]
    assert isinstance(time, float)
    if 0 in (time, number.time):
        return time == number.time
    return max(time / number.time, number.time / time) < NEAR
