"""The reference of the modules: a page per folder of the package, written before a build."""

import pkgutil
import tomllib
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def folders():
    """The folders of the layers in pyproject.toml, without the command line and the modifier for OVITO.

    The modifier needs OVITO to be imported. Its page is docs/ovito.md.
    """
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (layers,) = (each["layers"] for each in settings["tool"]["importlinter"]["contracts"] if each["type"] == "layers")
    names = (name for layer in layers for name in layer.split(" | "))
    return [name for name in names if name not in ("__main__", "commands", "ovito")]


def modules_of(folder):
    """Names of a folder and of all modules in it, parents first."""
    name = f"equiglass.{folder}"
    path = getattr(import_module(name), "__path__", None)
    inner = () if path is None else pkgutil.walk_packages(path, f"{name}.")
    return [name, *sorted(module.name for module in inner)]


def page(folder):
    """The page of a folder."""
    lines = [folder, "=" * len(folder), ""]
    for number, name in enumerate(modules_of(folder)):
        if number:
            title = name.removeprefix("equiglass.")
            lines += [title, "-" * len(title), ""]
        lines += [f".. automodule:: {name}", "   :ignore-module-all:", ""]
    return "\n".join(lines)


def write(app):
    """Write reference/modules/FOLDER.rst."""
    folder = Path(app.srcdir) / "reference" / "modules"
    folder.mkdir(exist_ok=True)
    for name in folders():
        text, path = page(name), folder / f"{name}.rst"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def setup(app):
    """Before the pages are searched."""
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True}
