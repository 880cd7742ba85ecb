"""Train a method on labelled configurations and write a run folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from equiglass.errors import ConfigurationError
from equiglass.liquid.splits import refuse_copies, validation_fold
from equiglass.liquid.system import System
from equiglass.liquid.targets import measured, times_to_learn
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
from equiglass.training.supply import supply

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
        resume: continue the training in ``out``.
        command: command that starts the training, for environment.yaml.
        watch: functions to call during the training.

    Returns:
        The trained model, as `load_model` returns it.

    Raises:
        DataError: no configuration has a target to learn, a configuration occurs twice, or one of ``validation``, its
            parent or another end of its parent is a training configuration.
        ConfigurationError: the folder is in use, or a resumed training has another configuration, other data or another
            split.
        SetupError: the device is missing.
    """
    out = Path(out)
    configuration = configuration or Configuration()
    configuration.check()
    if members > 1:
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
    refuse_copies(systems, validation or (), VALIDATION_HOLDS)
    refuse_copies(validation or ())
    if validation is None:
        training, held_out = validation_fold(systems, configuration.folds, configuration.fold)
    else:
        training, held_out = list(systems), list(validation)
    training, held_out = supply(training, configuration), supply(held_out, configuration)
    means = _means(training, configuration)
    split = Split.of(training, held_out, selected=configuration.chooses_on_validation, means=means)
    if processes.same(lambda: split) != split:
        raise ConfigurationError("the processes read different configurations; give every machine the same data.")
    folder = RunFolder(out)
    processes.same(lambda: _begin(folder, configuration, split, command, resume))
    method = METHODS[configuration.method]
    predictor = method.fit(training, configuration, validation=held_out, folder=folder, watch=watch)
    if processes.rank() == 0 and folder.model() is None:
        predictor.save(folder.checkpoint("last"))
    return predictor.named(str(out))


def _means(systems: Sequence[System], configuration: MethodConfiguration) -> dict[str, float]:
    """The mean measured target over all particles by label, LJ units; it recognises the labels of the data."""
    target = configuration.target
    labels = times_to_learn(systems, configuration.times, target)
    values = {label: np.concatenate([measured(s, [label], target)[0] for s in systems]) for label in labels}
    return {label: float(np.nanmean(each)) for label, each in values.items() if not np.all(np.isnan(each))}


def _begin(folder: RunFolder, configuration: MethodConfiguration, split: Split, command: str, resume: bool) -> None:
    if resume and folder.configuration.is_file() and read_configuration(folder.configuration) != configuration:
        raise ConfigurationError(
            f"{folder.path} was started with another configuration; resume with the same, or choose another --out."
        )
    said = {"command": command} if command else {}
    folder.begin(configuration.model_dump(mode="json"), split, said | environment(), resume)
