"""Stacks: the weights of the average, labels of one part, scores against the members, resuming."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from equiglass.errors import DataError, EquiglassError, EquiglassWarning
from equiglass.liquid.ends import as_end
from equiglass.liquid.system import System
from equiglass.methods import METHODS
from equiglass.methods.loading import load_model
from equiglass.methods.stack import Stack, StackConfiguration, stacking_weights
from equiglass.observables import correlation
from equiglass.prediction.model_file import read_model, write_model
from equiglass.training import train
from samples.labelled import shaken


def test_stacking_weights_find_the_mixture() -> None:
    rng = np.random.default_rng(0)
    parts = rng.normal(size=(1, 2000, 3))
    types = rng.integers(0, 2, 2000)
    truth = np.where(types == 0, 0.3 * parts[0, :, 0] + 0.7 * parts[0, :, 1], parts[0, :, 2] - 0.5 * parts[0, :, 0])
    truth = truth[None] + 2.0
    truth[0, ::7] = np.nan
    weights, offsets = stacking_weights([truth], [parts], [types], 2)
    np.testing.assert_allclose(weights[0, 0], [0.3, 0.7, 0], atol=1e-6)
    # The weight that would be negative is zero.
    assert weights[1, 0, 0] == 0
    assert weights[1, 0, 2] == pytest.approx(1, abs=0.05)
    assert offsets[0, 0] == pytest.approx(2)


def test_the_mean_of_a_model_in_a_configuration_has_no_weight() -> None:
    """A constant that differs between the models of two parts follows the truth, and still is no prediction."""
    rng = np.random.default_rng(0)
    sound = [rng.normal(size=(1, 50)) for _ in range(4)]
    means = [1.0, 2.0, 1.0, 2.0]
    predicted = [np.stack([x, np.full_like(x, mean)], axis=2) for x, mean in zip(sound, means, strict=True)]
    truth = [x + 3 * mean for x, mean in zip(sound, means, strict=True)]
    weights, offsets = stacking_weights(truth, predicted, [np.zeros(50, np.int64)] * 4, 1)
    np.testing.assert_allclose(weights[0, 0], [1, 0], atol=1e-6)
    assert offsets[0, 0] == pytest.approx(4.5)


def test_a_method_that_predicts_nothing_has_no_weight() -> None:
    rng = np.random.default_rng(0)
    predicted = rng.normal(size=(1, 50, 3))
    truth, types = predicted[:, :, 0] + 1, np.zeros(50, np.int64)
    predicted[0, :, 1], predicted[0, ::5, 0] = np.nan, np.nan
    weights, offsets = stacking_weights([truth], [predicted], [types], 2)
    np.testing.assert_allclose(weights[0, 0], [1, 0, 0], atol=1e-6)
    assert offsets[0, 0] == pytest.approx(1)
    assert np.isnan(weights[1]).all()
    assert np.isnan(offsets[1]).all()


@pytest.mark.parametrize("times", ["all", ("7",)])
def test_a_stack_learns_a_label_of_one_part(times: str | tuple[str, ...]) -> None:
    systems = [shaken(k) for k in range(4)]
    for k in (1, 3):
        first = systems[k].propensity[0]
        systems[k] = replace(systems[k], propensity=np.stack([first, np.full_like(first, np.nan)]))
    configuration = StackConfiguration(methods=("energy", "none"), times=times, parts=2)
    with pytest.warns(EquiglassWarning, match="type A at '7', type B at '7': the methods"):
        model = Stack.fit(systems, configuration)
    assert (model.weights[:, -1] == 0.5).all()
    expected = np.mean([member.values(systems[1])[-1] for member in model.averaged], axis=0)
    np.testing.assert_allclose(model.values(systems[1])[-1], expected)
    assert np.isfinite(expected).all()


def test_relatives_and_ends_do_not_fit_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """A configuration and what descends from it are left out together, and a label of one run is no truth."""
    parents = [shaken(k) for k in range(4)]
    ends = [as_end(replace(shaken(10 + k), parent=parent.fingerprint)) for k, parent in enumerate(parents)]
    learned, scored = [], []
    fit = METHODS["none"].fit

    def noted(training: Sequence[System], *args: object, **keys: object) -> object:
        learned.append({system.name for system in training})
        return fit(training, *args, **keys)

    def weighed(truth: list[np.ndarray], *args: object) -> object:
        scored.append(sum(one.shape[1] for one in truth))
        return stacking_weights(truth, *args)

    monkeypatch.setattr(METHODS["none"], "fit", noted)
    monkeypatch.setattr("equiglass.methods.stack.stacking_weights", weighed)
    Stack.fit([*parents, *ends], StackConfiguration(methods=("none", "energy"), parts=2))
    for names in learned[:-1]:
        assert len(names) == 4
        assert all((f"liquid-{k}" in names) == (f"liquid-1{k}" in names) for k in range(4))
    assert scored == [sum(parent.n_particles for parent in parents)]


def test_stack_is_at_least_as_good_as_its_members_and_continues(tmp_path: Path) -> None:
    systems = [shaken(k) for k in range(8)]
    settings = {"methods": ["energy", "ridge"], "settings": {"ridge": {"l_max": 1}}, "parts": 2, "fold": 0}
    configuration = StackConfiguration.model_validate(settings)
    train(systems, tmp_path / "run", configuration)
    model = load_model(tmp_path / "run")
    assert isinstance(model, Stack)
    assert [member.method for member in model.averaged] == ["energy", "ridge"]
    assert (model.weights >= 0).all()
    tests = [shaken(k) for k in range(20, 24)]
    truth = [s.propensity[1] for s in tests]
    rho = {m.method: correlation(truth, [m.values(s)[1] for s in tests]).pooled for m in (model, *model.averaged)}
    assert rho["stack"] > max(rho["energy"], rho["ridge"]) - 0.02
    (tmp_path / "run" / "last.safetensors").unlink()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("finished.safetensors")}
    assert len(before) == 2 * 3
    train(systems, tmp_path / "run", configuration, resume=True)
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("finished.safetensors")}
    with pytest.warns(EquiglassWarning, match="but there are 2; give 4"):
        few = Stack.fit(systems[:2], configuration)
    assert (few.weights == 0.5).all()
    for wrong, said in (
        ({"methods": ["ridge", "ridge"]}, "named once"),
        ({"methods": ["stack"]}, "cannot be a member"),
        ({"settings": {"network": {}}}, "'methods' does not name"),
        ({"settings": {"ridge": {"lmax": 1}}}, "Did you mean 'l_max'"),
        ({"settings": {"ridge": {"choose_on": "validation"}}}, "choose_on: folds"),
        *[({"settings": {"ridge": {key: 2}}}, f"ridge.{key} would have no") for key in ("ends", "fold", "folds")],
        ({"settings": {"ridge": {"times": ["7"]}}}, "ridge.times would have no effect"),
    ):
        with pytest.raises((EquiglassError, ValueError), match=said):
            StackConfiguration.model_validate(settings | wrong).check()


def test_a_stack_of_ends_alone_has_equal_weights() -> None:
    ends = [as_end(replace(shaken(k + 8), parent=shaken(k).fingerprint)) for k in range(8)]
    with pytest.warns(EquiglassWarning, match="all are ends of runs. All have the same weight"):
        model = Stack.fit(ends, StackConfiguration(methods=("none", "energy"), parts=2))
    assert np.ptp(model.weights, axis=-1).max() == 0


def test_a_file_whose_parts_do_not_belong_together_is_refused(tmp_path: Path) -> None:
    configuration = StackConfiguration(methods=("ridge", "energy"), settings={"ridge": {"l_max": 1}}, parts=2)
    train([shaken(k) for k in range(6)], tmp_path / "run", configuration)
    file = tmp_path / "run" / "last.safetensors"
    tensors, description = read_model(file)
    members = {key: tensors[key] for key in ("member.0", "member.1")}

    def refused(match: str, changed: Mapping[str, Tensor] = {}, **settings: object) -> None:
        described = {**description, "settings": {**description["settings"], **settings}}
        write_model(file, {**tensors, **changed}, described)
        with pytest.raises(DataError, match=match) as raised:
            load_model(tmp_path / "run")
        assert str(file) in str(raised.value)

    refused("the member ridge is a model of energy", {"member.0": members["member.1"], "member.1": members["member.0"]})
    refused("the member energy is a model of ridge", {"member.1": members["member.0"].clone()})
    refused("the member foo is a model of energy", methods=["ridge", "foo"])
    refused("the member ridge has another target", target="energy")
    refused("a weight is negative", {"weights": -tensors["weights"]})
    refused("a weight is negative or no finite", {"weights": torch.full_like(tensors["weights"], float("nan"))})
    refused("the member ridge: its file is not a model file", {"member.0": members["member.0"][:-50]})
    write_model(file, tensors, description)
    assert load_model(tmp_path / "run").n_types == 2
