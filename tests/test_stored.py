"""Files that past versions of the package wrote: they load, and the numbers are those of the code that wrote them.

The files stand in tests/stored, with what the old code made of them; tests/stored/make.py made them.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import equiglass
from equiglass.errors import DataError, EquiglassWarning
from equiglass.liquid.system import System
from equiglass.methods import METHODS
from equiglass.methods.loading import save_model
from samples.command import run
from samples.stored import (
    MODELS,
    STORED,
    WHOLE,
    last_liquid,
    model_file,
    rewritten,
    skip_without_its_package,
    stored_format,
)

RUN = STORED / "run-44e3eb7"
LIQUIDS = STORED / "liquids.xyz"
DATA = [
    "dataset-1-112f1e5.h5",
    "dataset-2-20f6fef.h5",
    "dataset-2-44e3eb7.h5",
    "dataset-3-84335a0.h5",
    "labelled-44e3eb7.npz",
    "xyz-44e3eb7.xyz",
]

TOLERANCE = 1e-6
"""LJ length or energy. Networks compute in single precision; the order of sums differs between convolutions."""

TRAINED_AGAIN = 1e-4
"""The same after a few optimiser steps, LJ length; the predictions of these models differ by 1e-2 between particles."""


@pytest.fixture(autouse=True)
def _plain_torch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is compiled for these small networks."""
    if "shipped" not in request.node.name:
        monkeypatch.setenv("EQUIGLASS_CONVOLUTION", "reference")


def golden(folder: Path) -> tuple[list[str], np.ndarray]:
    with np.load(folder / "golden.npz") as arrays:
        return arrays["labels"].tolist(), arrays["values"]


def assert_predicts(model: Any, expected: Path, tolerance: float = TOLERANCE) -> None:
    labels, values = golden(expected)
    prediction = model.predict(last_liquid())
    assert list(prediction.times) == labels
    np.testing.assert_allclose(prediction.values, values, rtol=0, atol=tolerance)


def test_every_version_of_every_model_file_is_stored() -> None:
    stored = {stored_format(model_file(STORED / name)) for name in MODELS}
    assert stored == {(one.file_format, k) for one in METHODS.values() for k in range(1, one.version + 1)}


@pytest.mark.parametrize("name", MODELS)
def test_a_stored_model_predicts_what_its_own_code_predicted(name: str) -> None:
    skip_without_its_package(name)
    model = equiglass.load_model(STORED / name)
    assert model.target == ("energy" if name == "network-3-704e6c2" else "propensity")
    assert model.data.configurations == (3 if name.startswith("regression") or name.endswith(WHOLE) else 2)
    assert model.data.potential == equiglass.KOB_ANDERSEN
    assert_predicts(model, STORED / name)


@pytest.mark.parametrize("name", MODELS)
def test_a_stored_model_written_again_predicts_the_same(name: str, tmp_path: Path) -> None:
    skip_without_its_package(name)
    model = equiglass.load_model(STORED / name)
    path = tmp_path / model_file(STORED / name).name
    model.save(path)
    assert_predicts(equiglass.load_model(tmp_path), STORED / name)


def test_a_stored_combination_predicts_what_its_own_code_predicted(tmp_path: Path) -> None:
    stored = STORED / "combination-1-f10718a"
    again = tmp_path / "again"
    save_model(equiglass.load_model(stored), again)
    for folder in (stored, again):
        with pytest.warns(EquiglassWarning, match="has not learned type B at the time labelled '7'"):
            prediction = equiglass.load_model(folder).predict(last_liquid())
        with np.load(STORED / "combination-1-f10718a.golden.npz") as arrays:
            assert list(prediction.times) == arrays["labels"].tolist()
            np.testing.assert_allclose(prediction.values, arrays["values"], rtol=0, atol=TOLERANCE)
            np.testing.assert_allclose(prediction.uncertainty, arrays["uncertainty"], rtol=0, atol=TOLERANCE)


def test_an_input_that_is_no_longer_there_is_refused_by_its_name(tmp_path: Path) -> None:
    """One commit had the distance to the inherent structure as a scalar and averages over neighbours as inputs."""
    inputs = {"positions": "thermal", "energy": "inherent", "distance": True, "generations": 0}
    rewritten(STORED / "network-3-d1c63e8" / "last.safetensors", tmp_path / "last.safetensors", inputs=inputs)
    with pytest.raises(DataError, match="distance"):
        equiglass.load_model(tmp_path)


