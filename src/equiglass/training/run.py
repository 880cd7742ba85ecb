"""A run folder: configuration, data split, environment, log, and the best and the last model.

    configuration.yaml   what was asked for
    split.yaml           names of the training and validation configurations
    environment.yaml     versions, processor, threads, processes, the command
    log.csv              learning rate, loss and validation rho of every epoch
    last.safetensors     the model now, with the optimiser's state: a stopped run goes on from here
    best.safetensors     the model of the epoch with the highest validation rho

Every file is written under a temporary name and renamed. Of several processes the first alone writes and reads here.
"""

from __future__ import annotations

import csv
import io
import platform
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from equiglass.errors import EquiglassError
from equiglass.files import write_text
from equiglass.liquid.inherent import quench
from equiglass.liquid.potential import MIXTURES
from equiglass.liquid.splits import validation_fold
from equiglass.liquid.system import System, type_name
from equiglass.machine import processes
from equiglass.machine.memory import keep_freed_memory
from equiglass.methods.descent.loop import EpochResult, Progress, calibrate, fit, key, make_optimizer
from equiglass.methods.descent.samples import describe, fit_standardisation, labels_of, make_sample
from equiglass.methods.network.configuration import Configuration
from equiglass.methods.network.trained import Trained, read_trained, save_trained
from equiglass.model.convolution import triton as gpu
from equiglass.model.inputs import network_of
from equiglass.model.network import Network

LAST, BEST, LOG = "last.safetensors", "best.safetensors", "log.csv"


