"""Method `stack`: the weighted average of several methods; weights come from predictions of configurations left out.

    m_i(t) = sum_k w_k p_ik(t) + a,   w_k >= 0

p_k is the prediction of method k. The training configurations are dealt into parts. Every method is trained without
each part in turn and predicts it; non-negative least squares on these predictions gives the weights, per particle type
and time (`stacking_weights`). Then every method is trained on all training configurations. Methods that have learned a
type and time have equal weights there if no prediction tells them apart.

`settings` holds the settings of a member by its name: ``--set settings.ridge.l_max=2``.

Model file: safetensors with weights (n_types, T, K), offsets (n_types, T), and the model file of every member as bytes;
version 1.

Source: L. Breiman, Mach. Learn. 24, 49 (1996), doi 10.1007/BF00117832.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from equiglass.errors import ConfigurationError, DataError, EquiglassError, EquiglassWarning
from equiglass.files.settings import changed, validate
from equiglass.liquid.arrays import Float
from equiglass.liquid.ends import is_end
from equiglass.liquid.needs import Need
from equiglass.liquid.splits import families, folds_of
from equiglass.liquid.system import System, type_name
from equiglass.liquid.targets import measured, times_in_common, times_of, times_to_learn
from equiglass.methods import METHODS
from equiglass.methods.loading import load_predictor
from equiglass.prediction.configuration import MethodConfiguration
from equiglass.prediction.ensemble import rows_at
from equiglass.prediction.model_file import check_version, fitting, read_model, write_model
from equiglass.prediction.predictor import SILENT, About, Card, Predictor, Watch, settings_frame
from equiglass.prediction.run_folder import RunFolder
from equiglass.prediction.stacking import stacking_weights
from equiglass.prediction.training_data import TrainingData

OF_THE_STACK = ("times", "folds", "fold", "ends")
"""Keys that a member cannot have: a training takes them before it calls a method."""

FEWEST = 4
"""Fewest unrelated configurations for a training that leaves some out: the others still choose a penalty by folds."""


class StackConfiguration(MethodConfiguration):
    """Settings of the method `stack`."""

    method: Literal["stack"] = "stack"
    methods: tuple[str, ...] = Field(("ridge", "boattini"), min_length=1, description="methods that are averaged")
    settings: dict[str, dict[str, Any]] = Field({}, description="settings of a method by its name")
    parts: int = Field(4, ge=2, description="number of parts of the training configurations left out in turn")

    @field_validator("methods")
    @classmethod
    def _each_once(cls, methods: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(methods)) < len(methods):
            raise ValueError("each method is named once")
        if "stack" in methods:
            raise ValueError("a stack cannot be a member of a stack")
        return methods

    def member(self, name: str) -> MethodConfiguration:
        """Settings of one method.

        Raises:
            ConfigurationError: the method or a key is unknown, a key would have no effect, or the method would choose
                on validation configurations.
        """
        shared = {"seed": self.seed, "target": self.target, "potential": self.potential}
        given = self.settings.get(name, {})
        if lost := [key for key in OF_THE_STACK if key in given]:
            raise ConfigurationError(
                f"stack: settings.{name}.{lost[0]} would have no effect, because the stack chooses the configurations "
                f"and times of its members. Leave it out; the stack itself takes times, folds and fold."
            )
        own = validate(METHODS[name].configuration, changed(shared, given), f"stack: {name}")
        if own.chooses_on_validation:
            raise ConfigurationError(
                f"stack: {name}: choose_on: validation is not possible here; set choose_on: folds."
            )
        return own

    @property
    def input_needs(self) -> frozenset[Need]:
        """The needs of all members."""
        return frozenset().union(*(self.member(name).input_needs for name in self.methods))

    @property
    def further_labels(self) -> frozenset[str]:
        """Those that any member reads."""
        return frozenset().union(*(self.member(name).further_labels for name in self.methods))

    @property
    def fewest(self) -> int:
        """Fewest training configurations of all members."""
        return max(self.member(name).fewest for name in self.methods)

    @property
    def is_random(self) -> bool:
        """Whether the seed has an effect on any member."""
        return any(self.member(name).is_random for name in self.methods)

    def with_epochs(self, wanted: Callable[[int], int]) -> Self:
        """The same settings with another number of epochs of every member that has epochs."""
        settings = dict(self.settings)
        for name in self.methods:
            own = self.member(name)
            before, after = own.model_dump(mode="json"), own.with_epochs(wanted).model_dump(mode="json")
            new = {key: value for key, value in after.items() if value != before[key]}
            if new:
                settings[name] = {**settings.get(name, {}), **new}
        return self.model_copy(update={"settings": settings})

    def check(self) -> None:
        """Check the settings of every member. See `MethodConfiguration.check`."""
        unused = [name for name in self.settings if name not in self.methods]
        if unused:
            raise ConfigurationError(f"stack: settings of {', '.join(unused)}, which 'methods' does not name.")
        for name in self.methods:
            self.member(name).check()


@dataclass(frozen=True, repr=False, eq=False)
class Stack(Predictor):
    """The trained members with their weights, (n_types, T, K), and offsets, (n_types, T).

    A weight is 0 where a member has not learned, an offset NaN where no member has.
    """

    method = "stack"
    about = About(
        "weighted average of several methods, weights from configurations left out",
        "Breiman 1996, doi 10.1007/BF00117832",
        "training: five times that of its members; prediction: that of its members",
    )
    file_format = "equiglass-stack"
    configuration = StackConfiguration

    averaged: tuple[Predictor, ...]
    weights: Float
    offsets: Float
    settings: StackConfiguration
    times: Mapping[str, float]
    data: TrainingData
    name: str = "stack"

    @property
    def target(self) -> str:  # type: ignore[override]
        """Name of the target."""
        return self.settings.target

    @property
    def needs(self) -> frozenset[Need]:  # type: ignore[override]
        """The needs of all members."""
        return frozenset().union(*(member.needs for member in self.averaged))

    @property
    def parameters(self) -> int:
        """Parameters of all members, weights and offsets."""
        return sum(member.parameters for member in self.averaged) + self.weights.size + self.offsets.size

    def learned(self) -> NDArray[np.bool_]:
        """Whether any member has learned a particle type at a time, (n_types, T)."""
        return np.isfinite(self.offsets)

    def values(self, system: System) -> Float:
        """The weighted average at every time of ``times``, LJ units, (T, N)."""
        predicted = np.stack([rows_at(list(self.times), member, system) for member in self.averaged], axis=2)
        weights = self.weights[system.types].swapaxes(0, 1)
        # Zero times NaN is NaN.
        return np.sum(weights * np.where(weights > 0, predicted, 0.0), axis=2) + self.offsets[system.types].T

    @classmethod
    def fit(
        cls,
        training: Sequence[System],
        configuration: StackConfiguration,
        *,
        validation: Sequence[System] = (),
        folder: RunFolder | None = None,
        watch: Watch = SILENT,
    ) -> Self:
        """Train every method without each part, fit the weights, and train every method on all. See `Predictor.fit`.

        Members that are trained already, in the folder ``parts`` of the run folder, are loaded.

        Warns:
            EquiglassWarning: there are fewer than `FEWEST` configurations, or no configuration that is left out has
                labels of a type and time that vary within it, so the weights are equal.
        """
        times = times_to_learn(training, configuration.times, configuration.target)
        labels = list(times)
        n_types = max(system.n_types for system in training)
        family = families(training)
        unrelated = len(set(family))
        parts = folds_of(training, configuration.parts, family) if unrelated >= FEWEST else []
        total, done = (len(parts) + 1) * len(configuration.methods), 0

        def known_in(systems: Sequence[System]) -> tuple[str, ...]:
            known = {label for system in systems for label in times_of(system, configuration.target)}
            return tuple(label for label in labels if label in known)

        def trained(name: str, systems: Sequence[System], place: str) -> Predictor:
            nonlocal done
            here = None if folder is None else RunFolder(folder.path / "parts" / place / name)
            settings = configuration.member(name).model_copy(update={"times": known_in(systems)})
            finished = None if here is None else here.path / "finished.safetensors"
            if finished is not None and finished.is_file():
                model = load_predictor(finished)
            else:
                if here is not None:
                    here.path.mkdir(parents=True, exist_ok=True)
                try:
                    model = METHODS[name].fit(systems, settings, folder=here)
                except EquiglassError as error:
                    raise type(error)(f"stack: {name}, {place.replace('-', ' part ')}: {error}") from None
                if finished is not None:
                    model.save(finished)
            done += 1
            watch.step(done, total, float("nan"))
            return model

        truth, types, predicted = [], [], []
        for number, part in enumerate(parts, start=1):
            others = [system for other in parts if other is not part for system in other]
            if not known_in(others):
                continue
            models = [trained(name, others, f"without-{number}") for name in configuration.methods]
            for system in part:
                if is_end(system):
                    continue
                truth.append(measured(system, labels, configuration.target))
                types.append(system.types)
                predicted.append(np.stack([rows_at(labels, model, system) for model in models], axis=2))
        if parts and not truth:
            warnings.warn(
                "A stack fits its weights on configurations left out, but all are ends of runs. All have the same "
                "weight.",
                EquiglassWarning,
                stacklevel=2,
            )
        if not parts:
            warnings.warn(
                f"A stack fits its weights on configurations left out, but there are {unrelated}; give {FEWEST} or "
                "more, unrelated ones. All methods have the same weight.",
                EquiglassWarning,
                stacklevel=2,
            )
        members = tuple(trained(name, training, "all") for name in configuration.methods)
        learned = np.stack([member.learned() for member in members], axis=2)
        weights, offsets = learned / np.maximum(learned.sum(axis=2, keepdims=True), 1), np.zeros(learned.shape[:2])
        offsets[~learned.any(axis=2)] = np.nan
        if truth:
            fitted, shifts = stacking_weights(truth, predicted, types, n_types)
            found = np.isfinite(shifts)
            weights[found], offsets[found] = fitted[found], shifts[found]
            alike = np.argwhere(~found & np.isfinite(offsets)).tolist()
            if alike:
                warnings.warn(
                    "no configuration left out shows which method is better for "
                    f"{', '.join(f'type {type_name(kind)} at {labels[t]!r}' for kind, t in alike)}: the methods that "
                    "have learned it have the same weight.",
                    EquiglassWarning,
                    stacklevel=2,
                )
        return cls(members, weights, offsets, configuration, times, TrainingData.of(training, n_types, validation))

    def save(self, path: Path) -> None:
        """Write the model file, completely or not at all."""
        import torch

        tensors = {"weights": torch.from_numpy(self.weights), "offsets": torch.from_numpy(self.offsets)}
        with tempfile.TemporaryDirectory() as folder:
            for number, member in enumerate(self.averaged):
                file = Path(folder) / "member.safetensors"
                member.save(file)
                tensors[f"member.{number}"] = torch.frombuffer(bytearray(file.read_bytes()), dtype=torch.uint8)
        description = {
            "format": self.file_format,
            "version": self.version,
            "settings": self.settings.model_dump(mode="json"),
            "times": dict(self.times),
            "data": self.data.metadata(),
        }
        write_model(path, tensors, description)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a model file.

        Raises:
            DataError: the file is not a model file of this method, is damaged, or has a newer version.
        """
        tensors, description = read_model(path)
        check_version(path, description, cls.file_format, cls.version)
        members = []
        with fitting(path):
            settings = StackConfiguration(**description["settings"])
            with tempfile.TemporaryDirectory() as folder:
                for number, name in enumerate(settings.methods):
                    # The tensors may stay in the file, so every member has a file of its own.
                    file = Path(folder) / f"{number}.safetensors"
                    file.write_bytes(tensors[f"member.{number}"].numpy().tobytes())
                    try:
                        members.append(load_predictor(file).named(name))
                    except DataError as error:
                        raise DataError(f"{path}: the member {name}: {error}".replace(str(file), "its file")) from None
            weights, offsets = tensors["weights"].numpy(), tensors["offsets"].numpy()
            data = TrainingData.from_metadata(description["data"])
            return cls(tuple(members), weights, offsets, settings, description["times"], data)

    def check_shapes(self) -> None:
        """See `Predictor.check_shapes`."""
        super().check_shapes()
        if self.weights.shape != (*self.offsets.shape, len(self.averaged)):
            raise ValueError("the weights are not those of the members, types and times")
        if not (np.isfinite(self.weights) & (self.weights >= 0)).all():
            raise ValueError("a weight is negative or no finite number")
        shared = self.target, self.n_types, self.data.potential
        for name, member in zip(self.settings.methods, self.averaged, strict=True):
            if member.method != name:
                raise ValueError(f"the member {name} is a model of {member.method}")
            own = member.target, member.n_types, member.data.potential
            if own != shared or times_in_common(self.times, member.times)[1]:
                raise ValueError(f"the member {name} has another target, other times, types or another potential")

    def card(self) -> list[Card]:
        """The settings, the weights, and the cards of the members."""
        from pandas import DataFrame

        rows = [
            {
                "type": type_name(kind),
                "label": label,
                **dict(zip(self.settings.methods, self.weights[kind, t], strict=True)),
                "offset": self.offsets[kind, t],
            }
            for kind in range(self.n_types)
            for t, label in enumerate(self.times)
        ]
        members = [
            Card(f"{name}: {card.caption}", card.frame)
            for name, member in zip(self.settings.methods, self.averaged, strict=True)
            for card in member.card()
        ]
        return [
            Card("Settings", settings_frame(self.settings)),
            Card("Weights of the average", DataFrame(rows)),
            *members,
        ]


METHODS.add("stack", Stack)
