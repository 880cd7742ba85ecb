"""Run folders, shared by all experiments: what was trained is read, what was stopped goes on, the rest is trained."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from equiglass.errors import EquiglassError
from equiglass.experiments.plan import Group, Training
from equiglass.files import write_text
from equiglass.methods.descent.loop import Progress
from equiglass.methods.loading import Model, load_model
from equiglass.methods.network.configuration import read_configuration
from equiglass.training.run import train

SETTINGS, FINISHED = "configuration.yaml", "finished.json"


@dataclass(frozen=True)
class Run:
    """A trained network of an experiment.

    Attributes:
        training: what was asked for; its group holds the test configurations.
        folder: the run folder.
    """

    training: Training
    folder: Path

    def __str__(self) -> str:
        """Variant, and where it was trained along something, at which value."""
        training = self.training
        return training.variant if training.at is None else f"{training.variant}, {training.at}"

    @cached_property
    def model(self) -> Model:
        """The network of the last epoch."""
        return load_model(self.folder)


def groups_of_runs(runs: Sequence[Run]) -> list[Group]:
    """The groups, each once."""
    return list(dict.fromkeys(run.training.group for run in runs))


def missing(trainings: Sequence[Training], out: Path) -> list[Training]:
    """Those that have no finished run in ``out``, each run once."""
    return list({t.key: t for t in trainings if not (out / t.key / FINISHED).is_file()}.values())


def train_missing(
    trainings: Sequence[Training],
    out: Path,
    on_step: Callable[[Training, int], None] = lambda training, step: None,
    command: str = "",
) -> list[Run]:
    """Train what is missing, one after the other.

    Args:
        trainings: of an experiment.
        out: folder of run folders.
        on_step: called when a training begins and after each of its optimiser steps, with the steps done.
        command: that made it, for the run folders.

    Returns:
        A run for each training, in order.

    Raises:
        EquiglassError: a training that failed, with its name; a finished one whose settings mean another thing now.
    """
    for training in missing(trainings, out):
        folder = out / training.key
        if folder.exists() and not (folder / SETTINGS).is_file():
            # Killed before it had begun.
            shutil.rmtree(folder)
        on_step(training, 0)
        try:
            train(
                training.systems,
                folder,
                training.configuration,
                validation=training.scored,
                resume=folder.exists(),
                command=command,
                on_step=partial(_stepped, training, on_step),
            )
        except EquiglassError as error:
            raise EquiglassError(f"{training}: {error}") from error
        told = {"format": "equiglass-experiment-run", "version": 1, "training": str(training)}
        write_text(folder / FINISHED, json.dumps(told, indent=2) + "\n")
    runs = [Run(training, out / training.key) for training in trainings]
    for run in runs:
        if read_configuration(run.folder / SETTINGS).model_dump() != run.training.configuration.model_dump():
            raise EquiglassError(
                f"{run.folder} was trained with an equiglass of other defaults; choose another --out, or remove it."
            )
    return runs


def _stepped(training: Training, on_step: Callable[[Training, int], None], progress: Progress, loss: float) -> None:
    on_step(training, progress.step)
