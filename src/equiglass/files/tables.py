"""Results as data frames: medians over seeds; CSV, JSON and Markdown."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pandas import DataFrame

Cell = str | int | float | bool | None


def over_seeds(
    frame: DataFrame,
    by: Sequence[str],
    scored: Sequence[str],
    same: Sequence[str] = (),
    lowest: Collection[str] = (),
) -> DataFrame:
    """Median, best and worst value over the seeds: columns ``x_median``, ``x_best``, ``x_worst``, and ``x_error``.

    Args:
        frame: one row per seed and combination of the columns ``by``.
        by: columns that identify a row of the summary; a missing value counts as a value.
        scored: columns to summarise; missing values are left out. If the frame has a column ``x_error``, the summary
            has its median.
        same: columns that do not depend on the seed.
        lowest: columns of ``scored`` whose lowest value is the best.

    Returns:
        One row per combination, in the order of the frame. The column ``seeds`` is the number of rows summarised.
    """
    errors = [f"{column}_error" for column in scored if f"{column}_error" in frame]
    frame = frame.astype(dict.fromkeys([*scored, *errors], "float64"))
    groups = frame.groupby(list(by), sort=False, dropna=False)
    summary = groups[list(same)].first() if same else groups.size().to_frame()[[]]
    summary["seeds"] = groups.size()
    for column in scored:
        values = groups[column]
        best, worst = ("min", "max") if column in lowest else ("max", "min")
        for name, how in (("median", "median"), ("best", best), ("worst", worst)):
            summary[f"{column}_{name}"] = values.agg(how)
        if f"{column}_error" in errors:
            summary[f"{column}_error"] = groups[f"{column}_error"].median()
    return summary.reset_index()


def records(frame: DataFrame) -> list[dict[str, Any]]:
    """The rows as plain values for a JSON file; a missing value is None."""
    known = frame.astype(object).where(frame.notna(), None)
    return [plain(row) for row in known.to_dict("records")]


def plain(value: Any) -> Any:
    """The value for a JSON file: arrays and tuples become lists, NaN and infinity become None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def csv(frame: DataFrame) -> str:
    """The frame as CSV; numbers have six significant digits."""
    return str(frame.to_csv(index=False, float_format="%.6g", lineterminator="\n"))


def markdown(frame: DataFrame) -> str:
    """The frame as a Markdown table; `number` formats its cells."""
    return frame.map(number).to_markdown(index=False, disable_numparse=True) + "\n"


def crossed(cells: Sequence[Mapping[str, Any]], header: str = "{}") -> str:
    """Markdown tables of texts, one per title.

    Args:
        cells: each with title, row, column and text. Titles and rows have the order of the cells; columns ascend. If
            several texts share a place, the last one counts.
        header: header of a column; ``{}`` marks the value of the column.
    """
    from pandas import DataFrame

    parts = []
    every = DataFrame(list(cells)).drop_duplicates(["title", "row", "column"], keep="last")
    for title, own in every.groupby("title", sort=False):
        table = own.pivot(index="row", columns="column", values="text").reindex(own["row"].unique()).fillna("")
        table.columns = [header.format(f"{at:g}" if isinstance(at, float) else at) for at in table.columns]
        parts += [f"{title}:", markdown(table.rename_axis("").reset_index()).strip()]
    return "\n\n".join(parts)


def number(value: Cell, error: float = math.nan) -> str:
    """The number as text: three decimals below 10, three digits above; "-" if none; "0.783 ± 0.011" with an error."""
    if value is None or value != value:
        return "-"
    if not isinstance(value, float):
        return str(value)
    text = f"{value:.3f}" if abs(value) < 10 else f"{value:.3g}"
    return text if error is None or error != error else f"{text} ± {number(float(error))}"


def spread(row: Mapping[str, Any], column: str) -> str:
    """``median (best, worst)``; only the median if all three are equal, "-" if there is none."""
    median, best, worst = (row.get(f"{column}_{which}") for which in ("median", "best", "worst"))
    if best is None or best != best or (best == median == worst):
        return number(median)
    return f"{number(median)} ({number(best)}, {number(worst)})"
