"""equiglass represent: |h| of every particle, the structures in it, and how they vary with temperature."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

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
        str | None, typer.Option("--label", help="Time of the decoder weights drawn; else tau_alpha, or the last.")
    ] = None,
    checkpoint: CheckpointOption = "last",
) -> None:
    """Write the representation of configurations and find locally favoured structures in it."""
    from rich.console import Console
    from rich.progress import track

    from equiglass.errors import EquiglassError
    from equiglass.figures.temperature import save_order_parameter_figures
    from equiglass.formats import load
    from equiglass.liquid.state_points import tau_alpha
    from equiglass.methods.loading import load_model
    from equiglass.representation.order_parameter import measure, save

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise EquiglassError(f"{out} is not empty; choose another folder.")
    model = load_model(run, checkpoint)
    shown = label or tau_alpha(list(model.times))
    if shown not in model.times:
        raise EquiglassError(f"the model predicts the times labelled {list(model.times)}, not {shown!r}.")
    systems = load(data, replicas=False)
    with_bar = iter(track(range(len(systems)), "representing", transient=True))
    found = measure(model, systems, lambda _: next(with_bar, None))
    out.mkdir(parents=True, exist_ok=True)
    save(found, out)
    save_order_parameter_figures(out, found, shown)
    for table in tables(found):
        Console().print(table)
    typer.echo(f"{out}: representation.h5, structures.json, tables and figures")


def tables(found: OrderParameter) -> list[Table]:
    """The choice of the number of structures, their populations, and the energy regression."""
    from rich.table import Table

    choice = Table("type", "clusters", "BIC", "ICL", "silhouette", title="number of structures: the lowest ICL")
    for name, s in found.structures.items():
        for c in s.criteria:
            mark = " *" if c.clusters == s.n_clusters else ""
            choice.add_row(name, f"{c.clusters}{mark}", f"{c.bic:.0f}", f"{c.icl:.0f}", _number(c.silhouette))
    columns = ("type", "T", "structure", "share", "mean propensity", "mean E_pot(IS)")
    shares = Table(*columns, title="populations; the propensity is predicted, for the latest time")
    for p in found.populations:
        share = f"{p.share:.3f}" + ("" if p.error != p.error else f" +- {p.error:.3f}")
        numbers = (_number(p.propensity), _number(p.energy))
        shares.add_row(p.type, _number(p.temperature), str(p.structure), share, *numbers)
    given = "an input of the model" if found.energy_is_input else "not an input of the model"
    energies = Table("type", "T", "rho", title=f"E_pot(IS), {given}, from |h| of other configurations")
    for e in found.energies:
        rho = f"{e.rho:.3f}" + ("" if e.error != e.error else f" +- {e.error:.3f}")
        energies.add_row(e.type, _number(e.temperature), rho)
    return [choice, shares, *([energies] if found.energies else [])]


def _number(value: float | None) -> str:
    return "-" if value is None or value != value else f"{value:.3f}"
