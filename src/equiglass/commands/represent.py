"""equiglass represent: |h| of every particle, its locally favoured structures, and their change with temperature."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from equiglass.commands.closing import closing
from equiglass.commands.evaluate import CheckpointOption, RunArgument
from equiglass.commands.train import DataOption

if TYPE_CHECKING:
    from rich.table import Table

    from equiglass.representation.order_parameter import OrderParameter


def represent(
    run: RunArgument,
    data: DataOption,
    out: Annotated[Path, typer.Option("--out", help="Folder for representation.h5, tables and figures.")],
    label: Annotated[
        str | None, typer.Option("--label", help="Time of the read-out weights drawn; default: tau_alpha, or the last.")
    ] = None,
    checkpoint: CheckpointOption = "last",
) -> None:
    """Write the representation of configurations and find locally favoured structures in it."""
    from equiglass.commands.progress import counted
    from equiglass.errors import ConfigurationError
    from equiglass.figures.temperature import save_order_parameter_figures
    from equiglass.files.target import check_folder
    from equiglass.formats import load
    from equiglass.liquid.state_points import tau_alpha
    from equiglass.machine.console import console
    from equiglass.methods.loading import load_model
    from equiglass.representation.decoders import decoders_of
    from equiglass.representation.order_parameter import order_parameter, save

    check_folder(out, new=True)
    model = load_model(run, checkpoint)
    labels = list(decoders_of(model).labels)
    shown = label or tau_alpha(labels)
    if shown not in labels:
        raise ConfigurationError(f"the network predicts the times labelled {labels}, not {shown!r}.")
    systems = load(data, replicas=False)
    with counted("representing", len(systems)) as count:
        found = order_parameter(model, systems, lambda _: count())
    out.mkdir(parents=True, exist_ok=True)
    save(found, out)
    save_order_parameter_figures(out, found.particles(), found.populations, found.weights, shown)
    for table in tables(found):
        console().print(table)
    closing(
        out,
        "representation.h5, structures.json, tables and figures",
        ("report", run, out, "--data", *data, "--out", "report.html"),
    )


def tables(found: OrderParameter) -> list[Table]:
    """Tables of the choice of the number of structures, of their populations, and of the energy regression."""
    from rich.table import Table

    from equiglass.files.tables import number, records

    choice = Table("type", "clusters", "BIC", "ICL", "silhouette", title="number of structures: the lowest ICL")
    for name, s in found.structures.items():
        for c in s.criteria:
            mark = " *" if c.clusters == s.n_clusters else ""
            choice.add_row(name, f"{c.clusters}{mark}", f"{c.bic:.0f}", f"{c.icl:.0f}", number(c.silhouette))
    columns = ("type", "T", "structure", "share", "mean propensity", "mean E_pot(IS)")
    shares = Table(*columns, title="populations; the propensity is the prediction for the last time")
    for p in records(found.populations):
        share = number(p["share"], p["error"])
        means = (number(p["propensity"]), number(p["energy"]))
        shares.add_row(p["type"], number(p["temperature"]), str(p["structure"]), share, *means)
    given = "an input of the model" if found.energy_is_input else "not an input of the model"
    energies = Table("type", "T", "rho", title=f"E_pot(IS), {given}, predicted from |h|")
    for e in records(found.energies):
        energies.add_row(e["type"], number(e["temperature"]), number(e["rho"], e["error"]))
    return [choice, shares, *([energies] if len(found.energies) else [])]
