"""Train a method on labelled configurations and write a run folder."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import yaml

from equiglass.errors import ConfigurationError, DataError, EquiglassWarning
from equiglass.files import write_text
from equiglass.files.settings import flat
from equiglass.liquid.splits import families, refuse_copies, validation_fold
from equiglass.liquid.system import System, type_name
from equiglass.liquid.targets import measured, times_of, times_to_learn
from equiglass.machine import processes
from equiglass.machine.environment import environment
from equiglass.methods import METHODS
from equiglass.methods.loading import load_model, read_configuration
from equiglass.methods.network.configuration import Configuration
from equiglass.prediction.configuration import MethodConfiguration
from equiglass.prediction.model import Model
from equiglass.prediction.predictor import SILENT, Watch
from equiglass.prediction.run_folder import RunFolder
from equiglass.prediction.split import Split
from equiglass.training.supply import supply, with_ends, without_ends

CHANGEABLE = ("epochs", "device")
"""Settings that may change when a training is resumed."""

VALIDATION_HOLDS = "the validation holds training configurations"


def train(
    systems: Sequence[System],
    out: Path | str,
    configuration: MethodConfiguration | None = None,
    *,
    validation: Sequence[System] | None = None,
    members: int = 1,
    resume: bool = False,
    command: str = "",
    watch: Watch = SILENT,
) -> Model:
    """Train a model and write a run folder.

    Args:
        systems: labelled configurations; they are divided into folds unless ``validation`` is given.
        out: the run folder; it must be new or empty unless ``resume``.
        configuration: settings of a method; the defaults of the paper's network if None.
        validation: configurations for validation; they replace the fold.
        members: number of models with successive seeds. Several models have sub-folders of ``out`` and are averaged.
        resume: continue the training in ``out``. The number of epochs and the device may differ from before.
        command: command that starts the training, for environment.yaml.
        watch: functions to call during the training.

    Returns:
        The trained model, as `load_model` returns it.

    Raises:
        DataError: no configuration has a target to learn, the method needs more configurations, a configuration occurs
            twice, or one of ``validation``, its parent or another end of its parent is a training configuration.
        ConfigurationError: the folder is in use or holds another number of members; a resumed training has another
            configuration, other data or another split; or ``configuration`` is no configuration of a method.
        SetupError: the device is missing.
    """
    out = Path(out)
    configuration = settings(configuration)
    configuration.check()
    if members < 1:
        raise ConfigurationError(f"members is {members}; give the number of models, at least 1.")
    if members > 1:
        if RunFolder(out).begun() or RunFolder(out).model() is not None:
            raise ConfigurationError(f"{out} holds a single model; choose another folder for {members} members.")
        for number in range(members):
            here = configuration.model_copy(update={"seed": configuration.seed + number})
            place = out / f"member-{number + 1}"
            train(
                systems,
                place,
                here,
                validation=validation,
                resume=resume and place.exists(),
                command=command,
                watch=watch,
            )
        return load_model(out)
    training, held_out = dealt(systems, configuration, validation)
    _check_times(training, held_out, configuration)
    _warn_of_gaps(training)
    training = with_ends(training, configuration)
    training, held_out = supply(training, configuration), supply(held_out, configuration)
    means = _means(training, configuration)
    split = Split.of(training, held_out, selected=configuration.chooses_on_validation, means=means)
    split = split.after(_unseen(held_out, configuration))
    if processes.same(lambda: split) != split:
        raise ConfigurationError("the processes read different configurations; give every machine the same data.")
    folder = RunFolder(out)
    processes.same(lambda: _begin(folder, configuration, split, command, resume))
    method = METHODS[configuration.method]
    predictor = method.fit(training, configuration, validation=held_out, folder=folder, watch=watch)
    if processes.rank() == 0 and folder.model() is None:
        predictor.save(folder.checkpoint("last"))
    return predictor.named(str(out)).with_data(replace(predictor.data, split=split))


def settings(configuration: MethodConfiguration | None) -> MethodConfiguration:
    """The settings of a training: the given ones, or the defaults of the paper's network.

    Raises:
        ConfigurationError: these are no settings of a method, but for instance a dictionary.
    """
    if configuration is None:
        return Configuration()
    if not isinstance(configuration, MethodConfiguration):
        raise ConfigurationError(
            f"configuration must be the settings of a method, not {type(configuration).__name__}: for instance "
            'Configuration(epochs=10), or METHODS["energy"].configuration() from equiglass.methods.'
        )
    return configuration


def dealt(
    systems: Sequence[System], configuration: MethodConfiguration, validation: Sequence[System] | None
) -> tuple[list[System], list[System]]:
    """The training and the validation configurations, before any work. See `train`.

    Raises:
        DataError: see `train`.
        ConfigurationError: they cannot be dealt into folds.
    """
    refuse_copies(systems, validation or (), VALIDATION_HOLDS)
    refuse_copies(validation or ())
    if validation is None:
        training, held_out = validation_fold(systems, configuration.folds, configuration.fold)
        held_out = without_ends(held_out) or held_out
    else:
        training, held_out = list(systems), without_ends(validation) or list(validation)
    check_number(training, configuration)
    return training, held_out


def _warn_of_gaps(training: Sequence[System]) -> None:
    """Warn if types count from 1, or have another gap."""
    known = np.unique(np.concatenate([system.types for system in training]))
    if gaps := [type_name(kind) for kind in range(int(known.max())) if kind not in known]:
        warnings.warn(
            f"no training configuration has particles of type {', '.join(gaps)}. Types count from 0: subtract 1 from "
            "types that count from 1.",
            EquiglassWarning,
            stacklevel=2,
        )


def check_number(training: Sequence[System], configuration: MethodConfiguration) -> None:
    """Check that there are as many training configurations as the method needs.

    Raises:
        DataError: there are fewer unrelated ones.
    """
    unrelated = len(set(families(training)))
    if unrelated < configuration.fewest:
        raise DataError(
            f"{configuration.method} needs {configuration.fewest} unrelated training configurations, because a penalty "
            f"is chosen on those left out; there is {'one' if unrelated else 'none'}. Give more configurations."
        )


def _unseen(validation: Sequence[System], configuration: MethodConfiguration) -> Split | None:
    """The split of the model that the training starts from.

    Raises:
        ConfigurationError: that model was trained on a validation configuration, its parent or an end of its parent.
    """
    earlier = configuration.earlier
    seen = [] if earlier is None else [system.name for system in validation if earlier.role(system) == "training"]
    if seen:
        raise ConfigurationError(
            f"the model in 'start' was trained on {len(seen)} of {len(validation)} validation configurations "
            f"({seen[0]} is the first); its weights know them. Leave them out, or start from another model."
        )
    return earlier


def _check_times(training: Sequence[System], validation: Sequence[System], configuration: MethodConfiguration) -> None:
    """Check that the validation has the times that are learned.

    Raises:
        DataError: a label has another time in the validation, or no configuration of it has a label that is learned.
    """
    learned = times_to_learn(training, configuration.times, configuration.target)
    times_to_learn([*training, *validation], list(learned), configuration.target)
    known = {label for system in validation for label in times_of(system, configuration.target)}
    if validation and not known & learned.keys():
        raise DataError(
            f"the training has the labels {list(learned)}, the validation {sorted(known)}: none is in common. Give "
            "validation configurations with the times of the training."
        )


def _means(systems: Sequence[System], configuration: MethodConfiguration) -> dict[str, float]:
    """The mean measured target over all particles by label, LJ units; it recognises the labels of the data."""
    target = configuration.target
    labels = times_to_learn(systems, configuration.times, target)
    values = {label: np.concatenate([measured(s, [label], target)[0] for s in systems]) for label in labels}
    return {label: float(np.nanmean(each)) for label, each in values.items() if not np.all(np.isnan(each))}


def _begin(folder: RunFolder, configuration: MethodConfiguration, split: Split, command: str, resume: bool) -> None:
    said = {"command": command} if command else {}
    if resume and folder.configuration.is_file():
        before = read_configuration(folder.configuration)
        _check_changes(folder, before, configuration)
        folder.begin(configuration.model_dump(mode="json"), split, said | environment(), resume)
        if before != configuration:
            write_text(folder.configuration, yaml.safe_dump(configuration.model_dump(mode="json"), sort_keys=False))
        return
    folder.begin(configuration.model_dump(mode="json"), split, said | environment(), resume)


def _check_changes(folder: RunFolder, before: MethodConfiguration, now: MethodConfiguration) -> None:
    """Check that a resumed training changes no more than it may, and say what another number of epochs means.

    Raises:
        ConfigurationError: another key differs; the message names it.
    """
    old, new = flat(before.model_dump(mode="json")), flat(now.model_dump(mode="json"))
    differing = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    refused = [f"{key} is {new.get(key)!r}, was {old.get(key)!r}" for key in differing if key not in CHANGEABLE]
    if refused:
        raise ConfigurationError(
            f"{folder.path} was started with other settings: {'; '.join(refused[:5])}. A resumed training may change "
            f"only {' and '.join(CHANGEABLE)}; remove the change, or choose another --out."
        )
    known = folder.epochs() if "epochs" in differing else None
    if known is not None and new["epochs"] < (done := known[0]):
        raise ConfigurationError(f"{folder.path} has done {done} epochs; epochs={new['epochs']} is fewer.")
    if "epochs" in differing and (schedule := new.get("schedule", "own")) != "constant":
        warnings.warn(
            f"{folder.path}: epochs is {new['epochs']}, was {old['epochs']}. From here on the learning rate follows "
            f"the {schedule} schedule over {new['epochs']} epochs. The epochs before followed the old one, so "
            "the weights differ from those of an uninterrupted training. With schedule: constant they would not.",
            EquiglassWarning,
            stacklevel=5,
        )
