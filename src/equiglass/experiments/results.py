"""The results of an experiment as files: JSON with all numbers, CSV, the table in Markdown, figures.

NAME.json has the format "equiglass-experiment". Since version 2 every quantity of the summary has the columns x_median,
x_best, x_worst and, where it has an error, x_error; version 1 named those of chi4 and G4 x, x_lowest and x_highest.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from equiglass.errors import ConfigurationError
from equiglass.experiments.declaration import Declaration
from equiglass.experiments.measures import Measured
from equiglass.experiments.plan import FOLDS, SPLIT, Group
from equiglass.experiments.runs import Run, groups_of_runs
from equiglass.files import decoding, reading, write_text
from equiglass.files.tables import csv, plain, records
from equiglass.machine.environment import environment
from equiglass.report import write_results_page

FORMAT, VERSION = "equiglass-experiment", 2
QUICK = "quick: one seed, few epochs, few configurations; it shows that everything works, and no result"


def write_results(
    folder: Path, declaration: Declaration, runs: Sequence[Run], measured: Measured, command: str, quick: bool
) -> None:
    """Write NAME.json, NAME.csv, table.md, NAME.png and NAME.pdf, NAME being that of the folder."""
    name = folder.name
    folder.mkdir(parents=True, exist_ok=True)
    groups = groups_of_runs(runs)
    content = {
        "format": FORMAT,
        "version": VERSION,
        "command": command,
        "quick": quick,
        "environment": environment(),
        "declaration": declaration.model_dump(mode="json"),
        "split": FOLDS if groups[0].fold else SPLIT,
        "configurations": [
            {
                "group": group.name,
                "temperature": group.temperature,
                "fold": group.fold or None,
                "training": [system.name for system in group.training],
                "test": [system.name for system in group.test],
            }
            for group in groups
        ],
        "runs": [
            {
                "run": run.folder.name,
                "group": run.training.group.name,
                "variant": run.training.variant,
                "at": run.training.at,
                "seed": run.training.seed,
                "trained_on": len(run.training.systems),
                "epochs": run.training.epochs,
                "fold": run.training.group.fold or None,
                "cpu_seconds": plain(run.cpu_seconds),
            }
            for run in runs
        ],
        "notes": list(measured.notes),
        "summary": records(measured.summary),
        "rows": records(measured.rows),
        **{key: records(frame) for key, frame in measured.more.items()},
    }
    write_text(folder / f"{name}.json", json.dumps(content, indent=2) + "\n")
    write_text(folder / f"{name}.csv", csv(measured.rows))
    for key, frame in measured.more.items():
        write_text(folder / f"{name}_{key}.csv", csv(frame))
    write_text(folder / "table.md", _page(declaration, measured, groups_in_words(groups), command, quick))
    for ending, figure in measured.draw().items():
        from equiglass.figures import save_figure

        if quick:
            figure.text(0.01, 0.01, "quick", color="0.4", fontsize="small")
        for suffix in (".png", ".pdf"):
            save_figure(figure, folder / f"{name}{ending}{suffix}")
    if measured.fields:
        write_results_page(folder / f"{name}.html", folder, measured.fields)


def refuse_to_replace(folder: Path, quick: bool) -> None:
    """A quick try does not take the place of results.

    Raises:
        ConfigurationError: it would.
    """
    path = folder / f"{folder.name}.json"
    if quick and path.is_file():
        with reading(path), decoding():
            full = not json.loads(path.read_text(encoding="utf-8"))["quick"]
        if full:
            raise ConfigurationError(f"{folder} holds results of a full run; choose another --out for --quick.")


def groups_in_words(groups: Sequence[Group]) -> str:
    """How many configurations are trained and tested on."""
    if groups[0].fold:
        number = {group.name: len(group.training) + len(group.test) for group in groups}
        folds = {group.name: group.fold for group in groups}
        parts = [f"{name}: {n} configurations in {folds[name]} folds" for name, n in number.items()]
        return f"{'; '.join(parts)} ({FOLDS})."
    parts = [f"{group.name}: {len(group.training)} training, {len(group.test)} test" for group in groups]
    return f"{'; '.join(parts)} ({SPLIT})."


def _page(declaration: Declaration, measured: Measured, groups: str, command: str, quick: bool) -> str:
    parts = [f"# {declaration.title}", f"After {declaration.source}. `{command}`"]
    if quick:
        parts.append(f"**{QUICK}**")
    parts += [groups, measured.table]
    if declaration.published:
        parts.append(f"Published: {declaration.published.source}.")
    return "\n\n".join([*parts, *measured.notes]) + "\n"
