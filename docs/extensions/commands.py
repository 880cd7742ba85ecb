"""The page of the commands: what `equiglass COMMAND --help` prints."""

import os
import subprocess
import sys
from pathlib import Path

from equiglass.commands import COMMANDS


def write(app):
    """Write reference/commands.md from the help texts."""
    plain = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
    parts = ["# Commands\n\nWhat `equiglass COMMAND --help` prints.\n"]
    for command in COMMANDS:
        name = command.__name__
        words = [sys.executable, "-m", "equiglass", name, "--help"]
        text = subprocess.run(words, env=plain, capture_output=True, text=True, check=True).stdout
        text = "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")
        parts.append(f"## {name}\n\n```text\n{text}\n```\n")
    page, text = Path(app.srcdir) / "reference" / "commands.md", "\n".join(parts)
    if not page.exists() or page.read_text(encoding="utf-8") != text:
        page.write_text(text, encoding="utf-8")


def setup(app):
    """Before the pages are searched."""
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True}
