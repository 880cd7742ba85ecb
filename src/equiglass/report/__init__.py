"""One self-contained HTML file about models and results: cards, curves, scores, fields that can be turned, tables.

page      the parts of a report as data, and the page (page.html, page.css)
results   a folder of figures and tables
card      what a model is and how it was trained
scores    a model on labelled configurations
fields    the data of the interactive view (view.js, spheres.js)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from equiglass.errors import ConfigurationError
from equiglass.files import write_text
from equiglass.liquid.system import System
from equiglass.methods.loading import folder_of, load_model, named, pretrained_names
from equiglass.report.card import card_blocks, curve_blocks, roles_of, training_commands
from equiglass.report.fields import view_data
from equiglass.report.page import Code, Heading, Section, View, render
from equiglass.report.results import result_files, results
from equiglass.report.scores import Scored, comparison_blocks, score, score_blocks

SHOWN = 4
"""Configurations in the interactive view: a megabyte each, for 4096 particles at ten times by three models."""


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
        sources: each a run folder, a folder of them, the name of a shipped model, or a folder with PNG, TXT, MD,
            CSV or JSON files; a folder may hold both.
        systems: configurations that the models predict; their scores need measured propensities.
        checkpoint: "last" or "best".
        command: that makes the report, shown in it.
        on_done: called after every prediction.

    Raises:
        ConfigurationError: a source that is neither, or no place to write to.
        DataError: a damaged file.
    """
    if out.is_dir() or not out.parent.is_dir():
        raise ConfigurationError(f"{out}: name a file in a folder that exists.")
    sources = list(dict.fromkeys(sources))
    names = _short(sources)
    models = {
        source: named(load_model(source, checkpoint), names[source])
        for source in sources
        if folder_of(source).members(checkpoint)
    }
    for source in sources:
        if source not in models and not result_files(Path(source)):
            raise ConfigurationError(
                f"{source} holds neither a model ({checkpoint}.safetensors) nor results (PNG, TXT, MD, CSV, JSON), "
                f"and is no model of the package ({', '.join(pretrained_names())})."
            )
    sections: list[Section] = []
    several: list[Scored] = []
    commands: list[str] = []
    for source in sources:
        blocks, made_by = results(Path(source))
        if source in models:
            model, folder = models[source], folder_of(source)
            made_by = training_commands(folder, checkpoint) + made_by
            blocks = [Heading("Results"), *blocks] if blocks else []
            blocks = [Heading("Learning curves"), *curve_blocks(model, folder, checkpoint), *blocks]
            if systems:
                several.append(score(model, systems, roles_of(folder), on_done))
                # What one model needed, the next need not make again.
                systems = several[-1].systems
                blocks = [Heading("Scores"), *score_blocks(several[-1]), *blocks]
            blocks += [Heading("Model"), *card_blocks(model, folder, checkpoint)]
        commands += made_by
        sections.append(Section(names[source], blocks))
    if sum(not scored.scores.empty for scored in several) > 1:
        sections.append(Section("Comparison", comparison_blocks(several)))
    if several:
        sections.insert(0, Section("Propensity fields", [_view(several)]))
    commands += [command] if command else []
    if commands:
        sections.append(
            Section("Commands", [Code("The commands that made the above", "\n".join(dict.fromkeys(commands)))])
        )
    write_text(out, render(f"equiglass report: {', '.join(names.values())}", sections))


def _short(sources: Sequence[str]) -> dict[str, str]:
    """Names of the folders, whole paths where two would be the same."""
    last = [Path(source).resolve().name for source in sources]
    return {source: name if last.count(name) == 1 else source for source, name in zip(sources, last, strict=True)}


def _view(several: Sequence[Scored]) -> View:
    number = len(several[0].systems)
    unseen_first = sorted(range(number), key=lambda k: sum(k not in scored.tested for scored in several))
    caption = (
        "Every particle at its thermal position, a sphere of the diameter of its type. Both sides turn together: drag, "
        "or press the arrow keys. Zoom: pinch, + and −, or the wheel after a click; 0 resets. Colours span the 3rd to "
        "the 97th percentile; grey is unknown. Lennard-Jones units."
    )
    if number > SHOWN:
        caption += f" {SHOWN} of {number} configurations, those that no model has seen first."
    return View(caption, view_data(several, unseen_first[:SHOWN]))
