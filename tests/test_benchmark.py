"""The benchmarks: the e3nn network is the same network, and the commands write what they should."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import equiglass
from equiglass.benchmark import convolution, inference, measure, reference, step
from equiglass.benchmark.liquid import copies, liquid, repeated
from equiglass.benchmark.measure import Setting, peak_bytes, relative_error
from equiglass.benchmark.reference import E3nnNetwork, gradients
from equiglass.errors import EquiglassError
from equiglass.methods.network.configuration import Configuration
from equiglass.model.architecture import Advanced, Architecture
from equiglass.model.graph import build_graph
from equiglass.model.network import Network
from samples import command
from samples.liquids import random_liquid

BENCHMARKS = ("convolution", "step", "inference", "graph", "messages")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A small model; what takes a process of its own runs in this one; threads are as before afterwards."""
    threads = torch.get_num_threads()
    architecture = Architecture(l_max=1, layers=3, channels=2)
    for module in (step, inference):
        monkeypatch.setattr(module, "TRAINING", Configuration(architecture=architecture))
    monkeypatch.setattr(convolution, "ARCHITECTURE", architecture.model_copy(update={"dropout": 0.0}))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    for module in (measure, inference):
        monkeypatch.setattr(module, "in_fresh_process", lambda function, *arguments: function(*arguments))
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration whose box is just larger than two cutoffs."""
    path = tmp_path_factory.mktemp("benchmark") / "liquid.xyz"
    equiglass.save([random_liquid(80)], path)
    return path


def run(*words: object) -> int:
    """Exit status of a benchmark, quickly."""
    return command.run("benchmark", *words, "--threads", "1", "--repeats", "2")


@pytest.mark.parametrize(("l_max", "channels", "last_norm"), [(0, 1, True), (1, 4, False), (3, 2, True)])
@pytest.mark.parametrize("training", [True, False])
def test_e3nn_network_equals_ours(l_max: int, channels: int, last_norm: bool, training: bool) -> None:
    """Outputs, gradients and running averages, in float64."""
    torch.manual_seed(0)
    advanced = Advanced(last_norm=last_norm)
    architecture = Architecture(l_max=l_max, layers=3, channels=channels, dropout=0.0, advanced=advanced)
    network = Network(architecture, (3,), 2, 4).double()
    graph = build_graph(random_liquid(70), 2.0, inputs={0: np.linspace(-1, 1, 70)[:, None, None]}, dtype=torch.float64)
    with torch.no_grad():
        network(graph)
    theirs = E3nnNetwork(network).train(training)
    out, expected = network.train(training)(graph), theirs(graph)
    weights = torch.randn(70, 4, dtype=torch.float64)
    (out * weights).sum().backward()
    (expected * weights).sum().backward()
    assert len(gradients(network)) == len(list(network.parameters()))
    assert relative_error([out.detach(), *gradients(network)], [expected.detach(), *theirs.gradients()]) < 1e-10
    running = [norm.running_mean for norm in network.norms if last_norm or norm is not network.norms[-1]]
    assert relative_error(running, [norm.running_mean for norm in theirs.norms if hasattr(norm, "irreps")]) < 1e-12


@pytest.mark.parametrize("which", BENCHMARKS)
def test_command_writes_the_numbers(which: str, file: Path, tmp_path: Path, small: None) -> None:
    limits = ["--particles", "300"] if which == "inference" else []
    assert run(which, file, "--json", tmp_path / "numbers.json", *limits) == 0
    found = json.loads((tmp_path / "numbers.json").read_text())
    assert found["benchmark"] == which
    assert found[f"{which}_ratio"] == pytest.approx(found["reference_s"] / found["ours_s"])
    for side in ("ours", "reference"):
        low, high = found[f"{side}_range_s"]
        assert 0 < low <= found[f"{side}_s"] <= high
        assert isinstance(found[f"{side}_peak_bytes"], int)
    assert found["max_relative_error"] < 1e-4
    assert found.get("max_relative_error_float64", 0) < 1e-10
    assert found["reference_extrapolated"] is (which == "inference")
    assert (found["threads"], found["repeats"], found["device"]) == (1, 2, "cpu")
    assert found["command"].startswith(f"equiglass benchmark {which}")
    # A build has a suffix, such as +cpu, in one of them or in both.
    assert found["versions"]["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert found["machine"]["cores"] > 0
    if which == "inference":
        assert [size["particles"] for size in found["sizes"]] == [80, 320]
        assert found["particles"] == 320
    if which == "convolution":
        assert found["tensor_product_ratio"] == pytest.approx(found["tensor_product_s"] / found["ours_s"])


def test_step_is_formed_from_layers_where_memory_is_short(
    file: Path, tmp_path: Path, small: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(step, "SHARE", 0.0)
    assert run("step", file, "--json", tmp_path / "numbers.json") == 0
    found = json.loads((tmp_path / "numbers.json").read_text())
    assert found["reference_extrapolated"] is True
    assert found["extrapolation"] == "first layer + 2 x one hidden layer"
    assert "not run completely" in " ".join(capsys.readouterr().out.split())


def test_configuration_too_large_for_e3nn_is_refused(
    file: Path, small: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reference, "free_memory", lambda device: 2**20)
    assert run("convolution", file) == 2
    assert "smaller configuration" in capsys.readouterr().err


def test_graph_refuses_a_box_of_less_than_two_cutoffs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    equiglass.save([random_liquid(40)], tmp_path / "small.xyz")
    assert run("graph", tmp_path / "small.xyz") == 2
    assert "smaller than two cutoffs" in capsys.readouterr().err


def allocate(setting: Setting) -> Callable[[], object]:
    return lambda: torch.ones(2**28, dtype=torch.uint8)


def die(setting: Setting) -> Callable[[], object]:
    return lambda: os._exit(9)


def test_peak_memory_is_what_a_run_needs() -> None:
    setting = Setting(random_liquid(8), 1, 1, "cpu")
    assert peak_bytes(allocate, setting) == pytest.approx(2**28, rel=0.05)


def test_a_process_that_dies_is_a_sentence() -> None:
    with pytest.raises(EquiglassError, match="memory"):
        peak_bytes(die, Setting(random_liquid(8), 1, 1, "cpu"))


def test_what_is_kept_for_the_gradient_is_counted_once() -> None:
    x = torch.ones(1000, requires_grad=True)

    def forward() -> torch.Tensor:
        y = x.exp()
        return y * y.sin()

    assert step._kept(forward) == 2 * 4000


def test_liquid_is_like_the_real_one() -> None:
    system = liquid(8)
    graph = build_graph(system, 2.0)
    assert system.density == pytest.approx(1.2)
    assert system.composition[1] == pytest.approx(0.2, abs=0.002)
    assert graph.n_edges / graph.n_nodes == pytest.approx(40.7, rel=0.03)


def test_repeated_configuration_has_as_many_neighbours() -> None:
    system = liquid(5)
    times = copies(system, 1000)
    assert np.prod(times) >= 8
    many = repeated(system, times)
    assert many.density == pytest.approx(system.density)
    few, more = build_graph(system, 2.0), build_graph(many, 2.0)
    assert more.n_edges / more.n_nodes == pytest.approx(few.n_edges / few.n_nodes, rel=0.02)
    assert copies(liquid(5), 125) == (1, 1, 1)


@pytest.mark.parametrize("option", ["--threads", "--particles"])
def test_an_option_without_effect_on_the_engines_is_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.run("benchmark", "simulate", option, 100) == 2
    assert f"{option} has no effect on the benchmark simulate; leave it out" in capsys.readouterr().err
