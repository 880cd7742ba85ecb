"""Adds measurements to results/history.json, with commit, date, version and machine.

    equiglass crossvalidate --method ridge --data data.h5 --out CV --json ridge.json
    equiglass benchmark step --threads 1 --json step.json
    python experiments/history.py ridge=ridge.json step=step.json

Of scores the mean over configurations of rho is added, by type, at the last time. Of a benchmark the time of the other
software over that of equiglass is added: both run by turns, so that a busy machine changes the ratio little.
"""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import equiglass
from equiglass.files import write_text
from equiglass.machine.environment import machine

ROOT = Path(__file__).resolve().parents[1]
HISTORY = ROOT / "results" / "history.json"


def quantities(name: str, measured: dict[str, Any]) -> list[dict[str, Any]]:
    """The quantities of one JSON file that a command wrote."""
    if "benchmark" in measured:
        conditions = f"{measured['particles']} particles, {measured['threads']} threads, {measured['device']}"
        ratio = measured[f"{measured['benchmark']}_ratio"]
        value = {
            "quantity": f"{name}, {measured['reference']} over equiglass",
            "value": ratio,
            "unit": "ratio of times",
        }
        return [{**value, "error": None, "conditions": conditions, "command": measured["command"]}]
    rows = measured["rho"]
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


def main(words: list[str]) -> None:
    """Append the quantities of NAME=FILE ... to the history."""
    git = ["git", "-C", str(ROOT)]
    commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    where = {"commit": commit, "date": datetime.now(UTC).date().isoformat(), "equiglass": equiglass.__version__}
    history = json.loads(HISTORY.read_text(encoding="utf-8"))
    for word in words:
        name, _, file = word.partition("=")
        for found in quantities(name, json.loads(Path(file).read_text(encoding="utf-8"))):
            history["records"].append({**where, **found, "machine": machine()})
    write_text(HISTORY, json.dumps(history, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
