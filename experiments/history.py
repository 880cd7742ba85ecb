"""Adds measurements to results/history.json, with commit, date, version and machine.

    equiglass crossvalidate --method ridge --data data.h5 --out CV --json ridge.json
    equiglass benchmark step --threads 1 --json step.json
    python experiments/history.py ridge=ridge.json step=step.json

Of scores the mean over configurations of rho is added, by type, at the last time; of a combination that of the whole.
Of a benchmark the time of the other software over that of equiglass is added: both run by turns, so that a busy machine
changes the ratio little.

A file of an earlier commit is written COMMIT:PATH. It belongs to that commit and its date, and its machine is unknown:

    python experiments/history.py kalj-T0.44=4738fd9:results/shipped/kalj-T0.44.json
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import equiglass
from equiglass.files import write_text
from equiglass.machine.environment import machine
from equiglass.training.combination import STACK

ROOT = Path(__file__).resolve().parents[1]
HISTORY = ROOT / "results" / "history.json"


def without_folders(command: str) -> str:
    """The command with the names of its files alone: their folders are those of one machine."""
    return " ".join(Path(word).name if word.startswith("/") else word for word in command.split())


def quantities(name: str, measured: dict[str, Any]) -> list[dict[str, Any]]:
    """The quantities of one JSON file that a command wrote."""
    if measured.get("benchmark") == "simulate":
        return [
            {
                "quantity": f"{name}, LAMMPS over equiglass, {case}",
                "value": measured[f"{case}_ratio"],
                "error": None,
                "unit": "ratio of times",
                "conditions": f"T = {measured[f'{case}_temperature']:g} up to t = {measured[f'{case}_duration']:g}, "
                f"{measured['runs']} runs, one core",
                "command": without_folders(measured["command"]),
            }
            for case in ("plateau", "relaxation")
        ]
    if "benchmark" in measured:
        return [
            {
                "quantity": f"{name}, {measured['reference']} over equiglass",
                "value": measured[f"{measured['benchmark']}_ratio"],
                "error": None,
                "unit": "ratio of times",
                "conditions": f"{measured['particles']} particles, {measured['threads']} threads, {measured['device']}",
                "command": without_folders(measured["command"]),
            }
        ]
    # A combination has rows of its members too.
    rows = [row for row in measured["rho"] if row.get("model", STACK) == STACK]
    last = max(row["time"] for row in rows)
    return [
        {
            "quantity": f"{name}, rho {row['type']}",
            "value": row["per_configuration"],
            "error": row["per_configuration_error"],
            "unit": "1",
            "conditions": f"per configuration, t = {row['time']:g}, {measured['configurations']} configurations",
        }
        for row in rows
        if row["time"] == last
    ]


def git(*words: str) -> str:
    """What git answers."""
    return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=True).stdout


def of_today(file: str) -> tuple[dict[str, str], str]:
    """Commit, date and version of now, and the text of the file."""
    where = {"commit": git("rev-parse", "HEAD").strip(), "date": datetime.now(UTC).date().isoformat()}
    return {**where, "equiglass": equiglass.__version__}, Path(file).read_text(encoding="utf-8")


def of_commit(commit: str, path: str) -> tuple[dict[str, str], str]:
    """Commit, date and version of then, and the text of the file."""
    whole, date = git("log", "-1", "--format=%H %as", commit).split()
    project = tomllib.loads(git("show", f"{commit}:pyproject.toml"))["project"]
    return {"commit": whole, "date": date, "equiglass": project["version"]}, git("show", f"{commit}:{path}")


def main(words: list[str]) -> None:
    """Append the quantities of NAME=FILE ... to the history."""
    history = json.loads(HISTORY.read_text(encoding="utf-8"))
    for word in words:
        name, _, file = word.partition("=")
        where, text = of_commit(*file.split(":")) if ":" in file else of_today(file)
        here = None if ":" in file else machine()
        for found in quantities(name, json.loads(text)):
            history["records"].append({**where, **found, "machine": here})
    write_text(HISTORY, json.dumps(history, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
