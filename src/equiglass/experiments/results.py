"""The results of an experiment as files: JSON with all numbers, CSV, the table in Markdown, figures."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from equiglass.errors import EquiglassError
from equiglass.experiments.declaration import Declaration
from equiglass.experiments.measured import Line, Measured
from equiglass.experiments.plan import SPLIT, Group
from equiglass.experiments.runs import Run, groups_of_runs
from equiglass.files import decoding, reading, write_text
from equiglass.training.run import environment

FORMAT, VERSION = "equiglass-experiment", 1
QUICK = "quick: one seed, few epochs, few configurations; it shows that everything works, and no result"


def write_results(
    folder: Path,
    declaration: Declaration,
    runs: Sequence[Run],
    measured: Measured,
    command: str,
    quick: bool,
) -> None:
    """Write NAME.json, NAME.csv, table.md, NAME.png and NAME.pdf, NAME being that of the folder."""
    name = folder.name
    folder.mkdir(parents=True, exist_ok=True)
    groups = groups_of_runs(runs)
    told: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "command": command,
        "quick": quick,
        "environment": environment(),
        "declaration": declaration.model_dump(mode="json"),
        "split": SPLIT,
        "configurations": [
            {
                "group": group.name,
                "temperature": group.temperature,
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
                "epochs": run.training.configuration.epochs,
            }
            for run in runs
        ],
        "notes": list(measured.notes),
        "summary": measured.summary,
        "rows": measured.rows,
    }
    write_text(folder / f"{name}.json", json.dumps(told, indent=2) + "\n")
    write_text(folder / f"{name}.csv", as_csv(measured.rows))
    write_text(folder / "table.md", _page(declaration, measured, groups_in_words(groups), command, quick))
    for ending, figure in measured.draw().items():
        from equiglass.figures import save_figure

        if quick:
            figure.text(0.01, 0.01, "quick", color="0.4", fontsize="small")
        for suffix in (".png", ".pdf"):
            save_figure(figure, folder / f"{name}{ending}{suffix}")


def refuse_to_replace(folder: Path, quick: bool) -> None:
    """A quick try does not take the place of results.

    Raises:
        EquiglassError: it would.
    """
    path = folder / f"{folder.name}.json"
    if quick and path.is_file():
        with reading(path), decoding():
            full = not json.loads(path.read_text(encoding="utf-8"))["quick"]
        if full:
            raise EquiglassError(f"{folder} holds results of a full run; choose another --out for --quick.")


def groups_in_words(groups: Sequence[Group]) -> str:
    """How many configurations are trained and tested on."""
    parts = [f"{group.name}: {len(group.training)} training, {len(group.test)} test" for group in groups]
    return f"{'; '.join(parts)} ({SPLIT})."


def as_csv(rows: Sequence[Line]) -> str:
    """One line a row, numbers to six digits."""
    text = io.StringIO()
    header = list(dict.fromkeys(key for row in rows for key in row))
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([f"{x:.6g}" if isinstance(x := row.get(key), float) else x for key in header] for row in rows)
    return text.getvalue()


def _page(declaration: Declaration, measured: Measured, groups: str, command: str, quick: bool) -> str:
    parts = [f"# {declaration.title}", f"After {declaration.source}. `{command}`"]
    if quick:
        parts.append(f"**{QUICK}**")
    parts += [groups, measured.table]
    if declaration.published:
        parts.append(f"Published: {declaration.published.source}.")
    return "\n\n".join([*parts, *measured.notes]) + "\n"
