"""The command ``equiglass``. An error prints one sentence on the error stream and exits with status 2.

A signal, such as Ctrl-C or the SIGTERM of a batch system, prints what is saved and exits with status 128 + its number.

``equiglass --debug COMMAND ...``, or EQUIGLASS_DEBUG=1 in the environment, shows the traceback too. Any exception other
than an EquiglassError is a mistake in equiglass. It always shows its traceback and exits with status 1.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
import traceback
import warnings
from typing import TextIO

from equiglass.errors import EquiglassError, EquiglassWarning

DEBUG = "--debug"

RED, YELLOW = 31, 33
"""Colours of a terminal."""


WHAT_IS_SAVED = (
    "no file is half written. Continue with the same command, with --resume where it has this option; what is not yet "
    "stored is done again."
)

PLAIN = "equiglass.plain"
"""Name of the rule for characters that a terminal cannot show."""


def _plain(error: UnicodeError) -> tuple[str, int]:
    """ASCII in place of characters that an encoding lacks."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    instead = {"±": "+-", "ρ": "rho", "τ": "tau", "α": "alpha", "χ": "chi", "…": "...", "·": ".", "–": "-", "é": "e"}
    lacking = error.object[error.start : error.end]
    return "".join(instead.get(character, "?") for character in lacking), error.end


codecs.register_error(PLAIN, _plain)


def _marked(word: str, colour: int) -> str:
    """A word in a colour, on a terminal; NO_COLOR=1 in the environment prevents it."""
    plain = not sys.stderr.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return word if plain else f"\033[1;{colour}m{word}\033[0m"


def _notes(error: BaseException) -> list[str]:
    return list(getattr(error, "__notes__", []))


def main() -> None:
    """Run the command line."""
    from equiglass.commands import app
    from equiglass.machine.signals import Interrupted, caught

    printed: set[str] = set()

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        # A file that is read twice gives its warnings twice.
        if issubclass(category, EquiglassWarning) and str(message) not in printed:
            printed.add(str(message))
            print(f"{_marked('warning:', YELLOW)} {message}", file=sys.stderr)

    words = sys.argv[1:]
    debug = words[:1] == [DEBUG] or os.environ.get("EQUIGLASS_DEBUG", "0") not in ("", "0")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=PLAIN)
    with warnings.catch_warnings():
        warnings.filterwarnings("always", category=EquiglassWarning)
        warnings.showwarning = show
        try:
            with caught():
                app(words[1:] if words[:1] == [DEBUG] else words)
        except EquiglassError as error:
            if debug:
                traceback.print_exc()
            print(f"{_marked('error:', RED)} {error}", *_notes(error), file=sys.stderr)
            sys.exit(2)
        except Interrupted as stop:
            said = _notes(stop) or [WHAT_IS_SAVED]
            print(_marked(f"stopped ({stop.name}):", YELLOW), *said, file=sys.stderr)
            sys.exit(stop.code)
        except (KeyboardInterrupt, SystemExit) as stop:
            # Typer turns Ctrl-C into exit status 130.
            if isinstance(stop, SystemExit) and stop.code != 130:
                raise
            print(_marked("stopped (Ctrl-C):", YELLOW), WHAT_IS_SAVED, file=sys.stderr)
            sys.exit(130)
        except Exception:
            traceback.print_exc()
            print(
                _marked("error:", RED),
                "this is a mistake in equiglass; please report it with the lines above and your command.",
                file=sys.stderr,
            )
            sys.exit(1)


if __name__ == "__main__":
    main()
