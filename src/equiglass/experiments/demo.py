"""The demo: the whole chain on the data set of the package, in minutes on two cores.

Train on 16 configurations, choose on 4, score on the last 4: the network, a ridge regression on what one
convolution could make of the same input, and the noise ceiling, in one table.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.table import Table

from equiglass.files import write_text
from equiglass.formats import load
from equiglass.formats.xyz import origin_of_predictions, write_xyz
from equiglass.liquid.system import System
from equiglass.liquid.targets import TARGETS, measured
from equiglass.machine.console import console
from equiglass.methods.first_layer import FirstLayerConfiguration
from equiglass.methods.linear.descriptors import FIRST_LAYER
from equiglass.methods.loading import load_model, read_configuration
from equiglass.methods.network.configuration import Configuration
from equiglass.prediction.configuration import MethodConfiguration
from equiglass.prediction.evaluation import Scores, evaluate
from equiglass.prediction.model import Prediction

DATA = Path(__file__).parent / "data"
DATASET = DATA / "kalj-T0.64.h5"
CONFIGURATION = DATA / "demo.yaml"
TRAINING, VALIDATION = 16, 4


def demo_data() -> tuple[list[System], list[System], list[System]]:
    """The package's data set: (training, validation, test) configurations."""
    systems = load(DATASET)
    return systems[:TRAINING], systems[TRAINING : TRAINING + VALIDATION], systems[TRAINING + VALIDATION :]


def demo_configuration() -> Configuration:
    """The training configuration of the demo's network."""
    configuration = read_configuration(CONFIGURATION)
    assert isinstance(configuration, Configuration)
    return configuration


def ridge_configuration(network: MethodConfiguration | None = None) -> FirstLayerConfiguration:
    """The ridge regression that sees what the network sees: degrees, and the scalars of its node inputs."""
    network = network or demo_configuration()
    assert isinstance(network, Configuration)
    return FirstLayerConfiguration(l_max=network.architecture.l_max, nodes=network.inputs.nodes, choose_on="validation")


def report(out: Path, test: Sequence[System]) -> Scores:
    """Score network and regression on the test configurations; write table, figures and extended XYZ.

    Args:
        out: folder of the demo, with the run folders "run" of the network and "ridge" of the regression.
        test: the test configurations.

    Returns:
        The network's scores.
    """
    predictions = {name: [load_model(out / name).predict(system) for system in test] for name in ("run", "ridge")}
    scores = {name: evaluate(test, predicted) for name, predicted in predictions.items()}
    _print(scores["run"], scores["ridge"])
    plain = {"network": scores["run"].as_json(), "ridge": scores["ridge"].as_json()}
    write_text(out / "scores.json", json.dumps(plain, indent=2) + "\n")
    comment = origin_of_predictions("network", predictions["run"][0].times)
    write_xyz(out / "test.xyz", [(p.system, _columns(p), comment) for p in predictions["run"]])
    _draw(out, scores["run"], scores["ridge"], predictions["run"][0])
    return scores["run"]


def _columns(prediction: Prediction) -> dict[str, np.ndarray]:
    """Predicted and measured propensity at every time, by column."""
    labels = list(prediction.times)
    column = TARGETS[prediction.target].column
    truth = measured(prediction.system, labels, prediction.target)
    columns = {column(label): prediction.at(label) for label in labels}
    return columns | {f"measured_{label}": row for label, row in zip(labels, truth, strict=True)}


def _print(network: Scores, ridge: Scores) -> None:
    table = Table(title=f"rho on {network.configurations} test configurations: mean per configuration (pooled)")
    for column in ("type", "time", "network", "ridge", "noise ceiling"):
        table.add_column(column, justify="left" if column == "type" else "right")
    behind = 0
    for row, other in zip(network, ridge, strict=True):
        behind += row.type == "A" and row.per_configuration <= other.per_configuration
        table.add_row(
            row.type,
            f"{row.time:g}",
            f"{row.per_configuration:.3f} ({row.pooled:.3f})",
            f"{other.per_configuration:.3f} ({other.pooled:.3f})",
            f"{row.ceiling_per_configuration:.3f} ({row.ceiling_pooled:.3f})",
        )
    shown = console()
    shown.print(table)
    shown.print(
        f"ridge: norms of the first convolution with {FIRST_LAYER.number} Gaussian shells "
        f"({FIRST_LAYER.first:g} to {FIRST_LAYER.last:g}, width {FIRST_LAYER.width:g}), E_pot(IS) and distance to "
        "the IS, penalty chosen on the validation configurations"
    )
    if behind:
        shown.print(f"The network does not beat the ridge for A at {behind} of the times.")


def _draw(out: Path, network: Scores, ridge: Scores, prediction: Prediction) -> None:
    from pandas import concat

    from equiglass.figures import propensity_slice, rho_against_time, save_figure, scatter

    frames = {"network": network.frame(), "ridge, first layer": ridge.frame()}
    both = concat([frame.assign(method=name) for name, frame in frames.items()]).query("type == 'A'")
    save_figure(rho_against_time(both, curve="method", title="type A"), out / "rho.png")
    last = both[both["method"] == "network"].iloc[-1]
    truth = measured(prediction.system, [last["label"]])[0]
    predicted, title = prediction.at(last["label"]), f"t = {last['time']:g}"
    save_figure(propensity_slice(prediction.system, truth, predicted, title=title), out / "slice.png")
    save_figure(scatter(truth, predicted, title=title), out / "scatter.png")
