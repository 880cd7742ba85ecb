"""equiglass predict: write predictions for configurations as extended XYZ."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from equiglass.commands.evaluate import CheckpointOption, RunArgument

if TYPE_CHECKING:
    from equiglass.prediction.model import Prediction

TypesOption = Annotated[str | None, typer.Option("--types", help="Species of types 0, 1, ..., e.g. Ni,P.")]


def predict(
    run: RunArgument,
    files: Annotated[list[Path], typer.Argument(help="Configurations in any format that equiglass reads.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Extended XYZ file for one FILE; folder for several.")],
    types: TypesOption = None,
    checkpoint: CheckpointOption = "last",
) -> None:
    """Predict the target of every particle. The columns are propensity_LABEL per time label, or E_pot."""
    from rich.progress import track

    from equiglass.errors import ConfigurationError
    from equiglass.formats import load
    from equiglass.methods.loading import load_model

    model = load_model(run, checkpoint)
    species = types.split(",") if types else None
    loaded = [(file, load(file, types=species, copies=True)) for file in files]
    targets = [out] if len(files) == 1 else [out / f"{file.stem}.xyz" for file in files]
    if len(files) == 1 and out.is_dir():
        raise ConfigurationError(f"{out} is a folder; for one FILE name the extended XYZ file to write.")
    if len(files) > 1 and out.exists() and not out.is_dir():
        raise ConfigurationError(f"{out} is a file; for several FILEs name a folder.")
    if len(set(targets)) < len(targets):
        raise ConfigurationError("two FILEs have the same name; predict them one at a time.")
    frames = [(target, system) for target, (_, systems) in zip(targets, loaded, strict=True) for system in systems]
    predictions: dict[Path, list[Prediction]] = {}
    for target, system in track(frames, "predicting", transient=True):
        predictions.setdefault(target, []).append(model.predict(system))
    if len(files) > 1:
        out.mkdir(parents=True, exist_ok=True)
    for target, predicted in predictions.items():
        write_predictions(target, predicted)
        typer.echo(f"{target}: {len(predicted)} configuration{'s' if len(predicted) > 1 else ''}")


def write_predictions(path: Path, predictions: list[Prediction]) -> None:
    """Write extended XYZ with one column per label of the target, and the inherent positions if there are any."""
    from equiglass.formats.xyz import write_xyz
    from equiglass.liquid.targets import TARGETS

    frames = []
    for prediction in predictions:
        column = TARGETS[prediction.target].column
        columns = {column(label): prediction.at(label) for label in prediction.times}
        if prediction.system.positions_inherent is not None:
            columns["pos_inherent"] = prediction.system.positions_inherent
        frames.append((prediction.system, columns))
    write_xyz(path, frames)
