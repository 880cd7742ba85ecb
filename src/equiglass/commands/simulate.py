"""equiglass simulate: make a data set by molecular dynamics with LAMMPS."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from equiglass.commands.closing import closing
from equiglass.commands.predict import names_in


def _list_presets(wanted: bool) -> None:
    if wanted:
        from equiglass.simulate import PRESETS, presets

        for name, description in presets().items():
            typer.echo(f"{name}  {description}")
        typer.echo(f"The files are in {PRESETS}; copy one to change it.")
        raise typer.Exit


def simulate(
    protocol: Annotated[str, typer.Argument(help="YAML file of the protocol, or a name from --list.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the data set.")],
    from_: Annotated[
        list[Path] | None,
        typer.Option("--from", help="Start the runs from these configurations, a file or a folder; may be repeated."),
    ] = None,
    types: Annotated[
        Sequence[str] | None,
        typer.Option(
            "--types", parser=names_in, metavar="NAMES", help="With --from: species of types 0, 1, ..., e.g. Ni,P."
        ),
    ] = None,
    merge: Annotated[bool, typer.Option("--merge", help="With --from: add to the existing labels.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Continue a stopped simulation.")] = False,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Number of simultaneous runs, one core each.")] = 1,
    parsl: Annotated[
        Path | None, typer.Option("--parsl", help="Python file with a Parsl config, to run on a cluster.")
    ] = None,
    list_: Annotated[
        bool,
        typer.Option("--list", help="List the protocols of the package.", callback=_list_presets, is_eager=True),
    ] = False,
) -> None:
    """Equilibrate a liquid, take configurations, and run their iso-configurational ensembles."""
    from equiglass.commands.progress import progress
    from equiglass.errors import ConfigurationError
    from equiglass.files.target import check_folder
    from equiglass.formats import load
    from equiglass.simulate import load_ensemble, load_protocol, run_from, run_protocol

    if not from_ and (merge or types):
        raise ConfigurationError("--merge and --types need the configurations of --from.")
    check_folder(out)
    with progress("simulating") as shown:

        def finished(done: int, total: int, what: str) -> None:
            shown.update(done, total, f"{done} of {total}, {what}")

        if from_:
            ensemble = load_ensemble(protocol)
            given = load(from_, types=types, replicas=merge, potential=ensemble.potential)
            systems = run_from(
                given, ensemble, out, merge=merge, resume=resume, progress=finished, jobs=jobs, parsl=parsl
            )
        else:
            whole = load_protocol(protocol)
            systems = run_protocol(whole, out, resume=resume, progress=finished, jobs=jobs, parsl=parsl)
    dataset = out / "dataset.h5"
    closing(
        dataset,
        f"{len(systems)} configurations; the checks are in {out / 'report.md'}",
        ("train", "--data", dataset, "--out", "RUN"),
        ("crossvalidate", "--data", dataset, "--out", "CV"),
    )
