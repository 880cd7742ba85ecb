"""The folder of a trained model: the names of its files, and how they are read and written.

    configuration.yaml   settings of the training
    split.yaml           names of the training and validation configurations
    environment.yaml     versions, processor, threads, processes, the command
    log.csv              learning rate, loss and validation rho of every epoch
    last.safetensors     the model; of a method that learns in epochs that of the last one, with the optimiser's state
    best.safetensors     the model of the epoch with the highest validation rho

A model of several members is a folder of such folders. Every file is written under a temporary name and renamed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from equiglass.errors import ConfigurationError, DataError
from equiglass.files import reading, write_text
from equiglass.files.settings import read_settings

if TYPE_CHECKING:
    from pandas import DataFrame

CHECKPOINTS = ("last", "best")
FORMER = "boattini.safetensors"
"""Name of the model file of the regression in folders written before version 0.2."""


class Split(NamedTuple):
    """Names of the configurations that a model has learned from, and of those that validated it."""

    training: tuple[str, ...]
    validation: tuple[str, ...]

    @classmethod
    def joined(cls, splits: Iterable[Split]) -> Split:
        """All names of several members; what any of them has learned from is in ``training`` alone."""
        splits = list(splits)
        training = tuple(dict.fromkeys(name for split in splits for name in split.training))
        validation = dict.fromkeys(name for split in splits for name in split.validation if name not in training)
        return cls(training, tuple(validation))


@dataclass(frozen=True)
class RunFolder:
    """One folder of a trained model.

    Attributes:
        path: of the folder.
    """

    path: Path

    @property
    def configuration(self) -> Path:
        """The settings of the training."""
        return self.path / "configuration.yaml"

    @property
    def environment(self) -> Path:
        """Versions, machine and command."""
        return self.path / "environment.yaml"

    @property
    def split(self) -> Path:
        """Names of training and validation configurations."""
        return self.path / "split.yaml"

    @property
    def log(self) -> Path:
        """Loss and validation rho of every epoch."""
        return self.path / "log.csv"

    @property
    def card(self) -> Path:
        """The model card that people have written."""
        return self.path / "README.md"

    def checkpoint(self, name: str = "last") -> Path:
        """Where the model of a checkpoint is written, "last" or "best".

        Raises:
            ConfigurationError: another name.
        """
        if name not in CHECKPOINTS:
            raise ConfigurationError(f"the checkpoint is 'last' or 'best', not {name!r}.")
        return self.path / f"{name}.safetensors"

    def model(self, checkpoint: str = "last") -> Path | None:
        """The model file of a checkpoint; None where there is none. A method without epochs has one for both."""
        for path in (self.checkpoint(checkpoint), self.path / FORMER):
            if path.is_file():
                return path
        last = self.checkpoint("last")
        return last if last.is_file() and not self.log.exists() and checkpoint == "best" else None

    def members(self, checkpoint: str = "last") -> list[RunFolder]:
        """The folders that hold a model: this one, or else those directly in it, in the order of their names.

        A folder written before version 0.2 may have a regression of its own next to the folders of networks.
        """
        if self.checkpoint(checkpoint).is_file() or not self.path.is_dir():
            return [self] if self.model(checkpoint) else []
        inside = [RunFolder(path) for path in sorted(self.path.iterdir()) if path.is_dir()]
        return [folder for folder in (*inside, self) if folder.model(checkpoint) is not None]

    def read_split(self) -> Split | None:
        """Names of the configurations that the model has seen; None where the folder does not name them.

        The split of a folder of members is that of the folder itself, or else that of all its members.

        Raises:
            DataError: a damaged split.yaml.
        """
        if not self.split.is_file():
            inside = [RunFolder(path) for path in sorted(self.path.glob("*")) if (path / "split.yaml").is_file()]
            splits = [split for folder in inside if (split := folder.read_split()) is not None]
            return Split.joined(splits) if splits else None
        try:
            names = yaml.safe_load(self.split.read_text(encoding="utf-8"))
            return Split(tuple(names["training"]), tuple(names["validation"]))
        except (OSError, yaml.YAMLError, KeyError, TypeError, UnicodeDecodeError):
            raise DataError(
                f"{self.split} does not hold the names of training and validation configurations."
            ) from None

    def write_split(self, training: Sequence[str], validation: Sequence[str]) -> None:
        """Write the names of the configurations."""
        names = {"training": list(training), "validation": list(validation)}
        write_text(self.split, yaml.safe_dump(names, sort_keys=False))

    def command(self) -> str | None:
        """The command that trained the model, where it is known."""
        if not self.environment.is_file():
            return None
        command = read_settings(self.environment).get("command")
        return command if isinstance(command, str) else None

    def read_log(self) -> DataFrame | None:
        """One row per epoch: epoch, learning_rate, loss, and rho_TYPE_LABEL of every type and time; None without a log.

        Raises:
            DataError: a damaged log, or one without an epoch.
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
        """Make the folder of a new training, or check that a stopped one is the same.

        Args:
            configuration: plain settings of the training.
            split: names of the configurations.
            environment: versions, machine and command.
            resume: continue the training in this folder.

        Raises:
            ConfigurationError: a folder in use, nothing to resume, or another configuration or split.
        """
        if resume:
            before = self.read_split() if self.configuration.is_file() else None
            if before is None:
                raise ConfigurationError(f"{self.path} holds no run to resume; start one without --resume.")
            if before != split:
                raise ConfigurationError(
                    f"{self.path} was started with another data or split; resume with the same, or choose "
                    "another --out."
                )
            return
        refuse_used(self.path, "choose another folder, or continue with --resume")
        self.path.mkdir(parents=True, exist_ok=True)
        write_text(self.environment, yaml.safe_dump(dict(environment), sort_keys=False))
        self.write_split(*split)
        write_text(self.configuration, yaml.safe_dump(dict(configuration), sort_keys=False))


def refuse_used(path: Path, what_to_do: str = "choose another folder") -> None:
    """Refuse a folder that holds something, or a file.

    Raises:
        ConfigurationError: it is so.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ConfigurationError(f"{path} is not empty; {what_to_do}.")
