"""Signals and restarts: what is finished is kept, the same command continues, no program outlives its parent."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

import equiglass
from equiglass.errors import SetupError
from equiglass.liquid import inherent
from equiglass.liquid.system import System
from equiglass.machine import programs, signals
from equiglass.methods.descent.gradient import Gradient
from equiglass.methods.network.predictor import NetworkPredictor
from equiglass.simulate.workers import working
from samples.command import run
from samples.labelled import labelled_liquid
from samples.protocols import TINY_LONG

TINY = ("architecture.l_max=1", "architecture.layers=1", "architecture.channels=2", "epochs=3", "folds=3")
SETTINGS = [word for override in TINY for word in ("--set", override)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of six small configurations, and two models of different seeds."""
    folder = tmp_path_factory.mktemp("interrupted")
    equiglass.save([labelled_liquid(seed) for seed in range(6)], folder / "data.h5")
    for seed in (1, 2):
        words = ("--data", folder / "data.h5", "--out", folder / f"run{seed}")
        assert run("train", *words, *SETTINGS, "--set", f"seed={seed}") == 0
    return folder


def at_call(number: int, function: Callable, does: Callable[[], object]) -> tuple[Callable, list[int]]:
    """The function, which does something else first in this call; and the list of its calls."""
    calls: list[int] = []

    def called(*arguments: object, **named: object) -> object:
        calls.append(1)
        if len(calls) == number:
            does()
        return function(*arguments, **named)

    return called, calls


def terminate() -> None:
    signal.raise_signal(signal.SIGTERM)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_a_stopped_training_writes_a_checkpoint_and_continues_to_the_same_weights(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: signal.Signals,
    status: int,
) -> None:
    words = ("train", "--data", folder / "data.h5", "--out", tmp_path / "run")
    with monkeypatch.context() as stopping:
        add, calls = at_call(6, Gradient.add, lambda: signal.raise_signal(number))
        stopping.setattr(Gradient, "add", add)
        assert run(*words, *SETTINGS) == status
    assert len(calls) == 6
    said = capsys.readouterr().err
    assert f"{tmp_path}/run/last.safetensors holds the training after 1 of 3 epochs and 2 of 4 configurations" in said
    assert said.endswith(" 2 of 4 configurations. Continue with --resume.\n")
    assert "Traceback" not in said
    assert run(*words, "--resume") == 0
    one, other = (load_file(run / "last.safetensors") for run in (folder / "run1", tmp_path / "run"))
    assert all(torch.equal(value, other[key]) for key, value in one.items())


def test_a_stopped_cross_validation_says_how_to_go_on(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Gradient, "add", at_call(2, Gradient.add, terminate)[0])
    assert run("crossvalidate", "--data", folder / "data.h5", "--out", tmp_path / "cv", *SETTINGS) == 143
    said = capsys.readouterr().err
    assert "fold-1/last.safetensors holds the training after 0 of 3 epochs" in said
    assert said.endswith("Finished trainings remain. Continue with the same command.\n")
    assert "--resume" not in said


def test_a_training_that_is_stopped_before_it_begins_is_not_resumed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("equiglass.training.supply.supply", at_call(1, equiglass.load, terminate)[0])
    assert run("train", "--data", folder / "data.h5", "--out", tmp_path / "run", *SETTINGS) == 143
    said = capsys.readouterr().err
    assert said == "stopped (SIGTERM): The training had not begun; give the same command again.\n"


def test_a_signal_between_blocks_raises_at_once() -> None:
    with pytest.raises(signals.Interrupted) as stop, signals.caught():
        terminate()
    assert stop.value.code == 143
    came: list[bool] = []

    def finishes_its_step() -> None:
        with signals.caught(), signals.deferred() as stopping:
            terminate()
            came.append(stopping())

    with pytest.raises(signals.Interrupted):
        finishes_its_step()
    assert came == [True]


