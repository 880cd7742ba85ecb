"""Learning curves at one temperature: a network from random weights, and from weights learned before on other data.

    python experiments/learning.py OUT --data LABELLED --unlabelled MORE [MORE ...] --folds 2 1

One of five folds of LABELLED is the test, and 1, 2, 5 or 8 configurations of the others are learned. The network starts
from

    random          random weights
    labels          `experiments/start.safetensors`, which has learned the labels of higher temperatures
    energy          the energy in the inherent structure: of `--number` configurations of MORE, without their labels
    displacement    the length of the displacement to the inherent structure, of the same ones
    force           the length of the force at the thermal positions
    noise           the length of Gaussian noise that is added to the inherent structure

Configurations of MORE that have a parent in the test, or are in it, are left out. A start does not see its own target:
its node inputs are those of the network or fewer. OUT holds a run per start and per point, learning-start.csv, a table
and a figure. The same command continues a stopped one; finished points are not done again.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from pandas import DataFrame, concat, read_csv

import equiglass
from equiglass.figures.curves import curves
from equiglass.figures.style import save_figure
from equiglass.files import write_text
from equiglass.files.tables import crossed, csv, number
from equiglass.liquid.arrays import Float
from equiglass.liquid.displacement import distance
from equiglass.liquid.splits import families, validation_fold
from equiglass.liquid.system import System, unlabelled
from equiglass.methods.loading import load_predictor, read_configuration
from equiglass.model.inputs import INPUTS
from equiglass.training import train
from joint import SETTINGS

LABEL = "7"
"""The label of tau_alpha."""

NOISE = 0.1
"""Standard deviation of the noise per component, LJ length; close to that of a particle in its cage."""

START = Path(__file__).parent / "start.safetensors"
FROM_RANDOM = (0.005, 160)
FROM_START = (0.002, 80)
BEFORE = (0.005, 160)
"""Learning rate and number of steps of a training from random weights, from a start, and of a start."""


KEYS = ["start", "fold", "configurations"]
"""The columns that name a point."""


def own_label(system: System, values: Float) -> System:
    """The configuration with these values of its particles, (N,), in place of its labels."""
    return unlabelled(system, propensity=values[None], time_labels=("own",), times=np.ones(1))


def displacement(system: System, number: int) -> System:
    """The label is the length of the displacement to the inherent structure."""
    return own_label(system, distance(system, "inherent"))


def force(system: System, number: int) -> System:
    """The label is the length of the force at the thermal positions."""
    return own_label(system, np.linalg.norm(INPUTS["force"].compute(system)[1], axis=1))


def noise(system: System, number: int) -> System:
    """Noise is added to the inherent structure; the label is its length."""
    added = np.random.default_rng(number).normal(0, NOISE, system.positions.shape)
    noisy = replace(system, positions_inherent=system.positions_in("inherent") + added)
    return own_label(noisy, np.linalg.norm(added, axis=1))


TASKS: dict[str, tuple[Callable[[System, int], System], tuple[str, ...]]] = {
    "energy": (lambda system, number: system, ("target=energy", "inputs.nodes=[displacement_inherent]")),
    "displacement": (displacement, ("inputs.nodes=[energy_inherent]",)),
    "force": (force, ()),
    "noise": (noise, ("inputs.nodes=[]",)),
}
"""What a start learns without labels: the change of every configuration, and its settings."""


def unrelated(paths: Sequence[Path], test: Sequence[System], number: int) -> list[System]:
    """So many of the configurations that are not related to the test, at equal distances."""
    every = equiglass.load(paths, replicas=False)
    family = families([*test, *every])
    kept = [s for s, own in zip(every, family[len(test) :], strict=True) if own not in family[: len(test)]]
    return [kept[k] for k in np.linspace(0, len(kept) - 1, min(number, len(kept))).astype(int)]


def settings(rate: float, steps: int, configurations: int, *further: str) -> Any:
    """The settings of a training of so many steps."""
    schedule = (f"learning_rate={rate}", f"epochs={max(1, round(steps / configurations))}")
    return read_configuration(None, [*SETTINGS, "standardise=training", *schedule, *further], "network")


def start_of(name: str, run: Path, systems: Callable[[], list[System]]) -> Path | None:
    """The model file of a start, which is trained in ``run`` if it has no labels; None for random weights."""
    if name == "labels":
        return START
    if name not in TASKS:
        return None
    finished = run / "finished.safetensors"
    if not finished.is_file():
        changed, further = TASKS[name]
        known = [changed(system, number) for number, system in enumerate(systems())]
        before = time.process_time()
        configuration = settings(*BEFORE, len(known), "inputs.generations=0", *further)
        train(known, run, configuration, resume=run.exists(), command="experiments/learning.py")
        (run / "last.safetensors").rename(finished)
        print(f"start {name}: {len(known)} configurations, {time.process_time() - before:.0f} s", flush=True)
    return finished


def point(training: Sequence[System], test: Sequence[System], start: Path | None, run: Path) -> DataFrame:
    """Train on these configurations, none for the start as it is, and score the test; a row per type."""
    before = time.process_time()
    if training:
        further = () if start is None else (f"start={start}",)
        rate, steps = FROM_RANDOM if start is None else FROM_START
        configuration = settings(rate, steps, len(training), f"times=['{LABEL}']", *further)
        model = train(training, run, configuration, resume=run.exists(), command="experiments/learning.py")
        scores = equiglass.evaluate(test, [model.predict(system) for system in test])
    else:
        assert start is not None
        predictor = load_predictor(start)
        row = list(predictor.times).index(LABEL)
        scores = equiglass.evaluate(test, [{LABEL: predictor.values(system)[row]} for system in test])
    columns = ["type", "per_configuration", "pooled", "ceiling_per_configuration", "ceiling_pooled"]
    frame = scores.frame()[columns]
    return frame.assign(seconds=round(time.process_time() - before, 1))


def draw(out: Path, rows: DataFrame) -> None:
    """Write table and figure."""
    conventions = {"per_configuration": "per configuration", "pooled": "pooled"}
    cells = []
    for column, convention in conventions.items():
        for kind in rows["type"].unique():
            for row in rows[rows["type"] == kind].to_dict("records"):
                title = f"Type {kind}, rho {convention}"
                where = {"title": title, "row": f"{row['start']}, fold {row['fold']}", "column": row["configurations"]}
                cells.append({**where, "text": number(row[column])})
    said = (
        "# Learning curves at tau_alpha, with and without a start\n\n"
        "`python experiments/learning.py OUT --data LABELLED --unlabelled MORE`\n\n"
        "Columns: number of training configurations; 0 is the start as it is. One network with seed 1 per number, two "
        "test configurations per fold.\n\n"
    )
    write_text(out / "table.md", said + crossed(cells, "{}") + "\n")
    shown = rows[rows["configurations"] > 0]
    panel = [f"type {kind}, fold {fold}" for kind, fold in zip(shown["type"], shown["fold"], strict=True)]
    figure = curves(
        shown.assign(panel=panel, at=shown["configurations"]).sort_values(["fold", "type"], kind="stable"),
        "at",
        "per_configuration",
        curve="start",
        panel="panel",
        xlabel="training configurations",
        xscale="log",
        ylim=(0.5, 0.9),
    )
    save_figure(figure, out / "learning-start.png")


def main() -> None:
    """Train and score what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--unlabelled", type=Path, nargs="+", default=[])
    parser.add_argument("--number", type=int, default=80, help="number of unlabelled configurations")
    parser.add_argument("--folds", type=int, nargs="+", default=[1, 2, 3, 4, 5], choices=range(1, 6))
    parser.add_argument("--sizes", type=int, nargs="+", default=[0, 1, 2, 5, 8])
    parser.add_argument(
        "--starts", nargs="+", default=["random", "labels", *TASKS], choices=["random", "labels", *TASKS]
    )
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    systems, table = equiglass.load(given.data, replicas=False), given.out / "learning-start.csv"
    rows = read_csv(table) if table.is_file() else DataFrame(columns=[*KEYS, "type"])
    for name, fold in product(given.starts, given.folds):
        others, test = validation_fold(systems, 5, fold)
        folder = given.out / f"fold-{fold}"
        start = start_of(name, folder / f"start-{name}", partial(unrelated, given.unlabelled, test, given.number))
        for size in given.sizes if name == "labels" else filter(None, given.sizes):
            key = (name, fold, size)
            if key in rows[KEYS].itertuples(index=False, name=None):
                continue
            new = point(others[:size], test, start, folder / f"{name}-{size}")
            new = new.assign(**dict(zip(KEYS, key, strict=True)))
            rows = concat([rows, new], ignore_index=True) if len(rows) else new
            write_text(table, csv(rows[KEYS + [column for column in rows if column not in KEYS]]))
            rho = ", ".join(f"{row['type']} {row['per_configuration']:.3f}" for row in new.to_dict("records"))
            print(f"{name}, fold {fold}, {size} configurations: {rho}; {new['seconds'].iloc[0]:.0f} s", flush=True)
    draw(given.out, read_csv(table))


if __name__ == "__main__":
    main()
