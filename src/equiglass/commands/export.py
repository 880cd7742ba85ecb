"""equiglass export: write a trained model without the state of its training, to share it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from equiglass.commands.evaluate import CheckpointOption, RunArgument


def export(
    run: RunArgument,
    out: Annotated[Path, typer.Option("--out", "-o", help="New folder: one model, or one sub-folder per member.")],
    checkpoint: CheckpointOption = "last",
) -> None:
    """Write a model without the state of its training; other commands take the folder as RUN."""
    from equiglass.files.target import check_folder
    from equiglass.methods.loading import load_model, save_model

    check_folder(out, new=True)
    model = load_model(run, checkpoint)
    save_model(model, out)
    typer.echo(f"{out}: {len(model.members)} member{'s' if len(model.members) > 1 else ''}")
