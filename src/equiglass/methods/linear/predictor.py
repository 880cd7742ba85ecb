"""A ridge regression on the features of a particle, as a method. A subclass defines the features."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from equiglass.errors import ConfigurationError
from equiglass.liquid.arrays import Float
from equiglass.liquid.needs import Need
from equiglass.liquid.system import Structure, System, type_name
from equiglass.liquid.targets import times_to_learn
from equiglass.methods.linear.blocks import pass_over, sharing_passes
from equiglass.methods.linear.descriptors import Descriptors, described_products
from equiglass.methods.linear.ridge import PENALTIES, Ridge, fit_ridge, fit_ridge_by_folds
from equiglass.prediction.configuration import LeastSquaresConfiguration
from equiglass.prediction.model_file import check_version, fitting, read_model, write_model
from equiglass.prediction.predictor import SILENT, Card, Predictor, Watch, settings_frame
from equiglass.prediction.run_folder import RunFolder
from equiglass.prediction.training_data import TrainingData

FOLDS = 4
"""Number of folds of the training configurations on which the penalty is chosen."""


Penalty = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class LinearConfiguration(LeastSquaresConfiguration):
    """Settings of every regression."""

    penalties: tuple[Penalty, ...] = Field(
        PENALTIES,
        min_length=1,
        description="penalties to choose from, in units of the variance of the standardised features",
    )
    choose_on: Literal["folds", "validation"] = Field(
        "folds",
        description="what the penalty is chosen on: folds of the training configurations, or the validation "
        "configurations, which then are no test",
    )

    @property
    def fewest(self) -> int:
        """Two, to leave out each in turn; one if the validation configurations choose the penalty."""
        return 1 if self.chooses_on_validation else 2

    @property
    def chooses_on_validation(self) -> bool:
        """Whether the fit depends on the validation configurations."""
        return self.choose_on == "validation"


@dataclass(frozen=True, repr=False, eq=False)
class LinearPredictor(Predictor):
    """A trained regression with its settings, times and a summary of its training data.

    Attributes:
        ridge: the regression.
        settings: settings of its training.
        times: values of the times by label, in the order of the outputs; the first values in the training set.
        data: summary of the training data.
        name: name or path from which the model was loaded.
    """

    ridge: Ridge
    settings: Any
    times: Mapping[str, float]
    data: TrainingData
    name: str = "regression"

    @classmethod
    @abstractmethod
    def features(cls, system: System, settings: Any, n_types: int) -> NDArray[np.floating]:
        """Features of every particle, (N, F); the configuration must have what the settings need."""

    @classmethod
    def emphases(cls, settings: Any, n_types: int) -> Float | None:
        """Emphases of every feature to choose from, (choices, F); None if all are 1."""
        return None

    @classmethod
    def quantities(cls, settings: Any, n_types: int) -> NDArray[np.int64] | None:
        """Number of the quantity of every feature, (F,); None if all are different ones.

        Of one quantity, features that hardly vary are left out. Features in other units are other quantities.
        """
        return None

    @classmethod
    def sharing(cls) -> AbstractContextManager[object]:
        """In this block, trainings share the moments of every family: one pass over the configurations serves all."""
        return sharing_passes()

    def learned(self) -> NDArray[np.bool_]:
        """Whether there were training data of a particle type at a time, (n_types, T)."""
        return ~np.isnan(self.ridge.offset)

    @property
    def target(self) -> str:  # type: ignore[override]
        """Name of the target."""
        return str(self.settings.target)

    @property
    def needs(self) -> frozenset[Need]:  # type: ignore[override]
        """What a configuration must have for a prediction."""
        needs: frozenset[Need] = self.settings.input_needs
        return needs

    @property
    def parameters(self) -> int:
        """Number of weights and offsets that are not zero, over all types and times."""
        return int(np.count_nonzero(np.nan_to_num(self.ridge.weights)) + np.isfinite(self.ridge.offset).sum())

    def values(self, system: System) -> Float:
        """The target at every time of ``times``, LJ units, (T, N)."""
        rows = self.ridge.predict(self.features(system, self.settings, self.n_types), system.types)
        return rows[[self.ridge.time_labels.index(label) for label in self.times]]

    def described_values(
        self, system: System, structures: tuple[Structure, Structure], other_products: Callable[[Float], Float]
    ) -> Float:
        """The target as in `values`, of features that are the descriptors of two structures, then others, (T, N).

        The averages are linear, so the products of features and weights are averaged instead of the features. The
        features of all particles are therefore never in memory together.

        Args:
            system: the configuration.
            structures: the structures of the descriptors, in the order of the features.
            other_products: from the weights of the other features, (F, C), to the products with them, (N, C).
        """
        descriptors: Descriptors = self.settings.descriptors
        slopes, offset = self.ridge.affine()
        columns = slopes.reshape(-1, slopes.shape[-1]).T
        described = descriptors.number(self.n_types) * (descriptors.generations + 1)
        first, second, others = np.split(columns, [described, 2 * described])
        products = described_products(system, self.n_types, descriptors, structures[0], first)
        products += described_products(system, self.n_types, descriptors, structures[1], second)
        products += other_products(others)
        products = products.reshape(-1, *offset.shape)
        rows = (products[np.arange(system.n_particles), system.types] + offset[system.types]).T
        return np.asarray(rows[[self.ridge.time_labels.index(label) for label in self.times]])

    @classmethod
    def fit(
        cls,
        training: Sequence[System],
        configuration: LinearConfiguration,
        *,
        validation: Sequence[System] = (),
        folder: RunFolder | None = None,
        watch: Watch = SILENT,
    ) -> Self:
        """Choose penalty and emphasis, then fit. See `Predictor.fit`.

        Raises:
            ConfigurationError: they are to be chosen on validation configurations, and there is none.
        """
        if configuration.chooses_on_validation and not validation:
            raise ConfigurationError(
                "choose_on: validation needs validation configurations; set fold to 1 or more, or choose_on: folds."
            )
        n_types = max(system.n_types for system in training)
        times = times_to_learn(training, configuration.times, configuration.target)
        scored = validation if configuration.chooses_on_validation else ()
        total, done = len(training) + len(scored), 0

        def step() -> None:
            nonlocal done
            done += 1
            watch.step(done, total, float("nan"))

        def features(system: System) -> NDArray[np.floating]:
            return cls.features(system, configuration, n_types)

        passed = pass_over(features, configuration, list(times), n_types)
        choices = configuration.penalties, cls.emphases(configuration, n_types), cls.quantities(configuration, n_types)
        if scored:
            (learned,) = passed.fitted(training, 1, step, scored=False)
            ridge = fit_ridge(list(times), learned, passed.scored(scored, step), *choices)
        else:
            folds = passed.fitted(training, FOLDS, step, scored=True)
            ridge = fit_ridge_by_folds(list(times), folds, *choices)
        data = TrainingData.of(training, n_types, validation, selected=configuration.chooses_on_validation)
        return cls(ridge, configuration, times, data)

    def save(self, path: Path) -> None:
        """Write the model file, completely or not at all."""
        import torch

        arrays = {f.name: getattr(self.ridge, f.name) for f in fields(Ridge) if f.name != "time_labels"}
        description = {
            "format": self.file_format,
            "version": self.version,
            "settings": self.settings.model_dump(mode="json"),
            "chosen": self.chosen(),
            "time_labels": self.ridge.time_labels,
            "times": dict(self.times),
            "data": self.data.metadata(),
        }
        write_model(path, {key: torch.from_numpy(np.array(array)) for key, array in arrays.items()}, description)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a model file.

        Raises:
            DataError: the file is not a model file of this method, is damaged, or has a newer version.
        """
        tensors, description = read_model(path)
        version = check_version(path, description, cls.file_format, cls.version)
        arrays = {key: tensor.numpy() for key, tensor in tensors.items()}
        with fitting(path):
            return cls(
                Ridge(tuple(description["time_labels"]), **arrays),
                cls.configuration(**cls.settings_of(description, version)),
                description["times"],
                TrainingData.from_metadata(description["data"]),
            )

    def check_shapes(self) -> None:
        """See `Predictor.check_shapes`."""
        n_types, n_times, n_features = self.ridge.weights.shape
        of_types = {"mean": (n_types, n_features), "scale": (n_types, n_features)}
        of_times = dict.fromkeys(("offset", "penalties", "emphasis", "validation"), (n_types, n_times))
        for name, shape in {**of_types, **of_times}.items():
            if getattr(self.ridge, name).shape != shape:
                raise ValueError(f"the array {name} does not fit the weights")
        if len(self.ridge.time_labels) != n_times or not set(self.times) <= set(self.ridge.time_labels):
            raise ValueError("the times are not those of the weights")
        quantities, emphases = (f(self.settings, n_types) for f in (self.quantities, self.emphases))
        if quantities is not None and len(quantities) != n_features:
            raise ValueError(f"the settings describe {len(quantities)} features, the weights are of {n_features}")
        if self.ridge.emphasis.max(initial=0) >= (1 if emphases is None else len(emphases)):
            raise ValueError("an emphasis is not among those to choose from")
        super().check_shapes()

    @classmethod
    def settings_of(cls, description: Mapping[str, Any], version: int) -> Mapping[str, Any]:
        """The settings in the description of a model file of the given version."""
        settings: Mapping[str, Any] = description["settings"]
        return settings

    def choices(self, type_index: int, time: int) -> dict[str, float]:
        """Further choices for a type and time besides the penalty, by name."""
        return {}

    def chosen(self) -> dict[str, dict[str, dict[str, float]]]:
        """The choices, and the correlation that they reached in the cross-validation, by type and label."""
        table: dict[str, dict[str, dict[str, float]]] = {}
        for s, (t, label) in product(range(self.n_types), enumerate(self.ridge.time_labels)):
            table.setdefault(type_name(s), {})[label] = {
                **self.choices(s, t),
                "penalty": float(self.ridge.penalties[s, t]),
                "validation_rho": float(self.ridge.validation[s, t]),
            }
        return table

    def card(self) -> list[Card]:
        """The settings, and the choices per type and time."""
        from pandas import DataFrame

        chosen = [
            {"type": kind, "label": label, **numbers}
            for kind, by_label in self.chosen().items()
            for label, numbers in by_label.items()
        ]
        return [
            Card("Settings", settings_frame(self.settings)),
            Card(f"Choices of the regression on {self.ridge.mean.shape[1]} features", DataFrame(chosen)),
        ]
