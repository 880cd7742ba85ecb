"""The models that come with the package."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

import equiglass
from equiglass.formats import stream
from equiglass.liquid.potential import KOB_ANDERSEN, KOB_ANDERSEN_FORCE_SHIFTED
from equiglass.liquid.system import System
from equiglass.methods.loading import PRETRAINED, pretrained_names, save_model
from equiglass.observables import pearson
from equiglass.training.combination import STACK

ROOT = Path(__file__).resolve().parents[1]

ALONE = [name for name in pretrained_names() if not name.endswith("-cage")]
"""The models that need no short runs."""


@pytest.fixture(scope="module")
def liquid() -> System:
    """A configuration of 1290 particles at T = 0.64, without its temperature."""
    system = next(stream(Path(str(files("equiglass").joinpath("experiments/data/kalj-T0.64.h5")))))
    return System(system.positions, system.types, system.box)


def test_the_names() -> None:
    assert pretrained_names() == ["kalj-T0.44", "kalj-T0.44-cage", "kalj-T0.50", "kalj-T0.56", "kalj-T0.64"]


@pytest.mark.parametrize("name", ALONE)
def test_they_predict_straight_after_installation(name: str, liquid: System) -> None:
    model = equiglass.load_model(name)
    prediction = model.predict(liquid)
    assert prediction.propensity.shape == (len(model.times), 1290)
    assert np.all(np.isfinite(prediction.propensity))
    assert prediction.uncertainty is not None
    assert np.all(prediction.uncertainty > 0)
    assert prediction.system.positions_inherent is not None
    mean = prediction.propensity.mean(axis=1)
    assert np.all(np.diff(mean) > 0), mean


def test_their_times_and_needs() -> None:
    models = {name: equiglass.load_model(name) for name in pretrained_names()}
    assert list(models["kalj-T0.44"].times.values()) == [0.13, 1.3, 13, 4120]
    assert models["kalj-T0.44"].times == models["kalj-T0.44-cage"].times
    assert [name for name, model in models.items() if "short runs" in model.needs] == ["kalj-T0.44-cage"]
    assert models["kalj-T0.44"].data.potential == KOB_ANDERSEN_FORCE_SHIFTED
    assert models["kalj-T0.64"].data.potential == KOB_ANDERSEN


def test_a_shipped_model_survives_export(tmp_path: Path, liquid: System) -> None:
    model = equiglass.load_model("kalj-T0.44")
    save_model(model, tmp_path)
    again = equiglass.load_model(tmp_path).predict(liquid)
    np.testing.assert_array_equal(again.propensity, model.predict(liquid).propensity)


@pytest.mark.parametrize("name", pretrained_names())
def test_they_state_what_they_were_trained_on(name: str) -> None:
    for member in equiglass.load_model(name).members:
        split = member.data.split
        assert split is not None
        assert len(split.training) >= 5
        assert split.has_fingerprints


def test_every_shipped_model_has_a_card_and_no_training_state() -> None:
    assert all((PRETRAINED / name / "README.md").stat().st_size > 500 for name in pretrained_names())
    assert sum(file.stat().st_size for file in PRETRAINED.rglob("*")) < 12e6


@pytest.mark.parametrize("name", pretrained_names())
def test_the_card_and_the_results_have_the_stored_scores(name: str) -> None:
    stored = json.loads((ROOT / "results" / "shipped" / f"{name}.json").read_text(encoding="utf-8"))
    card = (PRETRAINED / name / "README.md").read_text(encoding="utf-8")
    results = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    ceilings = {(row["type"], row["label"]): row["ceiling"] for row in stored["uncertainty"]}
    whole = [row for row in stored["rho"] if row["model"] == STACK]
    assert len(whole) == len(ceilings) == 2 * len(equiglass.load_model(name).times)
    for row in whole:
        rho = f"**{row['per_configuration']:.3f}** +- {row['per_configuration_error']:.3f}"
        ceiling = f"{ceilings[row['type'], row['label']]:.3f}"
        assert f"| {row['type']} | {row['time']:g} | {rho} | {row['pooled']:.3f} | {ceiling} |" in card
        assert f"{rho} ({row['pooled']:.3f}) | {ceiling} |" in results


@pytest.mark.data
def test_it_knows_its_training_configurations(data_folder: Path) -> None:
    """Not a test of quality, which only configurations kept aside can give: weights and inputs belong together."""
    file = data_folder / "shiba_T0.44_train" / "isoconfig_N4096T0.44_2_tc07.npz"
    (system,) = equiglass.load(file)
    predicted = equiglass.load_model("kalj-T0.44").predict(replace(system, temperature=0.44)).at("7")
    of_a = system.types == 0
    assert system.propensity is not None
    assert pearson(predicted[of_a], system.propensity[0, of_a]) > 0.8
