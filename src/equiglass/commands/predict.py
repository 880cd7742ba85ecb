"""equiglass predict: write predictions for configurations as extended XYZ."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from equiglass.commands.evaluate import CheckpointOption, RunArgument

if TYPE_CHECKING:
    from equiglass.formats.xyz import Columns
    from equiglass.liquid.system import System
    from equiglass.prediction.model import Prediction

TypesOption = Annotated[str | None, typer.Option("--types", help="Species of types 0, 1, ..., e.g. Ni,P.")]
FramesOption = Annotated[
    str | None, typer.Option("--frames", help="Frames of every FILE, start:stop:step, e.g. 0:1000:10.")
]


def predict(
    run: RunArgument,
    files: Annotated[list[Path], typer.Argument(help="Configurations in any format that equiglass reads.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Extended XYZ file for one FILE; folder for several.")],
    types: TypesOption = None,
    frames: FramesOption = None,
    checkpoint: CheckpointOption = "last",
) -> None:
    """Predict the target of every particle. The columns are propensity_LABEL per time label, or E_pot."""
    from rich.progress import track

    from equiglass.errors import ConfigurationError
    from equiglass.formats import stream
    from equiglass.methods.loading import load_model

    model = load_model(run, checkpoint)
    species = types.split(",") if types else None
    targets = [out] if len(files) == 1 else [out / f"{file.stem}.xyz" for file in files]
    if len(files) == 1 and out.is_dir():
        raise ConfigurationError(f"{out} is a folder; for one FILE name the extended XYZ file to write.")
    if len(files) > 1 and out.exists() and not out.is_dir():
        raise ConfigurationError(f"{out} is a file; for several FILEs name a folder.")
    if len(set(targets)) < len(targets):
        raise ConfigurationError("two FILEs have the same name; predict them one at a time.")
    if len(files) > 1:
        out.mkdir(parents=True, exist_ok=True)
    for file, target in zip(files, targets, strict=True):
        # One configuration at a time is in memory.
        systems = track(stream(file, types=species, frames=frames), f"predicting {file.name}", transient=True)
        written = write_predictions(target, (model.predict(system) for system in systems))
        typer.echo(f"{target}: {written} configuration{'s' if written > 1 else ''}")


def write_predictions(path: Path, predictions: Iterator[Prediction]) -> int:
    """Write predictions of one model as extended XYZ, one at a time, and return their number.

    There is one column per label of the target, the ids of the file, and the inherent positions if there are any. The
    comment line names the times, the model, and the version of equiglass.
    """
    from equiglass.errors import DataError
    from equiglass.formats.xyz import origin_of_predictions, write_xyz
    from equiglass.liquid.targets import TARGETS

    first = next(predictions, None)
    if first is None:
        raise DataError("there is no configuration to predict; check --frames.")
    column, written = TARGETS[first.target].column, 0

    def frames() -> Iterator[tuple[System, Columns]]:
        nonlocal written
        for prediction in chain((first,), predictions):
            columns = {column(label): prediction.at(label) for label in prediction.times}
            if prediction.system.positions_inherent is not None:
                columns["pos_inherent"] = prediction.system.positions_inherent
            written += 1
            yield prediction.system, columns

    write_xyz(path, frames(), origin_of_predictions(first.model, first.times))
    return written
