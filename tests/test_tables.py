"""Frames of results: medians over seeds, JSON, CSV, Markdown."""

from __future__ import annotations

import math

import numpy as np
from pandas import DataFrame, array

from equiglass.files.tables import crossed, csv, markdown, number, over_seeds, plain, records, spread


def test_over_seeds_by_hand() -> None:
    rows = DataFrame(
        {"who": "x", "temperature": np.nan, "rho": r, "mse": m, "time": 2.0}
        for r, m in ((0.1, 3.0), (0.4, 1.0), (None, 2.0))
    )
    (row,) = records(over_seeds(rows, ("who", "temperature"), ("rho", "mse"), ("time",), {"mse"}))
    assert (row["rho_median"], row["rho_best"], row["rho_worst"]) == (0.25, 0.4, 0.1)
    assert (row["mse_median"], row["mse_best"], row["mse_worst"]) == (2.0, 1.0, 3.0)
    assert (row["who"], row["temperature"], row["time"], row["seeds"]) == ("x", None, 2.0, 3)
    assert "rho_error" not in row
    assert spread(row, "rho") == "0.250 (0.400, 0.100)"


def test_over_seeds_takes_the_median_of_errors_and_leaves_out_what_is_missing() -> None:
    rows = DataFrame({"who": "a", "x": [1.0, 5.0, 2.0, None], "x_error": [0.1, 0.3, None, None]})
    (row,) = records(over_seeds(rows, ("who",), ("x",)))
    assert row == {"who": "a", "seeds": 4, "x_median": 2.0, "x_best": 5.0, "x_worst": 1.0, "x_error": 0.2}
    (nothing,) = records(over_seeds(rows[3:], ("who",), ("x",)))
    assert nothing == {"who": "a", "seeds": 1, "x_median": None, "x_best": None, "x_worst": None, "x_error": None}
    assert spread(nothing, "x") == "-"


def test_over_seeds_follows_the_order_of_the_rows() -> None:
    rows = DataFrame({"who": ["b", "a", "b"], "x": [1.0, 2.0, 3.0]})
    assert over_seeds(rows, ("who",), ("x",))["who"].tolist() == ["b", "a"]


def test_what_is_missing_is_null_in_json_and_empty_in_csv() -> None:
    frame = DataFrame({"seed": array([1, None], dtype="Int64"), "x": [math.pi, math.nan], "name": ["a", None]})
    assert records(frame) == [{"seed": 1, "x": math.pi, "name": "a"}, {"seed": None, "x": None, "name": None}]
    assert csv(frame) == "seed,x,name\n1,3.14159,a\n,,\n"
    assert plain({"x": (np.float64(1.5), math.inf), "y": np.array([1, 2])}) == {"x": [1.5, None], "y": [1, 2]}


def test_markdown_by_hand() -> None:
    assert markdown(DataFrame({"a": ["ccc"], "b": [0.12345]})) == "| a   | b     |\n|:----|:------|\n| ccc | 0.123 |\n"
    assert [number(x) for x in (1.23456, 123.456, None, 3, math.nan)] == ["1.235", "123", "-", "3", "-"]
    assert number(0.5, 0.011) == "0.500 ± 0.011"


def test_crossed_tables_have_ascending_columns_and_rows_in_their_order() -> None:
    cells = [
        {"title": "A", "row": "ours", "column": 10.0, "text": "x"},
        {"title": "A", "row": "ours", "column": 0.5, "text": "y"},
        {"title": "A", "row": "ceiling", "column": 10.0, "text": "before"},
        {"title": "A", "row": "ceiling", "column": 10.0, "text": "z"},
        {"title": "B", "row": "ours", "column": 1.0, "text": "w"},
    ]
    first, a, second, b = crossed(cells, "t = {}").split("\n\n")
    assert (first, second) == ("A:", "B:")
    assert [[cell.strip() for cell in line.split("|")[1:-1]] for line in a.splitlines() if ":--" not in line] == [
        ["", "t = 0.5", "t = 10"],
        ["ours", "y", "x"],
        ["ceiling", "", "z"],
    ]
    assert "t = 1" in b
