"""equiglass combine: trained models become one, with weights by type and time and a calibrated uncertainty."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from equiglass.commands.closing import closing
from equiglass.commands.evaluate import JsonOption
from equiglass.commands.train import DataOption

if TYPE_CHECKING:
    from rich.table import Table

    from equiglass.training.combination import Combined


def combine(
    out: Annotated[Path, typer.Argument(help="New folder for the combined model.")],
    member: Annotated[
        list[str],
        typer.Option(
            "--member",
            help="RUN:CV, the run folder of a model trained on all data, and the folder of the cross-validation of the "
            "same method and settings; may be repeated.",
        ),
    ],
    data: DataOption,
    json_file: JsonOption = None,
) -> None:
    """Combine trained models: weights by type and time from cross-validations, and an uncertainty."""
    from equiglass.commands.progress import counted
    from equiglass.commands.targets import check_json
    from equiglass.errors import ConfigurationError
    from equiglass.files import write_text
    from equiglass.files.target import check_folder
    from equiglass.formats import load
    from equiglass.machine.console import console
    from equiglass.training.combination import combine as combined

    check_folder(out, new=True)
    check_json(json_file)
    pairs = []
    for words in member:
        run, colon, cv = words.rpartition(":")
        if not (run and colon and cv):
            raise ConfigurationError(f"--member takes RUN:CV, a run folder and its cross-validation; got {words!r}.")
        pairs.append((run, cv))
    systems = load(data)
    with counted("predicting", len(pairs) * len(systems)) as count:
        found = combined(pairs, systems, out, on_done=count)
    for table in tables(found):
        console().print(table)
    if json_file is not None:
        write_text(json_file, json.dumps(found.as_json(), indent=2) + "\n")
        closing(json_file, "the scores")
    number = len(found.model.members)
    closing(out, f"{number} member{'s' if number > 1 else ''} with weights", ("predict", out, "FILE"))


def tables(found: Combined) -> list[Table]:
    """The nested scores, and the reliability of the uncertainty."""
    from rich.table import Table

    from equiglass.files.tables import number

    title = f"{found.configurations} configurations in {found.folds} folds, each by models without its fold"
    scores = Table(title=title, title_justify="left")
    for column in ("type", "time", "label", "model", "weight", "rho", "rho pooled"):
        scores.add_column(column, justify="left" if column in ("type", "model") else "right", no_wrap=True)
    for row in found.scores.itertuples():
        place = (row.type, f"{row.time:g}", row.label, row.model)
        rho = [number(getattr(row, key), getattr(row, f"{key}_error")) for key in ("per_configuration", "pooled")]
        scores.add_row(*place, number(row.weight), *rho, end_section=row.model == "stack")
    reliability = Table(title="uncertainty: std = sqrt(a² + b² spread² + d² mean²)", title_justify="left")
    for column in ("type", "time", "label", "a", "b", "d", "error² / std²", "rho(|error|, std)", "ceiling of rho"):
        reliability.add_column(column, justify="left" if column == "type" else "right")
    for row in found.reliability.itertuples():
        of_type = (row.type, f"{row.time:g}", row.label)
        line = [f"{value:.3g}" for value in (row.a, row.b, row.d)]
        reliability.add_row(*of_type, *line, *map(number, (row.ratio, row.correlation, row.ceiling)))
    return [scores, reliability]
