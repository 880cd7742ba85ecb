"""Numbers that are not finite: a training stops and leaves its last good checkpoint, a prediction writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import equiglass
from equiglass.errors import ConfigurationError, DataError, EquiglassWarning
from equiglass.methods.descent.gradient import Gradient
from equiglass.methods.linear.moments import Example
from equiglass.methods.linear.solver import solve_ridge
from equiglass.methods.loading import load_model, save_model
from equiglass.prediction.model_file import read_model
from samples.command import run
from samples.examples import fit_ridge_by_folds
from samples.labelled import labelled_liquid

TINY = ("architecture.l_max=1", "architecture.layers=1", "architecture.channels=2", "epochs=3", "folds=3")
SETTINGS = [word for override in TINY for word in ("--set", override)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("diverging")
    equiglass.save([labelled_liquid(seed) for seed in range(6)], folder / "data.h5")
    assert run("train", "--data", folder / "data.h5", "--out", folder / "run", *SETTINGS) == 0
    return folder


def test_a_learning_rate_that_is_too_high(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--set", "learning_rate=1e30", "--set", "clip=1e30")
    assert run("train", "--data", folder / "data.h5", "--out", tmp_path / "run", *SETTINGS, *words) == 2
    printed = capsys.readouterr()
    assert "is not a finite number (epoch 1, liquid-" in printed.err
    assert "Lower learning_rate" in printed.err
    assert "there is no checkpoint yet" in printed.err
    assert "trained" not in printed.out
    assert not (tmp_path / "run" / "last.safetensors").exists()


def spoiled(add: Callable[..., float], number: int, what: str) -> Callable[..., float]:
    """Spoils the loss, the gradient or a weight at a step."""
    calls: list[int] = []

    def called(self: Gradient, *arguments: object, **named: object) -> float:
        loss = add(self, *arguments, **named)
        calls.append(1)
        parameter = next(self.network.parameters())
        if len(calls) == number and what == "the gradient of the loss":
            parameter.grad.view(-1)[0] = torch.inf  # type: ignore[union-attr]
        if len(calls) == number and what == "a weight":
            parameter.data.view(-1)[0] = torch.nan
        return float("nan") if len(calls) == number and what == "the loss" else loss

    return called


@pytest.mark.parametrize("what", ["the loss", "the gradient of the loss", "a weight"])
def test_the_last_good_checkpoint_remains(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    # The last of the four configurations of the second epoch; the weights are checked with each checkpoint.
    monkeypatch.setattr(Gradient, "add", spoiled(Gradient.add, 8, what))
    assert run("train", "--data", folder / "data.h5", "--out", tmp_path / "run", *SETTINGS) == 2
    said = capsys.readouterr().err
    assert f"{what} is not a finite number (epoch 2, liquid-" in said
    assert f"{tmp_path}/run/last.safetensors is the last good checkpoint" in said
    last = tmp_path / "run" / "last.safetensors"
    assert all(torch.isfinite(value).all() for value in load_file(last).values())
    assert read_model(last)[1]["state"]["step"] == 4
    assert len((tmp_path / "run" / "log.csv").read_text().splitlines()) == 2
    with pytest.warns(EquiglassWarning, match=r"run stopped after 1 of 3 epochs"):
        model = load_model(tmp_path / "run")
    assert np.isfinite(model.predict(labelled_liquid(9)).values).all()


def test_a_model_without_numbers_writes_nothing(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = load_model(folder / "run")
    model.network.decoder.data[0, 1] = torch.nan  # type: ignore[attr-defined]
    save_model(model, tmp_path / "broken")
    assert run("predict", tmp_path / "broken", folder / "data.h5", "-o", tmp_path / "x.xyz") == 2
    said = capsys.readouterr().err
    assert "a weight is not a finite number" in said
    assert "network.decoder" in said
    assert [path.name for path in tmp_path.iterdir()] == ["broken"]
    assert run("evaluate", tmp_path / "broken", "--data", folder / "data.h5") == 2


def test_a_prediction_without_a_number_writes_nothing(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = load_model(folder / "run")
    model.network.decoder.data[0, 1] = 3e38  # type: ignore[attr-defined]
    save_model(model, tmp_path / "broken")
    assert run("predict", tmp_path / "broken", folder / "data.h5", "-o", tmp_path / "x.xyz") == 2
    said = capsys.readouterr().err
    assert "liquid-0: the prediction of" in said
    assert "not a finite number" in said
    assert "'7'" in said
    assert [path.name for path in tmp_path.iterdir()] == ["broken"]


def test_labels_without_a_number_are_no_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A type without labels is not learned; without any label there is no training."""
    liquids = [labelled_liquid(k) for k in range(2)]
    unknown = [replace(each, propensity=np.full_like(each.propensity, np.nan)) for each in liquids]
    of_a = [replace(each, propensity=np.where(each.types == 0, each.propensity, np.nan)) for each in liquids]
    short = (*SETTINGS, "--set", "epochs=1", "--set", "fold=0")
    equiglass.save(unknown, tmp_path / "unknown.h5")
    assert run("train", "--data", tmp_path / "unknown.h5", "--out", tmp_path / "none", *short) == 2
    assert "none of the training configurations has a propensity" in capsys.readouterr().err
    equiglass.save(of_a, tmp_path / "a.h5")
    assert run("train", "--data", tmp_path / "a.h5", "--out", tmp_path / "run", *short) == 0
    model = load_model(tmp_path / "run")
    with pytest.warns(EquiglassWarning, match="has not learned type B"):
        prediction = model.predict(labelled_liquid(5))
    assert np.array_equal(np.isnan(prediction.values), np.broadcast_to(prediction.system.types == 1, (2, 64)))
    only_b = replace(labelled_liquid(5), types=np.ones(64, dtype=np.int64))
    with pytest.warns(EquiglassWarning, match="composition"), pytest.raises(DataError, match="has learned none"):
        model.predict(only_b)


