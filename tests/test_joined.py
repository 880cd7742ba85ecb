"""Predictions that are joined over folds, and the content that names a training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from equiglass.experiments.joined import joined
from equiglass.experiments.plan import Group, Training
from equiglass.experiments.runs import Run
from equiglass.methods.loading import read_configuration
from equiglass.training import train
from samples.labelled import labelled_liquid


def test_configurations_of_one_name_have_predictions_of_their_own(tmp_path: Path) -> None:
    """Two simulations of one state point give the same names."""
    systems = [replace(labelled_liquid(k), name="liquid-0001") for k in range(4)]
    runs = []
    configuration = read_configuration(None, [], "none")
    for fold, test in enumerate(systems[:2], start=1):
        others = tuple(system for system in systems if system is not test)
        training = Training("none", None, Group("T = 0.5", others, (test,), fold), others, configuration)
        train(others, tmp_path / str(fold), configuration, validation=[test])
        runs.append(Run(training, tmp_path / str(fold)))
    (found,) = joined(runs)
    for system, run in zip(systems[:2], runs, strict=True):
        np.testing.assert_array_equal(found.values(system), run.model.values(system))


def test_another_cage_state_is_another_training() -> None:
    cage = np.tile(np.eye(3), (labelled_liquid(0).n_particles, 1, 1))
    configuration = read_configuration(None, ["nodes=[debye_waller]"], "ridge")
    keys = set()
    for covariance in (None, cage, 2 * cage):
        systems = (replace(labelled_liquid(0), covariance_cage=covariance),)
        keys |= {Training("ridge", None, Group("T = 0.5", systems, ()), systems, configuration).key for _ in range(2)}
    assert len(keys) == 3