def train(
    systems: Sequence[System],
    out: Path | str,
    configuration: Configuration | None = None,
    *,
    validation: Sequence[System] | None = None,
    resume: bool = False,
    command: str = "",
    on_epoch: Callable[[EpochResult], None] = lambda result: None,
    on_step: Callable[[Progress, float], None] = lambda progress, loss: None,
) -> Trained:
    """Train a model and leave a run folder.

    Args:
        systems: labelled configurations; dealt into folds unless ``validation`` is given.
        out: the run folder, new unless ``resume``.
        configuration: of the run; the defaults if None.
        validation: configurations to score after every epoch, in place of the fold.
        resume: go on with the run in ``out``.
        command: that starts the run, to be told in environment.yaml.
        on_epoch: called with the result of every epoch.
        on_step: called after every optimiser step.

    Returns:
        The model of the last epoch.

    Raises:
        EquiglassError: nothing to learn from, a folder in use, a resumed run with another configuration or split, a
            step that the processes cannot share evenly.
    """
    out = Path(out)
    configuration = configuration or Configuration()
    if configuration.accumulate % processes.size():
        raise EquiglassError(
            f"the {configuration.accumulate} configurations of an optimiser step cannot be shared evenly by "
            f"{processes.size()} processes; set 'accumulate' to a multiple of {processes.size()}."
        )
    if validation is None:
        training, held_out = validation_fold(systems, configuration.folds, configuration.fold)
    else:
        training, held_out = list(systems), list(validation)
    device = training_device(configuration.device)
    training, held_out = completed(training, configuration), completed(held_out, configuration)
    labels = labels_of(training, configuration.times, configuration.target)

    n_types = max(s.n_types for s in training)
    names = {"training": [s.name for s in training], "validation": [s.name for s in held_out]}
    if processes.same(lambda: names) != names:
        raise EquiglassError("the processes read different configurations; give every machine the same data.")
    log = processes.same(lambda: _open_folder(out, configuration, names, resume, command))
    standardisation = fit_standardisation(
        training, list(labels), configuration.inputs, n_types, configuration.standardise
    )
    architecture = configuration.architecture
    torch.manual_seed(key(configuration.seed, 0))
    network = network_of(architecture, configuration.inputs, n_types, len(labels)).to(device)
    data = describe(training, n_types)
    trained = Trained(network, configuration.inputs, labels, standardisation, data, configuration.target)
    optimizer = make_optimizer(network, configuration)
    progress = Progress()
    stopped = processes.same(lambda: read_trained(out / LAST) if resume and (out / LAST).exists() else None)
    if stopped:
        progress = _restore(*stopped, network, optimizer)
        log.keep(progress.step // len(training))

    writes = processes.rank() == 0

    def samples(chosen: Sequence[System]) -> list:
        return [
            make_sample(s, list(labels), configuration.inputs, standardisation, architecture.cutoff, n_types).to(device)
            for s in chosen
        ]

    def epoch_done(result: EpochResult) -> None:
        if writes:
            log.add(result)
        if writes and result.best:
            state = {"epoch": result.epoch, "validation_rho": float(np.nanmean(result.rho))}
            save_trained(trained, out / BEST, state=state)
        on_epoch(result)

    def checkpoint(now: Progress) -> None:
        if writes:
            save_trained(trained, out / LAST, _optimizer_tensors(network, optimizer), vars(now))

    keep_freed_memory()
    log.header(list(labels), n_types)
    learned = samples(training)
    fit(
        network,
        optimizer,
        configuration,
        learned,
        samples(held_out),
        standardisation,
        progress,
        checkpoint,
        epoch_done,
        on_step,
    )

    def calibrated() -> Trained:
        for path in (out / BEST, out / LAST):
            if path.exists():
                kept, extra, state = read_trained(path)
                model = replace(kept, standardisation=calibrate(kept.network.to(device), learned, standardisation))
                kept.network.cpu()
                save_trained(model, path, extra, state)
        return model

    return processes.same(calibrated)


def training_device(choice: str) -> torch.device:
    """The device of a configuration: "cpu", "cuda", or "auto", a GPU where there is one and Triton is installed.

    Raises:
        EquiglassError: "cuda" without them.
    """
    reason = gpu.unavailable()
    if choice == "cuda" and reason:
        raise EquiglassError(f"device is 'cuda', but {reason}; set device: auto or cpu.")
    return torch.device("cpu" if reason or choice == "cpu" else "cuda")


def completed(
    systems: Sequence[System],
    configuration: Configuration,
    progress: Callable[[int, int, str], None] | None = None,
) -> list[System]:
    """The same configurations, each with its potential and its inherent structure where these are needed.

    Args:
        systems: from whatever file.
        configuration: says what is needed.
        progress: called after every quench with (done, total, name).
    """
    if configuration.needs_potential:
        potential = MIXTURES[configuration.potential]
        systems = [s if s.potential else replace(s, potential=potential) for s in systems]
    if not configuration.needs_quench:
        return list(systems)
    warm = [s for s in systems if s.positions_inherent is None]
    quenched = iter(processes.shared(lambda some: quench(some, progress=progress), warm))
    return [s if s.positions_inherent is not None else next(quenched) for s in systems]


class Log:
    """log.csv: written whole after every epoch, so that it never ends in half a line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[list[str]] = []
        if path.exists():
            self.rows = list(csv.reader(path.read_text().splitlines()))

    def header(self, labels: Sequence[str], n_types: int) -> None:
        """Name the columns, unless the log goes on."""
        if not self.rows:
            rho = [f"rho_{type_name(kind)}_{label}" for kind in range(n_types) for label in labels]
            self.rows = [["epoch", "learning_rate", "loss", *rho]]

    def keep(self, epochs: int) -> None:
        """Drop what came after the checkpoint that a run goes on from."""
        self.rows = self.rows[: epochs + 1]

    def add(self, result: EpochResult) -> None:
        """Write the line of an epoch."""
        rho = [f"{x:.4f}" for x in result.rho.ravel()]
        self.rows.append([str(result.epoch), f"{result.rate:.3e}", f"{result.loss:.5f}", *rho])
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(self.rows)
        write_text(self.path, text.getvalue())


def environment() -> dict[str, Any]:
    """Versions and machine that a run used."""
    packages = ("equiglass", "torch", "e3nn", "numpy", "vesin")
    return {
        "python": platform.python_version(),
        "packages": {name: version(name) for name in packages},
        "processor": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "processes": processes.size(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def _open_folder(
    out: Path, configuration: Configuration, names: dict[str, list[str]], resume: bool, command: str
) -> Log:
    wanted = configuration.model_dump(mode="json")
    if resume:
        try:
            before = yaml.safe_load((out / "configuration.yaml").read_text())
            names_before = yaml.safe_load((out / "split.yaml").read_text())
        except (OSError, yaml.YAMLError):
            raise EquiglassError(f"{out} holds no run to resume; start one without --resume.") from None
        if before != wanted or names_before != names:
            what = "configuration" if before != wanted else "data or split"
            raise EquiglassError(
                f"{out} was started with another {what}; resume with the same, or choose another --out."
            )
    else:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise EquiglassError(f"{out} is not empty; choose another folder, or go on with --resume.")
        out.mkdir(parents=True, exist_ok=True)
        told = {"command": command} if command else {}
        write_text(out / "environment.yaml", yaml.safe_dump(told | environment(), sort_keys=False))
        write_text(out / "split.yaml", yaml.safe_dump(names, sort_keys=False))
        write_text(out / "configuration.yaml", yaml.safe_dump(wanted, sort_keys=False))
    return Log(out / LOG)


def _optimizer_tensors(network: Network, optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    tensors = {}
    for name, parameter in network.named_parameters():
        for key_, value in optimizer.state.get(parameter, {}).items():
            tensors[f"optimizer.{key_}.{name}"] = value
    return tensors


def _restore(
    trained: Trained,
    tensors: dict[str, torch.Tensor],
    state: dict[str, Any],
    network: Network,
    optimizer: torch.optim.Optimizer,
) -> Progress:
    network.load_state_dict(trained.network.state_dict())
    for name, parameter in network.named_parameters():
        for key_ in ("step", "exp_avg", "exp_avg_sq"):
            if f"optimizer.{key_}.{name}" in tensors:
                # Adam counts its steps on the CPU, wherever the parameters are.
                kept = tensors[f"optimizer.{key_}.{name}"]
                optimizer.state[parameter][key_] = kept if key_ == "step" else kept.to(parameter.device)
    return Progress(**state)
