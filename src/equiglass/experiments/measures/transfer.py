"""Measure: every model at every temperature as it is; networks with decoders refitted too (Fig. 9 of arXiv 2211.03226).

The asymmetry. Of two temperatures, the network of the lower one, used at the higher, loses rho against the network
trained there; the network of the higher one, used at the lower, loses rho too. The first loss less the second is
positive where training at high temperature carries farther. Averaged over pairs and seeds it is a sum over
temperatures of means over their test configurations; its error follows from the spread over these and over the seeds.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from equiglass.errors import ConfigurationError
from equiglass.experiments.declaration import Declaration, options_of
from equiglass.experiments.measures import MEASURES, Measure, Measured
from equiglass.experiments.measures.scores import CEILINGS, CONVENTIONS, SPREAD
from equiglass.experiments.plan import Group
from equiglass.experiments.published import PublishedMatrix, Strict
from equiglass.experiments.runs import Run, groups_of_runs
from equiglass.figures.temperature import transfer_figure, transfer_matrix_figure
from equiglass.files.tables import crossed, number, over_seeds, records, spread
from equiglass.liquid.arrays import Float
from equiglass.liquid.splits import Halves
from equiglass.liquid.state_points import tau_alpha
from equiglass.methods.loading import DEFAULT
from equiglass.observables import Estimate, bootstrap
from equiglass.representation.transfer import ALL_TIMES, transfer, transfer_test, without_each

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

LEARNING = ("test", "learn")
"""Transfer test and transfer learn."""

CERTAIN = 2.0
"""Standard errors beyond which an asymmetry is said to be there."""


class TransferOptions(Strict):
    """Options of the measure."""

    published: PublishedMatrix | None = None


def temperatures(runs: Sequence[Run], declaration: Declaration) -> Measured:
    """Transfer test and transfer learn between all temperatures; whether high to low does better than low to high."""
    from pandas import DataFrame, concat

    published = options_of(declaration, TransferOptions).published
    data = {
        group.temperature: Halves(list(group.training), list(group.test))
        for group in groups_of_runs(runs)
        if group.temperature is not None
    }
    labels = [label for label in runs[0].model.times if all(label in run.model.times for run in runs)]
    if not labels:
        raise ConfigurationError("the networks have no time in common, so that none can be used in another's place.")
    parts = []
    for run in runs:
        if run.training.configuration.method == DEFAULT:
            found, _ = transfer(run.model, data, labels=labels)
        else:
            found = transfer_test(run.model, data, labels)
        parts.append(DataFrame({"variant": str(run), "seed": run.training.seed, **found, "model": run.folder.name}))
    rows = concat(parts, ignore_index=True)
    shown = (tau_alpha(labels), ALL_TIMES)
    by = ("variant", "trained_at", "temperature", "type", "label")
    same = ("time", "refitted_on", "tested_on", "unseen", *CEILINGS)
    scored = [f"{method}_{convention}" for method in LEARNING for convention in CONVENTIONS]
    summary = over_seeds(rows[rows["label"].isin(shown)], by, scored, same)
    if published:
        at_tau = (summary["type"] == "A") & (summary["label"] == shown[0])
        summary["published_test_pooled"] = [
            published.rho.get(used, {}).get(float(trained)) if there else None
            for used, trained, there in zip(summary["temperature"], summary["trained_at"], at_tau, strict=True)
        ]
    variants = dict(list(rows.groupby("variant", sort=False)))
    notes = [
        sentence
        for variant, own in variants.items()
        for sentence in asymmetries(own, shown, f"{variant}: " if len(variants) > 1 else "")
    ]
    if published:
        notes.append(f"Published, transfer test, other data: {published.source}.")

    def draw() -> dict[str, Figure]:
        figures = {}
        for (variant, kind), own in summary.assign(model=summary["variant"]).groupby(["variant", "type"], sort=False):
            name = f"_{variant}_{kind}" if len(variants) > 1 else f"_{kind}"
            figures[name] = transfer_figure(own, CONVENTIONS)
            at_tau = own[own["label"] == shown[0]]
            if at_tau["test_per_configuration_median"].notna().any():
                figures[f"{name}_matrix"] = transfer_matrix_figure(at_tau)
        return figures

    return Measured(without_each(rows), summary, transfer_table(summary), draw, tuple(notes))


def check_temperatures(groups: Sequence[Group], declaration: Declaration) -> None:
    """Refuse data that leave nothing to transfer.

    Raises:
        ConfigurationError: fewer than two temperatures, or a single training configuration at one.
    """
    options_of(declaration, TransferOptions)
    known = {group.temperature for group in groups} - {None}
    if len(known) < 2 or len(known) < len(groups):
        raise ConfigurationError(
            "transfer needs configurations of two temperatures or more, each temperature one group; give them with "
            f"--data. There are: {', '.join(group.name for group in groups)}."
        )
    for group in groups:
        if len(group.training) < 2:
            raise ConfigurationError(
                f"{group.name}: decoders are refitted on two training configurations or more; there is one. Give four "
                "configurations of this temperature."
            )


def asymmetries(rows: DataFrame, labels: Sequence[str], beginning: str = "") -> list[str]:
    """A sentence for each method, type and label; the rows are those of `asymmetry`, of all types and labels."""
    sentences = []
    for kind, label, method in itertools.product(rows["type"].unique(), labels, LEARNING):
        own = rows[(rows["type"] == kind) & (rows["label"] == label)]
        if f"{method}_pooled" in own and own[f"{method}_pooled"].isna().all():
            # A method without decoders is not refitted; one without structure has no rho.
            continue
        when = "mean over times" if label == ALL_TIMES else f"time {label}"
        what = f"{beginning}{kind}, {when}, transfer {method}"
        value, error = asymmetry(own, method)
        sentences.append(_in_words(what, float(value), float(error)))
    return sentences


def asymmetry(rows: DataFrame, method: str) -> Estimate:
    """<(rho_hh - rho_lh) - (rho_ll - rho_hl)> over pairs l < h of temperatures and over seeds, rho_ab from a used at b.

    Args:
        rows: of one type and time, of all temperatures of training and use: columns seed, trained_at (one temperature,
            as text), temperature, test_each and learn_each, the rho of every configuration.
        method: "test" or "learn"; at its own temperature a network is taken as trained.

    Returns:
        NaN where rho is undefined; its error, of the test configurations and of the seeds together.
    """
    trained, used = rows["trained_at"].astype(float), rows["temperature"]
    chosen = rows["test_each"].where(trained == used, rows[f"{method}_each"])
    table = dict(zip(zip(rows["seed"], trained, used, strict=True), chosen, strict=True))
    seeds, known = rows["seed"].unique().tolist(), sorted(used.unique().tolist())
    pairs = math.comb(len(known), 2)

    def rho(a: float, b: float) -> Float:
        """(seeds, configurations)"""
        return np.array([table[seed, a, b] for seed in seeds])

    # What each configuration tested on at a temperature adds to the asymmetry of a seed, (seeds, configurations).
    parts = [sum(np.sign(b - a) * (rho(b, b) - rho(a, b)) / pairs for a in known if a != b) for b in known]
    of_seeds = sum(part.mean(axis=1) for part in parts)
    variance = sum(_error_of_mean(part.mean(axis=0)) ** 2 for part in parts)
    if len(seeds) > 1:
        variance += float(np.var(of_seeds, ddof=1)) / len(seeds)
    return Estimate(np.asarray(np.mean(of_seeds)), np.asarray(np.sqrt(variance)))


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


def transfer_table(summary: DataFrame) -> str:
    """For each type, time and convention: networks down, temperatures of use across, median (best, worst)."""
    cells, ceilings = [], []
    for row in records(summary):
        when = "mean over times" if row["label"] == ALL_TIMES else f"time {row['label']}"
        for convention, method in itertools.product(CONVENTIONS, LEARNING):
            title = f"Type {row['type']}, {when}, rho {convention.replace('_', ' ')}"
            where = {"title": title, "column": row["temperature"]}
            name = f"{row['variant']}, trained at T = {row['trained_at']}, transfer {method}"
            if method == "learn" and row[f"learn_{convention}_median"] is None:
                continue
            cells.append({**where, "row": name, "text": spread(row, f"{method}_{convention}")})
            published = row.get(f"published_{method}_{convention}")
            if published is not None:
                cells.append({**where, "row": f"{name}, published", "text": number(published)})
            ceilings.append({**where, "row": "noise ceiling", "text": number(row[f"ceiling_{convention}"])})
    return f"{SPREAD}\n\n{crossed([*cells, *ceilings], 'used at T = {}')}"


MEASURES.add("transfer", Measure(temperatures, check_temperatures))