def examples(**changes: np.ndarray) -> list[list[Example]]:
    rng = np.random.default_rng(1)
    folds = []
    for k in range(2):
        x = rng.normal(size=(20, 3))
        one = Example(f"liquid-{k}", x, np.zeros(20, dtype=int), x.sum(axis=1)[None])
        folds.append([one._replace(**changes) if k else one])
    return folds


@pytest.mark.parametrize(
    ("changes", "penalties", "said"),
    [
        ({"features": np.full((20, 3), np.nan)}, [1.0], "liquid-1: some features are not finite"),
        ({"targets": np.full((1, 20), np.inf)}, [1.0], "liquid-1: some labels are infinite"),
        ({}, [float("nan")], "penalties of a ridge regression must be positive"),
        ({}, [float("inf")], "penalties of a ridge regression must be positive"),
    ],
)
def test_a_regression_refuses_what_has_no_solution(
    changes: dict[str, np.ndarray], penalties: list[float], said: str
) -> None:
    with pytest.raises((DataError, ConfigurationError), match=said):
        fit_ridge_by_folds(["1"], examples(**changes), penalties)


def test_a_singular_regression_is_a_sentence() -> None:
    with pytest.raises(ConfigurationError, match=r"no solution .* larger penalties"):
        solve_ridge(np.zeros((2, 2)), np.ones((1, 2)), 0.0)
    with pytest.raises(ConfigurationError, match="no solution"):
        solve_ridge(np.full((2, 2), np.nan), np.ones((1, 2)), 1.0)


def test_a_type_that_was_not_learned_is_said(folder: Path, tmp_path: Path) -> None:
    """The regression had no label of type B; it predicts NaN there, with a warning."""
    systems = equiglass.load(folder / "data.h5")
    for system in systems:
        values = system.propensity.copy()  # type: ignore[union-attr]
        values[:, system.types == 1] = np.nan
        object.__setattr__(system, "propensity", values)
    model = equiglass.train(systems, tmp_path / "run", equiglass.methods.loading.read_configuration(method="energy"))
    assert not model.learned()[1].any()
    with pytest.warns(equiglass.errors.EquiglassWarning, match="has not learned type B at the time labelled '1'"):
        predicted = model.predict(labelled_liquid(7)).values
    assert np.isnan(predicted).any(axis=0).tolist() == (labelled_liquid(7).types == 1).tolist()
