"""equiglass crossvalidate: for every fold, train on the other folds and predict this fold; score all predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from equiglass.commands.closing import SAME_COMMAND, closing
from equiglass.commands.evaluate import FiguresOption, JsonOption
from equiglass.commands.train import ConfigOption, DataOption, MembersOption, MethodOption, SetOption
from equiglass.machine.console import command_line
from equiglass.machine.signals import saying


def crossvalidate(
    data: DataOption,
    out: Annotated[Path, typer.Option("--out", help="Folder for the run folders, one per fold.")],
    method: MethodOption = None,
    config: ConfigOption = None,
    set_: SetOption = None,
    members: MembersOption = 1,
    json_file: JsonOption = None,
    figures: FiguresOption = None,
) -> None:
    """Score a method by cross-validation; the same command continues a stopped one."""
    from equiglass.commands.evaluate import check_outputs, report
    from equiglass.commands.train import supply_with_progress, watching
    from equiglass.files.target import check_folder
    from equiglass.formats import load
    from equiglass.machine import processes
    from equiglass.methods.loading import read_configuration
    from equiglass.training.crossvalidation import held_out_predictions
    from equiglass.training.train import dealt

    with processes.joined(), saying(lambda: SAME_COMMAND):
        check_folder(out)
        check_outputs(json_file, figures)
        configuration = processes.same(lambda: read_configuration(config, set_ or [], method))
        systems = load(data)
        for fold in range(1, configuration.folds + 1):
            # Before any quench.
            dealt(systems, configuration.model_copy(update={"fold": fold}), None)
        systems = supply_with_progress(systems, configuration)
        with watching() as (watch, describe):
            predictions = held_out_predictions(
                systems,
                out,
                configuration,
                members=members,
                command=command_line(),
                watch=watch,
                before_fold=lambda number, _: describe(f"fold {number}/{configuration.folds}"),
            )
        if processes.rank() == 0:
            title = f"{len(predictions)} configurations, each predicted by a model that was not trained on it"
            report(predictions, title, json_file, figures)
            closing(out, "the model of every fold", ("report", out, "--data", *data, "--out", "report.html"))
