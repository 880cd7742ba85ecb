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

from equiglass.errors import EquiglassError
from equiglass.files import write_text
from equiglass.prediction import load_model, model_files
from equiglass.report.card import card_blocks, curve_blocks, split_of, training_commands
from equiglass.report.fields import view_data
from equiglass.report.page import Block, Code, Heading, Section, View, render
from equiglass.report.results import result_files, results
from equiglass.report.scores import Scored, comparison_blocks, score, score_blocks
from equiglass.system import System

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
        sources: each a run folder, a folder of them, the name of a shipped model, or a folder with PNG, CSV or JSON
            files; what a folder holds of both is shown.
        systems: configurations that the models predict; their scores need measured propensities.
        checkpoint: "last" or "best".
        command: that made the report, to be named in it.
        on_done: called after every prediction.

    Raises:
        EquiglassError: a source that is neither, a damaged file, no place to write to.
    """
    if out.is_dir() or not out.parent.is_dir():
        raise EquiglassError(f"{out}: name a file in a folder that exists.")
    sections: list[Section] = []
    several: list[Scored] = []
    commands: list[str] = []
    for source in dict.fromkeys(sources):
        blocks: list[Block] = []
        files = model_files(source, checkpoint)
        if files:
            model = load_model(source, checkpoint)
            commands += training_commands(files)
            if systems:
                scored = score(model, systems, split_of(files), on_done)
                # What one model needed, the next need not make again.
                systems = scored.systems
                several.append(scored)
                blocks += [Heading("Scores"), *score_blocks(scored)]
            blocks += [Heading("Learning curves"), *curve_blocks(model, files)]
        if result_files(Path(source)):
            shown, made_by = results(Path(source))
            commands += made_by
            blocks += [Heading("Results"), *shown] if files else shown
        if files:
            blocks += [Heading("Model"), *card_blocks(model, files)]
        if not blocks:
            load_model(source, checkpoint)
            raise EquiglassError(f"{source}: there is neither a model nor a PNG, CSV or JSON file.")
        sections.append(Section(Path(source).name or source, blocks))
    names = ", ".join(section.title for section in sections)
    if len([scored for scored in several if scored.rows]) > 1:
        sections.append(Section("Comparison", comparison_blocks(several)))
    if several:
        sections.insert(0, Section("Propensity fields", [_view(several)]))
    commands += [command] if command else []
    if commands:
        sections.append(Section("Commands", [Code("What made the above", "\n".join(dict.fromkeys(commands)))]))
    write_text(out, render(f"equiglass report: {names}", sections))


def _view(several: Sequence[Scored]) -> View:
    number = len(several[0].systems)
    unseen_first = sorted(range(number), key=lambda k: sum(k not in scored.tested for scored in several))
    caption = (
        "Every particle at its thermal position, a sphere of the diameter of its type. Both sides turn together: drag, "
        "or press the arrow keys. Zoom: pinch, + and −, or the wheel after a click; 0 resets. Colours span the 3rd to "
        "the 97th percentile; grey is unknown. Propensity in Lennard-Jones units of length."
    )
    if number > SHOWN:
        caption += f" {SHOWN} of {number} configurations, those that no model has seen first."
    return View(caption, view_data(several, unseen_first[:SHOWN]))
