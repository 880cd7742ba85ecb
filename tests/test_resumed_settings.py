"""A resumed training may change the number of epochs and the device, and find its data elsewhere; nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

import equiglass
from samples.command import run
from samples.labelled import labelled_liquid, shaken

TINY = ("architecture.l_max=1", "architecture.layers=1", "architecture.channels=2", "epochs=2", "folds=3")
SETTINGS = [word for override in TINY for word in ("--set", override)]
CONSTANT = ("--set", "schedule=constant")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("resumed")
    equiglass.save([labelled_liquid(seed) for seed in range(6)], folder / "data.h5")
    words = ("train", "--data", folder / "data.h5", "--out")
    assert run(*words, folder / "run", *SETTINGS) == 0
    assert run(*words, folder / "constant", *SETTINGS, *CONSTANT) == 0
    assert run(*words, folder / "three", *SETTINGS, *CONSTANT, "--set", "epochs=3") == 0
    return folder


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """Runs that a test may change, and their data under another path."""
    for name in ("run", "constant"):
        shutil.copytree(folder / name, tmp_path / name)
    (tmp_path / "moved").mkdir()
    shutil.copy(folder / "data.h5", tmp_path / "moved" / "data.h5")
    return tmp_path


def resume(copy: Path, name: str, *changes: str) -> int:
    words = [word for change in changes for word in ("--set", change)]
    return run("train", "--data", copy / "moved", "--out", copy / name, "--resume", *words)


def settings_of(run: Path) -> dict:
    return yaml.safe_load((run / "configuration.yaml").read_text())


def test_more_epochs_at_a_constant_rate_are_those_of_a_longer_training(
    folder: Path, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert resume(copy, "constant", "epochs=3") == 0
    assert capsys.readouterr().err == ""
    one, other = (load_file(run / "last.safetensors") for run in (folder / "three", copy / "constant"))
    assert all(torch.equal(value, other[key]) for key, value in one.items())
    assert settings_of(copy / "constant") == settings_of(folder / "three")
    assert (copy / "constant" / "log.csv").read_text() == (folder / "three" / "log.csv").read_text()


def test_more_epochs_under_a_schedule_say_what_that_means(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert resume(copy, "run", "epochs=4") == 0
    said = capsys.readouterr().err
    assert "epochs is 4, was 2" in said
    assert "one-cycle schedule over 4 epochs" in said
    assert "differ from those of an uninterrupted training" in said
    assert len((copy / "run" / "log.csv").read_text().splitlines()) == 5
    assert settings_of(copy / "run")["epochs"] == 4


def test_a_run_of_a_gpu_continues_elsewhere(copy: Path) -> None:
    path = copy / "run" / "configuration.yaml"
    path.write_text(path.read_text().replace("device: auto", "device: cuda"))
    assert "device: cuda" in path.read_text()
    assert resume(copy, "run", "device=cpu") == 0
    assert settings_of(copy / "run")["device"] == "cpu"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (("learning_rate=0.1",), "learning_rate is 0.1, was 0.005"),
        (("architecture.layers=2", "epochs=3"), "architecture.layers is 2, was 1"),
        (("inputs.nodes=[energy_thermal]",), "inputs.nodes is ['energy_thermal'], was ['energy_inherent']"),
        (("epochs=1",), "has done 2 epochs; epochs=1 is fewer"),
    ],
)
def test_another_setting_is_named(
    copy: Path, capsys: pytest.CaptureFixture[str], changes: tuple[str, ...], said: str
) -> None:
    before = {path: path.read_bytes() for path in (copy / "run").iterdir()}
    assert resume(copy, "run", *changes) == 2
    assert said in capsys.readouterr().err
    assert {path: path.read_bytes() for path in (copy / "run").iterdir()} == before


def test_members_continue_with_their_own_settings(folder: Path, tmp_path: Path) -> None:
    words = ("train", "--data", folder / "data.h5", "--out", tmp_path / "both", "--members", "2")
    assert run(*words, *SETTINGS, *CONSTANT) == 0
    assert run(*words, "--resume", "--set", "epochs=3") == 0
    one, other = (load_file(run / "last.safetensors") for run in (folder / "three", tmp_path / "both" / "member-1"))
    assert all(torch.equal(value, other[key]) for key, value in one.items())
    assert settings_of(tmp_path / "both" / "member-2")["seed"] == 2


def test_glassmlp_continues_for_more_epochs_and_refuses_fewer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pyvoro2")
    equiglass.save([shaken(k) for k in range(5)], tmp_path / "data.h5")

    def trained(out: Path, epochs: int, *words: str) -> int:
        small = ("--set", "lengths=[0, 0.5]", "--set", "reach=2.0", "--set", f"epochs={epochs}")
        return run("train", "--method", "glassmlp", "--data", tmp_path / "data.h5", "--out", out, *small, *words)

    assert trained(tmp_path / "run", 2) == 0
    assert trained(tmp_path / "run", 4, "--resume") == 0
    one, other = load_file(tmp_path / "run" / "last.safetensors"), load_file(tmp_path / "run" / "training.safetensors")
    assert torch.equal(one["0.weights.0"], other["network.0.weights.0"])
    capsys.readouterr()
    assert trained(tmp_path / "run", 1, "--resume") == 2
    assert "has done 4 epochs; epochs=1 is fewer" in capsys.readouterr().err
    assert settings_of(tmp_path / "run")["epochs"] == 4
