"""Figures of experiments: that they show the numbers they were given."""

from __future__ import annotations

import numpy as np
import pytest
from pandas import DataFrame, concat

from equiglass.experiments.declaration import Along
from equiglass.experiments.measures.fields import fluctuations_figure, spatial_figure
from equiglass.experiments.measures.scores import rho_figure
from equiglass.figures import curves
from equiglass.figures.temperature import transfer_figure, transfer_matrix_figure
from samples.axes import dashed, drawn, legend, marked, points, shown

pytest.importorskip("matplotlib", reason="figures need the extra equiglass[plot]")


def summary(**columns: object) -> DataFrame:
    """Medians over seeds of two variants at two times, per configuration and pooled."""
    rows = [
        {
            "group": "T = 0.5",
            "variant": variant,
            "type": kind,
            "label": label,
            "time": time,
            **{
                f"{convention}_{which}": level + shift + (0.1 if convention == "pooled" else 0.0)
                for convention in ("per_configuration", "pooled")
                for which, shift in (("median", 0.0), ("best", 0.05), ("worst", -0.02))
            },
            **{f"{convention}_error": 0.03 for convention in ("per_configuration", "pooled")},
            "ceiling_per_configuration": 0.9,
            "ceiling_pooled": 0.95,
        }
        for variant, level in (("one", 0.5), ("E_pot", 0.6))
        for kind in ("A", "B")
        for label, time in (("7", 10.0), ("1", 0.1))
    ]
    return DataFrame(rows).assign(**columns)


def test_rho_by_time_shows_medians_seeds_ceiling_and_published_numbers() -> None:
    published = summary(published_median=np.nan, published_convention=None)
    published.loc[0, ["published_median", "published_convention"]] = [0.33, "pooled"]
    figure = rho_figure(published, "pooled")
    (ax,) = figure.axes
    assert drawn(ax)["one"] == [(0.1, 0.6), (10.0, 0.6)]
    assert drawn(ax)[r"$E_\mathrm{pot}$"] == [(0.1, 0.7), (10.0, 0.7)]
    bars = ax.containers[0].lines[2][0].get_segments()[0]
    assert bars == pytest.approx(np.array([(0.1, 0.58), (0.1, 0.65)]))
    assert [points(line) for line in dashed(ax)] == [[(0.1, 0.95), (10.0, 0.95)]]
    assert marked(ax) == [[(10.0, 0.33)]]
    assert ax.get_title() == "A, T = 0.5"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("$t$", r"Pearson $\rho$, pooled")
    assert legend(figure) == ["one", r"$E_\mathrm{pot}$", "noise ceiling", "other data, published"]
    (ax,) = rho_figure(published, "per_configuration").axes
    assert marked(ax) == []


def test_rho_by_time_of_one_variant_has_a_curve_per_group() -> None:
    one = summary().query("variant == 'one'")
    both = concat([one, one.assign(group="T = 0.6", ceiling_per_configuration=0.8)])
    (ax,) = rho_figure(both, "per_configuration").axes
    assert list(drawn(ax)) == ["T = 0.5", "T = 0.6"]
    assert [line.get_ydata()[0] for line in dashed(ax)] == [0.9, 0.8]


def test_rho_along_shows_a_curve_per_time() -> None:
    one = summary().query("variant == 'one'")
    seeds = [f"per_configuration_{which}" for which in ("median", "best", "worst")]
    rows = concat([one.assign(at=at, **dict.fromkeys(seeds, 0.1 * at)) for at in (1, 4)])
    along = Along(key="architecture.layers", values=(1, 4), label="layers", logarithmic=True)
    (ax,) = rho_figure(rows, "per_configuration", along).axes
    assert list(drawn(ax)) == ["$t$ = 0.1", "$t$ = 10"]
    assert drawn(ax)["$t$ = 0.1"] == [(1, 0.1), (4, 0.4)]
    assert (ax.get_xlabel(), ax.get_xscale(), ax.get_title()) == ("layers", "log", "A, one")
    words = concat([one.assign(at=at) for at in ("thermal", "inherent")])
    along = Along(key="inputs.positions", values=("thermal", "inherent"), label="positions")
    (ax,) = rho_figure(words, "per_configuration", along).axes
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["thermal", "inherent"]


def test_quantities_have_rows_of_panels_with_their_published_marks() -> None:
    mark = {"group": "T = 0.5", "name": "BOTAN", "column": "pooled", "time": 2.0, "value": 0.7}
    both = concat([summary(), summary(group="T = 0.6")]).query("type == 'A'")
    figure = curves(
        both,
        "time",
        ("per_configuration", "pooled"),
        curve="variant",
        panel="group",
        ceiling="group",
        published=DataFrame([mark]),
        title="type A",
    )
    top, _, bottom, other = figure.axes
    assert [line[0] for line in drawn(top).values()] == [(0.1, 0.5), (0.1, 0.6)]
    assert [line[0] for line in drawn(bottom).values()] == [(0.1, 0.6), (0.1, 0.7)]
    bar = top.containers[0].lines[2][0].get_segments()[0]
    assert bar == pytest.approx(np.array([(0.1, 0.47), (0.1, 0.53)]))
    assert [marked(ax) for ax in figure.axes] == [[], [], [[(2.0, 0.7)]], []]
    assert [points(line) for line in dashed(other)] == [[(0.1, 0.95), (10.0, 0.95)]]
    assert legend(figure) == ["one", r"$E_\mathrm{pot}$", "noise ceiling", "BOTAN, published"]
    assert figure.legends[0].get_title().get_text() == "type A"


