"""Measure: several methods on the same configurations (Fig. 6 of arXiv 2211.03226), with costs and paired differences.

Predictions of all folds are scored together. A difference of rho between two methods has the bootstrap error over the
configurations, with the same draws for both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import combinations, product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import field_validator

from equiglass.errors import DataError
from equiglass.experiments.declaration import Declaration, cases, options_of, read_declaration
from equiglass.experiments.joined import Joined, joined
from equiglass.experiments.measures import MEASURES, Measure, Measured
from equiglass.experiments.measures.scores import CEILINGS, CONVENTIONS, scores_table
from equiglass.experiments.plan import Group
from equiglass.experiments.published import PublishedCurves, Strict, marks
from equiglass.experiments.runs import Run, temperatures_of
from equiglass.figures.curves import curves
from equiglass.files.tables import crossed, markdown, number, over_seeds, records
from equiglass.liquid.arrays import Float
from equiglass.liquid.state_points import tau_alpha
from equiglass.liquid.system import type_name
from equiglass.liquid.targets import measured
from equiglass.observables import bootstrap
from equiglass.observables.correlation import both_conventions, moments
from equiglass.prediction.evaluation import evaluate
from equiglass.report.scores import Scored, score
from equiglass.training.train import check_number

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

OTHER = "published: other test configurations"
"""Title of the figure of published curves."""


FOLDS = (
    "Every fold has models of its own. Rho pooled over the folds therefore contains differences between models: it can "
    "be below zero for the mean by type, which is lower where the test configurations are more mobile."
)


class MethodOptions(Strict):
    """Options of the measure "methods"."""

    published: PublishedCurves | None = None

    @field_validator("published", mode="before")
    @classmethod
    def _of_another(cls, published: Any) -> Any:
        """The curves of another experiment, if its name is given."""
        return read_declaration(published).options.get("published") if isinstance(published, str) else published


def methods(runs: Sequence[Run], declaration: Declaration) -> Measured:
    """Rho in both conventions with errors and ceiling, costs, and differences between the methods."""
    from pandas import DataFrame, concat

    found = joined(runs)
    parts = []
    for one in found:
        scores = evaluate(one.systems, [one.predict(system) for system in one.systems]).frame()
        parts.append(DataFrame({"group": one.group, "variant": one.name, "seed": one.seed, **scores}))
    rows = concat(parts, ignore_index=True)
    summary = over_seeds(rows, ("group", "variant", "type", "label"), CONVENTIONS, ("time", *CEILINGS))
    cost = costs(found, summary)
    pairs = differences(found)
    published, said = marks(options_of(declaration, MethodOptions).published, temperatures_of(runs))

    def draw() -> dict[str, Figure]:
        drawn = partial(curves, x="time", y=CONVENTIONS, curve="variant", panel="group", ceiling="group")
        figures = {f"_{kind}": drawn(own, title=f"type {kind}") for kind, own in summary.groupby("type", sort=False)}
        return figures | ({"_published": published_figure(published)} if len(published) else {})

    notes = (
        "Errors: bootstrap over the test configurations. The regressions choose their penalties within the training "
        "set. Cost: CPU seconds of one training and of the prediction of one configuration, on this machine; inherent "
        "structures and cage states are made before, once for all methods, and are not counted.",
        *([FOLDS] if any(run.training.group.fold for run in runs) else []),
        *said,
    )
    table = "\n\n".join([scores_table(summary), costs_table(cost), differences_table(pairs)])
    return Measured(rows, summary, table, draw, notes, {"costs": cost, "differences": pairs}, fields(found))


def costs(found: Sequence[Joined], summary: DataFrame) -> DataFrame:
    """Per group and method: rho of A at tau_alpha, parameters and costs, medians over the seeds."""
    from pandas import DataFrame

    frame = DataFrame(
        {
            "group": one.group,
            "variant": one.name,
            "parameters": one.parameters,
            "training_seconds": one.training_seconds,
            "prediction_seconds": one.prediction_seconds,
        }
        for one in found
    )
    cost = frame.groupby(["group", "variant"], sort=False).median().reset_index()
    shown = _at_tau_alpha(summary)
    shown = shown[shown["type"] == shown["type"].min()]
    columns = {
        f"{c}_{k}": f"rho_{c}{'_error' if k == 'error' else ''}" for c in CONVENTIONS for k in ("median", "error")
    }
    shown = shown[["group", "variant", "type", "label", *columns]].rename(columns=columns)
    return cost.merge(shown, on=["group", "variant"], how="left")


def costs_table(cost: DataFrame) -> str:
    """The costs as a Markdown table per group."""
    from pandas import DataFrame

    parts = []
    for group, own in cost.groupby("group", sort=False):
        body = [
            {
                "method": row["variant"],
                "rho": number(row["rho_per_configuration"], row["rho_per_configuration_error"]),
                "rho pooled": number(row["rho_pooled"], row["rho_pooled_error"]),
                "parameters": str(int(row["parameters"])),
                "training, CPU s": number(row["training_seconds"]),
                "prediction, CPU s": number(row["prediction_seconds"]),
            }
            for row in records(own)
        ]
        first = own.iloc[0]
        parts.append(f"{group}, type {first['type']}, time {first['label']}, and costs:\n\n{markdown(DataFrame(body))}")
    return "\n\n".join(parts).strip()


def differences(found: Sequence[Joined]) -> DataFrame:
    """Rho of one method less rho of another, for all pairs, with bootstrap errors over the configurations.

    Returns:
        Columns group, type, label, time, variant, other, and per convention difference and error. A method of several
        seeds counts with the mean of its rho.
    """
    from pandas import DataFrame

    rows = []
    for group in dict.fromkeys(one.group for one in found):
        own = [one for one in found if one.group == group]
        names = list(dict.fromkeys(one.name for one in own))
        times = {label: time for one in own for label, time in one.times.items()}
        for kind in range(max(system.n_types for system in own[0].systems)):
            for label, time in times.items():
                sums = {
                    name: np.stack([_sums(one, kind, label) for one in own if one.name == name], axis=1)
                    for name in names
                    if all(label in one.times for one in own if one.name == name)
                }
                if len(sums) < 2:
                    continue
                value, error = _differences_of(list(sums.values()), len(own[0].systems))
                for (a, one), (b, other) in combinations(enumerate(sums), 2):
                    rows.append(
                        {
                            "group": group,
                            "type": type_name(kind),
                            "label": label,
                            "time": time,
                            "variant": one,
                            "other": other,
                            **{c: value[k, a, b] for k, c in enumerate(CONVENTIONS)},
                            **{f"{c}_error": error[k, a, b] for k, c in enumerate(CONVENTIONS)},
                        }
                    )
    columns = ("group", "type", "label", "time", "variant", "other", *CONVENTIONS, *(f"{c}_error" for c in CONVENTIONS))
    return DataFrame(rows, columns=columns)


def differences_table(pairs: DataFrame) -> str:
    """Per group and type, at tau_alpha: rho per configuration of the method of the row less that of the column."""
    if not len(pairs):
        return ""
    cells = []
    for row in records(_at_tau_alpha(pairs)):
        title = (
            f"{row['group']}, type {row['type']}, time {row['label']}, rho per configuration of the row less that of "
            "the column, with the bootstrap error of the difference"
        )
        value, error = row["per_configuration"], row["per_configuration_error"]
        text, turned = number(value, error), number(None if value is None else -value, error)
        cells.append({"title": title, "row": row["variant"], "column": row["other"], "text": text})
        cells.append({"title": title, "row": row["other"], "column": row["variant"], "text": turned})
    return crossed(cells)


def published_figure(published: DataFrame) -> Figure:
    """The published curves alone: their test configurations are others than ours."""
    keys = ["group", "name", "type", "time"]
    wide = published.pivot_table(index=keys, columns="column", values="value", sort=False).reset_index()
    known = [convention for convention in CONVENTIONS if convention in wide]
    return curves(wide, "time", known, curve="name", panel="group", title=OTHER)


def fields(found: Sequence[Joined]) -> list[Scored]:
    """The held-out predictions of every method in the first group, first seed, for the view in three dimensions."""
    first = [one for one in found if one.group == found[0].group]
    chosen = {one.name: one for one in reversed(first)}
    shared = [s for s in first[0].systems if all(s.fingerprint in one.predicted for one in chosen.values())]
    return [score(chosen[name], shared) for name in dict.fromkeys(one.name for one in first)]


def check_methods(groups: Sequence[Group], declaration: Declaration) -> None:
    """Refuse groups on which a regression cannot choose its penalties.

    Raises:
        DataError: there are too few configurations.
        ConfigurationError: an option is wrong.
    """
    options_of(declaration, MethodOptions)
    for group, case in product(groups, cases(declaration)):
        try:
            check_number(group.training[: case.amount], case.configuration)
        except DataError as error:
            raise DataError(f"{group.name}: {case.variant}: {error}") from None


def _sums(one: Joined, kind: int, label: str) -> Float:
    """`moments` of every configuration, (C, 6)."""
    place = list(one.times).index(label)
    masks = [system.types == kind for system in one.systems]
    return np.stack(
        [
            moments(measured(system, [label], one.target)[0][mask], one.values(system)[place, mask])
            for system, mask in zip(one.systems, masks, strict=True)
        ]
    )


def _rho(sums: Sequence[Float], chosen: NDArray[np.int64]) -> Float:
    """Rho of every method, the mean over its seeds, (conventions, methods), from sums (C, seeds, 6)."""
    return np.stack([np.stack(both_conventions(own[chosen])).mean(axis=1) for own in sums], axis=1)


def _differences_of(sums: Sequence[Float], configurations: int) -> tuple[Float, Float]:
    """Differences and their errors, (conventions, methods, methods)."""

    def statistic(chosen: NDArray[np.int64]) -> Float:
        rho = _rho(sums, chosen)
        return rho[:, :, None] - rho[:, None, :]

    found = bootstrap(statistic, configurations)
    return found.value, found.error


def _at_tau_alpha(frame: DataFrame) -> DataFrame:
    last: Mapping[str, str] = {
        str(group): tau_alpha(list(own["label"])) for group, own in frame.groupby("group", sort=False)
    }
    return frame[frame["label"] == frame["group"].map(last)]


MEASURES.add("methods", Measure(methods, check_methods, folds=True))
