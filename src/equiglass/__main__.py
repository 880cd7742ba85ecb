"""The command ``equiglass``: errors are one sentence on the error stream and exit status 2."""

from __future__ import annotations

import sys
import warnings
from typing import TextIO

from equiglass.errors import EquiglassError, EquiglassWarning


def main() -> None:
    """Run the command line."""
    from equiglass.commands import app

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if issubclass(category, EquiglassWarning):
            print(f"warning: {message}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.filterwarnings("always", category=EquiglassWarning)
        warnings.showwarning = show
        try:
            app()
        except EquiglassError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(2)
        except (KeyboardInterrupt, SystemExit) as stop:
            # Typer turns Ctrl-C into exit status 130.
            if isinstance(stop, SystemExit) and stop.code != 130:
                raise
            print("stopped; what was finished is kept; --resume, or the same command, goes on with it", file=sys.stderr)
            sys.exit(130)


if __name__ == "__main__":
    main()
