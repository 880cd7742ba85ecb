"""The modules that docs/architecture.md shows work: each is written to a file, imported, and used."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file

import equiglass
from equiglass.experiments.measures import MEASURES
from equiglass.formats import FORMATS
from equiglass.liquid.system import System
from equiglass.liquid.targets import TARGETS
from equiglass.methods import METHODS
from equiglass.methods.network.further_targets import FURTHER_TARGETS
from equiglass.model.inputs import INPUTS
from samples.command import run
from samples.complete import full_system
from samples.labelled import labelled_liquid

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
MODULES = dict(re.findall(r"`src/equiglass/(\S+)\.py`:\n\n```python\n(.*?)```", PAGE, re.DOTALL))
SMALL = ("architecture.l_max=1", "architecture.layers=2", "architecture.channels=2", "epochs=2", "folds=3")
SETTINGS = [word for setting in SMALL for word in ("--set", setting)]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of six labelled configurations."""
    path = tmp_path_factory.mktemp("data") / "data.h5"
    equiglass.save([labelled_liquid(seed) for seed in range(6)], path)
    return path


@pytest.fixture
def module(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ModuleType]:
    """The module of the page that the test names; what it registers is forgotten afterwards."""
    registries: list[Any] = [METHODS, INPUTS, TARGETS, FURTHER_TARGETS, FORMATS, MEASURES]
    before = [set(registry) for registry in registries]
    file = tmp_path / Path(request.param).with_suffix(".py").name
    file.write_text(MODULES[request.param], encoding="utf-8")
    spec = importlib.util.spec_from_file_location(f"shown_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    shown = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = shown
    try:
        spec.loader.exec_module(shown)
        yield shown
    finally:
        del sys.modules[spec.name]
        for registry, names in zip(registries, before, strict=True):
            for name in set(registry) - names:
                registry.remove(name)


def used(data: Path, out: Path, *words: str) -> tuple[equiglass.System, Any]:
    """Train by the command, cross-validate, score, predict, report; a configuration and the prediction of it."""
    model_words = ("--data", data, *words)
    assert run("train", *model_words, "--out", out / "run") == 0
    assert run("crossvalidate", *model_words, "--out", out / "cv", "--json", out / "cv.json") == 0
    assert json.loads((out / "cv.json").read_text())["configurations"] == 6
    assert run("evaluate", out / "run", "--data", data, "--json", out / "scores.json") == 0
    assert run("report", out / "run", "--data", data, "--out", out / "report.html") == 0
    system = equiglass.load(data)[5]
    equiglass.save(system, out / "one.h5")
    assert run("predict", out / "run", out / "one.h5", "-o", out / "one.xyz") == 0
    prediction = equiglass.load_model(out / "run").predict(system)
    assert np.isfinite(prediction.values).all()
    (row, *_) = equiglass.evaluate([system], [prediction], seen=True)
    assert np.isfinite(row.mse)
    return system, prediction


@pytest.mark.parametrize(
    ("module", "summary"),
    [
        ("methods/coordination", "ridge regression on coordination numbers"),
        ("methods/line", "a line on the number of neighbours"),
    ],
    indirect=["module"],
)
def test_a_method_is_one_file(
    module: ModuleType, summary: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = module.__name__.removeprefix("shown_")
    system, prediction = used(data, tmp_path, "--method", name, "--set", "folds=3")
    # The propensity of these liquids is a function of the number of neighbours within 1.5.
    rho = np.corrcoef(prediction.at("7")[system.types == 0], system.propensity[1, system.types == 0])[0, 1]
    assert rho > 0.9
    assert summary in (tmp_path / "report.html").read_text(encoding="utf-8")
    model = equiglass.train(equiglass.load(data), tmp_path / "again", METHODS[name].configuration(folds=3))
    assert model.method == name
    np.testing.assert_array_equal(model.predict(system).values, prediction.values)
    capsys.readouterr()
    assert run("methods") == 0
    assert name in capsys.readouterr().out
    # An average with another method; each counts alike.
    settings = ("--data", data, "--set", "folds=3")
    assert run("train", "--method", "energy", *settings, "--out", tmp_path / "both" / "energy") == 0
    assert run("train", "--method", name, *settings, "--out", tmp_path / "both" / name) == 0
    other = equiglass.load_model(tmp_path / "both" / "energy").predict(system).values
    mean = equiglass.load_model(tmp_path / "both").predict(system).values
    np.testing.assert_allclose(mean, (prediction.values + other) / 2)


@pytest.mark.parametrize("module", ["model/inputs/bonds"], indirect=True)
def test_a_node_input_is_one_file(module: ModuleType, data: Path, tmp_path: Path) -> None:
    used(data, tmp_path, *SETTINGS, "--set", "inputs.nodes=[energy_inherent, bonds]")
    model = equiglass.load_model(tmp_path / "run")
    assert model.inputs.nodes == ("energy_inherent", "bonds")
    assert set(model.standardisation.moments["bonds"]) == {0, 1}
    assert "bonds" in (tmp_path / "report.html").read_text(encoding="utf-8")
    # Without the input the weights would be fewer: the network does see it.
    assert [len(own) for own in model.network.own] == [2 + 2, 1]
    settings = ("--data", data, "--set", "folds=3", "--set", "nodes=[bonds]")
    assert run("train", "--method", "ridge", *settings, "--out", tmp_path / "ridge") == 0


@pytest.mark.parametrize("module", ["liquid/targets/log_propensity"], indirect=True)
def test_a_target_is_one_file(module: ModuleType, data: Path, tmp_path: Path) -> None:
    system, prediction = used(data, tmp_path, *SETTINGS, "--set", "target=log_propensity")
    assert prediction.target == "log_propensity"
    assert prediction.at("1").min() < 0
    (_, _, row, _) = equiglass.evaluate([system], [prediction], seen=True)
    truth = np.log(system.propensity[system.row(row.label)])
    of_type = system.types == 0
    assert row.type == "A"
    assert row.mse == pytest.approx(np.mean((truth - prediction.at(row.label))[of_type] ** 2))
    comment = (tmp_path / "one.xyz").read_text().splitlines()[1]
    assert ":log_propensity_7:R:1" in comment
    assert "logarithm of the propensity" in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("module", ["methods/network/further_targets/mean_square"], indirect=True)
def test_a_further_target_is_one_file(module: ModuleType, data: Path, tmp_path: Path) -> None:
    used(data, tmp_path, *SETTINGS, "--set", "further_targets=[mean_square]")
    assert "read_outs.mean_square.weight" in load_file(tmp_path / "run" / "last.safetensors")


@pytest.mark.parametrize("module", ["formats/table"], indirect=True)
def test_a_format_is_one_file(module: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written = [labelled_liquid(seed) for seed in range(2)]
    for number, system in enumerate(written):
        equiglass.save(system, tmp_path / f"{number}.tab")
    read = equiglass.load(tmp_path)
    for one, other in zip(written, read, strict=True):
        np.testing.assert_allclose(other.positions, one.positions)
        np.testing.assert_array_equal(other.types, one.types)
    assert run("quench", tmp_path / "0.tab", "-o", tmp_path / "cold.h5") == 0
    (tmp_path / "0.tab").write_text("5 5 5\n0 1 2\n")
    assert run("quench", tmp_path / "0.tab", "-o", tmp_path / "cold.h5") == 2
    assert re.match(r"error: .*0\.tab: ", capsys.readouterr().err)


@pytest.mark.parametrize("module", ["observables/non_gaussian"], indirect=True)
def test_an_observable_is_one_file(module: ModuleType) -> None:
    systems = [full_system(seed) for seed in range(3)]
    found = module.non_gaussian(systems, label="7", type="A")
    squares = np.array([_squares(system) for system in systems])
    assert found.value == pytest.approx(3 * np.mean(squares**2) / (5 * np.mean(squares) ** 2) - 1)
    # The displacements of these systems are Gaussian.
    assert abs(found.value) < 0.3
    assert found.error > 0


def _squares(system: System) -> np.ndarray:
    assert system.replica_displacements is not None
    return (system.replica_displacements[-1][:, system.types == 0].astype(float) ** 2).sum(axis=-1)


@pytest.mark.parametrize("module", ["experiments/measures/errors"], indirect=True)
def test_a_measure_is_one_file(module: ModuleType, data: Path, tmp_path: Path) -> None:
    declaration = "title: errors\nsource: a test\nvariants: {line: {method: energy}}\nmeasure: errors\n"
    (tmp_path / "mine.yaml").write_text(declaration)
    assert run("experiment", tmp_path / "mine.yaml", "--data", data, "--out", tmp_path / "out") == 0
    page = (tmp_path / "out/mine/table.md").read_text()
    assert "mse_median" in page
    assert "| line " in page


def test_every_kind_of_addition_is_shown() -> None:
    assert set(MODULES) == {
        "methods/coordination",
        "methods/line",
        "model/inputs/bonds",
        "liquid/targets/log_propensity",
        "methods/network/further_targets/mean_square",
        "formats/table",
        "observables/non_gaussian",
        "experiments/measures/errors",
    }
    assert len(MODULES) == PAGE.count("```python")


def test_the_layout_is_that_of_the_import_contract() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = (c for c in settings["tool"]["importlinter"]["contracts"] if c["type"] == "layers")
    layers = [set(layer.split(" | ")) for layer in reversed(contract["layers"])]
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", PAGE.split("## The flow")[0], re.MULTILINE)
    shown = [{name for number, name in rows if int(number) == place} for place in range(1, len(layers))]
    assert [*shown, {"__main__"}] == layers
    folders = {path.stem for path in (ROOT / "src/equiglass").iterdir() if path.name[0] not in "._"}
    assert {name for _, name in rows} == folders - {"py"}
