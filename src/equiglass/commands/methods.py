"""equiglass methods: list the methods that can be trained."""

from __future__ import annotations


def methods() -> None:
    """List the methods with their source, their needs and their cost."""
    from rich.console import Console
    from rich.table import Table

    from equiglass.methods import METHODS
    from equiglass.methods.loading import read_configuration

    table = Table("method", "what", "source", "needs", "cost")
    for name in METHODS:
        method = METHODS[name]
        needs = ", ".join(sorted(read_configuration(method=name).needs)) or "-"
        table.add_row(name, method.about.summary, method.about.source, needs, method.about.cost)
    Console().print(table)
