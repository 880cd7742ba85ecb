"""equiglass benchmark: time and memory of the package and of other software, on this machine."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from equiglass.commands.closing import closing

if TYPE_CHECKING:
    from equiglass.benchmark.measure import Result, Setting


class Benchmark(StrEnum):
    """The benchmarks."""

    CONVOLUTION = "convolution"
    STEP = "step"
    INFERENCE = "inference"
    GRAPH = "graph"
    SIMULATE = "simulate"
    MESSAGES = "messages"


class Device(StrEnum):
    """The devices."""

    CPU = "cpu"
    CUDA = "cuda"


def benchmark(
    which: Annotated[
        Benchmark,
        typer.Argument(metavar="BENCHMARK", help="convolution, step, inference, graph, messages or simulate."),
    ],
    file: Annotated[
        Path | None,
        typer.Argument(help="File whose first configuration is used; default: a liquid of 4096 particles."),
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="JSON file for the numbers.")] = None,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="Number of threads of both sides; default: all cores.")
    ] = None,
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="Number of timed runs per side.")] = 5,
    device: Annotated[Device, typer.Option("--device", help="cpu or cuda.")] = Device.CPU,
    particles: Annotated[
        int | None,
        typer.Option(
            "--particles", min=1, help="Repeat the configuration to this number; for inference the largest [1000000]."
        ),
    ] = None,
) -> None:
    """Compare the package with e3nn (graph: scipy; messages: torch; simulate: LAMMPS); both sides run alternately."""
    import torch

    from equiglass.benchmark import convolution, graph, inference, messages, step
    from equiglass.benchmark.liquid import configuration
    from equiglass.benchmark.measure import Setting, use_threads
    from equiglass.commands.progress import progress
    from equiglass.commands.targets import check_json
    from equiglass.errors import ConfigurationError, SetupError
    from equiglass.files import write_text

    if device == Device.CUDA and not torch.cuda.is_available():
        raise SetupError("--device cuda: torch finds no GPU here.")
    unused = {"--threads": threads, "--particles": particles, "--device cuda": device == Device.CUDA or None}
    if which == Benchmark.SIMULATE and (given := [name for name, value in unused.items() if value is not None]):
        raise ConfigurationError(f"{given[0]} has no effect on the benchmark simulate; leave it out.")
    check_json(json_file)
    threads = threads or torch.get_num_threads()
    use_threads(threads)
    with progress(f"{which}") as shown:
        shown.say(f"{which}: this takes minutes")
        if which == Benchmark.SIMULATE:
            from equiglass.benchmark import simulate

            numbers = simulate.simulate(*simulate.cases(file), repeats=repeats)
            typer.echo(simulate.table(numbers))
            if json_file is not None:
                write_text(json_file, json.dumps(numbers, indent=2) + "\n")
                closing(json_file, "the numbers")
            return
        system = configuration(file, None if which == Benchmark.INFERENCE else particles)
        setting = Setting(
            system,
            threads,
            repeats,
            device.value,
            on_turn=lambda done, total: shown.update(done, total, f"turn {done} of {total}"),
        )
        if which == Benchmark.INFERENCE:
            result = inference.benchmark(setting, particles or inference.PARTICLES)
        else:
            modules = {"convolution": convolution, "step": step, "graph": graph, "messages": messages}
            result = modules[which].benchmark(setting)
    if json_file is not None:
        write_text(json_file, json.dumps(result.as_json(setting), indent=2) + "\n")
    print_result(result, setting)
    if json_file is not None:
        closing(json_file, "the numbers")


def print_result(result: Result, setting: Setting) -> None:
    """Print a table of the result, and a second table if there are several sizes."""
    from rich.table import Table

    from equiglass.machine.console import console
    from equiglass.machine.environment import machine

    ours, reference, numbers = result.ours, result.reference, result.as_json(setting)
    where = machine()
    shown = console()
    table = Table(title=f"{result.benchmark}: {result.particles} particles, {result.edges} edges")
    for column in ("", "equiglass", result.reference_name, "ratio"):
        table.add_column(column, justify="right" if column else "left")
    table.add_row("time, median", _s(ours.median), _s(reference.median), f"{result.ratio:.1f}")
    table.add_row("fastest, slowest", *(f"{_s(min(x.seconds))}, {_s(max(x.seconds))}" for x in (ours, reference)), "")
    if "tensor_product_s" in numbers:
        name, ratio = "its tensor product and sum only", numbers["tensor_product_ratio"]
        table.add_row(name, "", _s(numbers["tensor_product_s"]), f"{ratio:.1f}")
    if "geometric_s" in numbers:
        name = f"PyTorch Geometric, {_gib(numbers['geometric_peak_bytes'])}"
        table.add_row(name, "", _s(numbers["geometric_s"]), f"{numbers['geometric_ratio']:.1f}")
    memory = f"{reference.peak_bytes / max(ours.peak_bytes, 1):.1f}"
    table.add_row("peak memory", _gib(ours.peak_bytes), _gib(reference.peak_bytes), memory)
    table.add_row("largest relative difference", f"{result.max_relative_error:.1e}", "", "")
    shown.print(table)
    if result.extrapolated:
        shown.print(f"{result.reference_name}: not run completely; extrapolated from {result.extrapolated}")
    if "sizes" in numbers:
        table = Table(title="by size")
        for column in ("particles", "graph", "network", "total", "per particle", "peak memory"):
            table.add_column(column, justify="right")
        for size in numbers["sizes"]:
            total, n = size["total_s"], size["particles"]
            cells = (_s(size["graph_s"]), _s(size["network_s"]), _s(total), f"{1e6 * total / n:.1f} us")
            table.add_row(str(n), *cells, _gib(size["peak_bytes"]))
        shown.print(table)
    device = where["gpu"] if setting.device == "cuda" else f"{where['processor']}, {setting.threads} threads"
    shown.print(f"{device}; {setting.repeats} alternating runs; convolution: {numbers['implementation']}")


def _s(seconds: float) -> str:
    return f"{seconds:.3g} s"


def _gib(size: int) -> str:
    return f"{size / 2**30:.3g} GiB"
