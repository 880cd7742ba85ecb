"""A predictor whose model is a few arrays: model file, loading, card. A subclass fits the arrays and uses them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from equiglass.liquid.needs import Need
from equiglass.prediction.model_file import check_version, fitting, read_model, write_model
from equiglass.prediction.predictor import Card, Predictor, settings_frame
from equiglass.prediction.training_data import TrainingData


@dataclass(frozen=True, repr=False, eq=False)
class ArrayPredictor(Predictor):
    """A trained method that consists of arrays by name, of settings and of a summary of its training data.

    Attributes:
        arrays: the arrays by name.
        settings: settings of its training.
        times: values of the times by label, in the order of the outputs; the first values in the training set.
        data: summary of the training data.
        name: name or path from which the model was loaded.
    """

    arrays: Mapping[str, NDArray[Any]]
    settings: Any
    times: Mapping[str, float]
    data: TrainingData
    name: str = "model"

    @property
    def target(self) -> str:  # type: ignore[override]
        """Name of the target."""
        return str(self.settings.target)

    @property
    def needs(self) -> frozenset[Need]:  # type: ignore[override]
        """What a configuration must have for a prediction."""
        needs: frozenset[Need] = self.settings.input_needs
        return needs

    def save(self, path: Path) -> None:
        """Write the model file, completely or not at all."""
        import torch

        description = {
            "format": self.file_format,
            "version": self.version,
            "settings": self.settings.model_dump(mode="json"),
            "times": dict(self.times),
            "data": self.data.metadata(),
        }
        write_model(path, {key: torch.from_numpy(np.array(array)) for key, array in self.arrays.items()}, description)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a model file.

        Raises:
            DataError: the file is not a model file of this method, is damaged, or has a newer version.
        """
        tensors, description = read_model(path)
        check_version(path, description, cls.file_format, cls.version)
        with fitting(path):
            settings = cls.configuration(**description["settings"])
            data = TrainingData.from_metadata(description["data"])
            arrays = {key: tensor.numpy() for key, tensor in tensors.items()}
            return cls(arrays, settings, description["times"], data, cls.method)

    def card(self) -> list[Card]:
        """The settings."""
        return [Card("Settings", settings_frame(self.settings))]
