"""equiglass transfer: use models at other temperatures, unchanged and with a refitted read-out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from equiglass.commands.closing import closing
from equiglass.commands.completion import models
from equiglass.commands.evaluate import CheckpointOption
from equiglass.commands.train import DataOption
from equiglass.machine.console import command_line

if TYPE_CHECKING:
    from pandas import DataFrame
    from rich.table import Table

    from equiglass.liquid.splits import Halves
    from equiglass.liquid.system import System
    from equiglass.prediction.model import Model

RunsArgument = Annotated[
    list[str],
    typer.Argument(help="Run folders or names of shipped models, one per temperature.", autocompletion=models),
]


def transfer(
    run: RunsArgument,
    data: DataOption,
    out: Annotated[Path, typer.Option("--out", help="Folder for tables, figures and refitted models.")],
    label: Annotated[str | None, typer.Option("--label", help="Time to show; default: tau_alpha, or the last.")] = None,
    checkpoint: CheckpointOption = "last",
) -> None:
    """Score every RUN at every temperature in --data, unchanged and with a refitted read-out."""
    from pandas import concat
    from rich.console import Console

    from equiglass.commands.progress import counted, tracked
    from equiglass.errors import ConfigurationError
    from equiglass.figures.style import stem
    from equiglass.figures.temperature import save_transfer_figures
    from equiglass.files import write_text
    from equiglass.files.target import check_folder
    from equiglass.formats import load
    from equiglass.liquid.splits import by_temperature, halves
    from equiglass.liquid.state_points import tau_alpha
    from equiglass.machine.console import WIDE
    from equiglass.methods.loading import load_model
    from equiglass.representation.decoders import decoders_of
    from equiglass.representation.transfer import ALL_TIMES, as_csv, as_json, has_seen
    from equiglass.representation.transfer import transfer as transferred

    check_folder(out, new=True)
    models = [load_model(name, checkpoint) for name in run]
    # Raises, before any work, for a model without a read-out of the propensity.
    labels = dict.fromkeys(name for model in models for name in decoders_of(model).labels)
    systems = load(data, replicas=False)
    known = [name for name in labels if any(name in system.time_labels for system in systems)]
    shown = label or (tau_alpha(known) if known else None)
    if shown not in known:
        but = f", not {label!r}" if label else ""
        raise ConfigurationError(f"models and data share the times labelled {known}{but}.")
    needing = max(models, key=lambda model: len(model.needs))
    if needing.needs and len({model.data.potential for model in models}) == 1:
        # One quench serves all models of one potential.
        systems = [needing.prepared(system, any_temperature=True) for system in tracked(systems, "quenching")]

    def seen(system: System) -> bool:
        return any(has_seen(model, system) for model in models)

    parts = {temperature: halves(group, seen) for temperature, group in by_temperature(systems).items()}
    found: list[DataFrame] = []
    refitted: dict[Path, tuple[Model, Halves]] = {}
    with counted("representing", len(models) * len(systems)) as count:
        for model in models:
            more, changed = transferred(model, parts, lambda _: count())
            found.append(more)
            name = stem(model.name.strip("./"))
            refitted |= {out / "models" / f"{name}-at-T{t:g}": (m, parts[t]) for t, m in changed.items()}
    rows = concat(found, ignore_index=True)

    out.mkdir(parents=True, exist_ok=True)
    # The file does not depend on the terminal.
    console = Console(record=True, width=WIDE)
    each = (f"T = {t:g}: {len(p.refit)} configurations to refit on, {len(p.test)} scored" for t, p in parts.items())
    console.print("; ".join(each))
    for (_, name), own in rows.groupby(["type", "label"], sort=False):
        if name in (shown, ALL_TIMES):
            console.print(matrix(own))
    if not rows["unseen"].all():
        console.print("?: the folder of the model names no training configurations; the scored ones may be among them.")
    write_text(out / "transfer.txt", console.export_text())
    write_text(out / "transfer.csv", as_csv(rows))
    held = {"command": command_line()} | as_json(rows, parts)
    write_text(out / "transfer.json", json.dumps(held, indent=2) + "\n")
    save_transfer_figures(out, rows, shown)
    save_refitted(refitted, models)
    closing(
        out,
        "transfer.txt, transfer.csv, transfer.json, figures, and models/ with the refitted read-outs",
        ("report", out, "--out", "report.html"),
    )


def matrix(rows: DataFrame) -> Table:
    """Table of rho of one type at one time, per configuration (pooled): models down, temperatures across."""
    from rich.table import Table

    from equiglass.files.tables import number

    first = rows.iloc[0]
    when = f"time {first['label']}" if first["time"] == first["time"] else "mean over the shared times"
    title = f"rho of {first['type']}, {when}: per configuration (pooled)"
    table = Table("model", "trained at T", "transfer", title=title)
    temperatures = rows["temperature"].unique()
    for temperature in temperatures:
        table.add_column(f"T = {temperature:g}", justify="right")
    for (model, trained_at), part in rows.groupby(["model", "trained_at"], sort=False):
        own = part.set_index("temperature")
        for method in ("test", "learn"):
            rho, error, pooled = (
                own[f"{method}_{score}"] for score in ("per_configuration", "per_configuration_error", "pooled")
            )
            cells = [
                f"{number(rho[t], error[t])} ({number(pooled[t])}){'' if own['unseen'][t] else ' ?'}"
                if t in own.index
                else "-"
                for t in temperatures
            ]
            table.add_row(model, trained_at, method, *cells)
    return table


def save_refitted(refitted: Mapping[Path, tuple[Model, Halves]], models: Sequence[Model]) -> None:
    """Write a folder per refitted model, with the training configurations of all models and those of the refit."""
    from equiglass.methods.loading import save_model
    from equiglass.prediction.run_folder import RunFolder
    from equiglass.prediction.split import Split

    trained = [member.data.split for model in models for member in model.members if member.data.split]
    seen = [Split((*split.training, *(split.validation if split.selected else ()))) for split in trained]
    for folder, (model, part) in refitted.items():
        save_model(model, folder)
        RunFolder(folder).write_split(Split.joined([*seen, Split.of(part.refit)]))
