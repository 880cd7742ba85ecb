"""MathJax from the site itself: the files of the PyPI package sphinx-mathjax-offline that these pages need."""

from importlib.util import find_spec
from pathlib import Path

from sphinx.util.fileutil import copy_asset

PARTS = {"tex-chtml.js": "", "input/tex/extensions": "input/tex/extensions", "output/chtml/fonts": "output/chtml/fonts"}


def copy(app, exception):
    """Copy script, extensions and fonts to the folder that `mathjax_path` names."""
    if exception is None and app.builder.format == "html":
        source = Path(find_spec("sphinx-mathjax-offline").origin).parent / "static" / "mathjax"
        target = Path(app.outdir) / "_static" / "mathjax"
        for part, folder in PARTS.items():
            (target / folder).mkdir(parents=True, exist_ok=True)
            copy_asset(source / part, target / folder)


def setup(app):
    """The path is relative to _static."""
    app.config.mathjax_path = "mathjax/tex-chtml.js"
    app.connect("build-finished", copy)
    return {"parallel_read_safe": True}
