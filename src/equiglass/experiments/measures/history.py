"""Measure: loss and rho after every epoch, from the logs of the runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from equiglass.errors import ConfigurationError
from equiglass.experiments.declaration import Declaration
from equiglass.experiments.measures import MEASURES, Measure, Measured
from equiglass.experiments.runs import Run
from equiglass.figures import training_curves
from equiglass.figures.style import in_mathematics, stem
from equiglass.files.tables import markdown, over_seeds, records, spread
from equiglass.prediction.run_folder import RunFolder

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

SHOWN = (1, 2, 5, 10, 20, 50, 100, 200, 500)
"""Epochs of the table, and the last."""


def history(runs: Sequence[Run], declaration: Declaration) -> Measured:
    """Loss over the training and mean rho over the test configurations, after every epoch.

    Without ``score_epochs`` in the declaration there is the loss alone.

    Raises:
        ConfigurationError: no run has a log.
    """
    from pandas import concat

    found = [(run, RunFolder(run.folder).read_log()) for run in runs]
    logs = [run.named(log, "group", "variant", "seed") for run, log in found if log is not None]
    if not logs:
        raise ConfigurationError("the measure history reads logs of epochs, which none of the methods here writes.")
    rows = concat(logs, ignore_index=True)
    values = {label: time for run in runs for label, time in run.model.times.items()}
    scored = [column for column in rows if column.startswith("rho_") and rows[column].notna().any()]
    times = {column: (column.split("_")[1], values[column.split("_", 2)[2]]) for column in scored}
    by = ("group", "variant", "epoch")
    summary = over_seeds(rows, by, ("loss", *times), ("learning_rate",), {"loss"})
    parts = dict(list(summary.groupby(["group", "variant"], sort=False)))

    def draw() -> dict[str, Figure]:
        of_a = {column: f"A, $t$ = {time:g}" for column, (kind, time) in times.items() if kind == "A"}
        return {
            stem(f"_{group}_{variant}") if len(parts) > 1 else "": training_curves(
                part, of_a, title=in_mathematics(f"{group}, {variant}"), scored="test"
            )
            for (group, variant), part in parts.items()
        }

    tables = [f"{group}, {variant}:\n\n{_table(part, times)}" for (group, variant), part in parts.items()]
    head = "Median (best, worst) over the seeds; rho of the test configurations, per configuration."
    return Measured(rows, summary, "\n\n".join([head, *tables]), draw)


def _table(part: DataFrame, times: Mapping[str, tuple[str, float]]) -> str:
    from pandas import DataFrame

    titles = {"loss": "loss", **{column: f"{kind}, t = {time:g}" for column, (kind, time) in times.items()}}
    shown = records(part[part["epoch"].isin(SHOWN) | (part["epoch"] == part["epoch"].iloc[-1])])
    body = [
        {"epoch": row["epoch"], **{title: spread(row, column) for column, title in titles.items()}} for row in shown
    ]
    return markdown(DataFrame(body))


MEASURES.add("history", Measure(history))
