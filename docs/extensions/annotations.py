"""Types in signatures link to the class that the module has imported, also where two classes share a name."""

import ast
import inspect
import sys
from functools import cache

from sphinx.addnodes import pending_xref


@cache
def names_of(module):
    """For each class that a module defines, and each name that it imports, the dotted name.

    Imports for type checking alone do not exist at run time, so the source is read.
    """
    if module not in sys.modules:
        return {}
    found = {}
    for node in ast.walk(ast.parse(inspect.getsource(sys.modules[module]))):
        if isinstance(node, ast.ImportFrom) and not node.level:
            found |= {name.asname or name.name: f"{node.module}.{name.name}" for name in node.names}
        elif isinstance(node, ast.ClassDef):
            found[node.name] = f"{module}.{node.name}"
    return found


def qualify(app, doctree):
    """Write the dotted name into every reference to a bare name. One that its module does not know leads nowhere."""
    for node in doctree.findall(pending_xref):
        name, module = node.get("reftarget", ""), node.get("py:module")
        if node.get("refdomain") == "py" and module and "." not in name:
            node["reftarget"] = names_of(module).get(name, f"{module}.{name}")


def setup(app):
    """After a page is read."""
    app.connect("doctree-read", qualify)
    return {"parallel_read_safe": True}
