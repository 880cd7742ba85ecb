"""Measure: rho and error of every network on the test configurations of its group."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from equiglass.evaluation import evaluate_model
from equiglass.experiments.declaration import Declaration, Number
from equiglass.experiments.measured import Cell, Line, Measured, markdown, number, over_seeds, spread
from equiglass.experiments.runs import Run
from equiglass.transfer import tau_alpha

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
            numbers = {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in asdict(row).items()}
            rows.append({**who, "seed": training.seed, "trained_on": len(training.systems), **numbers})
    by = ("group", "variant", *(("at",) if declaration.along else ()), "type", "label")
    ceilings = ("ceiling_per_configuration", "ceiling_pooled")
    summary = over_seeds(rows, by, ("per_configuration", "pooled", "mse"), ("time", *ceilings))
    for line in summary:
        # Of an error the lowest is the best.
        line["mse_best"], line["mse_worst"] = line["mse_worst"], line["mse_best"]
    marks = _published(runs, summary, declaration)

    def draw() -> Mapping[str, Figure]:
        from equiglass.figures.experiment import rho_along, rho_by_time

        if declaration.along:
            return {"": rho_along(summary, declaration.along.label, marks, declaration.along.logarithmic)}
        return {"": rho_by_time(summary, marks)}

    return Measured(rows, summary, table(summary), draw)


def table(summary: Sequence[Line]) -> str:
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
                name = " ".join(str(line[key]) for key in ("variant", "at") if key in line)
                cells.setdefault(name, {})[line["label"]] = spread(line, convention)
                if line.get("published_convention") in ("unsaid", convention):
                    cells.setdefault(f"{name}, published", {})[line["label"]] = spread(line, "published")
            cells["noise ceiling"] = {line["label"]: number(line[f"ceiling_{convention}"]) for line in own}
            body = [[name, *(found.get(label, "") for label in times)] for name, found in cells.items()]
            header = ["", *(f"t = {number(time)}" for time in times.values())]
            parts += [f"{group}, type {kind}, rho {convention.replace('_', ' ')}:", markdown(header, body)]
    return "\n\n".join(part.strip() for part in parts)


def _published(runs: Sequence[Run], summary: list[Line], declaration: Declaration) -> list[Line]:
    """Set published numbers beside ours; returns the lines that have one, of which the figures draw them."""
    if declaration.published is None:
        return []
    groups = {run.training.group.name: run.training.group for run in runs}
    marks = []
    for line in summary:
        group = groups[str(line["group"])]
        labels = [other["label"] for other in summary if other["group"] == line["group"]]
        last = tau_alpha([str(label) for label in labels])
        found = next(
            (n for n in declaration.published.numbers if _fits(n, line, group.temperature, line["label"] == last)), None
        )
        if found:
            line["published_median"], line["published_convention"] = found.rho, found.convention
            line["published_best"], line["published_worst"] = found.best, found.worst
            marks.append(line)
    return marks


def _fits(number: Number, line: Line, temperature: float | None, at_tau_alpha: bool) -> bool:
    if (number.variant, number.at, number.type) != (line["variant"], line.get("at"), line["type"]):
        return False
    if number.temperature is not None and number.temperature != temperature:
        return False
    if number.time == "tau_alpha":
        return at_tau_alpha
    time = line["time"]
    assert isinstance(time, float)
    return max(time / number.time, number.time / time) < NEAR
