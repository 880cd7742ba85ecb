"""The report: numbers for programs, a page for people, figures."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equiglass.files import write_text
from equiglass.liquid.state_points import WAVE_NUMBER
from equiglass.liquid.system import type_name
from equiglass.simulate.checks.checks import Check, failures
from equiglass.simulate.checks.measurement import StatePoint, mean, radii

FIGURES = {
    "structure": "Radial distribution functions.",
    "dynamics": "Mean squared displacement and F_s(7.25, t) by type.",
    "energies": "Potential energy per particle of every configuration and of its inherent structure.",
    "conservation": "Largest drift of the total energy per particle, and mean kinetic temperature, of the runs.",
}


def write_report(folder: Path, state: StatePoint, checks: Sequence[Check], more: Mapping[str, Any] = {}) -> list[Path]:
    """Write report.json, report.md and, with matplotlib, report-NAME.png.

    Args:
        folder: where to; made if absent.
        state: what was measured.
        checks: what came of it.
        more: numbers that go into report.json beside those of the state point.

    Returns:
        The files written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    drawn = _draw(folder, state) if find_spec("matplotlib") else {}
    numbers = {**_verdict(checks), **_numbers(state), **more}
    write_text(folder / "report.json", json.dumps(_plain(numbers), indent=2, allow_nan=False) + "\n")
    write_text(folder / "report.md", as_text(state, checks, {name: path.name for name, path in drawn.items()}))
    return [folder / "report.json", folder / "report.md", *drawn.values()]


def as_text(state: StatePoint, checks: Sequence[Check], figures: Mapping[str, str] = {}) -> str:
    """The page, in Markdown.

    Args:
        state: what was measured.
        checks: what came of it.
        figures: file by name, of ``FIGURES``.
    """
    failed = failures(checks)
    potential = "unknown potential" if state.potential is None else str(state.potential)
    temperature = "unknown" if state.temperature is None else f"{state.temperature:g}"
    lines = [
        "# Physics of the data set",
        "",
        f"{len(state.names)} configurations of {state.counts.sum()} particles; {potential}; temperature {temperature}, "
        f"density {state.density:.5g}" + (f"; {state.runs} runs each." if state.runs else "."),
        "",
        *(f"**FAILED.** {said}" for said in failed),
        *([] if failed else ["No check failed."]),
        "",
        "| check | verdict | |",
        "|---|---|---|",
        *(f"| {each.name} | {each.verdict} | {each.statement} |" for each in checks),
    ]
    if state.labels:
        kinds = [type_name(kind) for kind in range(len(state.counts))]
        columns = [f"{what} {kind}" for what in ("propensity", "MSD", "F_s") for kind in kinds]
        table = np.concatenate(
            [mean(state.propensity), mean(state.squared_displacement), mean(state.scattering)], axis=1
        )
        lines += ["", f"| label | time | {' | '.join(columns)} |", "|---" * (len(columns) + 2) + "|"]
        for label, time, row in zip(state.labels, state.times, table, strict=True):
            cells = " | ".join("-" if np.isnan(value) else f"{value:.4g}" for value in row)
            lines.append(f"| {label} | {time:g} | {cells} |")
    for name, file in figures.items():
        lines += ["", f"![{name}]({file})", "", FIGURES[name]]
    return "\n".join(lines) + "\n"


def _draw(folder: Path, state: StatePoint) -> dict[str, Path]:
    """The figures as far as the data tell, by name."""
    from equiglass.figures import conservation, dynamics, energies, radial_distributions, save_figure

    figures = {}
    if state.radial.shape[-1]:
        figures["structure"] = radial_distributions(radii(state), mean(state.radial))
    squared, scattering = mean(state.squared_displacement), mean(state.scattering)
    if not np.all(np.isnan([squared, scattering])):
        figures["dynamics"] = dynamics(state.times, squared, scattering, WAVE_NUMBER)
    if not np.all(np.isnan(state.energy)):
        figures["energies"] = energies(state.energy, state.inherent_energy)
    if state.temperature is not None and not np.all(np.isnan(state.energy_drift)):
        scaled = _largest(state.energy_drift) / state.temperature, mean(state.run_temperature) / state.temperature
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
    radial = mean(state.radial)
    return {
        "configurations": list(state.names),
        "particles": state.counts,
        "potential": None if state.potential is None else str(state.potential),
        "temperature": state.temperature,
        "density": state.density,
        "runs": state.runs,
        "times": dict(zip(state.labels, state.times, strict=True)),
        "potential_energy": state.energy,
        "inherent_energy": state.inherent_energy,
        "crystal_like": state.crystal,
        "relaxation_time": {"value": relaxation.value, "error": relaxation.error},
        "mean_propensity": _by_type(state, mean(state.propensity)),
        "mean_squared_displacement": _by_type(state, mean(state.squared_displacement)),
        "self_scattering": _by_type(state, mean(state.scattering)),
        "run_temperature": dict(zip(state.labels, mean(state.run_temperature), strict=True)),
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
    """Over configurations; NaN where no one knows."""
    return np.fmax.reduce(values, axis=0)


def _plain(value: Any) -> Any:
    """As JSON knows it: lists for arrays, null for NaN."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value
