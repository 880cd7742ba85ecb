"""A model computes energies and inherent structures with the potential of its training data."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import equiglass
from equiglass.errors import ConfigurationError, EquiglassWarning
from equiglass.liquid.potential import (
    KOB_ANDERSEN,
    KOB_ANDERSEN_BAPST,
    KOB_ANDERSEN_FORCE_SHIFTED,
    KOB_ANDERSEN_WCA,
    LennardJones,
)
from equiglass.liquid.system import System
from equiglass.methods.energy import Energy, EnergyConfiguration
from equiglass.methods.loading import read_configuration
from equiglass.prediction.ensemble import Ensemble
from equiglass.prediction.training_data import TrainingData
from samples.labelled import labelled_liquid
from samples.liquids import random_liquid


def trained(potential: LennardJones = KOB_ANDERSEN) -> Energy:
    """A line on the energy, whose inherent structures are the positions themselves."""
    systems = [replace(labelled_liquid(seed), potential=potential) for seed in range(3)]
    return Energy.fit(systems, EnergyConfiguration(fold=0))


def bare(potential: LennardJones | None) -> System:
    """A configuration without labels and inherent structure."""
    system = labelled_liquid(7)
    return System(system.positions, system.types, system.box, potential=potential)


def test_the_potential_of_the_configuration_does_not_matter_where_the_model_quenches() -> None:
    model = trained()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        predictions = [model.predict(bare(each)) for each in (KOB_ANDERSEN, KOB_ANDERSEN_FORCE_SHIFTED, None)]
        model.predict(bare(KOB_ANDERSEN_BAPST))
    for each in predictions[1:]:
        np.testing.assert_array_equal(each.values, predictions[0].values)
        assert each.system.potential == KOB_ANDERSEN
        assert "shifted at 2.5 sigma" in each.system.provenance["inherent structure"]


def test_an_inherent_structure_of_another_potential_is_named() -> None:
    ready = equiglass.quench(bare(KOB_ANDERSEN_FORCE_SHIFTED))
    model = trained()
    with pytest.warns(
        EquiglassWarning, match=r"unlike the training data.*potential kob-andersen-force-shifted.*shifted"
    ):
        model.predict(ready)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trained(KOB_ANDERSEN_FORCE_SHIFTED).predict(ready)


def test_another_mixture_is_named() -> None:
    with pytest.warns(EquiglassWarning, match="unlike the training data.*potential kob-andersen-wca"):
        trained().predict(bare(KOB_ANDERSEN_WCA))


def test_models_of_different_potentials_are_not_averaged() -> None:
    with pytest.raises(ConfigurationError, match="different pair potentials"):
        Ensemble("both", (trained(), trained(KOB_ANDERSEN_FORCE_SHIFTED)))


def test_training_data_of_different_potentials_are_named() -> None:
    mixed = [replace(bare(each), name="x") for each in (KOB_ANDERSEN_FORCE_SHIFTED, KOB_ANDERSEN)]
    with pytest.warns(EquiglassWarning, match="different pair potentials"):
        data = TrainingData.of(mixed, 2)
    assert data.potential == KOB_ANDERSEN_FORCE_SHIFTED


def test_a_model_file_stores_the_potential(tmp_path) -> None:
    model = trained(KOB_ANDERSEN_BAPST)
    model.save(tmp_path / "last.safetensors")
    again = Energy.load(tmp_path / "last.safetensors")
    assert (again.data.potential, str(again.data.potential)) == (KOB_ANDERSEN_BAPST, str(KOB_ANDERSEN_BAPST))


def test_info_names_the_potential_of_the_shipped_model(capsys: pytest.CaptureFixture[str]) -> None:
    from equiglass.commands.info import info

    info()
    assert (
        "kalj-T0.44: trained with the potential kob-andersen-force-shifted, force-shifted at 2.5 sigma"
        in capsys.readouterr().out
    )


def test_a_configuration_without_temperature_has_that_of_the_training(tmp_path: Path) -> None:
    """The input computes with it; the result does not claim it."""
    labelled = [replace(random_liquid(60, seed=k), temperature=0.5, potential=KOB_ANDERSEN) for k in range(3)]
    labelled = [
        replace(s, time_labels=("1",), times=np.array([0.1]), propensity=np.linspace(0.1, 0.2, 60)[None])
        for s in labelled
    ]
    settings = ["epochs=1", "fold=0", "inputs.nodes=[harmonic_0.1]", "architecture.l_max=1", "architecture.layers=1"]
    model = equiglass.train(labelled, tmp_path / "run", read_configuration(None, settings))
    unnamed, named = (replace(random_liquid(60, seed=9), temperature=t) for t in (None, 0.5))
    prediction = model.predict(unnamed)
    np.testing.assert_array_equal(prediction.values, model.predict(named).values)
    assert prediction.system.temperature is None
