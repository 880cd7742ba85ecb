"""The temperature as a node input: of one and of several temperatures, in networks and regressions."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import equiglass
from equiglass.commands.info import show
from equiglass.errors import DataError
from equiglass.liquid.system import System
from equiglass.methods.boattini import BoattiniConfiguration
from equiglass.methods.first_layer import FirstLayerConfiguration
from equiglass.methods.loading import load_model, read_configuration
from equiglass.prediction.configuration import MethodConfiguration
from equiglass.prediction.model import Model
from samples.labelled import SMALL, labelled_liquid

NETWORK = ["inputs.nodes=[energy_inherent, temperature]", "inputs.generations=2", "epochs=2", "seed=3"]
TINY = ["architecture.l_max=1", "architecture.layers=2", "architecture.channels=2", "times=['7']", "fold=0"]
CASES: dict[str, MethodConfiguration] = {
    "network": read_configuration(None, [*NETWORK, *TINY]),
    "ridge": FirstLayerConfiguration(nodes=("energy_inherent", "temperature"), l_max=1, fold=0),
    "boattini": BoattiniConfiguration(
        nodes=("temperature",), descriptors=SMALL, thermal=(0.0,), decay=(0.5,), generations=3, fold=0
    ),
}


def liquids(*temperatures: float) -> list[System]:
    """Configurations whose propensities grow with the temperature."""
    made = [replace(labelled_liquid(seed), temperature=t) for seed, t in enumerate(temperatures)]
    return [replace(s, propensity=s.propensity * s.temperature) for s in made if s.propensity is not None]


def values(model: Model, temperature: float | None) -> np.ndarray:
    """The prediction for one configuration, at this temperature."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.predict(replace(labelled_liquid(9), temperature=temperature)).at("7")


@pytest.mark.parametrize("method", CASES)
def test_of_one_temperature_it_has_no_effect(method: str, tmp_path: Path) -> None:
    """Neither the input nor its averages, which vary by rounding, change a prediction at another temperature."""
    model = equiglass.train(liquids(0.44, 0.44, 0.44), tmp_path / "run", CASES[method])
    assert np.isfinite(values(model, 0.44)).all()
    for temperature in (None, 0.64):
        np.testing.assert_array_equal(values(load_model(tmp_path / "run"), temperature), values(model, 0.44))


@pytest.mark.parametrize("method", CASES)
def test_of_several_temperatures_it_counts_and_must_be_known(method: str, tmp_path: Path) -> None:
    model = equiglass.train(liquids(*4 * (0.44, 0.64)), tmp_path / "run", CASES[method])
    assert not np.allclose(values(model, 0.44), values(model, 0.64), rtol=1e-3)
    with pytest.raises(DataError, match="the method needs the temperature, which is unknown"):
        values(model, None)


def test_a_training_at_one_temperature_counts_it_as_its_start_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = [*NETWORK, *TINY]
    both = equiglass.train(liquids(0.44, 0.64, 0.44, 0.64), tmp_path / "both", read_configuration(None, network))
    further = [*network, f"start={tmp_path / 'both'}", "learning_rate=1e-12", "epochs=1", "inputs.generations=0"]
    cold = equiglass.train(liquids(0.44, 0.44), tmp_path / "cold", read_configuration(None, further))
    found, before = (dict(model.standardisation.moments["temperature"])[0] for model in (cold, both))  # type: ignore[attr-defined]
    np.testing.assert_array_equal(found, before)
    show(cold)
    assert "needs: inherent, potential, temperature" in capsys.readouterr().out


def test_without_a_temperature_nothing_is_learned_from_it(tmp_path: Path) -> None:
    nameless = [replace(s, temperature=None) for s in liquids(0.44, 0.44)]
    with pytest.raises(DataError, match="the node input needs the temperature, which is unknown"):
        equiglass.train(nameless, tmp_path / "run", read_configuration(None, [*NETWORK, *TINY]))
