"""Cross-validation: for every fold, train on the other folds and predict this fold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from equiglass.errors import ConfigurationError
from equiglass.files.settings import validate
from equiglass.liquid.splits import refuse_copies, validation_fold
from equiglass.liquid.system import System
from equiglass.machine import processes
from equiglass.methods import METHODS
from equiglass.methods.loading import load_model
from equiglass.prediction.configuration import MethodConfiguration
from equiglass.prediction.evaluation import Scores, evaluate
from equiglass.prediction.model import Prediction
from equiglass.prediction.predictor import SILENT, Watch
from equiglass.training.supply import supply, with_ends, without_ends
from equiglass.training.train import settings, train


def crossvalidate(
    systems: Sequence[System],
    out: Path | str,
    configuration: MethodConfiguration | None = None,
    *,
    folds: int | None = None,
    members: int = 1,
    command: str = "",
    watch: Watch = SILENT,
) -> Scores:
    """Score a method on configurations on which its models were not trained. A stopped cross-validation continues.

    Args:
        systems: labelled configurations; they are divided into folds.
        out: folder for the run folders, one per fold: ``fold-1``, ``fold-2``, ...
        configuration: settings of a method; the defaults of the paper's network if None.
        folds: number of folds; that of the configuration if None.
        members: number of models per fold; their predictions are averaged.
        command: command that starts the trainings, for environment.yaml.
        watch: functions to call during every training.

    Returns:
        Scores of all held-out predictions together.

    Raises:
        ConfigurationError: ``configuration`` is no configuration of a method, or there are fewer than two folds.
    """
    configuration = settings(configuration)
    if folds is not None:
        changed = {**configuration.model_dump(), "folds": folds}
        configuration = validate(type(configuration), changed, "the cross-validation")
    predictions = held_out_predictions(systems, Path(out), configuration, members=members, command=command, watch=watch)
    return evaluate([prediction.system for prediction in predictions], predictions)


def held_out_predictions(
    systems: Sequence[System],
    out: Path,
    configuration: MethodConfiguration,
    *,
    members: int = 1,
    command: str = "",
    watch: Watch = SILENT,
    before_fold: Callable[[int, int], object] = lambda number, training: None,
) -> list[Prediction]:
    """Predict every configuration with a model that was not trained on it, fold by fold.

    Args:
        systems: labelled configurations.
        out: folder for the run folders, one per fold.
        configuration: settings of a method; its ``fold`` is not used.
        members: number of models per fold; their predictions are averaged.
        command: command that starts the trainings, for environment.yaml.
        watch: functions to call during every training.
        before_fold: called before every fold with (number of the fold, number of its training configurations).

    Returns:
        The predictions in the order of the folds. Only the first process predicts; the others return an empty list.

    Raises:
        ConfigurationError: the method would choose on the configurations that are scored.
    """
    if configuration.chooses_on_validation:
        raise ConfigurationError(
            "A cross-validation scores the validation configurations, so that nothing may be chosen on them; set "
            "choose_on: folds."
        )
    refuse_copies(systems)
    systems = supply(with_ends(systems, configuration), configuration)
    predictions: list[Prediction] = []
    with METHODS[configuration.method].sharing():
        for number in range(1, configuration.folds + 1):
            run = out / f"fold-{number}"
            here = configuration.model_copy(update={"fold": number})
            training, held_out = validation_fold(systems, here.folds, number)
            before_fold(number, len(training))
            train(systems, run, here, members=members, resume=run.exists(), command=command, watch=watch)
            if processes.rank() == 0:
                model = load_model(run)
                held_out = without_ends(held_out)
                found = [model.predict(model.measurable(system)) for system in held_out]
                # The fold validated its model for the log alone.
                predictions += [replace(prediction, role="not seen") for prediction in found]
    return predictions
