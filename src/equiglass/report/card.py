"""What a model is and how it was trained, as blocks of a report: the model card and the learning curves."""

from __future__ import annotations

import shlex
from collections import Counter

from equiglass.figures import figure_png, training_curves
from equiglass.files import reading
from equiglass.liquid.system import type_name
from equiglass.liquid.targets import TARGETS
from equiglass.prediction.model import Model
from equiglass.prediction.predictor import Predictor
from equiglass.prediction.run_folder import RunFolder
from equiglass.report.page import Block, Code, Fold, Picture, Table, Text
from equiglass.report.results import OPEN_ROWS


def card_blocks(model: Model, folder: RunFolder, checkpoint: str = "last") -> list[Block]:
    """The model card: what holds for every method, then what the method adds, then the files of the folder.

    Args:
        model: loaded from ``folder``.
        folder: a run folder, or a folder of them.
        checkpoint: "last" or "best".
    """
    members = folder.members(checkpoint)
    blocks: list[Block] = [_summary(model, checkpoint), _training_data(model, members[0].command())]
    # The members of one method are alike: the first speaks for all.
    for member in _first_of_every_method(model):
        if isinstance(member, Predictor):
            for card in member.card():
                table = Table(f"{member.method}: {card.caption}", card.frame)
                long = len(card.frame) > OPEN_ROWS
                blocks.append(Fold(f"{table.caption}, {len(card.frame)} rows", [table]) if long else table)
    for name in ("configuration", "split", "environment", "card"):
        found = next((path for one in (folder, members[0]) if (path := getattr(one, name)).is_file()), None)
        if found:
            with reading(found):
                text = found.read_text(encoding="utf-8")
            blocks.append(Fold(found.name, [Code(str(found.relative_to(folder.path)), text)]))
    return blocks


def curve_blocks(model: Model, folder: RunFolder, checkpoint: str = "last") -> list[Block]:
    """Loss and validation ρ against epoch of every member that has a log, a figure for each type."""
    blocks: list[Block] = []
    for member in folder.members(checkpoint):
        pictures = _curves(model, member)
        # The members of a model learn alike: the first is enough to see at once.
        blocks += [Fold(f"Learning curves of {member.path.name}", pictures)] if blocks and pictures else pictures
    return blocks or [Text("The model's folder has no log of its training: no learning curves.")]


def roles_of(folder: RunFolder) -> dict[str, str]:
    """Role by the name of a configuration, "training" or "validation"; empty where the folder does not name them."""
    split = folder.read_split()
    if split is None:
        return {}
    return dict.fromkeys(split.validation, "validation") | dict.fromkeys(split.training, "training")


def training_commands(folder: RunFolder, checkpoint: str = "last") -> list[str]:
    """How every member was trained; DATA and OUT stand for places where its folder does not name the command."""
    commands = []
    for member in folder.members(checkpoint):
        command = member.command()
        if command is None and member.configuration.is_file():
            command = f"equiglass train --data DATA --out OUT --config {shlex.quote(str(member.configuration))}"
        commands += [command] if command else []
    return commands


def _first_of_every_method(model: Model) -> list[Model]:
    firsts: dict[str, Model] = {}
    for member in model.members:
        firsts.setdefault(member.method, member)
    return list(firsts.values())


def _summary(model: Model, checkpoint: str) -> Table:
    from pandas import DataFrame

    number = Counter(member.method for member in model.members)
    rows = []
    for member in _first_of_every_method(model):
        what = member.about.summary if isinstance(member, Predictor) else type(member).__name__
        rows.append([f"method {member.method}", f"{what}; {number[member.method]} trained"])
        rows += [["source", member.about.source]] if isinstance(member, Predictor) else []
    if len(number) > 1:
        rows.append(["average", "the mean over the members of one method counts as much as that of another"])
    rows += [
        ["checkpoint", checkpoint],
        ["target", TARGETS[model.target].title],
        ["particle types", ", ".join(type_name(kind) for kind in range(model.n_types))],
        ["times (label)", ", ".join(f"{time:g} ({label})" for label, time in model.times.items())],
        ["needs of a configuration", ", ".join(sorted(model.needs)) or "nothing but positions, types and box"],
    ]
    return Table("Model", DataFrame(rows))


def _training_data(model: Model, command: str | None) -> Table:
    from pandas import DataFrame

    data = model.data
    low, high = data.density
    rows = [
        ["configurations", str(data.configurations)],
        ["temperature", ", ".join(f"{t:g}" for t in data.temperatures) or "unknown"],
        ["number density", f"{low:.4g}" if f"{low:.4g}" == f"{high:.4g}" else f"{low:.4g} to {high:.4g}"],
        ["composition", " : ".join(f"{share:.3g}" for share in data.composition)],
        ["potential", "unknown" if data.potential is None else str(data.potential)],
    ]
    rows += [["command of the training", command]] if command else []
    return Table("Training data", DataFrame(rows))


def _curves(model: Model, member: RunFolder) -> list[Block]:
    log = member.read_log()
    if log is None:
        return []
    rho: dict[str, dict[str, str]] = {}
    for column in log:
        if column.startswith("rho_") and log[column].notna().any():
            _, kind, label = column.split("_", 2)
            rho.setdefault(kind, {})[column] = f"t = {model.times[label]:g}" if label in model.times else label
    blocks: list[Block] = []
    for kind, columns in (rho or {"": {}}).items():
        title = f"type {kind}" if kind else ""
        caption = f"{member.path.name}: loss and validation ρ against epoch{', ' if kind else ''}{title}"
        blocks.append(Picture(caption, figure_png(training_curves(log, columns, title=title))))
    return blocks