@pytest.mark.filterwarnings("ignore:.*contradicts the mean of the replica_displacements")
@pytest.mark.parametrize("name", DATA)
def test_stored_configurations_load_as_their_own_code_loaded_them(name: str) -> None:
    path = STORED / name
    with np.load(path.with_suffix(".golden.npz")) as arrays:
        stored, rest = dict(arrays), json.loads(str(arrays["rest"]))
    failed = next((words for one in rest if (words := failures_of(one))), None)
    if failed:
        with pytest.warns(EquiglassWarning, match=re.escape(failed)):
            systems = equiglass.load(path)
    else:
        systems = equiglass.load(path)
    assert len(systems) == len(rest)
    for k, (system, described) in enumerate(zip(systems, rest, strict=True)):
        mine = {key.removeprefix(f"{k}."): values for key, values in stored.items() if key.startswith(f"{k}.")}
        assert list(system.predictions) == described["predictions"]
        for key, values in mine.items():
            _, is_prediction, prediction = key.partition("prediction.")
            found = system.predictions[prediction] if is_prediction else getattr(system, key)
            np.testing.assert_array_equal(found, values, err_msg=key)
        for key in ("name", "temperature", "runs"):
            assert getattr(system, key) == described[key]
        assert list(system.time_labels) == described["time_labels"]
        assert_potential(system, described["potential"])
        assert " ".join(system.failures) == failures_of(described)
        assert_provenance(system, described)


def assert_potential(system: System, expected: dict[str, Any] | None) -> None:
    if expected is None:
        assert system.potential is None
        return
    assert system.potential is not None
    assert (system.potential.name, system.potential.cutoff) == (expected["name"], expected["cutoff"])
    np.testing.assert_array_equal(system.potential.epsilon, expected["epsilon"])
    np.testing.assert_array_equal(system.potential.sigma, expected["sigma"])
    # Before version 2 of the data set every potential was shifted, and the file does not say so.
    assert system.potential.truncation == expected.get("truncation", "shifted")


def failures_of(described: dict[str, Any]) -> str:
    """The failed checks in one text; before version 3 of the data set they stood in the provenance."""
    return " ".join(described.get("failures", [])) or described["provenance"].get("failed", "")


def assert_provenance(system: System, described: dict[str, Any]) -> None:
    """Two entries in words became fields: failed checks, and whether the trajectory was in equilibrium."""
    expected = dict(described["provenance"])
    expected.pop("failed", None)
    equilibration = expected.pop("equilibration", None)
    assert expected.items() <= system.provenance.items()
    known = None if equilibration is None else "NOT in equilibrium" not in equilibration
    assert system.equilibrated is described.get("equilibrated", known)


def test_the_stored_data_sets_have_every_verdict() -> None:
    """Nothing above would fail on translated fields if the files had none."""
    with pytest.warns(EquiglassWarning, match="0\\.4712"):
        newest, bare = equiglass.load(STORED / "dataset-2-44e3eb7.h5")
    (steady, _) = equiglass.load(STORED / "dataset-1-112f1e5.h5")
    assert [newest.equilibrated, bare.equilibrated, steady.equilibrated] == [False, None, True]
    assert newest.failures
    assert bare.failures
    assert not steady.failures


def test_a_data_set_of_the_next_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "next.h5"
    equiglass.save(last_liquid(), path)
    with h5py.File(path, "r+") as file:
        newest = int(file.attrs["version"])
        file.attrs["version"] = newest + 1
    with pytest.raises(DataError, match=rf"version {newest + 1}\b.* up to (version )?{newest}\b"):
        equiglass.load(path)


def test_a_stored_representation_loads() -> None:
    from equiglass.representation.file import read_representation

    with np.load(STORED / "representation-1-205e5e7.golden.npz") as arrays:
        stored, rest = dict(arrays), json.loads(str(arrays["rest"]))
    described = read_representation(STORED / "representation-1-205e5e7.h5")
    assert [{"name": one.name, "temperature": one.temperature} for one in described] == rest
    for k, one in enumerate(described):
        for key in ("types", "h", "coordinates", "structure"):
            np.testing.assert_array_equal(getattr(one, key), stored[f"{k}.{key}"], err_msg=key)


def test_a_representation_of_the_next_version_is_refused(tmp_path: Path) -> None:
    from equiglass.representation.file import read_representation

    path = shutil.copy(STORED / "representation-1-205e5e7.h5", tmp_path)
    with h5py.File(path, "r+") as file:
        file.attrs["version"] = 2
    with pytest.raises(DataError, match=r"version 2\b.* up to (version )?1\b"):
        read_representation(path)


