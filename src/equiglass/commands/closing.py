"""The last lines of a command: where its results are, and what to do next."""

from __future__ import annotations

import shlex
from pathlib import Path

import typer

SAME_COMMAND = "Finished trainings remain. Continue with the same command."
"""What a command says when it is stopped between trainings."""


def closing(where: Path, what: str, *commands: tuple[object, ...]) -> None:
    """Print where results are and what they are, and the commands that may follow.

    Args:
        where: file or folder of the results.
        what: what it holds.
        commands: words of command lines of equiglass.
    """
    typer.echo(f"{where}: {what}")
    for words in commands:
        following(*words)


def following(*words: object) -> None:
    """Print a command that may follow, from its words. The reader replaces those in capital letters."""
    typer.echo(f"next: equiglass {shlex.join(map(str, words))}")
