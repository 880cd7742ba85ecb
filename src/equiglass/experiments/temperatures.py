"""Measure: every network at every temperature, as it is and with its decoders refitted (Fig. 9 of arXiv 2211.03226).

The asymmetry. Between two temperatures a network of the lower, used at the higher, loses so much rho against the one
trained there; a network of the higher, used at the lower, so much. The first loss less the second is positive where
training at high temperature carries farther. Averaged over pairs and seeds it is a sum over temperatures of means over
their test configurations, so that its error follows from the spread over these, and from that over the seeds.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from equiglass.errors import EquiglassError
from equiglass.experiments.declaration import Declaration, options_of
from equiglass.experiments.measured import Cell, Line, Measured, markdown, number, over_seeds, plain, spread
from equiglass.experiments.plan import Group
from equiglass.experiments.runs import Run, groups_of_runs
from equiglass.liquid.arrays import Float
from equiglass.liquid.splits import Split
from equiglass.liquid.state_points import tau_alpha
from equiglass.observables import bootstrap
from equiglass.representation.transfer import ALL_TIMES, Measure, Row, Scores, as_line, transfer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Method = Literal["test", "learn"]

METHODS: tuple[Method, ...] = ("test", "learn")
CONVENTIONS = ("per_configuration", "pooled")

CERTAIN = 2.0
"""Standard errors beyond which an asymmetry is said to be there."""


class PublishedMatrix(BaseModel):
    """Transfer test of others: pooled rho of A at tau_alpha."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str = Field(description="where it stands, and on what data it was reached")
    rho: Mapping[float, Mapping[float, float]] = Field(description="by temperature of use, by temperature of training")


