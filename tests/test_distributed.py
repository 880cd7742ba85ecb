"""Several processes: the weights, log and files of one; all end together; one sentence says why."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import equiglass
from equiglass.errors import EquiglassError
from equiglass.machine import processes
from equiglass.methods.descent.averages import RunningAverages
from equiglass.methods.loading import read_configuration
from equiglass.model.network import Network
from equiglass.training import train
from samples.labelled import labelled_liquid

# Five training configurations, two a step: the last step of an epoch leaves one process without work.
OVERRIDES = ["architecture.l_max=1", "architecture.layers=2", "architecture.channels=2", "architecture.dropout=0.3"]
OVERRIDES += ["epochs=3", "folds=6", "fold=2", "accumulate=2"]
SETTINGS = [word for override in OVERRIDES for word in ("--set", override)]

# The command line; process 1 fails in its fifth step in the way that MISHAP names.
MISHAP = """
import os, signal, sys
from equiglass.__main__ import main
from equiglass.errors import EquiglassError
from equiglass.methods.descent import loop

loop.CHECKPOINT_SECONDS = 0.0
steps = 0

def fail(network, configuration, RunningAverages=loop.RunningAverages):
    global steps
    steps += 1
    if steps == 5 and os.environ["RANK"] == "1":
        if os.environ["MISHAP"] == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise EquiglassError("the fifth step failed.")
    return RunningAverages(network, configuration)

loop.RunningAverages = fail
sys.argv[0] = "equiglass"
main()
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("distributed") / "data.h5"
    equiglass.save([labelled_liquid(seed) for seed in range(6)], path)
    return path


@pytest.fixture(scope="module")
def alone(data: Path) -> Path:
    """The run of one process."""
    run = data.parent / "alone"
    train(equiglass.load(data), run, read_configuration(None, OVERRIDES))
    return run


@pytest.fixture(scope="module")
def together(data: Path) -> Path:
    """The run of two processes."""
    run = data.parent / "together"
    process = start(data.parent / "logs", "-m", "equiglass", "train", "--data", data, "--out", run, *SETTINGS)
    assert process.wait(240) == 0, said(data.parent / "logs")
    assert said(data.parent / "logs") == ["", ""]
    return run


def start(logs: Path, *words: object, processes: int = 2, **environment: str) -> subprocess.Popen[bytes]:
    """torchrun on this machine; what each process says lies under ``logs``."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    return subprocess.Popen(
        [*torchrun, "--log-dir", str(logs), "--redirects", "3", *map(str, words)],
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def said(logs: Path, stream: str = "stderr") -> list[str]:
    """Everything that each process has written to a stream."""
    return [path.read_text() for path in sorted(logs.glob(f"*/attempt_0/*/{stream}.log"))]


def assert_close(a: Path, b: Path, tolerance: float) -> None:
    one, other = load_file(a), load_file(b)
    assert one.keys() == other.keys()
    for name in one:
        torch.testing.assert_close(one[name], other[name], rtol=tolerance, atol=tolerance, msg=name)


@pytest.mark.parametrize("model", ["last.safetensors", "best.safetensors"])
def test_two_processes_give_the_weights_of_one(alone: Path, together: Path, model: str) -> None:
    """Weights, running averages, the optimiser's state and the calibration."""
    assert any("running" in name for name in load_file(alone / model))
    assert_close(alone / model, together / model, 1e-6)


def test_two_processes_leave_the_log_of_one(alone: Path, together: Path) -> None:
    assert (alone / "log.csv").read_text() == (together / "log.csv").read_text()
    assert {p.name for p in together.iterdir()} == {p.name for p in alone.iterdir()}


def test_the_first_process_alone_speaks(data: Path, together: Path) -> None:
    first, second = said(data.parent / "logs", "stdout")
    assert f"{together}: the trained model" in first
    assert second == ""


def test_an_error_of_one_process_ends_all_and_the_run_goes_on(data: Path, together: Path, tmp_path: Path) -> None:
    script, run = tmp_path / "mishap.py", tmp_path / "run"
    script.write_text(MISHAP)
    words = ("train", "--data", data, "--out", run)
    process = start(tmp_path / "logs", script, *words, *SETTINGS, MISHAP="raise")
    assert process.wait(240) != 0
    assert sorted(said(tmp_path / "logs")) == ["", "error: the fifth step failed.\n"]
    assert len((run / "log.csv").read_text().splitlines()) == 2

    process = start(tmp_path / "again", "-m", "equiglass", *words, "--resume")
    assert process.wait(240) == 0
    assert_close(together / "last.safetensors", run / "last.safetensors", 0.0)
    assert (together / "log.csv").read_text() == (run / "log.csv").read_text()