def fields(**columns: object) -> DataFrame:
    """Rows of two fields of one group, three places each."""
    x = np.arange(1.0, 4.0)
    rows = {"group": "T = 0.5", "type": "A", "label": "7", "threshold": 0.3, "softness": 0.0, "temperature": 0.5}
    parts = [DataFrame({**rows, "field": name, "time": x, "r": x, **columns}) for name in ("MD", "network")]
    return concat(parts, ignore_index=True)


def test_fluctuations_figure_leaves_out_what_is_not_positive() -> None:
    numbers = {"chi4_median": [1.0, 0.0, 100.0], "chi4_error": 0.5, "q_median": [0.1, 0.2, 0.3], "q_error": 0.01}
    mark = {"group": "T = 0.5", "name": "CAGE", "type": "A", "column": "chi4", "time": 2.0, "value": 30.0}
    figure = fluctuations_figure(fields(**numbers), DataFrame([mark]))
    top, bottom = figure.axes
    assert top.get_yscale() == "log"
    assert top.get_ylim() == pytest.approx((0.01, 300))
    np.testing.assert_array_equal(shown(top)[0].get_ydata(), [1.0, np.nan, 100.0])
    assert points(bottom.lines[0]) == [(1, 0.1), (2, 0.2), (3, 0.3)]
    assert (marked(top), marked(bottom)) == ([[(2.0, 30.0)]], [])
    assert legend(figure) == ["T = 0.5", "MD", "network", "CAGE, published"]


def test_spatial_figure_shows_lengths_against_temperature() -> None:
    curve = fields(g4_median=[3.0, 2.0, 1.0], g4_error=0.1)
    at = [fields().query("time == 1").assign(temperature=t, length_median=10 * t, length_error=0.1) for t in (0.6, 0.5)]
    nowhere = at[0].assign(temperature=np.nan)
    figure = spatial_figure(curve, concat([*at, nowhere]))
    top, bottom = figure.axes
    assert top.get_title() == "type A, time 7"
    assert points(shown(top)[0]) == [(1, 3), (2, 2), (3, 1)]
    known = [xy for xy in points(shown(bottom)[0]) if xy[0] == xy[0]]
    assert known == [(0.5, 5), (0.6, 6)]
    assert sorted(bottom.get_xticks()) == [0.5, 0.6]
    assert legend(figure) == ["T = 0.5", "MD", "network"]


def transferred() -> DataFrame:
    """Rows of transfer of two models at two temperatures."""
    rows = [
        {
            "model": str(trained),
            "trained_at": str(trained),
            "temperature": used,
            "type": "A",
            "label": label,
            "time": time,
            "unseen": True,
            **{f"{m}_{c}": trained * used for m in ("test", "learn") for c in ("per_configuration", "pooled")},
            **{f"{m}_{c}_error": 0.01 for m in ("test", "learn") for c in ("per_configuration", "pooled")},
            "ceiling_per_configuration": 0.9,
            "ceiling_pooled": 0.95,
        }
        for trained in (0.5, 0.6)
        for used in (0.6, 0.5)
        for label, time in (("7", 10.0), ("mean", np.nan))
    ]
    return DataFrame(rows)


def test_transfer_figure_shows_times_in_both_conventions() -> None:
    rows = transferred()
    there = (rows["model"] == "0.5") & (rows["temperature"] == 0.6) & (rows["label"] == "7")
    rows["published_test_pooled"] = np.where(there, 0.33, np.nan)
    figure = transfer_figure(rows, ("per_configuration", "pooled"))
    titles = ["per configuration, time 7", "per configuration, mean over times", "pooled, time 7"]
    assert [ax.get_title() for ax in figure.axes] == [*titles, "pooled, mean over times"]
    learn, _, test, _, *_ = shown(figure.axes[0])
    assert (test.get_linestyle(), test.get_marker()) == ("--", "s")
    assert (learn.get_linestyle(), learn.get_marker()) == ("-", "o")
    assert points(learn) == [(0.5, 0.25), (0.6, 0.3)]
    assert [marked(ax) for ax in figure.axes] == [[], [], [[(0.6, 0.33)]], []]
    assert {"0.5, trained at $T$ = 0.5", "transfer test", "noise ceiling"} < set(legend(figure))
    assert "transfer test, published" in legend(figure)


def test_transfer_matrix_shows_every_number() -> None:
    trained, used = ["0.5", "0.5", "0.6", "0.6"], [0.5, 0.6, 0.5, 0.6]
    rows = DataFrame({"trained_at": trained, "temperature": used, "test_per_configuration": [0.7, 0.6, 0.5, np.nan]})
    rows["learn_per_configuration"] = None
    test, _ = transfer_matrix_figure(rows).axes
    assert test.get_title() == "transfer test"
    assert {text.get_position(): text.get_text() for text in test.texts} == {
        (0, 0): "0.70",
        (1, 0): "0.60",
        (0, 1): "0.50",
    }
    both = transfer_matrix_figure(
        rows.assign(learn_per_configuration_median=0.8).drop(columns="learn_per_configuration")
    )
    assert [ax.get_title() for ax in both.axes[:2]] == ["transfer test", "transfer learn"]
