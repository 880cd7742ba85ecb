"""equiglass methods: list the methods that can be trained."""

from __future__ import annotations


def methods() -> None:
    """List the methods with their source, their needs and their cost."""
    from rich.table import Table

    from equiglass.machine.console import console
    from equiglass.methods import METHODS
    from equiglass.methods.loading import read_configuration

    table = Table("method", "what", "source", "needs", "cost")
    for name in METHODS:
        method = METHODS[name]
        configuration = read_configuration(method=name)
        needs = [*sorted(configuration.needs), *(["displacements of every run"] if configuration.needs_runs else [])]
        table.add_row(name, method.about.summary, method.about.source, ", ".join(needs) or "-", method.about.cost)
    console().print(table)