def test_a_stopped_prediction_continues(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, *others = equiglass.load(folder / "data.h5")
    equiglass.save([replace(first, positions_inherent=None), *others], tmp_path / "thermal.h5")
    words = ("predict", folder / "run1", tmp_path / "thermal.h5", "-o")
    assert run(*words, tmp_path / "whole.xyz") == 0
    with monkeypatch.context() as stopping:
        stopping.setattr(NetworkPredictor, "values", at_call(3, NetworkPredictor.values, terminate)[0])
        assert run(*words, tmp_path / "x.xyz") == 143
    assert "x.xyz.partial holds 2 of 6 configurations" in capsys.readouterr().err
    assert not (tmp_path / "x.xyz").exists()
    # Another model uses none of these results.
    with monkeypatch.context() as stopping:
        values, calls = at_call(4, NetworkPredictor.values, terminate)
        stopping.setattr(NetworkPredictor, "values", values)
        assert run("predict", folder / "run2", *words[2:], tmp_path / "x.xyz") == 143
    assert len(calls) == 4
    values, calls = at_call(0, NetworkPredictor.values, terminate)
    monkeypatch.setattr(NetworkPredictor, "values", values)
    assert run(*words, tmp_path / "x.xyz") == 0
    assert len(calls) == 4
    assert (tmp_path / "x.xyz").read_bytes() == (tmp_path / "whole.xyz").read_bytes()
    assert not (tmp_path / "x.xyz.partial").exists()


def test_a_damaged_result_is_computed_again(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("predict", folder / "run1", folder / "data.h5", "-o", tmp_path / "x.xyz")
    with monkeypatch.context() as stopping:
        stopping.setattr(NetworkPredictor, "values", at_call(3, NetworkPredictor.values, terminate)[0])
        assert run(*words) == 143
    first = next((tmp_path / "x.xyz.partial").iterdir())
    first.write_bytes(first.read_bytes()[:100])
    values, calls = at_call(0, NetworkPredictor.values, terminate)
    monkeypatch.setattr(NetworkPredictor, "values", values)
    assert run(*words) == 0
    assert len(calls) == 5


@pytest.mark.parametrize("name", ["q.h5", "q.xyz"])
def test_a_stopped_quench_continues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    systems = [replace(labelled_liquid(k), positions_inherent=None) for k in range(4)]
    equiglass.save(systems, tmp_path / "thermal.h5")
    words = ("quench", tmp_path / "thermal.h5", "-o", tmp_path / name)
    calls: list[str] = []

    def rest(system: System, *others: object) -> np.ndarray:
        """In the place of the minimum, for speed."""
        calls.append(system.name)
        if len(calls) == 3:
            terminate()
        return system.positions + 0.01 * len(system.name)

    monkeypatch.setattr(inherent, "_minimum", rest)
    assert run(*words) == 143
    assert not (tmp_path / name).exists()
    assert run(*words) == 0
    assert calls == [f"liquid-{k}" for k in (0, 1, 2, 2, 3)]
    assert not (tmp_path / f"{name}.partial").exists()
    stored = (tmp_path / name).read_bytes(), equiglass.load(tmp_path / name)
    assert run(*words) == 0
    if name == "q.xyz":
        assert (tmp_path / name).read_bytes() == stored[0]
    for a, b in zip(equiglass.load(tmp_path / name), stored[1], strict=True):
        np.testing.assert_array_equal(a.positions_inherent, b.positions_inherent)
        assert a.provenance == b.provenance


def alive(pid: int, patience: float = 2.0) -> bool:
    """Whether a process still runs after some time; one that has ended and waits for its parent does not."""
    while _runs(pid) and patience > 0:
        time.sleep(0.05)
        patience -= 0.05
    return _runs(pid)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_programs_of_threads_end_with_their_own_programs(tmp_path: Path) -> None:
    script = f"sleep 300 & echo $! > {tmp_path}/pid; wait"
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(programs.run, ["sh", "-c", script])
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
            time.sleep(0.01)
        programs.end()
        assert running.result(5).status == -signal.SIGTERM
    with pytest.raises(SetupError, match="not started"):
        programs.run(["true"])
    programs.allow()
    assert programs.run(["echo", "x"]).output == "x\n"
    assert not alive(int((tmp_path / "pid").read_text()))


def signalled_elsewhere(end: threading.Event) -> bool:
    """Receive Ctrl-C in this thread, which does not wake the waiting main thread. Whether the end came in time."""
    time.sleep(0.5)
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)
    return end.wait(20)


def test_a_signal_that_does_not_wake_the_main_thread_stops_its_waiting() -> None:
    end, began = threading.Event(), time.monotonic()

    def wait_for_it() -> None:
        with signals.caught(), working(1) as workers:
            try:
                list(workers.do(signalled_elsewhere, [(end,)]))
            finally:
                end.set()

    with pytest.raises(signals.Interrupted):
        wait_for_it()
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("named", ["TERM", "INT"])
def test_a_stopped_simulation_ends_lammps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], named: str
) -> None:
    """The program in the place of LAMMPS signals its parent in its first run, and would then run on."""
    program = tmp_path / "lammps.sh"
    program.write_text(
        f'#!/bin/sh\ntest "$1" = -h && exit\nsleep 300 &\necho $! >> {tmp_path}/pids\nkill -{named} $PPID\nwait\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("EQUIGLASS_LAMMPS", str(program))
    (tmp_path / "protocol.yaml").write_text(yaml.safe_dump(TINY_LONG))
    status = run("simulate", tmp_path / "protocol.yaml", "--out", tmp_path / "out", "--jobs", "2")
    assert status == {"TERM": 143, "INT": 130}[named]
    assert "no file is half written" in capsys.readouterr().err
    pids = [int(word) for word in (tmp_path / "pids").read_text().split()]
    assert pids
    assert not any(map(alive, pids))
    assert not [path for path in (tmp_path / "out").rglob("*") if path.name.startswith("scratch-")]


def test_handlers_are_put_back() -> None:
    before = [signal.getsignal(number) for number in signals.ENDING]
    with signals.caught(), signals.deferred():
        pass
    assert [signal.getsignal(number) for number in signals.ENDING] == before
    ignored = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals.caught():
            # As under nohup.
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, ignored)
