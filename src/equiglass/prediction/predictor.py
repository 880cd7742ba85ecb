"""The interface of every method: a model that can be trained, saved, loaded and described."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

from pydantic import BaseModel

from equiglass.liquid.system import System
from equiglass.liquid.targets import TARGETS
from equiglass.prediction.configuration import MethodConfiguration
from equiglass.prediction.model import Model

if TYPE_CHECKING:
    from pandas import DataFrame

    from equiglass.prediction.run_folder import RunFolder


class About(NamedTuple):
    """Description of a method.

    Attributes:
        summary: one line of text.
        source: paper, with DOI or arXiv number.
        cost: cost of training and prediction, in words.
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
    """Functions that a training calls.

    Attributes:
        step: called after every step with (configurations seen, their total number, loss).
        epoch: called after every epoch with its result; each method has its own type of result.
    """

    step: Callable[[int, int, float], object] = lambda done, total, loss: None
    epoch: Callable[[Any], object] = lambda result: None


SILENT = Watch()
"""A watch that does nothing."""


class Predictor(Model):
    """A model of one method. Each method is a subclass in its own module, which adds it to `equiglass.methods.METHODS`.

    Attributes:
        about: description of the method.
        file_format: name of the format in its model file.
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
        """Train on configurations.

        Args:
            training: labelled configurations that have what ``configuration`` needs.
            configuration: settings, of the class ``configuration`` of the method.
            validation: further labelled configurations; each method decides how it uses them.
            folder: folder in which a long training saves its state, and from which it continues.
            watch: functions to call during the training.

        Returns:
            The trained predictor.
        """

    @property
    def parameters(self) -> int:
        """Number of fitted parameters: the weights of its ``network``, unless the method counts others."""
        network = getattr(self, "network", None)
        return sum(weights.numel() for weights in network.parameters()) if network is not None else 0

    @classmethod
    def sharing(cls) -> AbstractContextManager[object]:
        """In this block, trainings on the same configurations may share computed features."""
        return nullcontext()

    @abstractmethod
    def save(self, path: Path) -> None:
        """Write the model file, completely or not at all."""

    @classmethod
    @abstractmethod
    def load(cls, path: Path) -> Self:
        """Read a model file of any version of the format."""

    def check_shapes(self) -> None:
        """Check that the arrays of a model file belong together; a method adds those of its own.

        Raises:
            ValueError: an array has another shape than the others demand.
            KeyError: an array is missing.
        """
        if self.learned().shape != (self.n_types, len(self.times)):
            raise ValueError("the numbers of types and times are not those of the arrays")
        if not all(isinstance(time, (int, float)) for time in self.times.values()):
            raise ValueError("a time is no number")
        if not isinstance(self.target, str) or self.target not in TARGETS:
            raise ValueError(f"there is no target {self.target!r}")

    def card(self) -> list[Card]:
        """Tables that this method adds to the model card of a report."""
        return []


def settings_frame(settings: BaseModel) -> DataFrame:
    """Name, value and meaning of every setting, for a card."""
    from pandas import DataFrame

    return DataFrame(
        {"name": name, "value": str(getattr(settings, name)), "meaning": field.description or ""}
        for name, field in type(settings).model_fields.items()
    )
