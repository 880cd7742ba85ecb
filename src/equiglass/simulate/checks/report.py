"""The report of the checks: report.json, a page in Markdown, and figures."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from itertools import combinations_with_replacement
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from equiglass.files import tables, write_text
from equiglass.liquid.system import type_name
from equiglass.observables import known_mean
from equiglass.simulate.checks.checks import Check, failures
from equiglass.simulate.checks.measurement import StatePoint, radii

if TYPE_CHECKING:
    from pandas import DataFrame

FIGURES = {
    "structure": "Radial distribution functions.",
    "dynamics": "Mean squared displacement and F_s(7.25, t) by type.",
    "energies": "Potential energy per particle of every configuration and of its inherent structure.",
    "conservation": "Largest drift of the total energy per particle, and mean kinetic temperature, of the runs.",
}


def write_report(folder: Path, state: StatePoint, checks: Sequence[Check], more: Mapping[str, Any] = {}) -> list[Path]:
    """Write report.json, report.md and, if matplotlib is installed, report-NAME.png.

    Args:
        folder: folder of the files; it is made if absent.
        state: measured quantities.
        checks: results of the checks, from `check`.
        more: further numbers for report.json.

    Returns:
        The written files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    drawn = _draw(folder, state) if find_spec("matplotlib") else {}
    numbers = {**_verdict(checks), **_numbers(state), **more}
    write_text(folder / "report.json", json.dumps(tables.plain(numbers), indent=2, allow_nan=False) + "\n")
    write_text(folder / "report.md", as_text(state, checks, {name: path.name for name, path in drawn.items()}))
    return [folder / "report.json", folder / "report.md", *drawn.values()]


def as_text(state: StatePoint, checks: Sequence[Check], figures: Mapping[str, str] = {}) -> str:
    """The page in Markdown.

    Args:
        state: measured quantities.
        checks: results of the checks, from `check`.
        figures: names of the files, by the names in ``FIGURES``.
    """
    from pandas import DataFrame

    failed = failures(checks)
    potential = "unknown potential" if state.potential is None else str(state.potential)
    temperature = "unknown" if state.temperature is None else f"{state.temperature:g}"
    lines = [
        "# Physics of the data set",
        "",
        f"{len(state.names)} configurations of {state.counts.sum()} particles; {potential}; temperature {temperature}, "
        f"density {state.density.mean():.5g}" + (f"; {state.runs} runs per configuration." if state.runs else "."),
        "",
        *(f"**FAILED.** {statement}" for statement in failed),
        *([] if failed else ["No check failed."]),
        "",
        tables.markdown(DataFrame(checks, columns=["check", "verdict", "statement"])),
    ]
    if state.labels:
        lines.append(tables.markdown(_by_time(state)))
    for name, file in figures.items():
        lines += [f"![{name}]({file})", "", FIGURES[name], ""]
    return "\n".join(lines)


def _by_time(state: StatePoint) -> DataFrame:
    """The mean propensity, the mean squared displacement and F_s by time and type, as text with four digits."""
    from pandas import DataFrame

    columns = {"label": list(state.labels), "time": [f"{time:g}" for time in state.times]}
    quantities = {"propensity": state.propensity, "MSD": state.squared_displacement, "F_s": state.scattering}
    for name, values in quantities.items():
        for kind, by_time in enumerate(known_mean(values).T):
            columns[f"{name} {type_name(kind)}"] = ["-" if np.isnan(x) else f"{x:.4g}" for x in by_time]
    return DataFrame(columns)


def _draw(folder: Path, state: StatePoint) -> dict[str, Path]:
    """Draw the figures of all known quantities, and return their files by name."""
    from equiglass.figures import conservation, dynamics, energies, radial_distributions, save_figure

    figures = {}
    if state.radial.shape[-1]:
        figures["structure"] = radial_distributions(radii(state), known_mean(state.radial))
    squared, scattering = known_mean(state.squared_displacement), known_mean(state.scattering)
    if not np.all(np.isnan([squared, scattering])):
        figures["dynamics"] = dynamics(state.times, squared, scattering)
    if not np.all(np.isnan(state.energy)):
        figures["energies"] = energies(state.energy, state.inherent_energy)
    if state.temperature is not None and not np.all(np.isnan(state.energy_drift)):
        scaled = _largest(state.energy_drift) / state.temperature, known_mean(state.run_temperature) / state.temperature
        figures["conservation"] = conservation(state.times, *scaled)
    files = {name: folder / f"report-{name}.png" for name in figures}
    for name, figure in figures.items():
        save_figure(figure, files[name])
    return files


def _verdict(checks: Sequence[Check]) -> dict[str, Any]:
    failed = failures(checks)
    return {"passed": not failed, "failed": failed, "checks": [each._asdict() for each in checks]}


def _numbers(state: StatePoint) -> dict[str, Any]:
    relaxation = state.time_at(math.exp(-1))
    pairs = combinations_with_replacement(range(len(state.counts)), 2)
    radial = known_mean(state.radial)
    return {
        "configurations": list(state.names),
        "particles": state.counts,
        "potential": None if state.potential is None else str(state.potential),
        "temperature": state.temperature,
        "density": float(state.density.mean()),
        "runs": state.runs,
        "times": dict(zip(state.labels, state.times, strict=True)),
        "potential_energy": state.energy,
        "inherent_energy": state.inherent_energy,
        "crystal_like": state.crystal,
        "relaxation_time": {"value": relaxation.value, "error": relaxation.error},
        "configurational_temperature": {
            near: {each.ending: found._asdict() for each, found in row.items()}
            for near, row in state.configurational_temperatures().items()
        },
        "mean_propensity": _by_type(state, known_mean(state.propensity)),
        "mean_squared_displacement": _by_type(state, known_mean(state.squared_displacement)),
        "self_scattering": _by_type(state, known_mean(state.scattering)),
        "run_temperature": dict(zip(state.labels, known_mean(state.run_temperature), strict=True)),
        "largest_energy_drift": dict(zip(state.labels, _largest(state.energy_drift), strict=True)),
        "largest_momentum": dict(zip(state.labels, _largest(state.momentum), strict=True)),
        "radial_distribution": {
            "r": radii(state),
            **{f"{type_name(a)}-{type_name(b)}": radial[a, b] for a, b in pairs},
        },
    }


def _by_type(state: StatePoint, values: NDArray[np.float64]) -> dict[str, dict[str, float]]:
    return {type_name(kind): dict(zip(state.labels, values[:, kind], strict=True)) for kind in range(len(state.counts))}


def _largest(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The largest values over configurations; NaN where none is known."""
    return np.fmax.reduce(values, axis=0)
