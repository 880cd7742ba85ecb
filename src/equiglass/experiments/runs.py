"""Run folders, shared by all experiments: a finished training is read, a stopped one continued, the rest trained."""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from equiglass.errors import ConfigurationError, EquiglassError
from equiglass.experiments.plan import Group, Training
from equiglass.files import decoding, reading, write_text
from equiglass.methods.loading import load_model, read_configuration
from equiglass.prediction.evaluation import evaluate
from equiglass.prediction.model import Model
from equiglass.prediction.predictor import Watch
from equiglass.prediction.run_folder import RunFolder
from equiglass.training.train import train

if TYPE_CHECKING:
    from pandas import DataFrame

FINISHED = "finished.json"
COST = "cost.json"
"""File of a run folder with the CPU time of its training."""


@dataclass(frozen=True)
class Run:
    """A trained model of an experiment.

    Attributes:
        training: what was asked for; its group holds the test configurations.
        folder: the run folder.
    """

    training: Training
    folder: Path

    def __str__(self) -> str:
        """The variant, and the value that it was trained at, if there is one."""
        training = self.training
        return training.variant if training.at is None else f"{training.variant}, {training.at}"

    @property
    def cpu_seconds(self) -> float:
        """CPU time of the training, all its attempts together; NaN if it is unknown."""
        return cost_of(self.folder)

    @cached_property
    def model(self) -> Model:
        """The model of the last epoch."""
        return load_model(self.folder)

    def named(self, rows: DataFrame, *columns: str) -> DataFrame:
        """The rows, with columns of the run in front: some of group, variant, at, seed and trained_on."""
        from pandas import DataFrame, Series

        training = self.training
        known = {
            "group": training.group.name,
            "variant": training.variant,
            # As declared, whatever the kinds of the values.
            "at": Series([training.at] * len(rows), rows.index, dtype=object),
            "seed": training.seed,
            "trained_on": len(training.systems),
        }
        return DataFrame({**{column: known[column] for column in columns}, **rows})

    def scores(self) -> DataFrame:
        """Its `Scores` on the test configurations of its group, as a frame."""
        systems = [self.model.measurable(system) for system in self.training.group.test]
        return evaluate(systems, [self.model.predict(system) for system in systems]).frame()


def groups_of_runs(runs: Sequence[Run]) -> list[Group]:
    """The groups, each once."""
    return list(dict.fromkeys(run.training.group for run in runs))


def temperatures_of(runs: Sequence[Run]) -> dict[str, float | None]:
    """The temperature of each group by its name."""
    return {group.name: group.temperature for group in groups_of_runs(runs)}


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
        on_step: called when a training begins and after each of its steps, with the steps done.
        command: that starts the experiment, for the run folders.

    Returns:
        A run for each training, in order.

    Raises:
        EquiglassError: a training that failed, with its name.
        ConfigurationError: a finished training whose settings mean another thing now.
    """
    for training in missing(trainings, out):
        folder = RunFolder(out / training.key)
        if folder.path.exists() and not folder.configuration.is_file():
            # Killed before it had begun.
            shutil.rmtree(folder.path)
        on_step(training, 0)
        begun = cpu_seconds()
        try:
            train(
                training.systems,
                folder.path,
                training.configuration,
                validation=training.scored,
                resume=folder.path.exists(),
                command=command,
                watch=Watch(step=partial(_stepped, training, on_step)),
            )
        except EquiglassError as error:
            raise type(error)(f"{training}: {error}") from error
        finally:
            # A stopped training has its share too.
            add_cost(folder.path, cpu_seconds() - begun)
        said = {"format": "equiglass-experiment-run", "version": 1, "training": str(training)}
        write_text(folder.path / FINISHED, json.dumps(said, indent=2) + "\n")
    runs = [Run(training, out / training.key) for training in trainings]
    for run in runs:
        if read_configuration(RunFolder(run.folder).configuration) != run.training.configuration:
            raise ConfigurationError(
                f"{run.folder} was trained with an equiglass of other defaults; choose another --out, or remove it."
            )
    return runs


def cpu_seconds() -> float:
    """CPU time of this process and of its children so far, all threads together."""
    return time.process_time() + sum(os.times()[2:4])


def cost_of(folder: Path) -> float:
    """CPU time in the file of a run folder; NaN without one."""
    path = folder / COST
    if not path.is_file():
        return math.nan
    with reading(path), decoding():
        return float(json.loads(path.read_text(encoding="utf-8"))["cpu_seconds"])


def add_cost(folder: Path, seconds: float) -> None:
    """Add CPU time to the file of a run folder, if the folder exists."""
    if folder.is_dir():
        before = cost_of(folder)
        total = seconds + (0.0 if math.isnan(before) else before)
        said = {"format": "equiglass-experiment-cost", "version": 1, "cpu_seconds": total}
        write_text(folder / COST, json.dumps(said, indent=2) + "\n")


def _stepped(training: Training, on_step: Callable[[Training, int], None], done: int, total: int, loss: float) -> None:
    # A method may count other steps, such as the trainings of the members of a stack.
    on_step(training, done * training.steps // total)
