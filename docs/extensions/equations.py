"""From the functions back to the equations: theory.md names, after each equation, what computes it."""

import re
from pathlib import Path

PARAGRAPH = re.compile(r"^\(eq-([\w-]+)\)=\n(.*?)(?=^\(eq-|^#|\Z)", re.MULTILINE | re.DOTALL)
ROLE = re.compile(r"\{py:\w+\}`(?:[^`<]*<)?~?([\w.]+)>?`")


def functions(page):
    """For each dotted name of a function on the page, the labels of the equations that name it."""
    found = {}
    for label, text in PARAGRAPH.findall(page):
        for name in ROLE.findall(text):
            found.setdefault(name, []).append(label)
    return found


def add_links(app, what, name, object_, options, lines):
    """Add to the docstring the links to its equations."""
    labels = app.equations.get(name, [])
    if labels:
        links = ", ".join(f":ref:`{label} <eq-{label}>`" for label in labels)
        lines += ["", f"**Theory:** equation {links}.", ""]


def setup(app):
    """After the extension docstrings has escaped the text."""
    app.equations = functions((Path(app.srcdir) / "theory.md").read_text(encoding="utf-8"))
    app.connect("autodoc-process-docstring", add_links, priority=600)
    return {"parallel_read_safe": True}
