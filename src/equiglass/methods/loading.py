"""Models from folders, and folders from models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from equiglass.errors import ConfigurationError, DataError
from equiglass.files.settings import changed, from_overrides, read_settings, validate
from equiglass.methods import METHODS
from equiglass.prediction.configuration import MethodConfiguration
from equiglass.prediction.ensemble import Ensemble
from equiglass.prediction.model import Model
from equiglass.prediction.model_file import read_model
from equiglass.prediction.predictor import Predictor
from equiglass.prediction.run_folder import RunFolder

PRETRAINED = Path(__file__).parent / "pretrained"
DEFAULT = "network"
"""The method that is used where none is named: the network of the paper."""


def pretrained_names() -> list[str]:
    """Names of the models of the package."""
    return sorted(path.name for path in PRETRAINED.iterdir() if path.is_dir()) if PRETRAINED.is_dir() else []


def folder_of(run: Path | str) -> RunFolder:
    """The folder of a model of the package or of one member, "kalj-T0.44" or "kalj-T0.44/member-1"; else of a path."""
    path = Path(run)
    return RunFolder(PRETRAINED / path if path.parts and path.parts[0] in pretrained_names() else path)


def load_model(run: Path | str, checkpoint: str = "last") -> Model:
    """Load a trained model.

    Args:
        run: a run folder; a folder of run folders, whose predictions are averaged; or a name from
            `pretrained_names`.
        checkpoint: "last", the model of the last epoch, or "best", of the epoch with the highest validation rho.

    Returns:
        A `Predictor` of one method, or an `Ensemble`.

    Raises:
        ConfigurationError: another checkpoint, nothing there, or members that do not fit together.
        DataError: a damaged model file.
    """
    folder = folder_of(run)
    members = folder.members(checkpoint)
    if not members:
        names = ", ".join(pretrained_names()) or "none"
        raise ConfigurationError(
            f"{run} is neither a run folder with {checkpoint}.safetensors nor a model of the package ({names})."
        )
    files = [path for member in members if (path := member.model(checkpoint)) is not None]
    loaded = [load_predictor(path) for path in files]
    if len(loaded) == 1:
        return named(loaded[0], str(run))
    averaged = (named(one, f"{run}/{member.path.name}") for one, member in zip(loaded, members, strict=True))
    return Ensemble(str(run), tuple(averaged))


def load_predictor(path: Path) -> Predictor:
    """Load one model file, by the format that it names.

    Raises:
        DataError: a damaged file, or a format that no method has.
    """
    _, description = read_model(path)
    for method in METHODS.values():
        if method.file_format == description.get("format"):
            return method.load(path)
    raise DataError(
        f"{path} has the format {description.get('format')!r}, which no method of this equiglass reads. "
        "Install a newer equiglass."
    )


def named(model: Any, name: str) -> Any:
    """The same model under another name."""
    return replace(model, name=name)


def save_model(model: Model, folder: Path) -> None:
    """Write a model, without any state of its training, to a folder that `load_model` reads."""
    for number, member in enumerate(model.members, start=1):
        place = RunFolder(folder if len(model.members) == 1 else folder / f"member-{number}")
        place.path.mkdir(parents=True, exist_ok=True)
        if not isinstance(member, Predictor):
            raise ConfigurationError(f"{member.name} is itself an average; save its members one by one.")
        member.save(place.checkpoint("last"))


def read_configuration(
    path: Path | None = None, overrides: Sequence[str] = (), method: str | None = None
) -> MethodConfiguration:
    """Read the settings of a training from a YAML file, apply ``key=value`` overrides, validate.

    Args:
        path: the file; None for the defaults.
        overrides: for instance ["epochs=10", "architecture.l_max=2"]; values are YAML.
        method: name of the method; None for the one that the file names, or the paper's network.

    Raises:
        ConfigurationError: an unreadable file, an unknown method or key (the nearest is suggested) or a wrong value.
    """
    settings = changed(read_settings(path) if path else {}, from_overrides(overrides))
    own = settings.get("method", method or DEFAULT)
    if method is not None and own != method:
        raise ConfigurationError(f"{path or '--set'} is for the method {own!r}, not {method!r}.")
    return validate(METHODS[str(own)].configuration, settings, str(path) if path else "the configuration")
