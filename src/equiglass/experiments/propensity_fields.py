"""Propensity fields of test configurations: measured, predicted, and predicted after transfer learning.

The network of transfer learning is that of one temperature. At all others its decoders are refitted on the training
configurations there, as in Figures 7 and 8 of arXiv 2211.03226.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field as Option

from equiglass.errors import ConfigurationError, DataError
from equiglass.experiments.declaration import Declaration, options_of
from equiglass.experiments.joined import joined
from equiglass.experiments.plan import Group
from equiglass.experiments.published import PublishedCurves, Strict
from equiglass.experiments.runs import Run, groups_of_runs
from equiglass.files.tables import crossed, number, records
from equiglass.liquid.arrays import Float
from equiglass.liquid.system import System, type_name
from equiglass.liquid.targets import measured
from equiglass.methods.loading import DEFAULT
from equiglass.observables import GLASSBENCH, PAPER, Step
from equiglass.representation.decoders import decoders_of, refit
from equiglass.representation.represent import represent

if TYPE_CHECKING:
    from pandas import DataFrame

MEASURED = "MD"
COLUMNS = ("group", "temperature", "field", "type", "label", "time", "configurations", "threshold", "softness")
"""Columns that distinguish the rows of fields, besides the seed."""

Values = Callable[[System], Callable[[str], Float]]
"""Predicted propensity of a configuration, by label."""

STEPS = {"paper": PAPER, "glassbench": GLASSBENCH}


class FieldOptions(Strict):
    """Options of the measures of fields."""

    step: Literal["paper", "glassbench"] = Option("paper", description="threshold and softness of c_i")
    trained_at: float | None = Option(
        None, description="temperature of the network of transfer learning; else the (n/2 + 1)-th of n, from the lowest"
    )
    published: PublishedCurves | None = None


def check_fields(groups: Sequence[Group], declaration: Declaration) -> None:
    """Refuse a temperature of transfer learning that no group has.

    Raises:
        ConfigurationError: it is so, or an option is wrong.
    """
    wanted = options_of(declaration, FieldOptions).trained_at
    if wanted is not None and wanted not in [group.temperature for group in groups]:
        names = ", ".join(group.name for group in groups)
        raise ConfigurationError(f"options: trained_at: there is no network of T = {wanted:g}; there are {names}.")


@dataclass(frozen=True)
class PropensityField:
    """The propensities of the test configurations of a group.

    Attributes:
        name: `MEASURED`, or how they were predicted.
        group: of the configurations.
        seed: of the model; None if measured.
        labels: of the times, known in all configurations.
        propensity: LJ length, (T, N) for each configuration.
    """

    name: str
    group: Group
    seed: int | None
    labels: tuple[str, ...]
    propensity: tuple[Float, ...]

    def by_type(self) -> Iterator[tuple[str, list[np.ndarray], list[Float]]]:
        """(type, which particles, propensity (T, n)) of the types that occur in all configurations."""
        systems = self.group.test
        for kind in range(max(system.n_types for system in systems)):
            masks = [system.types == kind for system in systems]
            if all(mask.any() for mask in masks):
                chosen = [values[:, mask] for values, mask in zip(self.propensity, masks, strict=True)]
                yield type_name(kind), masks, chosen

    def rows(
        self,
        labels: Sequence[str],
        step: Step,
        numbers: Callable[[list[np.ndarray], list[Float]], Mapping[str, Any]],
    ) -> DataFrame:
        """Rows of results, for one type after the other: `COLUMNS`, the seed, and numbers.

        Args:
            labels: the time of every row, or one for all.
            step: threshold and softness of c_i.
            numbers: columns of one length, from which particles and their propensities, as `by_type` has them.
        """
        from pandas import DataFrame, concat

        first = self.group.test[0]
        times = [float(first.times[first.row(label)]) for label in labels]
        parts = []
        for kind, masks, values in self.by_type():
            found = DataFrame(numbers(masks, values))
            each = 1 if len(labels) > 1 else len(found)
            columns = {
                "group": self.group.name,
                "temperature": self.group.temperature,
                "field": self.name,
                "seed": self.seed,
                "type": kind,
                "label": list(labels) * each,
                "time": times * each,
                "configurations": len(self.propensity),
                "threshold": step.threshold,
                "softness": step.softness,
            }
            parts.append(DataFrame({**columns, **found}).astype({"seed": "Int64", "temperature": "float64"}))
        return concat(parts, ignore_index=True)


def fields_of(runs: Sequence[Run], trained_at: float | None = None) -> tuple[list[PropensityField], list[str]]:
    """Measured fields of every group, those of the model trained there, those of transfer learning.

    Args:
        runs: of an experiment.
        trained_at: temperature of the network of transfer learning; by default the upper of the middle ones.

    Returns:
        The fields, and sentences about what is missing.

    Raises:
        DataError: no time is known in all test configurations.
    """
    groups = groups_of_runs(runs)
    if any(group.fold for group in groups):
        return _over_folds(runs), ["Transfer learning is not combined with folds: there is none here."]
    fields = [_measured(group, runs) for group in groups]
    labels = {field.group: field.labels for field in fields}

    def predicted(name: str, run: Run, group: Group, values: Values) -> PropensityField:
        shared = tuple(label for label in labels[group] if label in run.model.times)
        propensity = [np.array([at(label) for label in shared]) for at in map(values, group.test)]
        return PropensityField(name, group, run.training.seed, shared, tuple(propensity))

    fields += [predicted(str(run), run, run.training.group, _as_trained(run)) for run in runs]
    temperatures = sorted({group.temperature for group in groups if group.temperature is not None})
    if len(temperatures) < 2:
        return fields, ["Transfer learning needs configurations of two temperatures or more: there is none here."]
    source = temperatures[len(temperatures) // 2] if trained_at is None else trained_at
    others = [group for group in groups if group.temperature not in (None, source)]
    notes = []
    for group, run in product(others, [run for run in runs if run.training.group.temperature == source]):
        if len(group.training) < 2:
            notes.append(f"{group.name}: one training configuration; decoders are refitted on two or more.")
        elif run.training.configuration.method != DEFAULT:
            notes.append(f"{run}: no transfer learning, which refits the decoders of a network.")
        elif not set(labels[group]) & set(run.model.times):
            notes.append(f"{group.name}: no time in common with the networks of T = {source:g}.")
        else:
            values = _refitted(run, group, labels[group])
            fields.append(predicted(f"{run}, transfer-learned from T = {source:g}", run, group, values))
    return fields, list(dict.fromkeys(notes))


def _over_folds(runs: Sequence[Run]) -> list[PropensityField]:
    """The fields of all folds together; every configuration is predicted by the model that has not seen it."""
    found, fields = joined(runs), []
    for name in dict.fromkeys(one.group for one in found):
        own = [one for one in found if one.group == name]
        group = Group(name, (), own[0].systems)
        truth = _measured(group, runs)
        fields.append(truth)
        for one in own:
            labels = tuple(label for label in truth.labels if label in one.times)
            places = [list(one.times).index(label) for label in labels]
            values = tuple(one.values(system)[places] for system in group.test)
            fields.append(PropensityField(one.name, group, one.seed, labels, values))
    return fields


def _measured(group: Group, runs: Sequence[Run]) -> PropensityField:
    wanted = list(dict.fromkeys(label for run in runs for label in run.model.times))
    rows = [measured(system, wanted) for system in group.test]
    known = [k for k in range(len(wanted)) if all(np.isfinite(values[k]).all() for values in rows)]
    if not known:
        raise DataError(f"{group.name}: no time of the models is known for all particles that are tested on.")
    labels = tuple(wanted[k] for k in known)
    return PropensityField(MEASURED, group, None, labels, tuple(values[known] for values in rows))


def _as_trained(run: Run) -> Values:
    return lambda system: run.model.predict(system).at


def _refitted(run: Run, group: Group, labels: Sequence[str]) -> Values:
    decoders = decoders_of(run.model)
    shared = [label for label in labels if label in decoders.labels]
    fit = refit(decoders.select(shared), [represent(run.model, system) for system in group.training])
    return lambda system: fit.decoders.predict(represent(run.model, system)).__getitem__


def fields_table(summary: DataFrame, columns: Mapping[str, str]) -> str:
    """For each group, type and column: fields down, times across, median ± error.

    Args:
        summary: medians over the seeds.
        columns: those shown, with their titles.
    """
    cells = [
        {
            "title": f"{row['group']}, type {row['type']}, {title}",
            "row": row["field"],
            "column": row["time"],
            "text": number(row[f"{column}_median"], row[f"{column}_error"]),
        }
        for row in records(summary)
        for column, title in columns.items()
    ]
    head = "Median over the seeds of the value and of its bootstrap error over the test configurations."
    return f"{head}\n\n{crossed(cells, 't = {}')}"
