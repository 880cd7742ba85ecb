"""The command line, run in the process of the tests."""

from __future__ import annotations

import sys

from equiglass.__main__ import main


def run(*words: object) -> int:
    """Exit status of the command line, in this process."""
    argv, sys.argv = sys.argv, ["equiglass", *map(str, words)]
    try:
        main()
    except SystemExit as stop:
        return int(stop.code or 0)
    finally:
        sys.argv = argv
    return 0
