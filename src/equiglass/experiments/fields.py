"""Propensity fields of test configurations: measured, predicted, and predicted after transfer learning.

The network of transfer learning is that of one temperature, used at all others with its decoders refitted on the
training configurations there, as in Figures 7 and 8 of arXiv 2211.03226.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict
from pydantic import Field as Option

from equiglass.errors import EquiglassError
from equiglass.experiments.curves import PublishedCurves
from equiglass.experiments.declaration import Declaration, options_of
from equiglass.experiments.measured import Line, apart, markdown, number
from equiglass.experiments.plan import Group
from equiglass.experiments.runs import Run, groups_of_runs
from equiglass.liquid.arrays import Float
from equiglass.liquid.system import System, type_name
from equiglass.liquid.targets import measured
from equiglass.observables import GLASSBENCH, PAPER, Step
from equiglass.prediction.evaluation import Predicted
from equiglass.representation.decoders import decoders_of, refit
from equiglass.representation.represent import represent

MEASURED = "MD"
COLUMNS = ("group", "temperature", "field", "type", "label", "time", "configurations", "threshold", "softness")
"""What tells the rows of fields apart beside the seed."""

STEPS = {"paper": PAPER, "glassbench": GLASSBENCH}


class FieldOptions(BaseModel):
    """Options of the measures of fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    step: Literal["paper", "glassbench"] = Option("paper", description="threshold and softness of c_i")
    trained_at: float | None = Option(
        None, description="temperature of the network of transfer learning; else the (n/2 + 1)-th of n, from the lowest"
    )
    published: PublishedCurves | None = None


def check_fields(groups: Sequence[Group], declaration: Declaration) -> None:
    """Refuse a temperature of transfer learning that no group has.

    Raises:
        EquiglassError: it is so, or an option is wrong.
    """
    wanted = options_of(declaration, FieldOptions).trained_at
    known = [group.temperature for group in groups]
    if wanted is not None and wanted not in known:
        names = ", ".join(group.name for group in groups)
        raise EquiglassError(f"options: trained_at: there is no network of T = {wanted:g}; there are {names}.")


