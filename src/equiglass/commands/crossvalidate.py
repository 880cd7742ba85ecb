"""equiglass crossvalidate: train on all folds but one, predict the one, for every fold; score all predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from equiglass.commands.evaluate import FiguresOption, JsonOption
from equiglass.commands.train import ConfigOption, DataOption, MembersOption, SetOption


def crossvalidate(
    data: DataOption,
    out: Annotated[Path, typer.Option("--out", help="Folder for one run folder a fold.")],
    config: ConfigOption = None,
    set_: SetOption = None,
    members: MembersOption = 1,
    json_file: JsonOption = None,
    figures: FiguresOption = None,
) -> None:
    """Score a configuration on held-out folds; goes on where it was stopped."""
    from equiglass.commands.evaluate import report
    from equiglass.commands.train import quench_with_progress, train_members
    from equiglass.formats import load
    from equiglass.liquid.splits import validation_fold
    from equiglass.machine import processes
    from equiglass.methods.loading import load_model
    from equiglass.training import read_configuration

    with processes.joined():
        configuration = processes.same(lambda: read_configuration(config, set_ or []))
        systems = quench_with_progress(load(data), configuration)
        held_out, predicted = [], []
        for fold in range(1, configuration.folds + 1):
            run = out / f"fold-{fold}"
            here = configuration.model_copy(update={"fold": fold})
            train_members(systems, run, here, members, resume=run.exists())
            if processes.rank() > 0:
                continue
            model = load_model(run)
            for system in validation_fold(systems, here.folds, fold)[1]:
                prediction = model.predict(system)
                held_out.append(system)
                predicted.append({label: prediction.at(label) for label in prediction.times})
        if processes.rank() > 0:
            return
        title = f"{len(held_out)} configurations, each predicted by a model that has not seen it"
        report(held_out, predicted, title, json_file, figures)
