"""Figures: that they show the numbers they were given, and what is written."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pandas import DataFrame, concat

from equiglass.errors import EquiglassError
from equiglass.figures import (
    conservation,
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
from equiglass.figures.temperature import components_figure, populations_figure, weights_figure
from equiglass.liquid.system import System
from equiglass.prediction.evaluation import evaluate
from equiglass.prediction.model import Prediction
from samples.axes import dashed, drawn, points
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
