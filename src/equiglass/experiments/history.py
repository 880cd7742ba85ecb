"""Measure: loss and rho after every epoch, from the logs of the runs."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from equiglass.experiments.declaration import Declaration
from equiglass.experiments.measured import Cell, Line, Measured, apart, markdown, over_seeds, plain, spread
from equiglass.experiments.runs import Run
from equiglass.training.run import LOG

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = (1, 2, 5, 10, 20, 50, 100, 200, 500)
"""Epochs of the table, and the last."""


def history(runs: Sequence[Run], declaration: Declaration) -> Measured:
    """Loss over the training and mean rho over the test configurations, after every epoch.

    The trainings must have been declared with ``score_epochs``, else there is the loss alone.
    """
    rows: list[Line] = []
    for run in runs:
        training = run.training
        who: Line = {"group": training.group.name, "variant": training.variant, "seed": training.seed}
        with (run.folder / LOG).open(newline="", encoding="utf-8") as file:
            rows += [
                {**who, **{key: _plain(key, value) for key, value in line.items()}} for line in csv.DictReader(file)
            ]
    logged = dict.fromkeys(key for row in rows for key in row if key.startswith("rho_"))
    rhos = [key for key in logged if any(row.get(key) is not None for row in rows)]
    values = {label: time for run in runs for label, time in run.model.times.items()}
    times = {key: values[key.split("_", 2)[2]] for key in rhos}
    summary = over_seeds(rows, ("group", "variant", "epoch"), ("loss", *rhos), ("learning_rate",), {"loss"})
    parts = apart(summary, ("group", "variant"))

    def draw() -> Mapping[str, Figure]:
        from equiglass.figures.experiment import loss_by_epoch

        endings = {part: re.sub(r"[^\w.=-]+", "-", f"_{part[0]}_{part[1]}") if len(parts) > 1 else "" for part in parts}
        return {endings[part]: loss_by_epoch(lines, times, ", ".join(map(str, part))) for part, lines in parts.items()}

    tables = [f"{group}, {variant}:\n\n{_table(lines, times)}" for (group, variant), lines in parts.items()]
    head = "Median (best, worst) over the seeds; rho of the test configurations, per configuration."
    return Measured(rows, summary, "\n\n".join([head, *tables]), draw)


def _plain(key: str, value: str) -> Cell:
    if key == "epoch":
        return int(value)
    return plain(float(value))


def _table(lines: Sequence[Line], times: Mapping[str, float]) -> str:
    last = lines[-1]["epoch"]
    header = ["epoch", "loss", *(f"{key.split('_')[1]}, t = {time:g}" for key, time in times.items())]
    shown = [line for line in lines if line["epoch"] in (*SHOWN, last)]
    return markdown(header, [[str(line["epoch"]), *(spread(line, key) for key in ("loss", *times))] for line in shown])
