"""The report of a model of every method: card, training, and the scores that it must show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from pandas import DataFrame

import equiglass
from equiglass.liquid.system import System
from equiglass.liquid.targets import measured, times_to_learn
from equiglass.methods import METHODS
from equiglass.prediction.configuration import MethodConfiguration
from equiglass.prediction.model_file import read_model, write_model
from equiglass.prediction.predictor import About, Card, Predictor
from equiglass.prediction.training_data import TrainingData
from samples.command import run
from samples.labelled import SMALL, labelled_liquid
from samples.outline import Outline

ARCHITECTURE = {"l_max": 1, "layers": 1, "channels": 2}

OVERLAP = "ignore:.* times the mean value of the training data"
"""Random positions nearly overlap."""


def liquid_like(source: object) -> System:
    """A labelled configuration at the state point and the times of the training data of a model."""
    system = labelled_liquid(5)
    if not str(source).startswith("kalj"):
        return system
    return replace(
        system,
        temperature=0.44,
        times=np.array([0.13, 4120.0]),
        potential=equiglass.load_model(str(source)).data.potential,
    )


def reported(folder: Path, *sources: object) -> str:
    """Text of the page that the command makes about models and one configuration that none of them has seen."""
    equiglass.save([liquid_like(sources[0])], folder / "new.h5")
    assert run("report", *sources, "--data", folder / "new.h5", "--out", folder / "report.html") == 0
    return Outline((folder / "report.html").read_text(encoding="utf-8")).text


def assert_scores(text: str, source: Path | str) -> None:
    """The page has the scores of the model for that configuration."""
    system = liquid_like(source)
    model = equiglass.load_model(source)
    rows = equiglass.evaluate([system], [model.predict(system)])
    assert len(rows) == 2 * len({"1", "7"} & set(model.times)) > 0
    for row in rows:
        assert f"{row.type} {row.time:g} {row.label} {row.per_configuration:.3f}" in text


@pytest.mark.filterwarnings(OVERLAP)
def test_the_shipped_model(tmp_path: Path) -> None:
    text = reported(tmp_path, "kalj-T0.44")
    assert "Predicts the dynamic propensity of every particle of the 80:20 Kob-Andersen mixture" in text
    assert "no log of its training" in text
    assert "method network SE(3)-equivariant graph neural network; 3 trained" in text
    assert "method boattini" in text
    assert "weights by particle type and time, from predictions of configurations left out" in text
    assert "boattini: Choices of the regression on 2174 features" in text
    assert text.index("network: Architecture") < text.index("boattini: Settings")
    assert_scores(text, "kalj-T0.44")


@pytest.mark.filterwarnings(OVERLAP)
def test_a_member_of_the_shipped_model(tmp_path: Path) -> None:
    text = reported(tmp_path, "kalj-T0.44/member-regression")
    assert "method network" not in text
    assert "method boattini" in text
    assert "; 1 trained" in text
    assert "boattini: Choices of the regression on 2174 features" in text
    assert_scores(text, "kalj-T0.44/member-regression")


@dataclass(frozen=True, repr=False, eq=False)
class Mean(Predictor):
    """A method for a test: the mean over the particles of a type."""

    class Configuration(MethodConfiguration):
        method: Literal["mean"] = "mean"

    method = "mean"
    about = About("the mean of a type", "this test", "nothing")
    file_format = "test-mean"
    configuration = Configuration

    means: np.ndarray
    times: Mapping[str, float]
    data: TrainingData
    name: str = "mean"
    target = "propensity"
    needs = frozenset()

    @classmethod
    def fit(cls, training: Sequence[System], configuration: Any, **_: object) -> Mean:
        times, types = times_to_learn(training, "all"), np.concatenate([s.types for s in training])
        truth = np.concatenate([measured(s, list(times)) for s in training], axis=1)
        means = np.stack([truth[:, types == kind].mean(axis=1) for kind in range(2)], axis=1)
        return cls(means, times, TrainingData.of(training, 2))

    def values(self, system: System) -> np.ndarray:
        return self.means[:, system.types]

    def save(self, path: Path) -> None:
        description = {"format": "test-mean", "version": 1, "times": self.times, "data": self.data.metadata()}
        write_model(path, {"means": torch.from_numpy(self.means)}, description)

    @classmethod
    def load(cls, path: Path) -> Mean:
        tensors, held = read_model(path)
        return cls(tensors["means"].numpy(), held["times"], TrainingData.from_metadata(held["data"]))

    def card(self) -> list[Card]:
        return [Card("What it learned", DataFrame({"type": ["A", "B"], "mean": self.means[0]}))]


@pytest.fixture
def mean() -> Iterator[type[Mean]]:
    """The method while a test runs."""
    METHODS.add("mean", Mean)
    yield Mean
    METHODS.remove("mean")


def test_a_method_of_ones_own(mean: type[Mean], tmp_path: Path) -> None:
    equiglass.train([labelled_liquid(k) for k in range(3)], tmp_path / "run", mean.Configuration(fold=0))
    text = reported(tmp_path, tmp_path / "run")
    assert "method mean the mean of a type; 1 trained source this test" in text
    value = equiglass.load_model(tmp_path / "run").predict(labelled_liquid(0)).values[0, labelled_liquid(0).types == 0]
    assert f"mean: What it learned type mean A {value[0]:.6g}" in text
    assert "no log of its training" in text
    assert "needs of a configuration nothing but positions, types and box" in text
    assert "1 configurations" in text


FEW = {"descriptors": SMALL, "thermal": (0.0,), "decay": (0.5,), "penalties": (0.1, 1.0)}


@pytest.mark.parametrize(
    ("method", "settings", "sentence"),
    [
        ("ridge", {"l_max": 1}, "l_max 1 highest degree of the invariants"),
        ("boattini", FEW, "generations 24 number of averages of the scalars"),
        ("network", {"epochs": 1, "architecture": ARCHITECTURE}, "network: Architecture"),
    ],
)
def test_every_method_has_a_card_and_scores(
    tmp_path: Path, method: str, settings: dict[str, Any], sentence: str
) -> None:
    configuration = METHODS[method].configuration(**settings, fold=0)
    equiglass.train([labelled_liquid(k) for k in range(3)], tmp_path / "run", configuration)
    text = reported(tmp_path, tmp_path / "run")
    assert f"method {method} {METHODS[method].about.summary}; 1 trained" in text
    assert f"source {METHODS[method].about.source}" in text
    assert sentence in text
    assert ("Choices of the regression" in text) == (method != "network")
    assert "Propensity fields" in text
    assert_scores(text, tmp_path / "run")
