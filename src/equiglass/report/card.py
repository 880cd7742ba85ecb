"""What a model is and how it was trained, as blocks of a report: the model card and the learning curves."""

from __future__ import annotations

import csv
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import yaml
from pydantic import BaseModel

from equiglass.errors import EquiglassError
from equiglass.figures import figure_png, training_curves
from equiglass.files import decoding, reading
from equiglass.liquid.system import type_name
from equiglass.methods.loading import Model
from equiglass.methods.network.trained import Trained
from equiglass.model.convolution.operation import implementation
from equiglass.report.page import Block, Code, Fold, Picture, Table, Text
from equiglass.training.run import LOG

CONFIGURATION, SPLIT, ENVIRONMENT = "configuration.yaml", "split.yaml", "environment.yaml"

TARGETS = {
    "propensity": "propensity (Lennard-Jones length)",
    "energy": "E_pot in the inherent structure (Lennard-Jones energy)",
}


def card_blocks(model: Model, files: Sequence[Path]) -> list[Block]:
    """The model card.

    Args:
        model: loaded from ``files``.
        files: its members' model files, in their run folders.
    """
    first = model.networks[0]
    folders = [file.parent for file in files]
    whole = folders[0] if len(folders) == 1 else folders[0].parent
    blocks: list[Block] = [
        _summary(model, files),
        _settings("Architecture", first.network.architecture),
        _settings("Inputs", first.inputs),
        _training_data(first, _command(folders[0])),
        Fold("Standardisation of targets and energy", _standardisation(first)),
    ]
    for name in (CONFIGURATION, SPLIT, ENVIRONMENT, "README.md"):
        found = next((folder / name for folder in (whole, folders[0]) if (folder / name).is_file()), None)
        if found:
            with reading(found):
                text = found.read_text(encoding="utf-8")
            blocks.append(Fold(name, [Code(str(found.relative_to(whole)), text)]))
    return blocks


def curve_blocks(model: Model, files: Sequence[Path]) -> list[Block]:
    """Loss and validation ρ against epoch of every member that has a log, a figure for each type."""
    blocks: list[Block] = []
    for file in files:
        path = file.parent / LOG
        if not path.is_file():
            continue
        with reading(path):
            pictures = _curves(path, model.times, file.parent.name)
        # The members of a model learn alike: the first is enough to see at once.
        blocks += [Fold(f"Learning curves of {file.parent.name}", pictures)] if blocks else pictures
    return blocks or [Text("The model's folder has no log of its training: no learning curves.")]


def split_of(files: Sequence[Path]) -> dict[str, str]:
    """Role by the name of a configuration, "training" or "validation"; what any member learned from is "training"."""
    roles: dict[str, str] = {}
    for file in files:
        path = file.parent / SPLIT
        if not path.is_file():
            continue
        with reading(path), decoding():
            names = yaml.safe_load(path.read_text(encoding="utf-8"))
            roles = dict.fromkeys(names["validation"], "validation") | roles
            roles |= dict.fromkeys(names["training"], "training")
    return roles


def training_commands(files: Sequence[Path]) -> list[str]:
    """How every member was trained; where its folder does not tell, DATA and OUT stand for places."""
    commands = []
    for folder in [file.parent for file in files]:
        known = _command(folder)
        if known is None and (folder / CONFIGURATION).is_file():
            known = f"equiglass train --data DATA --out OUT --config {shlex.quote(str(folder / CONFIGURATION))}"
        commands += [known] if known else []
    return commands


def _command(folder: Path) -> str | None:
    path = folder / ENVIRONMENT
    if not path.is_file():
        return None
    with reading(path), decoding():
        told = (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("command")
    return told if isinstance(told, str) else None


def _summary(model: Model, files: Sequence[Path]) -> Table:
    weights = sorted({sum(p.numel() for p in member.network.parameters()) for member in model.networks})
    rows = [
        ["networks whose predictions are averaged", str(len(model.networks))],
        ["baselines whose mean counts as much as theirs", str(len(model.members) - len(model.networks))],
        ["checkpoint", files[0].stem],
        ["weights of a network", " or ".join(map(str, weights))],
        ["target", TARGETS[model.target]],
        ["particle types", ", ".join(type_name(kind) for kind in range(model.n_types))],
        ["times (label)", ", ".join(f"{time:g} ({label})" for label, time in model.times.items())],
        ["convolution here", implementation()],
    ]
    return Table("Model", [], rows)


def _settings(caption: str, settings: BaseModel) -> Table:
    rows = [
        [name, str(getattr(settings, name)), field.description or ""]
        for name, field in type(settings).model_fields.items()
    ]
    return Table(caption, ["name", "value", "meaning"], rows)


def _training_data(trained: Trained, command: str | None) -> Table:
    data = trained.data
    low, high = data.density
    rows = [
        ["configurations", str(data.configurations)],
        ["temperature", ", ".join(f"{t:g}" for t in data.temperatures) or "unknown"],
        ["number density", f"{low:.4g}" if f"{low:.4g}" == f"{high:.4g}" else f"{low:.4g} to {high:.4g}"],
        ["composition", " : ".join(f"{share:.3g}" for share in data.composition)],
        ["potential", "unknown" if data.potential is None else str(data.potential)],
    ]
    rows += [["command of the training", command]] if command else []
    return Table("Training data", [], rows)


def _standardisation(trained: Trained) -> list[Block]:
    numbers = trained.standardisation
    targets = [
        [
            type_name(kind),
            f"{time:g}",
            label,
            f"{numbers.target_mean[kind, k]:.4g}",
            f"{numbers.target_scale[kind, k]:.4g}",
        ]
        for kind in range(len(numbers.target_mean))
        for k, (label, time) in enumerate(trained.times.items())
    ]
    energies = [
        [type_name(kind), f"{mean:.4g}", f"{scale:.4g}"]
        for kind, (mean, scale) in enumerate(zip(numbers.energy_mean, numbers.energy_scale, strict=True))
    ]
    return [
        Table(f"Target: {TARGETS[trained.target]}", ["type", "time", "label", "mean", "scale"], targets),
        Table("Input: energy of a particle (Lennard-Jones energy)", ["type", "mean", "scale"], energies),
    ]


def _curves(path: Path, times: Mapping[str, float], name: str) -> list[Block]:
    header, *rows = csv.reader(path.read_text(encoding="utf-8").splitlines())
    if not rows:
        raise EquiglassError("the log has no epoch yet.")
    columns = dict(zip(header, np.array(rows, dtype=float).T, strict=True))
    rho: dict[str, dict[str, np.ndarray]] = {}
    for column in header[3:]:
        _, kind, label = column.split("_", 2)
        if not np.all(np.isnan(columns[column])):
            time = f"t = {times[label]:g}" if label in times else label
            rho.setdefault(kind, {})[time] = columns[column]
    blocks: list[Block] = []
    for kind, curves in (rho or {"": {}}).items():
        figure = training_curves(columns["epoch"], columns["loss"], curves, title=f"type {kind}" if kind else "")
        caption = f"{name}: loss and validation ρ against epoch" + (f", type {kind}" if kind else "")
        blocks.append(Picture(caption, figure_png(figure)))
    return blocks
