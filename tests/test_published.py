"""Published predictions in the test files of GlassBench, scored by `equiglass evaluate published:NAME`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from equiglass.errors import EquiglassError, EquiglassWarning
from equiglass.formats import load
from equiglass.observables import correlation
from equiglass.prediction.evaluation import evaluate
from equiglass.prediction.published import published_predictions
from samples.command import run
from samples.liquids import random_liquid


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder T0.44/test of three files made by hand."""
    test = tmp_path / "T0.44" / "test"
    test.mkdir(parents=True)
    for number in range(401, 404):
        liquid = random_liquid(60, seed=number)
        rng = np.random.default_rng(number)
        truth = rng.uniform(0.1, 1, (10, 60))
        botan = truth + rng.normal(0, 0.1, (10, 60))
        botan[9] = np.nan
        np.savez(
            test / f"N4096T0.44_{number}.npz",
            types=liquid.types + 1,
            initial_positions=liquid.positions - liquid.box / 2,
            initial_positions_inherent=liquid.positions - liquid.box / 2,
            md_prop=truth,
            SE3=truth + rng.normal(0, 0.3, (10, 60)),
            BOTAN=botan,
            EPOT=rng.normal(size=(10, 60)),
        )
    return test


def test_the_command_scores_them_as_it_scores_a_model(folder: Path, tmp_path: Path) -> None:
    assert run("evaluate", "published:SE3", "--data", folder, "--json", tmp_path / "scores.json") == 0
    held = json.loads((tmp_path / "scores.json").read_text())
    systems = load(folder)
    assert held["configurations"] == len(systems) == 3
    assert {(row["type"], row["label"]) for row in held["rho"]} == {(s, str(t)) for s in "AB" for t in range(1, 11)}
    (row,) = (row for row in held["rho"] if (row["type"], row["label"]) == ("A", "7"))
    masks = [system.types == 0 for system in systems]
    truth = [system.propensity[6, mask] for system, mask in zip(systems, masks, strict=True)]
    predicted = [system.predictions["SE3"][6, mask] for system, mask in zip(systems, masks, strict=True)]
    expected = correlation(truth, predicted)
    assert row["per_configuration"] == pytest.approx(expected.per_configuration)
    assert row["pooled"] == pytest.approx(expected.pooled)
    assert row["time"] == 4120


def test_figures_and_a_time_without_predictions(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    words = ("--data", folder, "--json", tmp_path / "scores.json", "--figures", tmp_path / "figures")
    assert run("evaluate", "published:BOTAN", *words) == 0
    assert {row["label"] for row in json.loads((tmp_path / "scores.json").read_text())["rho"]} == set("123456789")
    assert (tmp_path / "figures" / "rho.png").is_file()
    systems = load(folder)
    better, worse = (evaluate(systems, published_predictions(systems, name)).frame() for name in ("BOTAN", "SE3"))
    assert (better["pooled"].to_numpy() > worse["pooled"].to_numpy()[: len(better)]).all()


def test_unknown_names_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("evaluate", "published:CAGE", "--data", folder) == 2
    said = "T0.44_401 has no predictions 'CAGE' of every particle at every time; its file has BOTAN, EPOT, SE3."
    assert said in capsys.readouterr().err
    with pytest.raises(EquiglassError, match="its file has none"):
        published_predictions([random_liquid(20)], "SE3")


@pytest.mark.parametrize("wrong", [lambda x: x[:, :-1], lambda x: x.T, lambda x: x[:8]])
def test_another_shape_is_named(folder: Path, wrong: Callable[[np.ndarray], np.ndarray]) -> None:
    path = folder / "N4096T0.44_402.npz"
    arrays = dict(np.load(path))
    np.savez(path, **{**arrays, "SE3": wrong(arrays["SE3"])})
    with pytest.raises(EquiglassError, match=r"N4096T0\.44_402.*SE3 have the shape .* 60 particles need \(10, 60\)"):
        load(folder)


def rewritten(folder: Path, change: Callable[[np.ndarray], np.ndarray], numbers: range = range(402, 403)) -> None:
    """Change the predictions SE3 in files of the folder."""
    for number in numbers:
        path = folder / f"N4096T0.44_{number}.npz"
        arrays = dict(np.load(path))
        np.savez(path, **{**arrays, "SE3": change(arrays["SE3"])})


def test_whole_numbers_are_read_and_words_are_refused(folder: Path) -> None:
    rewritten(folder, lambda x: np.round(100 * x).astype(int))
    assert published_predictions(load(folder), "SE3")[1].values.dtype == float
    rewritten(folder, lambda x: x.astype(str))
    with pytest.raises(EquiglassError, match="the predictions SE3 are of the kind"):
        load(folder)


def test_predictions_of_a_part_of_the_particles_cause_a_warning(folder: Path) -> None:
    def holes(x: np.ndarray) -> np.ndarray:
        return np.where(np.arange(60) % 2 == 0, np.nan, x)

    rewritten(folder, holes)
    with pytest.warns(EquiglassWarning, match="T0.44_402: .* 'SE3' have no number for 26 particles of type A"):
        published_predictions(load(folder), "SE3")
    rewritten(folder, lambda x: np.full_like(x, np.nan))
    with pytest.warns(EquiglassWarning, match="T0.44_402: the predictions 'SE3' have no number; it is left out"):
        published_predictions(load(folder), "SE3")
    rewritten(folder, lambda x: np.full_like(x, np.nan), range(401, 404))
    with pytest.warns(EquiglassWarning), pytest.raises(EquiglassError, match="'SE3' have no number in any"):
        published_predictions(load(folder), "SE3")


def test_options_of_a_model_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for option in (("--seen",), ("--checkpoint", "best")):
        assert run("evaluate", "published:SE3", "--data", folder, *option) == 2
        assert "leave out --checkpoint and --seen" in capsys.readouterr().err
