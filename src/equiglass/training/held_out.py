"""Predictions of finished cross-validations: every configuration by the models of the fold that held it out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from equiglass.errors import ConfigurationError, EquiglassWarning
from equiglass.files.settings import flat, read_settings
from equiglass.liquid.arrays import Float
from equiglass.liquid.fingerprint import Known
from equiglass.liquid.system import System
from equiglass.liquid.targets import measured, times_in_common, times_of
from equiglass.methods.loading import folder_of, load_model
from equiglass.prediction.ensemble import Ensemble, rows_at
from equiglass.prediction.model import Model
from equiglass.prediction.run_folder import RunFolder

FREE = ("fold", "folds", "seed", "device")
"""Settings in which a model may differ from those of its cross-validation."""


@dataclass(frozen=True)
class Candidate:
    """A trained model with the cross-validation of the same method and settings.

    Attributes:
        name: its name, for tables.
        model: the final model, of one or several predictors.
        folds: the folders of the models that were trained without one fold each.
    """

    name: str
    model: Model
    folds: tuple[RunFolder, ...]

    @property
    def shares(self) -> Float:
        """The weight of every predictor in the prediction of the model, (V,); their sum is 1."""
        methods = [member.method for member in self.model.members]
        return np.array([1 / (len(set(methods)) * methods.count(method)) for method in methods])

    @property
    def names(self) -> list[str]:
        """Names of the folders of the predictors, in the folder of an average."""
        members = self.model.members
        if len(members) == 1:
            return [f"member-{self.name}"]
        return [f"member-{self.name}-{Path(member.name).name.removeprefix('member-')}" for member in members]

    def fold_models(self) -> Iterator[Model]:
        """The models of the folds.

        Raises:
            ConfigurationError: a model has other members, another target or other times than the final model.
        """
        for folder in self.folds:
            model = load_model(folder.path)
            for what, one, other in (
                ("members", *([member.method for member in each.members] for each in (model, self.model))),
                ("target", model.target, self.model.target),
                ("times", *(list(each.times) for each in (model, self.model))),
            ):
                if one != other:
                    raise ConfigurationError(
                        f"{folder.path} has the {what} {one}, but {self.model.name} has {other}; give the "
                        "cross-validation of the same method and settings."
                    )
            yield model


def candidates(members: Sequence[tuple[str, Path]]) -> list[Candidate]:
    """The models and their cross-validations.

    Args:
        members: run folder or name of every final model, and the folder of its cross-validation.

    Warns:
        EquiglassWarning: a model has other settings than its cross-validation.

    Raises:
        ConfigurationError: a folder holds no model or no finished cross-validation, or a model is itself combined.
    """
    found: list[Candidate] = []
    for run, cv in members:
        model, folds = load_model(run), _folds(cv)
        if isinstance(model, Ensemble) and model.combination is not None:
            raise ConfigurationError(f"{run} is itself a combination; give its members one by one.")
        if found and model.target != found[0].model.target:
            raise ConfigurationError(
                f"{run} predicts the {model.target}, {found[0].model.name} the {found[0].model.target}; they cannot be "
                "combined."
            )
        _compare_settings(folder_of(run), folds[0])
        name = Path(run).resolve().name.removeprefix("member-")
        taken = [each.name for each in found]
        number = next(k for k in range(1, len(found) + 2) if (name if k == 1 else f"{name}.{k}") not in taken)
        found.append(Candidate(name if number == 1 else f"{name}.{number}", model, folds))
    return found


@dataclass(frozen=True, eq=False)
class HeldOut:
    """A configuration with its predictions by models that were not trained on it.

    Attributes:
        system: the configuration.
        fold: number of its fold, from 0.
        truth: the target, LJ units, (T, N), NaN where it is unknown.
        predicted: predictions of every predictor of every candidate, LJ units, (V, T, N); NaN where it has not learned.
    """

    system: System
    fold: int
    truth: Float
    predicted: Float


def held_out(
    those: Sequence[Candidate],
    systems: Sequence[System],
    labels: Sequence[str],
    on_done: Callable[[], object] = lambda: None,
) -> list[HeldOut]:
    """The configurations with the predictions of the folds that held them out.

    Args:
        those: models with their cross-validations.
        systems: the configurations of the cross-validations.
        labels: labels of the T times.
        on_done: called after every prediction of one candidate.

    Raises:
        ConfigurationError: the cross-validations have other configurations, or different folds.
    """
    systems = list(systems)
    times: list[dict[str, float]] = [{} for _ in systems]
    predicted: list[list[Float]] = [[] for _ in systems]
    first: list[int] = []
    for candidate in those:
        models = list(candidate.fold_models())
        dealt = _dealt(candidate, models, systems)
        first = first or dealt
        if dealt != first:
            odd = next(s.name for s, one, other in zip(systems, dealt, first, strict=True) if one != other)
            raise ConfigurationError(
                f"{candidate.folds[0].path.parent} and {those[0].folds[0].path.parent} have different folds (the first "
                f"difference is {odd}); cross-validate with the same data in the same order and the same 'folds'."
            )
        for k, fold in enumerate(dealt):
            model = models[fold]
            # The next candidate need not compute again what this one needed.
            systems[k] = model.prepared(model.measurable(systems[k]))
            times[k] |= model.times_for(systems[k])
            predicted[k] += [rows_at(labels, member, systems[k]) for member in model.members]
            on_done()
    target = those[0].model.target
    return [
        HeldOut(system, fold, _truth(system, labels, own, target), np.stack(rows))
        for system, fold, own, rows in zip(systems, first, times, predicted, strict=True)
    ]


def _truth(system: System, labels: Sequence[str], times: dict[str, float], target: str) -> Float:
    """The measured target, (T, N); NaN where the label has another time than in the predictions."""
    agreeing = times_in_common(times, times_of(system, target))[0]
    truth = measured(system, labels, target)
    truth[[label not in agreeing for label in labels]] = np.nan
    return truth


def _folds(cv: Path) -> tuple[RunFolder, ...]:
    """The run folders of a finished cross-validation."""
    folds = [RunFolder(cv / "fold-1")]
    while (cv / f"fold-{len(folds) + 1}").is_dir():
        folds.append(RunFolder(cv / f"fold-{len(folds) + 1}"))
    settings = _settings(folds[0])
    number = settings.get("folds", len(folds))
    if len(folds) != number or not all(fold.members() for fold in folds):
        raise ConfigurationError(
            f"{cv} is no finished cross-validation: it needs the folders fold-1 to fold-{number}, each with a model; "
            "run the same 'equiglass crossvalidate' again."
        )
    return tuple(folds)


def _settings(folder: RunFolder) -> dict[str, object]:
    """The settings of the first member of a folder; empty if they are unknown."""
    path = next((one.configuration for one in folder.members() if one.configuration.is_file()), None)
    return {} if path is None else flat(read_settings(path))


def _compare_settings(run: RunFolder, fold: RunFolder) -> None:
    one, other = _settings(run), _settings(fold)
    differing = [key for key in one if key not in FREE and key in other and one[key] != other[key]]
    if differing:
        warnings.warn(
            f"{run.path} was trained with other settings than {fold.path} ({', '.join(differing[:5])}); the weights "
            "and the uncertainty are those of the cross-validation.",
            EquiglassWarning,
            stacklevel=3,
        )


def _dealt(candidate: Candidate, models: Sequence[Model], systems: Sequence[System]) -> list[int]:
    """The number of the fold that held out every configuration, from 0."""
    cv = candidate.folds[0].path.parent
    dealt = []
    for system in systems:
        folds = [k for k, model in enumerate(models) if model.role(system) == "validation"]
        if len(folds) != 1:
            raise ConfigurationError(
                f"{len(folds)} folds of {cv} held out {system.name} for a test, not one; give the --data of the "
                "cross-validation."
            )
        dealt += folds
    known = Known.of((system.fingerprint, system.name) for system in systems)
    for folder in candidate.folds:
        split = folder.read_split()
        for one in () if split is None else split.validation:
            if one.fingerprint is not None and known.find(one.fingerprint) is None:
                raise ConfigurationError(
                    f"{folder.path} held out {one.name}, which --data does not hold; give all data of the "
                    "cross-validation."
                )
    return dealt
