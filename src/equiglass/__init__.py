"""equiglass: structural order parameters of glass-forming liquids, learned by an equivariant graph neural network.

    import equiglass as eg
    (system,) = eg.load("my.xyz")
    prediction = eg.load_model("kalj-T0.44").predict(system)

The names below are the public interface. Each is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version as _version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from equiglass import observables
    from equiglass.dynamics.cage import cage
    from equiglass.errors import ConfigurationError, DataError, EquiglassError, EquiglassWarning, SetupError
    from equiglass.formats import load, save
    from equiglass.liquid.ends import as_end, ends_of
    from equiglass.liquid.inherent import quench
    from equiglass.liquid.potential import KOB_ANDERSEN, LennardJones
    from equiglass.liquid.system import System
    from equiglass.methods.loading import load_model
    from equiglass.methods.network.configuration import Configuration
    from equiglass.model.graph import build_graph
    from equiglass.prediction.evaluation import evaluate
    from equiglass.simulate.runs import label
    from equiglass.training import combine, crossvalidate, train

__version__ = _version("equiglass")

_HOME = {
    "ConfigurationError": "errors",
    "DataError": "errors",
    "EquiglassError": "errors",
    "EquiglassWarning": "errors",
    "SetupError": "errors",
    "System": "liquid.system",
    "KOB_ANDERSEN": "liquid.potential",
    "LennardJones": "liquid.potential",
    "load": "formats",
    "save": "formats",
    "as_end": "liquid.ends",
    "ends_of": "liquid.ends",
    "quench": "liquid.inherent",
    "build_graph": "model.graph",
    "Configuration": "methods.network.configuration",
    "label": "simulate.runs",
    "train": "training",
    "crossvalidate": "training",
    "combine": "training",
    "load_model": "methods.loading",
    "evaluate": "prediction.evaluation",
    "cage": "dynamics.cage",
}

__all__ = [
    "KOB_ANDERSEN",
    "Configuration",
    "ConfigurationError",
    "DataError",
    "EquiglassError",
    "EquiglassWarning",
    "LennardJones",
    "SetupError",
    "System",
    "as_end",
    "build_graph",
    "cage",
    "combine",
    "crossvalidate",
    "ends_of",
    "evaluate",
    "label",
    "load",
    "load_model",
    "observables",
    "quench",
    "save",
    "train",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its module."""
    if name == "observables":
        return import_module("equiglass.observables")
    if name in _HOME:
        return getattr(import_module(f"equiglass.{_HOME[name]}"), name)
    raise AttributeError(f"module 'equiglass' has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names."""
    return sorted([*__all__, "__version__"])