def test_a_killed_process_ends_the_others(data: Path, tmp_path: Path) -> None:
    """Without torchrun's agent, which would end them itself: they notice."""
    script = tmp_path / "mishap.py"
    script.write_text(MISHAP)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MISHAP": "kill", "WORLD_SIZE": "2"}
    environment |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    command = [sys.executable, script, "train", "--data", data, "--out", tmp_path / "run", *SETTINGS]
    survivor, killed = (
        subprocess.Popen(command, env={**environment, "RANK": rank}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for rank in "01"
    )
    assert killed.wait(240) == -signal.SIGKILL
    _, error = survivor.communicate(timeout=20)
    killed.communicate()
    assert survivor.returncode == 2
    assert error.decode().startswith("error: the processes of the run have lost contact")
    assert error.decode().count("\n") == 1


def test_an_interrupt_ends_all(data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ("train", "--data", data, "--out", run, *SETTINGS, "--set", "epochs=100000")
    process = start(tmp_path / "logs", "-m", "equiglass", *words)
    while not (run / "log.csv").exists():
        assert process.poll() is None, said(tmp_path / "logs")
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) != 0
    assert not any("Traceback" in text for text in said(tmp_path / "logs"))


def test_a_step_that_cannot_be_shared_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "size", lambda: 4)
    with pytest.raises(EquiglassError, match="set 'accumulate' to a multiple of 4"):
        train([labelled_liquid(0)], tmp_path / "run", read_configuration(None, OVERRIDES))
    assert not (tmp_path / "run").exists()


def test_of_all_that_fail_one_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes that fail in the same way, here one after the other."""
    store = torch.distributed.HashStore()
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(torch.distributed, "rendezvous", lambda url: iter([(store, 0, 2)]))
    monkeypatch.setattr(torch.distributed, "init_process_group", lambda *args, **kwargs: None)
    for expected in (EquiglassError, SystemExit, SystemExit):
        with pytest.raises(expected), processes.joined():
            raise EquiglassError("no such file.")


def test_members_and_crossvalidation_share_their_steps(data: Path, tmp_path: Path) -> None:
    words = ("crossvalidate", "--data", data, "--out", tmp_path / "folds", "--json", tmp_path / "cv.json", *SETTINGS)
    process = start(tmp_path / "logs", "-m", "equiglass", *words, "--set", "folds=2", "--members", "2")
    assert process.wait(240) == 0, said(tmp_path / "logs")
    assert (tmp_path / "cv.json").exists()
    runs = sorted(str(p.parent.relative_to(tmp_path)) for p in tmp_path.rglob("last.safetensors"))
    assert runs == [f"folds/fold-{fold}/member-{member}" for fold in (1, 2) for member in (1, 2)]


def test_an_incomplete_environment_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(EquiglassError, match="start them with torchrun"), processes.joined():
        pass


def test_running_averages_move_once_a_step_by_the_mean_statistics() -> None:
    """Against the formula, written out for the mean of each batch norm's input."""
    norm = torch.nn.BatchNorm1d(3, momentum=0.3)
    norm(torch.randn(20, 3))
    before, batches = norm.running_mean.clone(), [torch.randn(n, 3) for n in (10, 20, 30)]
    averages = RunningAverages(norm, len(batches))
    for batch in batches:
        with averages.of_configuration():
            norm(batch)
    averages.join(len(batches))
    mean = torch.stack([batch.mean(0) for batch in batches]).mean(0)
    torch.testing.assert_close(norm.running_mean, 0.7 * before + 0.3 * mean)
    assert norm.num_batches_tracked == 2


def test_running_averages_are_the_buffers_that_a_checkpoint_keeps() -> None:
    network = Network(read_configuration(None, OVERRIDES).architecture, (3,), 2, 2)
    n_averages = len(RunningAverages(network, 2).averages)
    assert n_averages == sum("running" in name or "tracked" in name for name in network.state_dict())


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
