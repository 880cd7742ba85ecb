"""The page of the commands: what `equiglass COMMAND --help` prints."""

from pathlib import Path

from typer.testing import CliRunner

from equiglass.commands import COMMANDS
from equiglass.commands import app as command_line

PLAIN = {"COLUMNS": "100", "TERMINAL_WIDTH": "100", "NO_COLOR": "1", "TERM": "dumb"}


def write(app):
    """Write reference/commands.md from the help texts."""
    parts = ["# Commands\n\nWhat `equiglass COMMAND --help` prints.\n"]
    for command in COMMANDS:
        name = command.__name__
        shown = CliRunner().invoke(command_line, [name, "--help"], env=PLAIN, catch_exceptions=False)
        text = shown.output
        text = "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")
        parts.append(f"## {name}\n\n```text\n{text}\n```\n")
    page, text = Path(app.srcdir) / "reference" / "commands.md", "\n".join(parts)
    if not page.exists() or page.read_text(encoding="utf-8") != text:
        page.write_text(text, encoding="utf-8")


def setup(app):
    """Before the pages are searched."""
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True}