class TransferOptions(BaseModel):
    """Options of the measure."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    published: PublishedMatrix | None = None


class Seeded(NamedTuple):
    """What one network does at one temperature, type and time."""

    seed: int
    row: Row


def temperatures(runs: Sequence[Run], declaration: Declaration) -> Measured:
    """Transfer test and transfer learn between all temperatures; whether high to low does better than low to high."""
    options = options_of(declaration, TransferOptions)
    groups = groups_of_runs(runs)
    data = {
        group.temperature: Split(list(group.training), list(group.test))
        for group in groups
        if group.temperature is not None
    }
    labels = [label for label in runs[0].model.times if all(label in run.model.times for run in runs)]
    if not labels:
        raise EquiglassError("the networks have no time in common, so that none can be used in another's place.")
    found: dict[str, list[Seeded]] = {}
    rows: list[Line] = []
    for run in runs:
        seen = {system.name for system in run.training.systems}
        of_run, _ = transfer(run.model, data, seen, labels=labels)
        who: Line = {"variant": str(run), "seed": run.training.seed}
        found.setdefault(str(run), []).extend(
            Seeded(run.training.seed, replace(row, model=run.training.group.name)) for row in of_run
        )
        rows += [{**who, **_line(replace(row, model=run.folder.name))} for row in of_run]
    shown = (tau_alpha(labels), ALL_TIMES)
    scored = [f"{method}_{convention}" for method in METHODS for convention in CONVENTIONS]
    by = ("variant", "trained_at", "temperature", "type", "label")
    same = ("refitted_on", "tested_on", "ceiling_per_configuration", "ceiling_pooled")
    summary = over_seeds([row for row in rows if row["label"] in shown], by, scored, same)
    notes = [
        sentence
        for variant, seeded in found.items()
        for sentence in asymmetries(seeded, shown, f"{variant}: " if len(found) > 1 else "")
    ]
    if options.published:
        _set_beside(summary, options.published, shown[0])
        notes.append(f"Published, transfer test, other data: {options.published.source}.")

    def draw() -> Mapping[str, Figure]:
        from equiglass.figures.temperature import transfer_panels

        figures = {}
        for variant, seeded in found.items():
            for kind in dict.fromkeys(row.type for _, row in seeded):
                medians = median_rows(row for _, row in seeded if row.type == kind and row.label in shown)
                name = f"_{variant}" if len(found) > 1 else ""
                marks = options.published.rho if options.published and kind == "A" else {}
                figures[f"{name}_{kind}"] = transfer_panels(medians, shown[0], marks)
        return figures

    return Measured(rows, summary, table(summary), draw, tuple(notes))


def check_temperatures(groups: Sequence[Group], declaration: Declaration) -> None:
    """Refuse data that leave nothing to transfer.

    Raises:
        EquiglassError: fewer than two temperatures, or a temperature with a single training configuration.
    """
    options_of(declaration, TransferOptions)
    known = {group.temperature for group in groups} - {None}
    if len(known) < 2 or len(known) < len(groups):
        raise EquiglassError(
            "transfer needs configurations of two temperatures or more, each temperature one group; give them with "
            f"--data. There are: {', '.join(group.name for group in groups)}."
        )
    for group in groups:
        if len(group.training) < 2:
            raise EquiglassError(
                f"{group.name}: decoders are refitted on two training configurations or more; there is one. Give four "
                "configurations of this temperature."
            )


def asymmetries(seeded: Sequence[Seeded], labels: Sequence[str], beginning: str = "") -> list[str]:
    """A sentence for each method, type and label."""
    sentences = []
    for kind, label, method in itertools.product(dict.fromkeys(row.type for _, row in seeded), labels, METHODS):
        own = [one for one in seeded if (one.row.type, one.row.label) == (kind, label)]
        when = "mean over times" if label == ALL_TIMES else f"time {label}"
        what = f"{beginning}{kind}, {when}, transfer {method}"
        sentences.append(_in_words(what, *asymmetry(own, method)))
    return sentences


def asymmetry(seeded: Sequence[Seeded], method: Method) -> Measure:
    """<(rho_hh - rho_lh) - (rho_ll - rho_hl)> over pairs l < h of temperatures and over seeds, rho_ab from a used at b.

    Args:
        seeded: rows of one type and time, of all temperatures of training and use.
        method: whose rho; that of a network at its own temperature is of the network as trained.

    Returns:
        NaN where rho is undefined; its error, of the test configurations and of the seeds together.
    """
    by_seed: dict[int, dict[tuple[float, float], np.ndarray]] = {}
    for seed, row in seeded:
        (trained,) = row.trained_at
        scores: Scores = row.test if trained == row.temperature else getattr(row, method)
        by_seed.setdefault(seed, {})[trained, row.temperature] = np.array(scores.each)
    known = sorted({temperature for rho in by_seed.values() for _, temperature in rho})
    pairs = list(itertools.combinations(known, 2))
    # What each configuration tested on at a temperature adds to the asymmetry of a seed, (seeds, configurations).
    parts = []
    for temperature in known:
        own = [rho[temperature, temperature] for rho in by_seed.values()]
        part = np.zeros((len(by_seed), len(own[0])))
        for low, high in pairs:
            if temperature in (low, high):
                other, sign = (low, 1) if temperature == high else (high, -1)
                lost = np.array([o - rho[other, temperature] for o, rho in zip(own, by_seed.values(), strict=True)])
                part += sign * lost / len(pairs)
        parts.append(part)
    of_seeds = sum(part.mean(axis=1) for part in parts)
    variance = sum(_error_of_mean(part.mean(axis=0)) ** 2 for part in parts)
    if len(by_seed) > 1:
        variance += float(np.var(of_seeds, ddof=1)) / len(by_seed)
    return Measure(float(np.mean(of_seeds)), math.sqrt(variance))


def _error_of_mean(values: Float) -> float:
    return float(bootstrap(lambda chosen: values[chosen].mean(), len(values)).error)


def _in_words(what: str, value: float, error: float) -> str:
    if math.isnan(value) or math.isnan(error):
        return f"{what}: too few configurations to tell whether high to low does better."
    verdict = "high to low does better" if value > 0 else "low to high does better"
    if abs(value) <= CERTAIN * error:
        verdict = "no asymmetry within two standard errors"
    lost = "rho lost from low to high temperature less that lost from high to low"
    return f"{what}: {lost}: {value:+.3f} ± {error:.3f}, mean over pairs and seeds; {verdict}."


def median_rows(rows: Iterable[Row]) -> list[Row]:
    """One row for each model, temperature, type and label: the median over seeds of every score, and of its error."""
    groups: dict[tuple[str, float, str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.model, row.temperature, row.type, row.label), []).append(row)
    medians = []
    for own in groups.values():
        test, learn, gain = (_median([getattr(row, name) for row in own]) for name in (*METHODS, "gain"))
        medians.append(replace(own[0], test=test, learn=learn, gain=gain))
    return medians


def _median(scores: Sequence[Scores]) -> Scores:
    def of(key: str) -> Measure:
        return Measure(*np.median([getattr(one, key) for one in scores], axis=0).tolist())

    each = np.median([one.each for one in scores], axis=0)
    return Scores(of("per_configuration"), of("pooled"), of("mse"), tuple(each.tolist()))


def table(summary: Sequence[Line]) -> str:
    """For each type, time and convention: networks down, temperatures of use across, median (best, worst)."""
    parts = ["Median (best, worst) over the seeds, after the last epoch."]
    for kind, label in dict.fromkeys((line["type"], line["label"]) for line in summary):
        own = [line for line in summary if (line["type"], line["label"]) == (kind, label)]
        across = list(dict.fromkeys(line["temperature"] for line in own))
        for convention in CONVENTIONS:
            cells: dict[str, dict[Cell, str]] = {}
            for line, method in itertools.product(own, METHODS):
                name = f"{line['variant']}, trained at T = {line['trained_at']}, transfer {method}"
                cells.setdefault(name, {})[line["temperature"]] = spread(line, f"{method}_{convention}")
                published = line.get(f"published_{method}_{convention}")
                if published is not None:
                    cells.setdefault(f"{name}, published", {})[line["temperature"]] = number(published)
            cells["noise ceiling"] = {line["temperature"]: number(line[f"ceiling_{convention}"]) for line in own}
            body = [[name, *(found.get(at, "") for at in across)] for name, found in cells.items()]
            when = "mean over times" if label == ALL_TIMES else f"time {label}"
            header = ["", *(f"used at T = {at}" for at in across)]
            parts += [f"Type {kind}, {when}, rho {convention.replace('_', ' ')}:", markdown(header, body)]
    return "\n\n".join(part.strip() for part in parts)


def _line(row: Row) -> Line:
    return {key: plain(value) if isinstance(value, float) else value for key, value in as_line(row).items()}


def _set_beside(summary: Sequence[Line], published: PublishedMatrix, label: str) -> None:
    for line in summary:
        at = published.rho.get(float(str(line["temperature"])), {})
        there = (line["type"], line["label"]) == ("A", label)
        line["published_test_pooled"] = at.get(float(str(line["trained_at"]))) if there else None
