"""What a model is and how it was trained, as parts of a report: the model card and the learning curves."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable

from markupsafe import Markup

from equiglass.figures import figure_png, training_curves
from equiglass.files import reading
from equiglass.liquid.system import type_name
from equiglass.liquid.targets import TARGETS
from equiglass.prediction.ensemble import Ensemble
from equiglass.prediction.model import Model
from equiglass.prediction.predictor import Predictor
from equiglass.prediction.run_folder import RunFolder
from equiglass.report.page import html


def card(model: Model, folder: RunFolder, checkpoint: str = "last") -> list[Markup]:
    """The model card: what holds for every method, then what the method adds, then the files of the folder.

    Args:
        model: loaded from ``folder``.
        folder: a run folder, or a folder of them.
        checkpoint: "last" or "best".
    """
    # The members of one method are alike, so the first describes them all.
    firsts: dict[str, Predictor] = {}
    for member in model.members:
        if isinstance(member, Predictor):
            firsts.setdefault(member.method, member)
    first_folder = folder.members()[0]
    parts = [_summary(model, firsts, checkpoint), _training_data(model, first_folder.command())]
    if isinstance(model, Ensemble) and model.combination is not None:
        caption = "Weights of the members and offset; uncertainty: std = sqrt(a² + b² spread² + d² mean²)"
        parts.append(html.long_table(caption, model.combination.frame()))
    for method, member in firsts.items():
        parts += [html.long_table(f"{method}: {one.caption}", one.frame) for one in member.card()]
    for name in ("configuration", "split", "environment", "card"):
        found = next((path for one in (folder, first_folder) if (path := getattr(one, name)).is_file()), None)
        if found:
            with reading(found):
                parts.append(
                    html.fold(found.name, [html.code(str(found.relative_to(folder.path)), found.read_text("utf-8"))])
                )
    return parts


def learning_curves(model: Model, folder: RunFolder) -> list[Markup]:
    """Loss and validation rho against epoch of every member that has a log, one figure per type."""
    parts: list[Markup] = []
    for member in folder.members():
        curves = _curves(model, member)
        # The members of a model learn alike: one of them is enough at first sight.
        parts += [html.fold(f"Learning curves of {member.path.name}", curves)] if parts and curves else curves
    return parts or [html.text("The model's folder has no log of its training: no learning curves.")]


def training_commands(folder: RunFolder) -> list[str]:
    """The command that trained each member. DATA and OUT replace places that the folder of a member does not name."""
    commands = []
    for member in folder.members():
        if command := member.command():
            commands.append(command)
        elif member.configuration.is_file():
            settings = shlex.quote(str(member.configuration))
            commands.append(f"equiglass train --data DATA --out OUT --config {settings}")
    return commands


def _facts(caption: str, facts: Iterable[tuple[str, str]]) -> Markup:
    """A table of names and values; one without a value is left out."""
    from pandas import DataFrame

    return html.table(caption, DataFrame([fact for fact in facts if fact[1]]))


def _summary(model: Model, firsts: dict[str, Predictor], checkpoint: str) -> Markup:
    number = Counter(member.method for member in model.members)
    average = "the mean over the members of one method counts as much as that of another"
    combined = isinstance(model, Ensemble) and model.combination is not None
    if combined:
        average = "weights by particle type and time, from predictions of configurations left out"
    facts = []
    for method, first in firsts.items():
        facts.append((f"method {method}", f"{first.about.summary}; {number[method]} trained"))
        facts.append(("source", first.about.source))
    facts += [
        ("average", average if len(number) > 1 or combined else ""),
        ("checkpoint", checkpoint),
        ("target", TARGETS[model.target].title),
        ("particle types", ", ".join(map(type_name, range(model.n_types)))),
        ("times (label)", ", ".join(f"{time:g} ({label})" for label, time in model.times.items())),
        ("needs of a configuration", ", ".join(sorted(model.needs)) or "nothing but positions, types and box"),
    ]
    return _facts("Model", facts)


def _training_data(model: Model, command: str | None) -> Markup:
    data = model.data
    facts = [
        ("configurations", str(data.configurations)),
        ("temperature", ", ".join(f"{t:g}" for t in data.temperatures) or "unknown"),
        ("number density", " to ".join(dict.fromkeys(f"{density:.4g}" for density in data.density))),
        ("composition", " : ".join(f"{share:.3g}" for share in data.composition)),
        ("potential", "unknown" if data.potential is None else str(data.potential)),
        ("command of the training", command or ""),
    ]
    return _facts("Training data", facts)


def _curves(model: Model, member: RunFolder) -> list[Markup]:
    log = member.read_log()
    if log is None:
        return []
    curves: dict[str, dict[str, str]] = {}
    for column in log.dropna(axis="columns", how="all").filter(regex="^rho_"):
        _, kind, label = column.split("_", 2)
        curves.setdefault(f"type {kind}", {})[column] = f"t = {model.times[label]:g}" if label in model.times else label
    parts = []
    for title, columns in (curves or {"": {}}).items():
        caption = ", ".join(filter(None, (f"{member.path.name}: loss and validation ρ against epoch", title)))
        parts.append(html.picture(caption, figure_png(training_curves(log, columns, title=title))))
    return parts
