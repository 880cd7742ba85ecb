"""Loading models from folders, saving them to folders, and reading the settings of a training."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from equiglass.errors import ConfigurationError, DataError, EquiglassWarning
from equiglass.files.partial import digest
from equiglass.files.settings import changed, from_overrides, read_settings, validate
from equiglass.liquid.system import System
from equiglass.methods import METHODS
from equiglass.prediction.combination import Combination
from equiglass.prediction.configuration import MethodConfiguration
from equiglass.prediction.ensemble import Ensemble
from equiglass.prediction.model import Model
from equiglass.prediction.model_file import fitting, read_model
from equiglass.prediction.predictor import Predictor
from equiglass.prediction.run_folder import RunFolder
from equiglass.prediction.split import Split

PRETRAINED = Path(__file__).parent / "pretrained"
DEFAULT = "network"
"""Method of a configuration that names none: the network of the paper."""


def pretrained_names() -> list[str]:
    """Names of the models that the package contains."""
    return sorted(path.name for path in PRETRAINED.iterdir() if path.is_dir()) if PRETRAINED.is_dir() else []


def folder_of(run: Path | str) -> RunFolder:
    """The folder at a path, or that of a shipped model or of its member: "kalj-T0.44", "kalj-T0.44/member-1"."""
    path = Path(run)
    return RunFolder(PRETRAINED / path if path.parts and path.parts[0] in pretrained_names() else path)


def load_model(run: Path | str, checkpoint: str = "last") -> Model:
    """Load a trained model.

    Args:
        run: a run folder, a folder of run folders, or a name from `pretrained_names`. The predictions of several
            models are averaged, with the weights of combination.json if the folder has one.
        checkpoint: "last", the model of the last epoch, or "best", of the epoch with the highest validation rho.

    Returns:
        A `Predictor` of one method, or an `Ensemble`.

    Warns:
        EquiglassWarning: a training was stopped before its last epoch, or a run folder has no model yet.

    Raises:
        ConfigurationError: the checkpoint is unknown, a model lacks it, there is no model, or the members do not fit
            together.
        DataError: a model file or combination.json is damaged, or a member that it names is missing.
    """
    folder = folder_of(run)
    members, combination = _members(folder)
    if not members:
        if folder.begun():
            raise ConfigurationError(f"{run} has no model yet: its training stopped early; {_continue(folder)}")
        names = ", ".join(pretrained_names()) or "none"
        raise ConfigurationError(
            f"{run} is neither a run folder with last.safetensors nor a model of the package ({names})."
        )
    for member in members:
        if member.model(checkpoint) is None:
            raise ConfigurationError(
                f"{member.path} has no {checkpoint}.safetensors: only a training with epochs and validation "
                "configurations writes one. Use --checkpoint last."
            )
    for one in folder.unfinished() if members != [folder] and combination is None else ():
        warnings.warn(f"{one.path} is unfinished and left out; {_continue(one)}", EquiglassWarning, stacklevel=2)
    for member in members:
        epochs = member.epochs()
        if epochs is not None and epochs[0] < epochs[1]:
            said = f"{member.path} stopped after {epochs[0]} of {epochs[1]} epochs"
            warnings.warn(f"{said}; {_continue(member)}", EquiglassWarning, stacklevel=2)
    loaded = [_loaded(member, checkpoint) for member in members]
    if len(loaded) == 1 and combination is None:
        return loaded[0].named(str(run))
    averaged = (one.named(f"{run}/{member.path.name}") for one, member in zip(loaded, members, strict=True))
    return Ensemble(str(run), tuple(averaged), combination)


def _continue(member: RunFolder) -> str:
    """How to continue a training, in words."""
    command = member.command()
    if command is None:
        return "continue its training."
    by_option = command.startswith("equiglass train ") and "--resume" not in command.split()
    return f"continue with: {command}{' --resume' if by_option else ''}"


def _members(folder: RunFolder) -> tuple[list[RunFolder], Combination | None]:
    """The folders of the members, and how they are combined."""
    if not folder.combination.is_file():
        return folder.members(), None
    combination = Combination.read(folder.combination)
    members = [RunFolder(folder.path / name) for name in combination.members]
    for member in members:
        if member.model() is None:
            raise DataError(f"{folder.combination} names the member {member.path.name}, which has no model file.")
    return members, combination


def digest_of(run: Path | str, checkpoint: str = "last") -> str:
    """A digest of the files that `load_model` reads."""
    folder = folder_of(run)
    files = [member.model(checkpoint) for member in _members(folder)[0]]
    files += [folder.combination] if folder.combination.is_file() else []
    return digest(*(hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path is not None))


def _loaded(member: RunFolder, checkpoint: str) -> Predictor:
    """The model of one folder with its split. Older model files hold none; it may stand in the folder above."""
    path = member.model(checkpoint)
    assert path is not None
    predictor = load_predictor(path)
    above = RunFolder(path.parent.parent)
    inherited = above.read_split() if above.split.is_file() else None
    known = [member.read_split(), predictor.data.split, inherited]
    splits = sorted((split for split in known if split is not None), key=lambda split: not split.has_fingerprints)
    if not splits:
        return predictor
    selected = path == member.checkpoint("best") or any(split.selected for split in splits)
    return predictor.with_data(replace(predictor.data, split=replace(splits[0], selected=selected)))


def load_predictor(path: Path) -> Predictor:
    """Load one model file with the method whose format it names.

    Raises:
        DataError: the file is damaged, or no method has its format.
    """
    _, description = read_model(path)
    for method in METHODS.values():
        if method.file_format == description.get("format"):
            model = method.load(path)
            with fitting(path):
                model.check_shapes()
            return model
    raise DataError(
        f"{path} has the format {description.get('format')!r}, which no method of this equiglass reads. "
        "Install a newer equiglass."
    )


def with_fingerprints(model: Model, systems: Sequence[System]) -> Model:
    """The same model with the fingerprints of the configurations that it names, which older model files lack.

    Args:
        model: a model whose folder names its training configurations.
        systems: configurations, among them all that the model names.

    Raises:
        ConfigurationError: the model names no configurations, or one that is missing or that occurs twice.
    """
    if isinstance(model, Ensemble):
        return replace(model, averaged=tuple(with_fingerprints(member, systems) for member in model.members))
    split = model.data.split
    if split is None:
        raise ConfigurationError(f"{model.name} does not name its training configurations; it needs a split.yaml.")
    named: dict[str, list[System]] = {}
    for system in systems:
        named.setdefault(system.name, []).append(system)
    for one in (*split.training, *split.validation):
        number = len(named.get(one.name, ()))
        if number != 1:
            raise ConfigurationError(f"{model.name} names {one.name}, which the data hold {number} times, not once.")
    training, validation = ([named[one.name][0] for one in own] for own in (split.training, split.validation))
    return model.with_data(replace(model.data, split=Split.of(training, validation, split.selected)))


def save_model(model: Model, folder: Path | str) -> None:
    """Write a model, without the state of its training, to a folder that `load_model` reads.

    Raises:
        ConfigurationError: a member is itself an average.
    """
    folder = Path(folder)
    combination = model.combination if isinstance(model, Ensemble) else None
    if combination is not None:
        # It stands there first: without all members that it names, half a folder is not taken for an average.
        folder.mkdir(parents=True, exist_ok=True)
        combination.write(RunFolder(folder).combination)
        names = combination.members
    else:
        names = tuple(f"member-{number + 1}" for number in range(len(model.members)))
    for name, member in zip(names, model.members, strict=True):
        place = RunFolder(folder if len(names) == 1 and combination is None else folder / name)
        place.path.mkdir(parents=True, exist_ok=True)
        if not isinstance(member, Predictor):
            raise ConfigurationError(f"{member.name} is itself an average; save its members one by one.")
        member.save(place.checkpoint("last"))


def read_configuration(
    path: Path | None = None, overrides: Sequence[str] = (), method: str | None = None
) -> MethodConfiguration:
    """Read the settings of a training from a YAML file, apply ``key=value`` overrides, and validate them.

    Args:
        path: the file; None for the defaults.
        overrides: for instance ["epochs=10", "architecture.l_max=2"]; values are YAML.
        method: name of the method; None for the one that the file names, or the paper's network.

    Raises:
        ConfigurationError: the file is unreadable, a method or key is unknown, or a value is wrong. The message
            suggests the nearest name.
    """
    settings = changed(read_settings(path) if path else {}, from_overrides(overrides))
    own = settings.get("method", method or DEFAULT)
    if method is not None and own != method:
        raise ConfigurationError(f"{path or '--set'} is for the method {own!r}, not {method!r}.")
    return validate(METHODS[str(own)].configuration, settings, str(path) if path else "the configuration")
