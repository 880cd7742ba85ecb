"""The console: the command as typed, and the width of the tables."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

WIDE = 1000
"""Width of the tables in files and pipes, in characters; rich would assume 80 and cut what is longer."""


def console() -> Console:
    """The console of standard output: as wide as the terminal, and wide enough for every table without one."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else WIDE)


def command_line() -> str:
    """The command of this process, as typed."""
    return shlex.join(["equiglass", *sys.argv[1:]])
