"""The model that comes with the package."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import equiglass
from equiglass.methods.boattini import Boattini
from equiglass.methods.loading import PRETRAINED, pretrained_names, save_model
from equiglass.methods.network.predictor import NetworkPredictor
from equiglass.observables import pearson
from samples.liquids import random_liquid


def test_it_predicts_straight_after_installation() -> None:
    model = equiglass.load_model("kalj-T0.44")
    assert model.times == {"7": 4120.0}
    prediction = model.predict(replace(random_liquid(400, seed=3), temperature=0.44))
    assert prediction.propensity.shape == (1, 400)
    assert np.all(np.isfinite(prediction.propensity))
    assert prediction.system.positions_inherent is not None


def test_networks_and_regression_count_alike_and_survive_export(tmp_path: Path) -> None:
    model = equiglass.load_model("kalj-T0.44")
    assert [type(member) for member in model.members] == [NetworkPredictor] * 5 + [Boattini]
    cold = replace(random_liquid(400, seed=3), temperature=0.44)
    system = equiglass.quench(cold, potential=model.data.potential)
    each = [member.values(system) for member in model.members]
    expected = (np.mean(each[:5], axis=0) + each[5]) / 2
    np.testing.assert_allclose(model.predict(system).propensity, np.maximum(expected, 0), rtol=1e-9)
    save_model(model, tmp_path)
    again = equiglass.load_model(tmp_path).predict(system)
    np.testing.assert_array_equal(again.propensity, model.predict(system).propensity)


def test_it_tells_what_it_was_trained_on() -> None:
    split = equiglass.load_model("kalj-T0.44").data.split
    assert split is not None
    assert len(split.training) == 10
    assert split.has_fingerprints


def test_every_shipped_model_has_a_card_and_no_training_state() -> None:
    for name in pretrained_names():
        assert (PRETRAINED / name / "README.md").stat().st_size > 500
        assert all(member.data.configurations == 10 for member in equiglass.load_model(name).members)
        assert sum(file.stat().st_size for file in (PRETRAINED / name).rglob("*")) < 5e6


@pytest.mark.data
def test_it_knows_its_training_configurations(data_folder: Path) -> None:
    """Not a test of quality, which only configurations kept aside can give: weights and inputs belong together."""
    file = data_folder / "shiba_T0.44_train" / "isoconfig_N4096T0.44_2_tc07.npz"
    (system,) = equiglass.load(file)
    predicted = equiglass.load_model("kalj-T0.44").predict(system).at("7")
    of_a = system.types == 0
    assert system.propensity is not None
    assert pearson(predicted[of_a], system.propensity[0, of_a]) > 0.8
