"""The course of a training in its folder: log, checkpoints, and resuming a stopped training.

If there are several processes, only the first one reads and writes files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from equiglass.errors import ConfigurationError
from equiglass.files import write_text
from equiglass.liquid.system import type_name
from equiglass.machine import processes, signals
from equiglass.machine.memory import keep_freed_memory
from equiglass.methods.descent.calibration import calibrate
from equiglass.methods.descent.configuration import DescentConfiguration
from equiglass.methods.descent.gradient import Loss, loss_of_particles
from equiglass.methods.descent.loop import EpochResult, Progress, fit, make_optimizer
from equiglass.methods.descent.samples import Sample
from equiglass.methods.descent.standardisation import TargetStandardisation
from equiglass.prediction.model_file import read_model
from equiglass.prediction.predictor import Watch
from equiglass.prediction.run_folder import RunFolder

Save = Callable[[Path, TargetStandardisation, Mapping[str, Tensor], Mapping[str, Any]], None]
"""Writes the current model: (path, linear map to the targets, further tensors, readable state)."""

OPTIMIZER = "optimizer."
"""Prefix of the names of the optimiser's tensors in a model file."""


@dataclass(frozen=True)
class Course:
    """A training.

    Attributes:
        network: the network; its weights change in place.
        configuration: settings of the training.
        standardisation: standardisation of the targets.
        labels: labels of the times.
        weights: function that selects the network's weights from the tensors of a model file.
        save: function that writes a model file.
        folder: folder of log and checkpoints; None writes nothing.
        loss: the loss of a configuration.
    """

    network: nn.Module
    configuration: DescentConfiguration
    standardisation: TargetStandardisation
    labels: Sequence[str]
    weights: Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]]
    save: Save
    folder: RunFolder | None
    loss: Loss = loss_of_particles

    def run(self, training: Sequence[Sample], validation: Sequence[Sample], watch: Watch) -> TargetStandardisation:
        """Train to the end, from the last checkpoint if there is one.

        Returns:
            The calibrated linear map from outputs to targets. The checkpoints in the folder are calibrated too.
        """
        configuration, network = self.configuration, self.network
        optimizer = make_optimizer(network, configuration)
        stopped = processes.same(self._stopped)
        progress = self._restore(*stopped, optimizer) if stopped else Progress()
        log = Log(self.folder, self.labels, len(self.standardisation.mean), progress.step // len(training))
        writes = self.folder if processes.rank() == 0 else None
        total = configuration.epochs * len(training)

        def epoch_done(result: EpochResult) -> None:
            if writes:
                log.add(result)
            if writes and result.best:
                state = {"epoch": result.epoch, "validation_rho": float(np.nanmean(result.rho))}
                self.save(writes.checkpoint("best"), self.standardisation, {}, state)
            watch.epoch(result)

        def checkpoint(now: Progress) -> None:
            if writes:
                self.save(writes.checkpoint("last"), self.standardisation, self._optimizer(optimizer), vars(now))

        def step_done(now: Progress, loss: float) -> None:
            watch.step(now.step, total, loss)

        keep_freed_memory()
        with self._naming(), signals.saying(lambda: self._saved(progress, len(training))):
            fit(
                network,
                optimizer,
                configuration,
                training,
                validation,
                self.standardisation,
                progress,
                checkpoint,
                epoch_done,
                step_done,
                self.loss,
            )
        return processes.same(lambda: self._calibrated(training, optimizer, progress))

    @contextmanager
    def _naming(self) -> Iterator[None]:
        """Add to the error of a training that diverges where it happened and what remains."""
        try:
            yield
        except ConfigurationError as error:
            if self.folder is None:
                raise
            last = self.folder.checkpoint("last")
            left = f"{last} is the last good checkpoint" if last.is_file() else "there is no checkpoint yet"
            raise ConfigurationError(f"{self.folder.path}: the training has stopped: {error} ({left}.)") from None

    def _saved(self, progress: Progress, n: int) -> str:
        """What a stopped training leaves, in words."""
        if self.folder is None:
            return "the training wrote no checkpoint, because it has no folder."
        epoch, seen = divmod(progress.step, n)
        within = f" and {seen} of {n} configurations" if seen else ""
        return (
            f"{self.folder.checkpoint('last')} holds the training after {epoch} of {self.configuration.epochs} epochs"
            f"{within}."
        )

    def _calibrated(
        self, training: Sequence[Sample], optimizer: torch.optim.Optimizer, progress: Progress
    ) -> TargetStandardisation:
        """Calibrate the network and each checkpoint in the folder."""
        last = {key: value.clone() for key, value in self.network.state_dict().items()}
        line = calibrate(self.network, training, self.standardisation)
        if self.folder is not None:
            self.save(self.folder.checkpoint("last"), line, self._optimizer(optimizer), vars(progress))
            best = self.folder.checkpoint("best")
            if best.is_file():
                tensors, description = read_model(best)
                self.network.load_state_dict(dict(self.weights(tensors)))
                self.save(best, calibrate(self.network, training, self.standardisation), {}, description["state"])
                self.network.load_state_dict(last)
        return line

    def _stopped(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Tensors and state of the last checkpoint; None if there is none."""
        last = None if self.folder is None else self.folder.checkpoint("last")
        if last is None or not last.is_file():
            return None
        tensors, description = read_model(last)
        return tensors, description["state"]

    def _restore(
        self, tensors: Mapping[str, Tensor], state: Mapping[str, Any], optimizer: torch.optim.Optimizer
    ) -> Progress:
        self.network.load_state_dict(dict(self.weights(tensors)))
        for name, parameter in self.network.named_parameters():
            for key in ("step", "exp_avg", "exp_avg_sq"):
                if f"{OPTIMIZER}{key}.{name}" in tensors:
                    # Adam counts its steps on the CPU, wherever the parameters are.
                    value = tensors[f"{OPTIMIZER}{key}.{name}"]
                    optimizer.state[parameter][key] = value if key == "step" else value.to(parameter.device)
        return Progress(**state)

    def _optimizer(self, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
        return {
            f"{OPTIMIZER}{key}.{name}": value
            for name, parameter in self.network.named_parameters()
            for key, value in optimizer.state.get(parameter, {}).items()
        }


class Log:
    """The file log.csv. It is rewritten completely after every epoch, so it never ends in half a line.

    Args:
        folder: folder of the training; None writes no log.
        labels: labels of the times.
        n_types: number of particle types.
        epochs: number of epochs before the checkpoint from which the training continues; later lines are dropped.
    """

    def __init__(self, folder: RunFolder | None, labels: Sequence[str], n_types: int, epochs: int) -> None:
        self.path = None if folder is None else folder.log
        rho = [f"rho_{type_name(kind)}_{label}" for kind in range(n_types) for label in labels]
        self.lines = [",".join(["epoch", "learning_rate", "loss", *rho])]
        if self.path is not None and self.path.is_file():
            self.lines = self.path.read_text(encoding="utf-8").splitlines()[: epochs + 1]

    def add(self, result: EpochResult) -> None:
        """Add the line of an epoch and write the file."""
        rho = [f"{x:.4f}" for x in result.rho.ravel()]
        self.lines.append(",".join([str(result.epoch), f"{result.rate:.3e}", f"{result.loss:.5f}", *rho]))
        if self.path is not None:
            write_text(self.path, "\n".join(self.lines) + "\n")
