"""The demo: the whole chain on the package's own data set, in minutes on two cores.

Train on 16 configurations, choose on 4, score on the last 4: the network, a ridge regression on what one
convolution could make of the same input, and the noise ceiling, in one table.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from equiglass.errors import EquiglassError
from equiglass.files import write_text
from equiglass.formats import load
from equiglass.formats.xyz import write_xyz
from equiglass.liquid.inherent import inherent_distance
from equiglass.liquid.system import System
from equiglass.liquid.targets.propensity import column
from equiglass.methods.linear.descriptors import FIRST_LAYER, first_layer_invariants
from equiglass.methods.linear.ridge import fit_ridge
from equiglass.methods.loading import load_model
from equiglass.methods.network.configuration import Configuration, read_configuration
from equiglass.prediction.evaluation import Predicted, Row, as_json, evaluate, evaluate_model

DATA = Path(__file__).parent / "data"
DATASET = DATA / "kalj-T0.64.h5"
CONFIGURATION = DATA / "demo.yaml"
TRAINING, VALIDATION = 16, 4


def demo_data() -> tuple[list[System], list[System], list[System]]:
    """The package's data set: (training, validation, test) configurations."""
    systems = load(DATASET)
    return systems[:TRAINING], systems[TRAINING : TRAINING + VALIDATION], systems[TRAINING + VALIDATION :]


def demo_configuration() -> Configuration:
    """The training configuration of the demo."""
    return read_configuration(CONFIGURATION)


def ridge_predictions(
    training: Sequence[System], validation: Sequence[System], test: Sequence[System], l_max: int
) -> list[Predicted]:
    """Baseline: ridge on first-layer invariants, E_pot(IS) and distance to the IS.

    It sees what the network sees: types, thermal positions within the cutoff, the energy in the inherent structure and
    the way there. Penalties are chosen on the validation set.
    """

    def described(systems: Sequence[System]) -> list[tuple[np.ndarray, System]]:
        return [(np.column_stack([first_layer_invariants(s, l_max=l_max), inherent_distance(s)]), s) for s in systems]

    ridge = fit_ridge(described(training), described(validation))
    predictions = [ridge.predict(features, system.types) for features, system in described(test)]
    return [dict(zip(ridge.time_labels, p, strict=True)) for p in predictions]


def report(out: Path, run: Path) -> list[Row]:
    """Score network and baseline on the test configurations; write table, figures and extended XYZ.

    Args:
        out: folder of the demo.
        run: run folder of the trained network.

    Returns:
        The network's scores.
    """
    training, validation, test = demo_data()
    configuration = demo_configuration()
    rows, systems, predicted = evaluate_model(load_model(run), test)
    baseline = ridge_predictions(training, validation, test, configuration.architecture.l_max)
    baseline_rows = evaluate(test, baseline)
    _print(rows, baseline_rows, len(test))
    scores = {"network": as_json(rows, len(test)), "ridge": as_json(baseline_rows, len(test))}
    write_text(out / "scores.json", json.dumps(scores, indent=2) + "\n")
    write_xyz(out / "test.xyz", [(s, _columns(s, p)) for s, p in zip(systems, predicted, strict=True)])
    _draw(out, rows, baseline_rows, systems[0], predicted[0])
    return rows


def _columns(system: System, predicted: Predicted) -> dict[str, np.ndarray]:
    assert system.propensity is not None
    columns = {column(label): np.asarray(values) for label, values in predicted.items()}
    return columns | {f"measured_{label}": system.propensity[system.row(label)] for label in predicted}


def _print(rows: Sequence[Row], baseline: Sequence[Row], configurations: int) -> None:
    table = Table(title=f"rho on {configurations} test configurations: mean per configuration (pooled)")
    for title in ("type", "time", "network", "ridge", "noise ceiling"):
        table.add_column(title, justify="left" if title == "type" else "right")
    behind = 0
    for row, other in zip(rows, baseline, strict=True):
        behind += row.type == "A" and row.per_configuration <= other.per_configuration
        table.add_row(
            row.type,
            f"{row.time:g}",
            f"{row.per_configuration:.3f} ({row.pooled:.3f})",
            f"{other.per_configuration:.3f} ({other.pooled:.3f})",
            f"{row.ceiling_per_configuration:.3f} ({row.ceiling_pooled:.3f})",
        )
    console = Console()
    console.print(table)
    console.print(
        f"ridge: norms of the first convolution with {FIRST_LAYER.number} Gaussian shells "
        f"({FIRST_LAYER.first:g} to {FIRST_LAYER.last:g}, width {FIRST_LAYER.width:g}), E_pot(IS) and distance to "
        "the IS, penalty chosen on the validation configurations"
    )
    if behind:
        console.print(f"The network does not beat the ridge for A at {behind} of the times.")


def _draw(out: Path, rows: Sequence[Row], baseline: Sequence[Row], system: System, predicted: Mapping) -> None:
    from equiglass.figures import Curve, propensity_slice, rho_against_time, save_figure, scatter

    of_a = [row for row in rows if row.type == "A"]
    ridge = [row for row in baseline if row.type == "A"]
    times = [row.time for row in of_a]
    curves = [
        Curve("network", times, [row.per_configuration for row in of_a]),
        Curve("ridge, first layer", times, [row.per_configuration for row in ridge]),
    ]
    ceiling = Curve("noise ceiling", times, [row.ceiling_per_configuration for row in of_a])
    save_figure(rho_against_time(curves, ceilings=[ceiling], title="type A"), out / "rho.png")
    last = of_a[-1].label
    if system.propensity is None:
        raise EquiglassError(f"{system.name} has no propensities to draw.")
    truth = system.propensity[system.row(last)]
    title = f"t = {of_a[-1].time:g}"
    save_figure(propensity_slice(system, truth, predicted[last], title=title), out / "slice.png")
    save_figure(scatter(truth, predicted[last], title=title), out / "scatter.png")
