"""Figures: that they show the numbers they were given, and what is written."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from conftest import random_liquid
from equiglass.errors import EquiglassError
from equiglass.figures import (
    Curve,
    propensity_slice,
    rho_against_time,
    save_evaluation_figures,
    save_figure,
    scatter,
    training_curves,
)
from equiglass.liquid.system import System

pytest.importorskip("matplotlib", reason="figures need the extra equiglass[plot]")


def labelled(seed: int) -> tuple[System, dict[str, np.ndarray]]:
    """A configuration with a propensity at two times, and a prediction of it."""
    system = random_liquid(150, seed=seed)
    rng = np.random.default_rng(seed)
    propensity = rng.uniform(0.1, 0.9, (2, 150))
    labels = ("1", "F=1/e")
    system = replace(system, time_labels=labels, times=np.array([0.1, 10.0]), propensity=propensity)
    return system, {label: propensity[k] + rng.normal(0, 0.1, 150) for k, label in enumerate(labels)}


def test_rho_against_time_draws_every_curve_on_a_log_axis() -> None:
    times = [0.1, 1.0, 10.0]
    figure = rho_against_time(
        [Curve("model", times, [0.9, 0.8, 0.7], [0.1, 0.1, 0.1]), Curve("ridge", times, [0.5, np.nan, -0.2])],
        ceilings=[Curve("ceiling", times, [0.95, 0.9, 0.9])],
    )
    (ax,) = figure.axes
    assert ax.get_xscale() == "log"
    assert [line.get_label() for line in ax.lines] == ["model", "ridge", "ceiling"]
    assert ax.lines[0].get_ydata() == pytest.approx([0.9, 0.8, 0.7])
    band = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == pytest.approx((0.6, 1.0))
    assert ax.get_ylim()[0] < -0.2


def test_scatter_counts_every_known_particle_once() -> None:
    truth, predicted = np.random.default_rng(0).normal(size=(2, 500))
    truth[:20] = np.nan
    figure = scatter(truth, predicted)
    cells = figure.axes[0].collections[0]
    assert cells.get_array().sum() == 480
    with pytest.raises(EquiglassError, match="no particle"):
        scatter([np.nan, 1.0], [1.0, np.nan])


def test_slice_shows_the_particles_of_the_slab_by_size_and_colour() -> None:
    system, predicted = labelled(0)
    assert system.propensity is not None
    figure = propensity_slice(system, system.propensity[0], predicted["1"], thickness=1.5)
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
    system, predicted = labelled(0)
    with pytest.raises(EquiglassError, match="liquid-0: the predicted propensity has shape"):
        propensity_slice(system, predicted["1"], predicted["1"][:5])
    with pytest.raises(EquiglassError, match="thickness"):
        propensity_slice(system, predicted["1"], predicted["1"], thickness=0.0)
    with pytest.raises(EquiglassError, match="measured"):
        propensity_slice(system, np.full(150, np.nan), predicted["1"])


def test_figures_draw_on_axes_they_are_given() -> None:
    from matplotlib.figure import Figure

    system, predicted = labelled(0)
    figure = Figure()
    axes = figure.subplots(2, 3).ravel()
    assert rho_against_time([Curve("model", [1.0, 2.0], [0.5, 0.6])], ax=axes[0]) is figure
    assert scatter([1.0, 2.0, 3.0], [1.0, 2.0, 2.0], ax=axes[1]) is figure
    assert propensity_slice(system, predicted["1"], predicted["F=1/e"], axes=(axes[2], axes[3])) is figure
    assert training_curves([1, 2], [3.0, 2.0], {"A": [0.1, 0.2]}, axes=(axes[4], axes[5])) is figure
    assert axes[4].lines[0].get_ydata() == pytest.approx([3.0, 2.0])
    assert axes[5].lines[0].get_ydata() == pytest.approx([0.1, 0.2])


def test_training_curves_of_one_epoch_without_validation(tmp_path: Path) -> None:
    figure = training_curves([1], [0.7], {})
    assert figure.axes[0].lines[0].get_marker() == "o"
    save_figure(figure, tmp_path / "training.svg")
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


def test_evaluation_figures(tmp_path: Path) -> None:
    from equiglass.prediction.evaluation import evaluate

    systems, predicted = zip(*(labelled(seed) for seed in (0, 1)), strict=True)
    unknown = np.array(systems[0].propensity)
    unknown[1] = np.nan
    systems = (replace(systems[0], propensity=unknown), systems[1])
    rows = [row for row in evaluate(systems, predicted) if row.label == "F=1/e"]
    files = save_evaluation_figures(tmp_path / "figures", rows, systems, predicted)
    assert {p.stem for p in files} == {"rho", "slice_F=1-e", "scatter_A_F=1-e", "scatter_B_F=1-e"}
    for path in files:
        assert path.read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(EquiglassError, match=r"pip install equiglass\[plot\]"):
        scatter([1.0, 2.0], [1.0, 2.0])
