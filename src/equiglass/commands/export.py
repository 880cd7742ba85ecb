"""equiglass export: a trained model without the state of its training, to share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from equiglass.commands.evaluate import CheckpointOption, RunArgument


def export(
    run: RunArgument,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to make: one model, or one sub-folder a member.")],
    checkpoint: CheckpointOption = "last",
) -> None:
    """Write the weights of a model, without the optimiser's state, to a folder that the other commands take as RUN."""
    from equiglass.errors import EquiglassError
    from equiglass.model.trained import Trained, save_trained
    from equiglass.prediction import load_model

    model = load_model(run, checkpoint)
    if out.exists() and any(out.iterdir()):
        raise EquiglassError(f"{out} is not empty; choose another folder.")
    networks = [member for member in model.members if isinstance(member, Trained)]
    if not networks:
        raise EquiglassError(f"{run} is a baseline; its file holds nothing to leave out: copy it.")
    single = len(networks) == 1
    for number, member in enumerate(networks, start=1):
        folder = out if single else out / f"member-{number}"
        folder.mkdir(parents=True, exist_ok=True)
        save_trained(member, folder / "last.safetensors")
    typer.echo(f"{out}: {len(networks)} network{'' if single else 's'}")
