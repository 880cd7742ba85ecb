"""A cross-validation scores what no choice has seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import equiglass
from equiglass.errors import ConfigurationError
from equiglass.liquid.splits import validation_fold
from equiglass.liquid.system import System
from equiglass.methods import METHODS
from equiglass.methods.linear.shells import Shells
from equiglass.methods.loading import load_model
from equiglass.prediction.configuration import MethodConfiguration
from equiglass.training import train
from samples.labelled import SMALL, labelled_liquid

TINY = {
    "network": {"architecture": {"l_max": 1, "layers": 1, "channels": 1}, "epochs": 2},
    "boattini": {"descriptors": SMALL, "thermal": (0.0, 1.0), "decay": (0.5,)},
    "ridge": {"l_max": 1},
    "cage": {"descriptors": SMALL},
    "softness": {"radial": Shells(0.8, 2.5, 8, 0.1), "cutoff": 1.5, "powers": (1,), "share": 0.3},
    "glassmlp": {"lengths": (0.0, 0.5), "reach": 2.0, "epochs": 3},
    "energy": {},
    "none": {},
    "stack": {"methods": ("energy", "ridge"), "settings": {"ridge": {"l_max": 1}}, "parts": 2},
}
"""Settings of every method for a training in about a second."""


def tiny(method: str) -> MethodConfiguration:
    return METHODS[method].configuration(folds=2, **TINY[method])


def noisy(seed: int) -> System:
    system = labelled_liquid(seed)
    assert system.propensity is not None
    noise = np.random.default_rng(seed).uniform(0.1, 1.0, system.propensity.shape)
    return replace(system, propensity=system.propensity * noise, positions_cage=system.positions)


def test_every_method_has_its_settings_here() -> None:
    assert set(METHODS) == set(TINY)


@pytest.mark.parametrize("method", TINY)
def test_what_is_held_out_does_not_change_the_model(tmp_path: Path, method: str) -> None:
    """Other labels of the held-out fold, the same predictions: nothing was chosen on it."""
    if method == "glassmlp":
        pytest.importorskip("pyvoro2")
    systems = [noisy(k) for k in range(8)]
    _, held_out = validation_fold(systems, 2, 1)
    held = {system.name for system in held_out}
    others = [
        replace(s, propensity=s.propensity[:, ::-1].copy()) if s.name in held else s  # type: ignore[index]
        for s in systems
    ]
    for name, some in (("cv", systems), ("others", others)):
        equiglass.crossvalidate(some, tmp_path / name, tiny(method))
    first, second = (load_model(tmp_path / name / "fold-1").values(systems[0]) for name in ("cv", "others"))
    np.testing.assert_array_equal(first, second)


def test_a_penalty_chosen_on_validation_configurations_is_not_cross_validated(tmp_path: Path) -> None:
    systems = [noisy(k) for k in range(4)]
    configuration = METHODS["ridge"].configuration(l_max=1, choose_on="validation")
    with pytest.raises(ConfigurationError, match="nothing may be chosen on them"):
        equiglass.crossvalidate(systems, tmp_path / "cv", configuration, folds=2)
    with pytest.raises(ConfigurationError, match="set fold to 1 or more"):
        train(systems, tmp_path / "run", configuration.model_copy(update={"fold": 0}))


def test_a_stopped_cross_validation_continues_and_scores_the_same(tmp_path: Path) -> None:
    systems = [noisy(k) for k in range(4)]
    whole = equiglass.crossvalidate(systems, tmp_path / "cv", tiny("ridge"))
    # The first fold is there, the second is not.
    (tmp_path / "cv" / "fold-2" / "last.safetensors").unlink()
    again = equiglass.crossvalidate(systems, tmp_path / "cv", tiny("ridge"))
    assert again.as_json() == whole.as_json()
    assert again.configurations == 4
