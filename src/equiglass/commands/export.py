"""equiglass export: write a trained model without the state of its training, to share it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from equiglass.commands.closing import closing
from equiglass.commands.evaluate import CheckpointOption, RunArgument


def export(
    run: RunArgument,
    out: Annotated[Path, typer.Option("--out", "-o", help="New folder: one model, or one sub-folder per member.")],
    checkpoint: CheckpointOption = "last",
    data: Annotated[
        list[Path] | None,
        typer.Option("--data", help="Training data of an older model, whose fingerprints are added; may be repeated."),
    ] = None,
) -> None:
    """Write a model without the state of its training; other commands take the folder as RUN."""
    from equiglass.files.target import check_folder
    from equiglass.formats import load
    from equiglass.methods.loading import load_model, save_model, with_fingerprints
    from equiglass.prediction.run_folder import RunFolder
    from equiglass.prediction.split import Split

    check_folder(out, new=True)
    model = load_model(run, checkpoint)
    model = with_fingerprints(model, load(data, replicas=False)) if data else model
    save_model(model, out)
    splits = [member.data.split for member in model.members if member.data.split is not None]
    if splits:
        RunFolder(out).write_split(Split.joined(splits))
    closing(out, f"{len(model.members)} member{'s' if len(model.members) > 1 else ''}", ("predict", out, "FILE"))
