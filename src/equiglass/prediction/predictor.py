"""The interface of every method: a model that can be trained, stored and described."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

from pydantic import BaseModel

from equiglass.liquid.system import System
from equiglass.prediction.configuration import MethodConfiguration
from equiglass.prediction.model import Model

if TYPE_CHECKING:
    from pandas import DataFrame

    from equiglass.prediction.run_folder import RunFolder


class About(NamedTuple):
    """A method in words.

    Attributes:
        summary: one line.
        source: paper, with DOI or arXiv number.
        cost: of training and prediction, in words.
    """

    summary: str
    source: str
    cost: str


class Card(NamedTuple):
    """One table of a model card: a caption and a frame."""

    caption: str
    frame: DataFrame


@dataclass(frozen=True)
class Watch:
    """Who is called while a method learns.

    Attributes:
        step: after every step, with (steps done, steps in all, loss).
        epoch: after every epoch, with what the method says of it.
    """

    step: Callable[[int, int, float], object] = lambda done, total, loss: None
    epoch: Callable[[Any], object] = lambda result: None


SILENT = Watch()
"""Nobody is called."""


class Predictor(Model):
    """A model of one method. A method is a subclass in a module of its own, added to `equiglass.methods.METHODS`.

    Attributes:
        about: the method in words.
        file_format: the format that its model file names.
        version: newest version of that format.
        configuration: class of its settings.
    """

    about: ClassVar[About]
    file_format: ClassVar[str]
    version: ClassVar[int] = 1
    configuration: ClassVar[type[MethodConfiguration]]

    @classmethod
    @abstractmethod
    def fit(
        cls,
        training: Sequence[System],
        configuration: Any,
        *,
        validation: Sequence[System] = (),
        folder: RunFolder | None = None,
        watch: Watch = SILENT,
    ) -> Self:
        """Learn from configurations that have all they need.

        Args:
            training: labelled configurations.
            configuration: an instance of the method's ``configuration``.
            validation: further labelled configurations; what for is the method's own choice.
            folder: where a method whose training is long leaves its state and goes on from it.
            watch: is called in the course of the training.
        """

    @classmethod
    def sharing(cls) -> AbstractContextManager[object]:
        """In this block several trainings on the same configurations may share what they compute of these."""
        return nullcontext()

    @abstractmethod
    def save(self, path: Path) -> None:
        """Write the model file at once or not at all."""

    @classmethod
    @abstractmethod
    def load(cls, path: Path) -> Self:
        """Read a model file of any version of the format."""

    def card(self) -> list[Card]:
        """What this method adds to the model card of a report."""
        return []


def settings_frame(settings: BaseModel) -> DataFrame:
    """Name, value and meaning of every setting, for a card."""
    from pandas import DataFrame

    return DataFrame(
        {"name": name, "value": str(getattr(settings, name)), "meaning": field.description or ""}
        for name, field in type(settings).model_fields.items()
    )
