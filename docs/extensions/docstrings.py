"""The docstrings as reStructuredText: plain formulas become literal, `names` in single backquotes become code."""

import re

MARKED = re.compile(r"(``.+?``|`[^`\n]+`_{0,2})")
SPECIAL = re.compile(r"([*|\\]|(?<=\w)_(?!\w))")


def literal(line):
    """The line with `name` as ``name`` and with the characters escaped that reStructuredText would interpret."""
    parts = MARKED.split(line)
    for number, part in enumerate(parts):
        if number % 2 == 0:
            parts[number] = SPECIAL.sub(r"\\\1", part)
        elif not part.startswith("``"):
            parts[number] = f"``{part.strip('`')}``"
    return "".join(parts)


def process(app, what, name, object_, options, lines):
    """Mark indented blocks outside the sections as literal, and escape all other text."""
    found, section, block = [], False, False
    for line in lines:
        indented = line.startswith("    ")
        if re.fullmatch(r"(Args|Attributes|Returns|Raises|Yields|Example|Examples|Note|Notes|Source|Warns):", line):
            section = True
        elif line.strip() and not indented:
            section = False
        if indented and not section:
            if not block:
                found += ["", "::", ""]
            block = True
            found.append(line)
            continue
        if block and line.strip():
            block = False
            found.append("")
        found.append(line if block else literal(line))
    lines[:] = found


def setup(app):
    """Before napoleon reads the sections, whose priority is 500."""
    app.connect("autodoc-process-docstring", process, priority=400)
    return {"parallel_read_safe": True}
