"""Figures: that they show the numbers they were given, and what is written."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pandas import DataFrame, concat

from equiglass.errors import EquiglassError
from equiglass.experiments.declaration import Along
from equiglass.experiments.measures.fields import fluctuations_figure, spatial_figure
from equiglass.experiments.measures.scores import rho_figure
from equiglass.figures import (
    conservation,
    curves,
    dynamics,
    energies,
    propensity_slice,
    radial_distributions,
    rho_against_time,
    save_evaluation_figures,
    save_figure,
    scatter,
    training_curves,
)
from equiglass.figures.evaluation import compared, scatter_of_type, slice_of_first
from equiglass.figures.temperature import (
    components_figure,
    populations_figure,
    transfer_figure,
    transfer_matrix_figure,
    weights_figure,
)
from equiglass.liquid.system import System
from equiglass.prediction.evaluation import evaluate
from equiglass.prediction.model import Prediction
from samples.liquids import random_liquid

pytest.importorskip("matplotlib", reason="figures need the extra equiglass[plot]")

LABELS = ("1", "F=1/e")


def labelled(seed: int) -> System:
    """A configuration with a propensity at two times."""
    propensity = np.random.default_rng(seed).uniform(0.1, 0.9, (2, 150))
    times = np.array([0.1, 10.0])
    return replace(random_liquid(150, seed=seed), time_labels=LABELS, times=times, propensity=propensity)


def predicted(system: System) -> Prediction:
    """What was measured, with noise."""
    assert system.propensity is not None
    noise = np.random.default_rng(0).normal(0, 0.1, system.propensity.shape)
    return Prediction(system, dict(zip(LABELS, system.times, strict=True)), system.propensity + noise)


def scores(**columns: object) -> DataFrame:
    times = [0.1, 1.0, 10.0]
    return DataFrame({"type": "A", "time": times, "ceiling_per_configuration": [0.95, 0.9, np.nan], **columns})


Points = list[tuple[float, float]]


def points(line: Any) -> Points:
    return [(x, round(y, 9)) for x, y in line.get_xydata()]


def shown(ax: Any) -> list[Any]:
    """The lines that are not for the legend alone."""
    return [line for line in ax.lines if len(line.get_xdata())]


def drawn(ax: Any) -> dict[str, Points]:
    """The points of every named curve."""
    return {line.get_label(): points(line) for line in shown(ax) if line.get_label()[0] != "_"}


def dashed(ax: Any) -> list[Any]:
    return [line for line in shown(ax) if line.get_linestyle() == "--"]


def marked(ax: Any) -> list[Points]:
    """The points of every published name."""
    return [points(line) for line in shown(ax) if line.get_linestyle() == "None"]


def legend(figure: Any) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


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


def test_rho_against_time_draws_every_curve_on_a_log_axis() -> None:
    model = scores(per_configuration=[0.9, 0.8, 0.7], who="model", spread=0.1)
    ridge = scores(per_configuration=[0.5, np.nan, -0.2], who="ridge", spread=np.nan)
    (ax,) = rho_against_time(concat([model, ridge[::-1]]), curve="who").axes
    assert ax.get_xscale() == "log"
    assert list(drawn(ax)) == ["model", "ridge"]
    assert drawn(ax)["model"] == [(0.1, 0.9), (1.0, 0.8), (10.0, 0.7)]
    assert [x for x, _ in drawn(ax)["ridge"]] == [0.1, 1.0, 10.0]
    assert [points(line) for line in dashed(ax)] == [[(0.1, 0.95), (1.0, 0.9)]]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["model", "ridge", "noise ceiling"]
    band = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == pytest.approx((0.6, 1.0))
    assert ax.get_ylim()[0] < -0.2


def test_the_ceiling_of_a_type_has_the_colour_of_its_curve() -> None:
    both = concat([scores(per_configuration=[0.9, 0.8, 0.7]), scores(per_configuration=0.5, type="B")])
    (ax,) = rho_against_time(both).axes
    colours = [ax.lines[0].get_color(), ax.lines[1].get_color()]
    assert [line.get_color() for line in dashed(ax)] == colours
    assert len(set(colours)) == 2
    (ax,) = rho_against_time(both.assign(ceiling_per_configuration=np.nan)).axes
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["A", "B"]


def test_scatter_counts_every_known_particle_once() -> None:
    truth, other = np.random.default_rng(0).normal(size=(2, 500))
    truth[:20] = np.nan
    figure = scatter(truth, other)
    cells = figure.axes[0].collections[0]
    assert cells.get_array().sum() == 480
    with pytest.raises(EquiglassError, match="no particle"):
        scatter([np.nan, 1.0], [1.0, np.nan])


def test_slice_shows_the_particles_of_the_slab_by_size_and_colour() -> None:
    system = labelled(0)
    assert system.propensity is not None
    figure = propensity_slice(system, system.propensity[0], predicted(system).at("1"), thickness=1.5)
    measured = figure.axes[0].collections[0]
    offsets = np.asarray(measured.get_offsets())
    inside = np.abs(system.positions[:, 2] - system.box[2] / 2) <= 0.75
    within = np.all((offsets >= 0) & (offsets < system.box[:2]), axis=1)
    drawn, expected = offsets[within], system.positions[inside]
    nearest = np.argmin(np.linalg.norm(drawn[:, None] - expected[None, :, :2], axis=-1), axis=1)
    assert sorted(nearest) == list(range(inside.sum()))
    assert drawn == pytest.approx(expected[nearest, :2])
    assert np.all(np.diff(expected[nearest, 2]) >= 0)
    assert np.asarray(measured.get_array())[within] == pytest.approx(system.propensity[0, inside][nearest])
    sigma = np.array([1.0, 0.88])[system.types[inside][nearest]]
    assert measured.get_widths()[within] == pytest.approx(sigma)
    assert measured.get_clim() == figure.axes[1].collections[0].get_clim()


def test_slice_refuses_what_it_cannot_draw() -> None:
    system = labelled(0)
    values = predicted(system).at("1")
    with pytest.raises(EquiglassError, match="liquid-0: the predicted propensity has shape"):
        propensity_slice(system, values, values[:5])
    with pytest.raises(EquiglassError, match="thickness"):
        propensity_slice(system, values, values, thickness=0.0)
    with pytest.raises(EquiglassError, match="measured"):
        propensity_slice(system, np.full(150, np.nan), values)


def test_figures_draw_on_axes_they_are_given() -> None:
    from matplotlib.figure import Figure

    system = labelled(0)
    values, other = predicted(system).values
    log = DataFrame({"epoch": [1, 2], "loss": [3.0, 2.0], "rho": [0.1, 0.2]})
    figure = Figure()
    axes = figure.subplots(2, 3).ravel()
    assert rho_against_time(scores(per_configuration=0.5), ax=axes[0]) is figure
    assert scatter([1.0, 2.0, 3.0], [1.0, 2.0, 2.0], ax=axes[1]) is figure
    assert propensity_slice(system, values, other, axes=(axes[2], axes[3])) is figure
    assert training_curves(log, {"rho": "A"}, axes=(axes[4], axes[5])) is figure
    assert axes[4].lines[0].get_ydata() == pytest.approx([3.0, 2.0])
    assert drawn(axes[5]) == {"A": [(1, 0.1), (2, 0.2)]}


def test_training_curves_have_bands_where_there_are_several_seeds(tmp_path: Path) -> None:
    log = DataFrame({"epoch": [1, 2], "loss": [2.0, 1.0], "loss_best": [1.5, 0.5], "loss_worst": [2.5, 1.5]})
    left, right = training_curves(log, {}, scored="test").axes
    band = left.collections[0].get_paths()[0].vertices
    assert {tuple(xy) for xy in band} == {(1, 1.5), (1, 2.5), (2, 0.5), (2, 1.5)}
    assert right.get_ylabel() == r"test $\rho$"
    save_figure(training_curves(log[:1], {}), tmp_path / "training.svg")
    assert (tmp_path / "training.svg").read_text().startswith("<?xml")


def test_save_writes_the_whole_file_or_says_why_not(tmp_path: Path) -> None:
    figure = scatter([1.0, 2.0, 3.0], [1.0, 2.0, 2.0])
    save_figure(figure, tmp_path / "new" / "scatter.pdf")
    assert (tmp_path / "new" / "scatter.pdf").read_bytes().startswith(b"%PDF")
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["scatter.pdf"]
    with pytest.raises(EquiglassError, match=r"scatter\.gif.*\.png"):
        save_figure(figure, tmp_path / "scatter.gif")
    (tmp_path / "file").touch()
    with pytest.raises(EquiglassError, match="cannot be written"):
        save_figure(figure, tmp_path / "file" / "scatter.png")


def unknown_in_the_first() -> list[Prediction]:
    """Two configurations; the later time is not known in the first."""
    first, second = labelled(0), labelled(1)
    propensity = np.array(first.propensity)
    propensity[1] = np.nan
    return [predicted(replace(first, propensity=propensity)), predicted(second)]


def test_evaluation_figures_are_of_the_configurations_where_something_is_known() -> None:
    those = compared(unknown_in_the_first(), "F=1/e")
    assert [one.system.name for one in those] == ["liquid-1"]
    cells = scatter_of_type(those, "B").axes[0].collections[0]
    assert cells.get_array().sum() == (those[0].system.types == 1).sum()
    title, figure = slice_of_first(those, "late")
    assert title == "liquid-1, late"
    assert figure.get_suptitle() == title
    assert compared(unknown_in_the_first(), "2") == []


def test_evaluation_figures_are_named_by_type_and_label(tmp_path: Path) -> None:
    predictions = unknown_in_the_first()
    frame = evaluate([p.system for p in predictions], predictions).frame()
    files = save_evaluation_figures(tmp_path / "figures", frame[frame["label"] == "F=1/e"], predictions)
    assert {p.stem for p in files} == {"rho", "slice_F=1-e", "scatter_A_F=1-e", "scatter_B_F=1-e"}
    assert {p.name for p in (tmp_path / "figures").iterdir()} == {p.name for p in files}


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


def test_components_populations_and_weights_show_their_numbers() -> None:
    coordinates = np.array([(0.0, 1.0), (2.0, 3.0), (4.0, 5.0)])
    (ax,) = components_figure(coordinates, np.array([1, 2, 1]), "A").axes
    points = {name: set(xy) for name, xy in drawn(ax).items()}
    assert points == {"structure 1": {(0.0, 1.0), (4.0, 5.0)}, "structure 2": {(2.0, 3.0)}}
    shares = {"type": "A", "temperature": [0.6, 0.5], "structure": 1, "share": [0.3, 0.4], "error": 0.01}
    (ax,) = populations_figure(DataFrame(shares)).axes
    assert drawn(ax) == {"structure 1": [(0.5, 0.4), (0.6, 0.3)]}
    component = {"temperature": [0.6, 0.5], "member": 1, "channel": 1, "weight": [1.0, 2.0], "error": 0.1}
    rows = concat([DataFrame({**component, "degree": degree}) for degree in (0, 1)])
    (ax,) = weights_figure(rows).axes
    assert drawn(ax) == {f"$l$ = {degree}": [(0.5, 2.0), (0.6, 1.0)] for degree in (0, 1)}


def test_figures_of_a_liquid_show_their_numbers() -> None:
    g = np.arange(8.0).reshape(2, 2, 2)
    (ax,) = radial_distributions([0.5, 1.0], g).axes
    assert drawn(ax) == {
        "A-A": [(0.5, 0.0), (1.0, 1.0)],
        "A-B": [(0.5, 2.0), (1.0, 3.0)],
        "B-B": [(0.5, 6.0), (1.0, 7.0)],
    }
    left, right = dynamics([1.0, 10.0], [[0.1, 0.2], [1.0, np.nan]], [[0.9, 0.8], [0.5, np.nan]]).axes
    assert drawn(left)["A"] == [(1.0, 0.1), (10.0, 1.0)]
    assert drawn(right)["B"][0] == (1.0, 0.8)
    assert (left.get_yscale(), left.get_xscale()) == ("log", "log")
    assert right.lines[-1].get_ydata()[0] == pytest.approx(np.exp(-1))
    left, right = energies(np.array([-7.0, -6.0]), np.array([np.nan, np.nan])).axes
    assert points(left.lines[0]) == [(1, -7.0), (2, -6.0)]
    assert [*left.lines[1].get_ydata()] == [-6.5, -6.5]
    assert len(right.lines) == 1
    left, right = conservation([1.0, 10.0], [0.1, 0.2], [1.1, 0.9]).axes
    assert points(left.lines[0]) == [(1.0, 0.1), (10.0, 0.2)]
    assert left.get_ylim()[0] == 0
    assert [*right.lines[1].get_ydata()] == [1, 1]


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(EquiglassError, match=r"pip install 'equiglass\[plot\]'"):
        scatter([1.0, 2.0], [1.0, 2.0])
