"""The folder of a trained model: the names of its files; reading and writing them.

    configuration.yaml   settings of the training
    split.yaml           names and fingerprints of the training and validation configurations
    environment.yaml     versions, processor, threads, processes, the command
    log.csv              learning rate, loss and validation rho per epoch
    training.safetensors state of a training that writes no log
    last.safetensors     the model; for a method with epochs, of the last epoch, with the optimiser's state
    best.safetensors     the model of the epoch with the highest validation rho

A model of several members is a folder of such folders; combination.json in it gives the members weights. Every file
is written under a temporary name and renamed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from equiglass.errors import ConfigurationError, DataError
from equiglass.files import reading, write_text
from equiglass.files.settings import read_settings
from equiglass.prediction.model_file import read_model
from equiglass.prediction.split import Split

if TYPE_CHECKING:
    from pandas import DataFrame

CHECKPOINTS = ("last", "best")
FORMER = "boattini.safetensors"
"""Name of the model file of the regression in folders written before version 0.2."""


@dataclass(frozen=True)
class RunFolder:
    """One folder of a trained model.

    Attributes:
        path: path of the folder.
    """

    path: Path

    @property
    def configuration(self) -> Path:
        """File with the settings of the training."""
        return self.path / "configuration.yaml"

    @property
    def environment(self) -> Path:
        """File with versions, machine and command."""
        return self.path / "environment.yaml"

    @property
    def split(self) -> Path:
        """File with the names and fingerprints of the training and validation configurations."""
        return self.path / "split.yaml"

    @property
    def log(self) -> Path:
        """File with loss and validation rho per epoch."""
        return self.path / "log.csv"

    @property
    def state(self) -> Path:
        """File with the state of a training that writes no log."""
        return self.path / "training.safetensors"

    @property
    def combination(self) -> Path:
        """File with the weights of the members."""
        return self.path / "combination.json"

    @property
    def card(self) -> Path:
        """The model card, a text written by hand."""
        return self.path / "README.md"

    def checkpoint(self, name: str = "last") -> Path:
        """Path of the model file of a checkpoint, "last" or "best".

        Raises:
            ConfigurationError: the checkpoint has another name.
        """
        if name not in CHECKPOINTS:
            raise ConfigurationError(f"the checkpoint is 'last' or 'best', not {name!r}.")
        return self.path / f"{name}.safetensors"

    def model(self, checkpoint: str = "last") -> Path | None:
        """The model file of a checkpoint, or None. A method without epochs has no "best"."""
        former = [self.path / FORMER] if checkpoint == "last" else []
        return next((path for path in (self.checkpoint(checkpoint), *former) if path.is_file()), None)

    def members(self) -> list[RunFolder]:
        """The folders with a model: this folder, or else the folders directly in it, in the order of their names.

        A folder written before version 0.2 may contain a regression next to the folders of networks.
        """
        if self.checkpoint().is_file():
            return [self]
        return [folder for folder in (*self._inside(), self) if folder.model() is not None]

    def unfinished(self) -> list[RunFolder]:
        """The folders directly in it whose training has begun, but has written no model yet."""
        return [folder for folder in self._inside() if folder.begun() and folder.model() is None]

    def _inside(self) -> list[RunFolder]:
        return [RunFolder(path) for path in sorted(self.path.glob("*")) if path.is_dir()]

    def begun(self) -> bool:
        """Whether a training has begun in the folder."""
        return self.configuration.is_file() and self.split.is_file()

    def epochs(self) -> tuple[int, int] | None:
        """Number of epochs done and to do; None for a method without epochs, or if a number is unknown."""
        to_do = read_settings(self.configuration).get("epochs") if self.configuration.is_file() else None
        if not isinstance(to_do, int):
            return None
        if self.log.is_file():
            return len(self.log.read_bytes().splitlines()) - 1, to_do
        if self.state.is_file():
            return int(read_model(self.state)[1]["epoch"]), to_do
        # A training that was stopped in its first epoch has no log yet; the model of a finished one may have lost it.
        last = self.model()
        state = read_model(last)[1].get("state") if last is not None else None
        return (0, to_do) if state else None

    def read_split(self) -> Split | None:
        """The training and validation configurations; None if the folder does not name them.

        A folder of members without a split of its own has the splits of its members together.

        Raises:
            DataError: split.yaml is damaged.
        """
        if not self.split.is_file():
            inside = [folder for folder in self._inside() if folder.split.is_file()]
            splits = [split for folder in inside if (split := folder.read_split()) is not None]
            return Split.joined(splits) if splits else None
        try:
            return Split.from_plain(yaml.safe_load(self.split.read_text(encoding="utf-8")))
        except (OSError, yaml.YAMLError, DataError, UnicodeDecodeError):
            raise DataError(
                f"{self.split} does not hold the names of training and validation configurations."
            ) from None

    def write_split(self, split: Split) -> None:
        """Write the names and fingerprints of the training and validation configurations."""
        write_text(self.split, yaml.safe_dump(split.plain(), sort_keys=False, width=1000))

    def command(self) -> str | None:
        """The command that trained the model; None if it is unknown."""
        if not self.environment.is_file():
            return None
        command = read_settings(self.environment).get("command")
        return command if isinstance(command, str) else None

    def read_log(self) -> DataFrame | None:
        """The log, one row per epoch; None if there is no log.

        Returns:
            Columns epoch, learning_rate, loss, and rho_TYPE_LABEL per type and time.

        Raises:
            DataError: the log is damaged or has no epoch.
        """
        from pandas import read_csv

        if not self.log.is_file():
            return None
        with reading(self.log):
            frame = read_csv(self.log)
            if not {"epoch", "loss"} <= set(frame.columns) or frame.empty:
                raise DataError("the log has no epoch yet.")
        return frame

    def begin(
        self, configuration: Mapping[str, Any], split: Split, environment: Mapping[str, Any], resume: bool
    ) -> None:
        """Make the folder of a new training, or check that a stopped training has the same split.

        Args:
            configuration: plain settings of the training.
            split: the training and validation configurations.
            environment: versions, machine and command.
            resume: continue the training in this folder.

        Raises:
            ConfigurationError: the folder is in use, there is nothing to resume, or the split differs.
        """
        if resume:
            before = self.read_split() if self.configuration.is_file() else None
            if before is None and (inside := [folder for folder in self._inside() if folder.begun()]):
                raise ConfigurationError(
                    f"{self.path} holds {len(inside)} members; give --members {len(inside)}, or choose another folder."
                )
            if before is None:
                raise ConfigurationError(f"{self.path} holds no run to resume; start one without --resume.")
            if (difference := before.difference(split)) is not None:
                raise ConfigurationError(
                    f"{self.path} was started with other data or another split ({difference}); resume with the same, "
                    "or choose another --out."
                )
            return
        refuse_used(self.path, "choose another folder, or continue with --resume")
        self.path.mkdir(parents=True, exist_ok=True)
        write_text(self.environment, yaml.safe_dump(dict(environment), sort_keys=False))
        self.write_split(split)
        write_text(self.configuration, yaml.safe_dump(dict(configuration), sort_keys=False))


def refuse_used(path: Path, what_to_do: str = "choose another folder") -> None:
    """Check that a path is free: absent, or an empty folder.

    Raises:
        ConfigurationError: the path is a file or a folder that is not empty.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ConfigurationError(f"{path} is not empty; {what_to_do}.")