@pytest.mark.parametrize("checkpoint", ["last", "best"])
def test_both_checkpoints_of_a_stored_run_load(checkpoint: str) -> None:
    """Its last epoch was its best."""
    assert_predicts(equiglass.load_model(RUN, checkpoint), RUN)


def test_a_stored_run_is_scored_as_before() -> None:
    """At that time the training configurations were scored together with the others."""
    model, systems = equiglass.load_model(RUN), equiglass.load(LIQUIDS)
    predictions = [replace(model.predict(system), role="unknown") for system in systems]
    found, expected = equiglass.evaluate(systems, predictions).as_json(), json.loads((RUN / "golden.json").read_text())
    assert found["configurations"] == expected["configurations"]
    assert len(found["rho"]) == len(expected["rho"])
    for row, before in zip(found["rho"], expected["rho"], strict=True):
        assert {key: row[key] for key in before} == pytest.approx(before, abs=1e-4)


def test_a_stored_run_recognises_its_configurations_by_their_names(tmp_path: Path) -> None:
    """Its split.yaml has no fingerprints."""
    scores = tmp_path / "scores.json"
    model, systems = equiglass.load_model(RUN), equiglass.load(LIQUIDS)
    assert [model.role(system) for system in systems] == ["validation", "training", "training"]
    assert run("evaluate", RUN, "--data", LIQUIDS, "--json", scores) == 0
    found = json.loads(scores.read_text())
    assert (found["configurations"], found["left_out"]) == (1, ["liquid-1", "liquid-2"])
    assert run("evaluate", RUN, "--data", LIQUIDS, "--json", scores, "--seen") == 0
    rows = [(row["role"], row["configurations"]) for row in json.loads(scores.read_text())["rho"]]
    assert rows == [("validation", 1)] * 4 + [("training", 2)] * 4


@pytest.mark.parametrize("name", ["run-44e3eb7", "stopped-44e3eb7"])
def test_a_stored_run_goes_on(name: str, tmp_path: Path) -> None:
    """A finished run does not change; one stopped after an epoch of two ends where the other ended."""
    shutil.copytree(STORED / name, tmp_path / "run")
    assert run("train", "--data", LIQUIDS, "--out", tmp_path / "run", "--resume") == 0
    tolerance = TOLERANCE if name == RUN.name else TRAINED_AGAIN
    assert_predicts(equiglass.load_model(tmp_path / "run"), RUN, tolerance)
    log, before = ((folder / "log.csv").read_text().splitlines() for folder in (tmp_path / "run", RUN))
    assert log[0] == before[0]
    numbers = [[float(cell) for line in lines[1:] for cell in line.split(",")] for lines in (log, before)]
    assert numbers[0] == pytest.approx(numbers[1], abs=2e-3)


def test_an_old_configuration_trains_the_same_network(tmp_path: Path) -> None:
    """Its keys are those of the first layout: inputs.energy, inputs.displacement, architecture.decoder_gain, ..."""
    words = ("--config", RUN / "configuration.yaml", "--data", LIQUIDS)
    assert run("train", *words, "--out", tmp_path / "run") == 0
    assert_predicts(equiglass.load_model(tmp_path / "run"), RUN, TRAINED_AGAIN)


def test_an_old_run_folder_has_a_report(tmp_path: Path) -> None:
    assert run("report", RUN, "--data", LIQUIDS, "--out", tmp_path / "report.html") == 0
    page = (tmp_path / "report.html").read_text()
    assert "equiglass train --data liquids.xyz" in page


def structure_of_another() -> Any:
    """The inherent structure in the file is of the shifted potential."""
    return pytest.warns(EquiglassWarning, match="inherent structure is of the potential kob-andersen")


def test_the_shipped_model_predicts_what_it_predicted() -> None:
    from equiglass.formats import stream

    system = next(stream(Path(str(files("equiglass").joinpath("experiments/data/kalj-T0.64.h5")))))
    with np.load(STORED / "shipped-093bf03.npz") as arrays:
        assert system.name == str(arrays["name"])
        with pytest.warns(EquiglassWarning, match=r"temperature 0\.64 \(trained on 0\.44\)"), structure_of_another():
            prediction = equiglass.load_model("kalj-T0.44").predict(system)
        assert list(prediction.times) == arrays["labels"].tolist()
        np.testing.assert_allclose(prediction.propensity, arrays["values"], rtol=1e-5, atol=TOLERANCE)
