"""The command ``equiglass``. An error prints one sentence on the error stream and exits with status 2.

``equiglass --debug COMMAND ...``, or EQUIGLASS_DEBUG=1 in the environment, shows the traceback too. Any exception other
than an EquiglassError is a mistake in equiglass. It always shows its traceback and exits with status 1.
"""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from typing import TextIO

from equiglass.errors import EquiglassError, EquiglassWarning

DEBUG = "--debug"


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

    words = sys.argv[1:]
    debug = words[:1] == [DEBUG] or os.environ.get("EQUIGLASS_DEBUG", "0") not in ("", "0")
    with warnings.catch_warnings():
        warnings.filterwarnings("always", category=EquiglassWarning)
        warnings.showwarning = show
        try:
            app(words[1:] if words[:1] == [DEBUG] else words)
        except EquiglassError as error:
            if debug:
                traceback.print_exc()
            print(f"error: {error}", file=sys.stderr)
            sys.exit(2)
        except (KeyboardInterrupt, SystemExit) as stop:
            # Typer turns Ctrl-C into exit status 130.
            if isinstance(stop, SystemExit) and stop.code != 130:
                raise
            print("stopped; finished work is saved. Continue with --resume, or with the same command.", file=sys.stderr)
            sys.exit(130)
        except Exception:
            traceback.print_exc()
            print(
                "error: this is a mistake in equiglass; please report it with the lines above and your command.",
                file=sys.stderr,
            )
            sys.exit(1)


if __name__ == "__main__":
    main()
