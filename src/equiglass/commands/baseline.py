"""equiglass baseline: what to compare a network with, trained on the same data and scored in the same way."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from equiglass.commands.evaluate import FiguresOption, JsonOption
from equiglass.commands.train import DataOption

baseline = typer.Typer(help="Train a baseline; 'evaluate' and 'predict' take its folder like that of a network.")


@baseline.callback()
def _group() -> None:
    """Train a baseline; 'evaluate' and 'predict' take its folder like that of a network."""


@baseline.command()
def boattini(
    data: DataOption,
    out: Annotated[Path, typer.Option("--out", help="Folder to make.")],
    crossvalidate: Annotated[
        bool, typer.Option("--crossvalidate", help="One a fold; score every configuration by one that has not seen it.")
    ] = False,
    json_file: JsonOption = None,
    figures: FiguresOption = None,
) -> None:
    """Linear regression on the descriptors of Boattini et al.; every choice by cross-validation within the data."""
    from rich.progress import track

    from equiglass.commands.evaluate import report
    from equiglass.commands.train import quench_with_progress
    from equiglass.errors import EquiglassError
    from equiglass.formats import load
    from equiglass.liquid.splits import validation_fold
    from equiglass.methods.linear.boattini import boattini_features, fit_boattini, save_boattini
    from equiglass.methods.loading import BASELINE, load_model
    from equiglass.training import read_configuration

    if (json_file or figures) and not crossvalidate:
        raise EquiglassError(
            "--json and --figures go with --crossvalidate; 'equiglass evaluate' scores what is trained."
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise EquiglassError(f"{out} is not empty; choose another folder.")
    configuration = read_configuration()
    systems = quench_with_progress(load(data), configuration)
    n_types = max(system.n_types for system in systems)
    features = [boattini_features(system, n_types) for system in track(systems, "describing", transient=True)]
    described = {id(system): (x, system) for x, system in zip(features, systems, strict=True)}
    held_out, predicted = [], []
    for fold in range(1, configuration.folds + 1) if crossvalidate else [0]:
        training, held = validation_fold(systems, configuration.folds, fold)
        run = out / f"fold-{fold}" if crossvalidate else out
        model = fit_boattini([described[id(system)] for system in training])
        run.mkdir(parents=True, exist_ok=True)
        save_boattini(model, run / BASELINE)
        for system in held:
            prediction = load_model(run).predict(system)
            held_out.append(system)
            predicted.append({label: prediction.at(label) for label in prediction.times})
    if crossvalidate:
        title = f"{len(held_out)} configurations, each predicted by a regression that has not seen it"
        report(held_out, predicted, title, json_file, figures)
    else:
        typer.echo(f"{out}: trained; 'equiglass evaluate {out} --data DIR' scores it")