@dataclass(frozen=True)
class Field:
    """The propensities of the test configurations of a group.

    Attributes:
        name: `MEASURED`, or how they were predicted.
        group: of the configurations.
        seed: of the network; None if measured.
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
                yield (
                    type_name(kind),
                    masks,
                    [values[:, mask] for values, mask in zip(self.propensity, masks, strict=True)],
                )

    def time(self, label: str) -> float:
        """Value of a time in the first configuration."""
        return float(self.group.test[0].times[self.group.test[0].row(label)])

    def line(self, kind: str, label: str, step: Step) -> Line:
        """What a row of results begins with: `COLUMNS` and the seed."""
        return {
            "group": self.group.name,
            "temperature": self.group.temperature,
            "field": self.name,
            "seed": self.seed,
            "type": kind,
            "label": label,
            "time": self.time(label),
            "configurations": len(self.propensity),
            "threshold": step.threshold,
            "softness": step.softness,
        }


def fields_of(runs: Sequence[Run], trained_at: float | None = None) -> tuple[list[Field], list[str]]:
    """Measured fields of every group, those of the network trained there, those of transfer learning.

    Args:
        runs: of an experiment.
        trained_at: temperature of the network of transfer learning; by default the upper of the middle ones.

    Returns:
        (fields, sentences about what is not there).

    Raises:
        EquiglassError: no time that is known in all test configurations.
    """
    groups = groups_of_runs(runs)
    fields = [_measured(group, runs) for group in groups]
    labels = {field.group.name: field.labels for field in fields}
    for run in runs:
        group = run.training.group
        predicted = [run.model.predict(system) for system in group.test]
        shared = [label for label in labels[group.name] if label in run.model.times]
        fields.append(_predicted(str(run), run, group, shared, [{k: p.at(k) for k in shared} for p in predicted]))
    temperatures = sorted({group.temperature for group in groups if group.temperature is not None})
    if len(temperatures) < 2:
        return fields, ["Transfer learning needs configurations of two temperatures or more: there is none here."]
    source = temperatures[len(temperatures) // 2] if trained_at is None else trained_at
    notes = []
    for group in groups:
        if group.temperature in (None, source):
            continue
        if len(group.training) < 2:
            notes.append(f"{group.name}: one training configuration; decoders are refitted on two or more.")
            continue
        for run in runs:
            if run.training.group.temperature != source:
                continue
            shared = [label for label in labels[group.name] if label in run.model.times]
            if shared:
                fields.append(_transferred(f"{run}, transfer-learned from T = {source:g}", run, group, shared))
            else:
                notes.append(f"{group.name}: no time in common with the networks of T = {source:g}.")
    return fields, list(dict.fromkeys(notes))


def _measured(group: Group, runs: Sequence[Run]) -> Field:
    wanted = dict.fromkeys(label for run in runs for label in run.model.times)
    rows = [measured(system, list(wanted)) for system in group.test]
    known = [k for k in range(len(wanted)) if all(np.isfinite(values[k]).all() for values in rows)]
    if not known:
        raise EquiglassError(f"{group.name}: no time of the networks is known for all particles that are tested on.")
    labels = tuple(np.array(list(wanted))[known].tolist())
    return Field(MEASURED, group, None, labels, tuple(values[known] for values in rows))


def _predicted(name: str, run: Run, group: Group, labels: Sequence[str], predicted: Iterable[Predicted]) -> Field:
    propensity = tuple(np.array([each[label] for label in labels]) for each in predicted)
    return Field(name, group, run.training.seed, tuple(labels), propensity)


def _transferred(name: str, run: Run, group: Group, labels: Sequence[str]) -> Field:
    fit = refit(decoders_of(run.model).select(labels), [represent(run.model, system) for system in group.training])

    def predicted(system: System) -> Predicted:
        return fit.decoders.predict(represent(run.model, system))

    return _predicted(name, run, group, fit.decoders.labels, map(predicted, group.test))


def step_in_words(step: Step) -> str:
    """Threshold and softness as a sentence."""
    how = f"softened over {step.softness:g}" if step.softness else "sharp"
    return f"c_i is the step of the propensity at {step.threshold:g}, {how} (LJ lengths)."


def medians(rows: Sequence[Line], by: Sequence[str], columns: Sequence[str]) -> list[Line]:
    """Over the seeds: the median of each column and of its ``_error``, and ``_lowest`` and ``_highest``.

    Args:
        rows: with these columns, and those that ``by`` names.
        by: what tells apart what is summarised; other columns that do not vary may be named there too.
        columns: None counts as unknown.
    """
    summary = []
    for names, own in apart(rows, by).items():
        line: Line = {**dict(zip(by, names, strict=True)), "seeds": len(own)}
        for column in columns:
            values, errors = (
                [value for row in own if isinstance(value := row[key], int | float)]
                for key in (column, f"{column}_error")
            )
            line[column] = float(np.median(values)) if values else None
            line[f"{column}_error"] = float(np.median(errors)) if errors else None
            line[f"{column}_lowest"] = min(values, default=None)
            line[f"{column}_highest"] = max(values, default=None)
        summary.append(line)
    return summary


def table(summary: Sequence[Line], across: str, columns: Mapping[str, str]) -> str:
    """For each group, type and column: fields down, value ± error across.

    Args:
        summary: from `medians`.
        across: column whose values are the header.
        columns: those shown, with their titles.
    """
    parts = ["Median over the seeds of the value and of its bootstrap error over the test configurations."]
    for group, kind in dict.fromkeys((line["group"], line["type"]) for line in summary):
        own = [line for line in summary if (line["group"], line["type"]) == (group, kind)]
        header = sorted({float(str(line[across])) for line in own})
        for column, title in columns.items():
            cells: dict[str, dict[float, str]] = {}
            for line in own:
                cells.setdefault(str(line["field"]), {})[float(str(line[across]))] = value_and_error(line, column)
            body = [[name, *(found.get(at, "") for at in header)] for name, found in cells.items()]
            titles = ["", *(f"{across} = {at:g}" for at in header)]
            parts += [f"{group}, type {kind}, {title}:", markdown(titles, body)]
    return "\n\n".join(part.strip() for part in parts)


def value_and_error(line: Line, column: str) -> str:
    """For instance "0.783 ± 0.011"."""
    error = line[f"{column}_error"]
    return number(line[column]) + (f" ± {number(error)}" if error is not None else "")
