"""An experiment from its declaration and the data to its files."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from equiglass.errors import ConfigurationError
from equiglass.experiments.declaration import Declaration, Settings, cases, chosen
from equiglass.experiments.measures import MEASURES, Measured
from equiglass.experiments.plan import Training, groups_of, possible, supplied, trainings
from equiglass.experiments.results import refuse_to_replace, write_results
from equiglass.experiments.runs import missing, train_missing
from equiglass.liquid.system import System

RUNS = "runs"
"""Folder of the trainings of all experiments."""


def carry_out(
    name: str,
    declaration: Declaration,
    systems: Mapping[str, Sequence[System]],
    out: Path,
    *,
    seeds: int | None = None,
    folds: int | None = None,
    only: Collection[str] = (),
    changes: Settings | None = None,
    quick: bool = False,
    command: str = "",
    on_quench: Callable[[int, int, str], None] | None = None,
    on_plan: Callable[[Sequence[Training], Sequence[Training]], None] = lambda all_, missing: None,
    on_step: Callable[[Training, int], None] = lambda training, step: None,
) -> Measured:
    """Train what is missing in OUT/runs, measure, and write OUT/NAME.

    Args:
        name: of the folder and the files.
        declaration: the experiment.
        systems: configurations with propensities, by the name of where they come from.
        out: OUT.
        seeds: number of them; that of the declaration if None.
        folds: number of them; that of the declaration if None.
        only: names of the variants to carry out; all if empty.
        changes: to the base of the declaration.
        quick: try it: one seed, few epochs, few configurations.
        command: that starts the experiment, for the files.
        on_quench: called after every quench with (done, total, name).
        on_plan: called once with all trainings and those that are missing.
        on_step: called when a training begins and after each of its steps, with the steps done.

    Raises:
        ConfigurationError: a wrong declaration, or one that does not fit the data.
        EquiglassError: a training that failed.
    """
    if name == RUNS:
        raise ConfigurationError(f"an experiment cannot be called {RUNS!r}, the folder of the trainings; rename it.")
    refuse_to_replace(out / name, quick)
    declaration = chosen(declaration, only, folds)
    measure = MEASURES[declaration.measure]
    if declaration.folds and not measure.folds:
        able = ", ".join(key for key in MEASURES if MEASURES[key].folds)
        raise ConfigurationError(f"the measure {declaration.measure!r} has no folds; those with folds: {able}.")
    made = cases(declaration, changes)
    groups = groups_of(systems, declaration, quick)
    measure.check(groups, declaration)
    made, left_out = possible(made, groups)
    groups = supplied(groups, made, on_quench)
    planned = trainings(declaration, made, groups, 1 if quick else seeds or declaration.seeds, quick)
    on_plan(planned, missing(planned, out / RUNS))
    runs = train_missing(planned, out / RUNS, on_step, command)
    measured = measure.of(runs, declaration)
    measured = replace(measured, notes=(*measured.notes, *left_out))
    write_results(out / name, declaration, runs, measured, command, quick)
    return measured
