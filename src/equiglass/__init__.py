"""equiglass: structural order parameters of glass-forming liquids, learned by an equivariant graph neural network.

    import equiglass
    (system,) = equiglass.load("my.xyz")
    prediction = equiglass.load_model("kalj-T0.44").predict(system)

The names below are the public interface; each is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version as _version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from equiglass.errors import EquiglassError, EquiglassWarning
    from equiglass.evaluation import evaluate
    from equiglass.formats import load, save
    from equiglass.graph import build_graph
    from equiglass.inherent import quench
    from equiglass.potential import KOB_ANDERSEN, LennardJones
    from equiglass.prediction import load_model
    from equiglass.system import System
    from equiglass.training import Configuration, train

__version__ = _version("equiglass")

_HOME = {
    "EquiglassError": "errors",
    "EquiglassWarning": "errors",
    "System": "system",
    "KOB_ANDERSEN": "potential",
    "LennardJones": "potential",
    "load": "formats",
    "save": "formats",
    "quench": "inherent",
    "build_graph": "graph",
    "Configuration": "training",
    "train": "training",
    "load_model": "prediction",
    "evaluate": "evaluation",
}

__all__ = [
    "KOB_ANDERSEN",
    "Configuration",
    "EquiglassError",
    "EquiglassWarning",
    "LennardJones",
    "System",
    "build_graph",
    "evaluate",
    "load",
    "load_model",
    "quench",
    "save",
    "train",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its module."""
    if name in _HOME:
        return getattr(import_module(f"equiglass.{_HOME[name]}"), name)
    raise AttributeError(f"module 'equiglass' has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names."""
    return sorted([*__all__, "__version__"])
