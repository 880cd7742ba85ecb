"""Measure: the distribution of the softness of mobile and of immobile particles, which the models have not seen.

The mobile particles of a type are the share of largest propensity among all test particles of the type, at every time
apart; the immobile ones are the share of smallest propensity. The share is the one that the method `softness` learned
with. In the paper (S. S. Schoenholz et al., Nature Phys. 12, 469 (2016), doi 10.1038/nphys3644) most particles that
rearrange are soft, S > 0. A method without epochs is trained with one seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from equiglass.errors import ConfigurationError
from equiglass.experiments.declaration import Declaration, method_of
from equiglass.experiments.measures import MEASURES, Measure, Measured
from equiglass.experiments.plan import Group
from equiglass.experiments.runs import Run
from equiglass.figures.curves import curves
from equiglass.files.tables import markdown, number, records
from equiglass.liquid.arrays import Float
from equiglass.liquid.system import type_name
from equiglass.liquid.targets import measured
from equiglass.methods.softness import Softness
from equiglass.observables import Estimate, bootstrap

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

BINS, TAIL = 40, 1e-3
"""Number of bins of the softness, and the share of the particles beyond either end of them."""

CLASSES = ("mobile", "immobile", "all")

KEYS = ("group", "variant", "type", "label", "time")


def softness(runs: Sequence[Run], declaration: Declaration) -> Measured:
    """Histograms of the softness, and the share of soft particles among mobile and immobile ones, by type and time."""
    from pandas import DataFrame, concat

    parts: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        parts.setdefault((run.training.group.name, str(run)), []).append(run)
    rows, shares = [], []
    for (group, variant), own in parts.items():
        for kind, label, time, values, mobility, configuration in _particles(own):
            first = dict(zip(KEYS, (group, variant, kind, label, time), strict=True))
            chosen = classes(mobility, share_of(own[0]))
            edges = np.linspace(np.quantile(values, TAIL), np.quantile(values, 1 - TAIL), BINS + 1)
            for name, which in chosen.items():
                found = {"softness": (edges[:-1] + edges[1:]) / 2, "density": histogram(values[which], edges)}
                rows.append(DataFrame({**first, "class": name, **found}))
            shares.append({**first, **soft_shares(values, chosen, configuration)})
    summary = DataFrame(shares)
    note = (
        f"Mobile and immobile: the {share_of(runs[0]):.0%} of the test particles of a type with the largest and the "
        "smallest propensity. Soft: S > 0. Errors: bootstrap over the test configurations."
    )
    every = concat(rows, ignore_index=True)
    return Measured(every, summary, shares_table(summary), lambda: histogram_figures(every), (note,))


def classes(mobility: Float, share: float) -> dict[str, np.ndarray]:
    """Which particles are mobile, immobile, and all, from their mobility (n,)."""
    number_of_each = max(1, int(share * len(mobility)))
    order = np.argsort(mobility, kind="stable")
    chosen = {"mobile": order[-number_of_each:], "immobile": order[:number_of_each], "all": order}
    return {name: np.isin(np.arange(len(mobility)), which) for name, which in chosen.items()}


def histogram(values: Float, edges: Float) -> Float:
    """The probability density of the softness in bins; what lies beyond them counts in the normalisation."""
    counts, _ = np.histogram(values, edges)
    return np.asarray(counts / (len(values) * np.diff(edges)))


def soft_shares(values: Float, chosen: dict[str, np.ndarray], configuration: np.ndarray) -> dict[str, float]:
    """Per class, the mean softness and the share of soft particles, with errors over the configurations.

    Args:
        values: softness of the particles, (n,).
        chosen: which of them belong to a class, (n,).
        configuration: number of the configuration of every particle, (n,).
    """
    configurations = int(configuration.max()) + 1
    found: dict[str, float] = {}
    for name, which in chosen.items():
        counts = np.bincount(configuration[which], minlength=configurations)
        for column, of_each in (("mean", values[which]), ("soft", (values[which] > 0).astype(float))):
            sums = np.bincount(configuration[which], of_each, minlength=configurations)
            found[f"{column}_{name}"], found[f"{column}_{name}_error"] = map(float, _mean(sums, counts))
    return found


def _mean(sums: np.ndarray, counts: np.ndarray) -> Estimate:
    """The mean over particles, from sums and numbers of particles per configuration, (C,)."""
    with np.errstate(invalid="ignore"):
        return bootstrap(lambda chosen: sums[chosen].sum() / counts[chosen].sum(), len(sums))


def shares_table(summary: DataFrame) -> str:
    """Per group, variant and type: share of soft particles and mean softness of each class, by time."""
    from pandas import DataFrame

    tables = []
    for (group, variant, kind), own in summary.groupby(["group", "variant", "type"], sort=False):
        body = [
            {
                "time": f"{row['time']:g}",
                **{f"soft, {c}": number(row[f"soft_{c}"], row[f"soft_{c}_error"]) for c in CLASSES},
                **{f"mean S, {c}": number(row[f"mean_{c}"], row[f"mean_{c}_error"]) for c in CLASSES[:2]},
            }
            for row in records(own)
        ]
        tables.append(f"{group}, {variant}, type {kind}:\n\n{markdown(DataFrame(body))}")
    return "\n\n".join(tables).strip()


def histogram_figures(rows: DataFrame) -> dict[str, Figure]:
    """A figure per type: the distributions of the first variant, in all groups and at all times."""
    first = rows[rows["variant"] == rows["variant"].iloc[0]]
    first = first.assign(panel=first["group"] + ", t = " + first["time"].map("{:g}".format))
    return {
        f"_{kind}": curves(own, "softness", "density", curve="class", panel="panel", title=f"type {kind}")
        for kind, own in first.groupby("type", sort=False)
    }


def share_of(run: Run) -> float:
    """The share of the particles in each class that the model of a run learned with."""
    return float(run.training.configuration.share)  # type: ignore[attr-defined]


def check_softness(groups: Sequence[Group], declaration: Declaration) -> None:
    """Refuse other methods.

    Raises:
        ConfigurationError: a variant is of another method.
    """
    for name, settings in declaration.variants.items():
        if method_of(settings) != Softness.method:
            raise ConfigurationError(
                f"the measure softness is of the method softness; variant {name!r} is of {method_of(settings)}."
            )


def _particles(runs: Sequence[Run]) -> Iterator[tuple[str, str, float, Float, Float, np.ndarray]]:
    """(type, label, time, softness, propensity, configuration) of all test particles whose propensity is known."""
    systems: list[Any] = []
    of_each: list[dict[str, Float]] = []
    times: dict[str, float] = {}
    for run in runs:
        assert isinstance(run.model, Softness)
        times |= run.model.times
        for system in run.training.group.test:
            systems.append(system)
            of_each.append(dict(zip(run.model.times, run.model.softness(system), strict=True)))
    for kind in range(max(system.n_types for system in systems)):
        for label, time in times.items():
            parts = []
            for number_, (system, values) in enumerate(zip(systems, of_each, strict=True)):
                if label in values:
                    truth = measured(system, [label])[0]
                    known = (system.types == kind) & np.isfinite(truth)
                    parts.append((values[label][known], truth[known], np.full(known.sum(), number_)))
            values_, truths, numbers = (np.concatenate(column) for column in zip(*parts, strict=True))
            if len(values_):
                yield type_name(kind), label, time, values_, truths, numbers


MEASURES.add("softness", Measure(softness, check_softness, folds=True))
