"""One self-contained HTML file about models and results: cards, curves, scores, tables, and fields in 3D.

page      the parts of a report as HTML (parts.html), and the page (page.html, page.css)
results   a folder of figures and tables
card      what a model is and how it was trained
scores    a model on labelled configurations
fields    the data of the interactive view (view.js, spheres.js)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from markupsafe import Markup

from equiglass.errors import ConfigurationError
from equiglass.files import write_text
from equiglass.liquid.system import System
from equiglass.methods.loading import folder_of, load_model, pretrained_names
from equiglass.report.card import card, learning_curves, training_commands
from equiglass.report.fields import view_data
from equiglass.report.page import html, render
from equiglass.report.results import result_files, results
from equiglass.report.scores import Scored, comparison, score, scores_of

SHOWN = 4
"""Configurations in the interactive view. Each takes 1 MB for 4096 particles, ten times and three models."""


def write_report(
    out: Path,
    sources: Sequence[str],
    systems: Sequence[System] = (),
    *,
    checkpoint: str = "last",
    command: str = "",
    on_done: Callable[[], object] = lambda: None,
) -> None:
    """Write one HTML file about models and folders of results.

    Args:
        out: the file.
        sources: each is a run folder, a folder of run folders, the name of a shipped model, or a folder with PNG,
            TXT, MD, CSV or JSON files. A folder may hold a model and files.
        systems: configurations that the models predict. Scores need measured values of the target.
        checkpoint: "last" or "best".
        command: the command that makes the report, for its last section.
        on_done: called after every prediction.

    Raises:
        ConfigurationError: a source is none of these, or ``out`` is in no folder.
        DataError: a damaged file.
    """
    if out.is_dir() or not out.parent.is_dir():
        raise ConfigurationError(f"{out}: name a file in a folder that exists.")
    sources = list(dict.fromkeys(sources))
    names = _short(sources)
    models = {
        source: load_model(source, checkpoint).named(names[source]) for source in sources if folder_of(source).members()
    }
    for source in sources:
        if source not in models and not result_files(Path(source)):
            raise ConfigurationError(
                f"{source} holds neither a model (last.safetensors) nor results (PNG, TXT, MD, CSV, JSON), "
                f"and is no model of the package ({', '.join(pretrained_names())})."
            )
    sections: list[tuple[str, list[Markup]]] = []
    several: list[Scored] = []
    commands: list[str] = []
    one_potential = len({model.data.potential for model in models.values()}) == 1
    for source in sources:
        parts, made_by = results(Path(source))
        if source in models:
            model, folder = models[source], folder_of(source)
            titled = {"Learning curves": learning_curves(model, folder), "Results": parts}
            if systems:
                several.append(score(model, systems, on_done))
                if one_potential:
                    # The next model need not compute again what this one needed.
                    systems = several[-1].systems
                titled = {"Scores": scores_of(several[-1])} | titled
            titled["Model"] = card(model, folder, checkpoint)
            parts = [part for title, own in titled.items() if own for part in (html.heading(title), *own)]
            made_by = training_commands(folder) + made_by
        commands += made_by
        sections.append((names[source], parts))
    if sum(not scored.scores.empty for scored in several) > 1:
        sections.append(("Comparison", comparison(several)))
    if several:
        sections.insert(0, ("Propensity fields", [_fields(several)]))
    if commands := list(dict.fromkeys([*commands, *filter(None, [command])])):
        sections.append(("Commands", [html.code("The commands that made the above", "\n".join(commands))]))
    write_text(out, render(f"equiglass report: {', '.join(names.values())}", sections))


def write_results_page(out: Path, folder: Path, several: Sequence[Scored]) -> None:
    """Write one HTML file: the fields of several models in the interactive view, then the files of a folder of results.

    Args:
        out: the file.
        folder: the folder of results.
        several: the models on the same configurations.
    """
    parts, commands = results(folder)
    sections: list[tuple[str, list[Markup]]] = [("Propensity fields", [_fields(several)]), (folder.name, parts)]
    if commands:
        sections.append(("Commands", [html.code("The commands that made the above", "\n".join(commands))]))
    write_text(out, render(f"equiglass: {folder.name}", sections))


def _short(sources: Sequence[str]) -> dict[str, str]:
    """Name by source: that of the folder, or the whole path where two folders have the same name."""
    last = [Path(source).resolve().name for source in sources]
    return {source: name if last.count(name) == 1 else source for source, name in zip(sources, last, strict=True)}


def _fields(several: Sequence[Scored]) -> Markup:
    number = len(several[0].systems)
    unseen_first = sorted(range(number), key=lambda k: sum(k not in scored.tested for scored in several))
    note = f"{SHOWN} of {number} configurations; those that no model has seen come first." if number > SHOWN else ""
    return html.view(note, view_data(several, unseen_first[:SHOWN]))
