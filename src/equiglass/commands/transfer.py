"""equiglass transfer: models of some temperatures used at others, as they are and with their decoders refitted."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from equiglass.commands.evaluate import CheckpointOption
from equiglass.commands.train import DataOption

if TYPE_CHECKING:
    from rich.table import Table

    from equiglass.liquid.splits import Split
    from equiglass.methods.loading import Model
    from equiglass.representation.transfer import Row, Scores

RunsArgument = Annotated[list[str], typer.Argument(help="Run folders, or names of shipped models; one a temperature.")]


def transfer(
    run: RunsArgument,
    data: DataOption,
    out: Annotated[Path, typer.Option("--out", help="Folder for tables, figures and refitted models.")],
    label: Annotated[str | None, typer.Option("--label", help="Time to show; else tau_alpha, or the last.")] = None,
    checkpoint: CheckpointOption = "last",
) -> None:
    """Transfer between temperatures: every RUN on the configurations of every temperature in --data."""
    from rich.console import Console
    from rich.progress import Progress, track

    from equiglass.errors import EquiglassError
    from equiglass.figures.temperature import save_transfer_figures
    from equiglass.files import write_text
    from equiglass.formats import load
    from equiglass.liquid.splits import by_temperature, halves
    from equiglass.liquid.state_points import tau_alpha
    from equiglass.methods.loading import load_model
    from equiglass.representation.decoders import decoders_of
    from equiglass.representation.transfer import (
        ALL_TIMES,
        as_csv,
        as_json,
        trained_on,
    )
    from equiglass.representation.transfer import transfer as transferred

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise EquiglassError(f"{out} is not empty; choose another folder.")
    models = [load_model(name, checkpoint) for name in run]
    for model in models:
        # Refuses those that it cannot work with, before any work.
        decoders_of(model)
    trained = {name: trained_on(name, checkpoint) for name in run}
    seen = set().union(*(names for names in trained.values() if names))
    systems = load(data, replicas=False)
    labels = dict.fromkeys(name for model in models for name in model.times)
    known = [name for name in labels if any(name in system.time_labels for system in systems)]
    shown = label or (tau_alpha(known) if known else None)
    if shown not in known:
        raise EquiglassError(f"models and data share the times labelled {known}{f', not {label!r}' if label else ''}.")
    needing = [model for model in models if model.members[0].inputs.needs_quench]
    if needing:
        # Once for all models.
        systems = [needing[0].prepared(system) for system in track(systems, "quenching", transient=True)]
    parts = {temperature: halves(group, seen) for temperature, group in by_temperature(systems).items()}
    rows: list[Row] = []
    refitted: dict[Path, tuple[Model, Split]] = {}
    with Progress(transient=True) as bar:
        task = bar.add_task("representing", total=len(models) * len(systems))
        for model in models:
            more, changed = transferred(model, parts, trained[model.name], lambda _: bar.update(task, advance=1))
            rows += more
            stem = re.sub(r"[^\w.=-]+", "-", model.name.strip("./"))
            refitted |= {out / "models" / f"{stem}-at-T{t:g}": (m, parts[t]) for t, m in changed.items()}

    out.mkdir(parents=True, exist_ok=True)
    command = shlex.join(["equiglass", *sys.argv[1:]])
    console = Console(record=True, width=120)
    console.print(_split_of(parts))
    for kind in dict.fromkeys(row.type for row in rows):
        for name in dict.fromkeys((shown, ALL_TIMES)):
            console.print(matrix([row for row in rows if (row.type, row.label) == (kind, name)]))
    if not all(row.unseen for row in rows):
        console.print("? the model does not tell what it was trained on; it may have seen these configurations")
    write_text(out / "transfer.txt", console.export_text())
    write_text(out / "transfer.csv", as_csv(rows))
    write_text(out / "transfer.json", json.dumps({"command": command} | as_json(rows, parts), indent=2) + "\n")
    save_transfer_figures(out, rows, shown)
    save_refitted(refitted, seen)
    typer.echo(f"{out}: transfer.txt, transfer.csv, transfer.json, figures, and models/ with the refitted decoders")


def matrix(rows: Sequence[Row]) -> Table:
    """Models down, temperatures across: rho of one type at one time, per configuration (pooled)."""
    from rich.table import Table

    first = rows[0]
    when = "mean over the times shared" if first.time != first.time else f"time {first.label}"
    table = Table("model", "trained at T", "transfer", title=f"rho of {first.type}, {when}: per configuration (pooled)")
    temperatures = list(dict.fromkeys(row.temperature for row in rows))
    for temperature in temperatures:
        table.add_column(f"T = {temperature:g}", justify="right")
    for model in dict.fromkeys(row.model for row in rows):
        own = {row.temperature: row for row in rows if row.model == model}
        trained = " ".join(f"{t:g}" for t in next(iter(own.values())).trained_at)
        for method in ("test", "learn"):
            cells = [_cell(own[t], method) if t in own else "-" for t in temperatures]
            table.add_row(model, trained, method, *cells)
    return table


def _cell(row: Row, method: str) -> str:
    from equiglass.prediction.evaluation import with_error

    scores: Scores = getattr(row, method)
    return f"{with_error(*scores.per_configuration)} ({scores.pooled.value:.3f}){'' if row.unseen else ' ?'}"


def _split_of(parts: Mapping[float, Split]) -> str:
    each = (f"T = {t:g}: {len(p.refit)} configurations to refit on, {len(p.test)} scored" for t, p in parts.items())
    return "; ".join(each)


def save_refitted(refitted: Mapping[Path, tuple[Model, Split]], seen: set[str]) -> None:
    """A model folder for each, with the names of all that went into it."""
    import yaml

    from equiglass.files import write_text
    from equiglass.methods.loading import save_model

    for folder, (model, part) in refitted.items():
        save_model(model, folder)
        names = {"training": sorted(seen.union(s.name for s in part.refit)), "validation": []}
        write_text(folder / "split.yaml", yaml.safe_dump(names))
