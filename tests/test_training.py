"""Training: configuration, split, loss, schedules, run folder, resuming to the same weights."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

import equiglass
from equiglass.errors import EquiglassError
from equiglass.liquid.displacement import distance
from equiglass.liquid.inherent import quench
from equiglass.liquid.potential import KOB_ANDERSEN
from equiglass.liquid.splits import validation_fold
from equiglass.liquid.targets import measured, times_to_learn
from equiglass.methods import METHODS
from equiglass.methods.descent import loop as training_loop
from equiglass.methods.descent.calibration import calibrate
from equiglass.methods.descent.loop import EpochResult
from equiglass.methods.descent.schedule import learning_rates
from equiglass.methods.descent.standardisation import TargetStandardisation
from equiglass.methods.loading import load_model, read_configuration
from equiglass.methods.network.configuration import Configuration
from equiglass.methods.network.predictor import NetworkPredictor
from equiglass.model.inputs.compute import compute, input_averages
from equiglass.prediction.predictor import Watch
from equiglass.training import train
from samples.labelled import labelled_liquid

TINY = ["architecture.l_max=1", "architecture.layers=2", "architecture.channels=2", "epochs=3", "folds=3"]


def tiny(*overrides: str) -> Configuration:
    configuration = read_configuration(None, [*TINY, *overrides])
    assert isinstance(configuration, Configuration)
    return configuration


def liquids(n: int = 6) -> list[equiglass.System]:
    return [labelled_liquid(seed) for seed in range(n)]


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "last.safetensors")


def assert_same_weights(a: Path, b: Path) -> None:
    one, other = weights(a), weights(b)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[k], other[k]) for k in one)


def test_unknown_key_suggests_the_nearest() -> None:
    with pytest.raises(EquiglassError, match=r"unknown key 'epoch'. Did you mean 'epochs'\?"):
        read_configuration(None, ["epoch=3"])
    with pytest.raises(EquiglassError, match=r"Did you mean 'architecture.l_max'\?"):
        read_configuration(None, ["architecture.lmax=3"])


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("epochs=0", "epochs"),
        ("inputs.energy=cold", "energy must be none, thermal or inherent"),
        ("inputs.nodes=[warmth]", "no node input 'warmth'"),
        ("epochs", "key=value"),
    ],
)
def test_wrong_values_are_sentences(override: str, said: str) -> None:
    with pytest.raises(EquiglassError, match=said):
        read_configuration(None, [override])


@pytest.mark.parametrize("method", METHODS)
def test_a_number_is_the_label_of_a_time(method: str) -> None:
    assert read_configuration(overrides=["times=[7, last, 0.5]"], method=method).times == ("7", "last", "0.5")


def test_configuration_file_and_overrides(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text("epochs: 7\narchitecture: {l_max: 2}\n")
    configuration = read_configuration(file, ["architecture.layers=3"])
    assert (configuration.epochs, configuration.architecture.l_max, configuration.architecture.layers) == (7, 2, 3)
    file.write_text("inputs: {energy: none, displacement: true}\n")
    assert read_configuration(file).inputs.nodes == ("displacement_inherent",)
    with pytest.raises(EquiglassError, match="replaces the older keys energy and displacement"):
        read_configuration(file, ["inputs.nodes=[energy_thermal]"])
    file.write_text("epochs: [")
    with pytest.raises(EquiglassError, match="not valid YAML"):
        read_configuration(file)


def test_folds_cover_every_configuration_once() -> None:
    systems = liquids(5)
    held_out = [s.name for fold in range(1, 4) for s in validation_fold(systems, 3, fold)[1]]
    assert sorted(held_out) == sorted(s.name for s in systems)
    assert validation_fold(systems, 3, 0) == (systems, [])
    with pytest.raises(EquiglassError, match="fold 4 of 3"):
        validation_fold(systems, 3, 4)


def test_a_network_that_sees_displacements_predicts_the_same_of_a_turned_configuration(tmp_path: Path) -> None:
    trained = train(liquids(3), tmp_path / "run", tiny("epochs=2", "inputs.displacement=true", "fold=0"))
    system = quench(liquids(1)[0], potential=KOB_ANDERSEN)
    turn = np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])
    assert system.positions_inherent is not None
    turned = replace(system, positions=system.positions @ turn, positions_inherent=system.positions_inherent @ turn)
    np.testing.assert_allclose(trained.values(turned), trained.values(system), atol=1e-5)
    still = replace(system, positions_inherent=system.positions)
    assert np.abs(trained.values(still) - trained.values(system)).max() > 1e-3


def test_settings_and_configurations_of_another_kind_are_refused_with_a_sentence(tmp_path: Path) -> None:
    systems = [labelled_liquid(k) for k in range(3)]
    for start in (train, equiglass.crossvalidate):
        with pytest.raises(EquiglassError, match="settings of a method, not dict"):
            start(systems, tmp_path / "run", {"method": "energy"})  # type: ignore[operator]
    assert not (tmp_path / "run").exists()
    with pytest.raises(EquiglassError, match="predict takes one System; got list"):
        load_model("kalj-T0.44").predict(systems)  # type: ignore[arg-type]


@pytest.mark.skipif(torch.cuda.is_available(), reason="here is a GPU")
def test_a_gpu_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EquiglassError, match=r"device is 'cuda', but .*; set device: auto or cpu"):
        train([labelled_liquid(1)], tmp_path, Configuration(device="cuda", fold=0))


def test_times_match_by_label_if_their_values_agree() -> None:
    a, b = labelled_liquid(0), labelled_liquid(1)
    later = replace(b, times=np.array([0.105, 17.0]))
    alone = replace(b, time_labels=("7",), times=np.array([18.0]), propensity=b.propensity[1:], replica_variance=None)
    assert times_to_learn([a, later], "all") == {"1": 0.1, "7": 16.5}
    rows = measured(alone, ["1", "7"])
    assert np.isnan(rows[0]).all()
    np.testing.assert_array_equal(rows[1], b.propensity[1])
    with pytest.raises(EquiglassError, match="no configuration has times"):
        times_to_learn([a], ["9"])
    with pytest.raises(EquiglassError, match=r"'7' is 16\.5 in liquid-0 but 40 in liquid-1; give different times"):
        times_to_learn([a, replace(b, times=np.array([0.1, 40.0]))], "all")


def test_schedules() -> None:
    rates = learning_rates("one-cycle", 1.0, 100)
    assert len(rates) == 100
    assert rates[0] == pytest.approx(1 / 25)
    assert max(rates) == rates[30] == pytest.approx(1.0)
    # The formula of arXiv 1708.07120 written out: a cosine up, a cosine down to zero.
    assert rates[15] == pytest.approx(1 / 25 + (1 - 1 / 25) * 0.5)
    assert rates[65] == pytest.approx(0.5)
    assert rates[99] == pytest.approx(0.5 * (1 + np.cos(np.pi * 69 / 70)))
    halved = learning_rates("halving", 1.0, 100)
    assert [halved[k] for k in (0, 39, 40, 59, 60, 75, 85, 95, 99)] == [
        1,
        1,
        0.5,
        0.5,
        0.25,
        1 / 8,
        1 / 16,
        1 / 32,
        1 / 32,
    ]
    assert learning_rates("constant", 2.0, 3) == [2.0] * 3


def test_a_run_learns_and_leaves_a_readable_folder(tmp_path: Path) -> None:
    results: list[EpochResult] = []
    configuration = tiny("epochs=30", "learning_rate=0.02", "architecture.dropout=0.0")
    trained = train(liquids(), tmp_path / "run", configuration, watch=Watch(epoch=results.append))
    assert results[-1].loss < 0.5 * results[0].loss
    assert np.nanmean(results[-1].rho[0]) > 0.5
    with (tmp_path / "run" / "log.csv").open() as file:
        log = list(csv.DictReader(file))
    assert len(log) == 30
    assert float(log[-1]["rho_A_7"]) == pytest.approx(results[-1].rho[0, 1], abs=1e-4)
    names = yaml.safe_load((tmp_path / "run" / "split.yaml").read_text())
    assert names["validation"] == ["liquid-0", "liquid-3"]
    again = load_model(tmp_path / "run")
    assert type(again) is type(trained)
    assert again.name == trained.name == str(tmp_path / "run")
    assert repr(again) == repr(trained)
    assert len(repr(again)) < 200
    system = liquids(1)[0]
    np.testing.assert_array_equal(again.predict(system).values, trained.predict(system).values)
    assert (tmp_path / "run" / "best.safetensors").exists()


def test_predictions_are_calibrated_on_the_training_set(tmp_path: Path) -> None:
    """The offset and the factor that dropout leaves behind are gone: least squares finds nothing to mend."""
    configuration = tiny("epochs=10", "architecture.dropout=0.3", "fold=0")
    trained = train(liquids(), tmp_path / "run", configuration)
    systems = liquids()
    for kind in range(2):
        predicted = np.concatenate([trained.values(s)[:, s.types == kind] for s in systems], axis=1)
        measured = np.concatenate([s.propensity[:, s.types == kind] for s in systems], axis=1)
        for x, y in zip(predicted, measured, strict=True):
            if np.corrcoef(x, y)[0, 1] > 0:
                np.testing.assert_allclose(np.polyfit(x, y, 1), [1, 0], atol=1e-6)
    assert np.corrcoef(predicted[1], measured[1])[0, 1] > 0


def test_the_line_takes_in_averages_of_the_energy_and_its_errors_are_uncorrelated_with_them(tmp_path: Path) -> None:
    trained = train(liquids(), tmp_path / "run", tiny("epochs=20", "inputs.generations=3", "fold=0"))
    systems = liquids()
    assert isinstance(trained, NetworkPredictor)
    np.testing.assert_array_equal(load_model(tmp_path / "run").values(systems[0]), trained.values(systems[0]))
    weights = trained.line.average_weights
    assert weights.shape == (2, 2, 4)
    assert np.all(weights[0, 1] != 0)
    errors = np.concatenate([(trained.values(s) - s.propensity)[1, s.types == 0] for s in systems])
    known = [compute(s, trained.inputs) for s in systems]
    averages = [input_averages(s, trained.inputs, k)[s.types == 0] for s, k in zip(systems, known, strict=True)]
    # On a GPU the outputs of the fit and of the prediction differ by the rounding of single precision.
    assert errors.mean() == pytest.approx(0, abs=1e-9 if not torch.cuda.is_available() else 1e-7)
    assert np.abs(np.corrcoef(errors, np.concatenate(averages).T)[0, 1:]).max() < 0.02


def test_averages_need_something_to_average() -> None:
    with pytest.raises(EquiglassError, match=r"generations: 0"):
        tiny("inputs.generations=3", "inputs.energy=none")
    inputs = tiny("inputs.generations=3", "inputs.displacement=true").inputs
    assert inputs.n_averages == 8
    system = quench(liquids(1)[0], potential=KOB_ANDERSEN)
    averages = input_averages(system, inputs, compute(system, inputs))
    np.testing.assert_array_equal(averages[:, 1], distance(system, "inherent"))
    assert averages.shape == (64, 8)


@pytest.mark.parametrize(
    "override",
    [
        "inputs.positions=inherent",
        "inputs.energy=none",
        "inputs.energy=thermal",
        "inputs.generations=2",
        "inputs.displacement=true",
        "times=['7']",
        "fold=0",
    ],
)
def test_every_choice_of_input_and_target_trains(tmp_path: Path, override: str) -> None:
    trained = train(liquids(), tmp_path / "run", tiny("epochs=1", override))
    times = 1 if override.startswith("times") else 2
    assert trained.predict(liquids(1)[0]).values.shape == (times, 64)


def test_accumulation_is_one_step_on_the_mean_gradient(tmp_path: Path) -> None:
    """Four configurations a step, four in the training set: one optimiser step an epoch."""
    train(liquids(), tmp_path / "run", tiny("accumulate=4", "epochs=2"))
    steps = {int(v) for k, v in weights(tmp_path / "run").items() if k.startswith("optimizer.step.")}
    assert steps == {2}


def test_same_seed_same_weights_other_seed_others(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(liquids(), tmp_path / name, tiny("epochs=1", f"seed={seed}"))
    assert_same_weights(tmp_path / "a", tmp_path / "b")
    with pytest.raises(AssertionError):
        assert_same_weights(tmp_path / "a", tmp_path / "c")


class StoppedError(Exception):
    """Stands for whatever ends a process."""


@pytest.mark.parametrize("accumulate", [1, 2])
def test_resume_at_any_step_reaches_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, accumulate: int
) -> None:
    configuration = tiny(f"accumulate={accumulate}")
    train(liquids(), tmp_path / "unbroken", configuration)
    monkeypatch.setattr(training_loop, "CHECKPOINT_SECONDS", 0.0)

    def stop_at(step: int):  # type: ignore[no-untyped-def]
        def stop(done: int, total: int, loss: float) -> None:
            assert total == 12
            if done >= step:
                raise StoppedError

        return Watch(stop)

    with pytest.raises(StoppedError):
        train(liquids(), tmp_path / "broken", configuration, watch=stop_at(3))
    with pytest.raises(StoppedError):
        train(liquids(), tmp_path / "broken", configuration, resume=True, watch=stop_at(10))
    train(liquids(), tmp_path / "broken", configuration, resume=True)
    assert_same_weights(tmp_path / "unbroken", tmp_path / "broken")
    assert (tmp_path / "unbroken" / "log.csv").read_text() == (tmp_path / "broken" / "log.csv").read_text()


def test_resume_refuses_another_configuration(tmp_path: Path) -> None:
    train(liquids(), tmp_path / "run", tiny("epochs=1"))
    with pytest.raises(EquiglassError, match=r"other settings: learning_rate is 0\.5"):
        train(liquids(), tmp_path / "run", tiny("epochs=1", "learning_rate=0.5"), resume=True)
    with pytest.raises(EquiglassError, match="other data or another split"):
        train(liquids(7), tmp_path / "run", tiny("epochs=1"), resume=True)
    with pytest.raises(EquiglassError, match="not empty"):
        train(liquids(), tmp_path / "run", tiny("epochs=1"))
    with pytest.raises(EquiglassError, match="no run to resume"):
        train(liquids(), tmp_path / "none", tiny("epochs=1"), resume=True)


def test_kill_9_then_resume_reaches_the_same_weights(tmp_path: Path) -> None:
    data = tmp_path / "data.h5"
    equiglass.save(liquids(), data)
    options = [x for o in TINY for x in ("--set", o)] + ["--set", "epochs=200"]
    command = [sys.executable, "-m", "equiglass", "train", "--data", str(data), *options, "--out"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([*command, str(tmp_path / "unbroken")], check=True, env=environment, capture_output=True)

    broken = tmp_path / "broken"
    process = subprocess.Popen(
        [*command, str(broken)], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not (broken / "log.csv").exists() or len((broken / "log.csv").read_text().splitlines()) < 5:
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len((broken / "log.csv").read_text().splitlines()) < 201
    subprocess.run([*command, str(broken), "--resume"], check=True, env=environment, capture_output=True)
    assert_same_weights(tmp_path / "unbroken", broken)


def test_an_output_beyond_all_targets_is_set_to_the_end_of_their_range() -> None:
    """One particle unlike all others must not decide a correlation."""
    types, targets = np.array([0, 0, 0, 1, 1]), np.array([[1.0, 2.0, 3.0, 10.0, 30.0]])
    line = TargetStandardisation.fit([types], [targets], 2)
    outputs = np.array([[-1e6, 0.0, 1e9, 1e30, -0.5]])
    found = line.restored(outputs, types, np.empty((5, 0)))
    np.testing.assert_allclose(found, [[1.0, 2.0, 3.0, 30.0, 15.0]])
    again = TargetStandardisation.from_tensors(line.tensors())
    np.testing.assert_array_equal(again.restored(outputs, types, np.empty((5, 0))), found)
    older = {key: value for key, value in line.tensors().items() if key not in ("targets.lowest", "targets.highest")}
    assert TargetStandardisation.from_tensors(older).restored(outputs, types, np.empty((5, 0)))[0, 2] > 1e8


def test_an_output_that_is_constant_to_rounding_is_not_calibrated() -> None:
    class Constant(torch.nn.Module):
        def forward(self, graph: object) -> torch.Tensor:
            return 1e6 + 1e-9 * torch.arange(20, dtype=torch.float64)[:, None]

    line = TargetStandardisation.linear(np.zeros((1, 1)), np.ones((1, 1)), np.zeros((1, 1, 0)))
    measured = np.random.default_rng(0).normal(size=(1, 20))
    sample = SimpleNamespace(graph=None, measured=measured, types=np.zeros(20, int), averages=np.empty((20, 0)))
    fitted = calibrate(Constant(), [sample], line)  # type: ignore[list-item]
    np.testing.assert_array_equal(fitted.scale, line.scale)
