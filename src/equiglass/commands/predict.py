"""equiglass predict: write predictions for configurations as extended XYZ."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from equiglass.commands.closing import closing
from equiglass.commands.evaluate import CheckpointOption, RunArgument
from equiglass.errors import ConfigurationError

if TYPE_CHECKING:
    from equiglass.files.partial import Partial
    from equiglass.formats.xyz import Columns
    from equiglass.liquid.system import System
    from equiglass.prediction.model import Model, Prediction


def names_in(text: str) -> list[str] | None:
    """The names in a text with commas between; None for an empty text."""
    return text.split(",") if text else None


TypesOption = Annotated[
    Sequence[str] | None,
    typer.Option("--types", parser=names_in, metavar="NAMES", help="Species of types 0, 1, ..., e.g. Ni,P."),
]
FramesOption = Annotated[
    str | None, typer.Option("--frames", help="Frames of every FILE, start:stop:step, e.g. 0:1000:10.")
]


def predict(
    run: RunArgument,
    files: Annotated[list[Path], typer.Argument(help="Configurations in any format that equiglass reads.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Extended XYZ file for one FILE; default: a short table. For several a folder with a.xyz for a.dump; "
            "if two FILEs share this name, with a.dump.xyz, or else with FOLDER-a.dump.xyz.",
        ),
    ] = None,
    figure: Annotated[
        Path | None,
        typer.Option("--figure", help="Figure of the first configuration (.png, .pdf, .svg): distribution and slice."),
    ] = None,
    types: TypesOption = None,
    frames: FramesOption = None,
    checkpoint: CheckpointOption = "last",
) -> None:
    """Predict the target of every particle. The columns are propensity_LABEL per time label, or E_pot.

    A model with an uncertainty adds its standard deviation as propensity_LABEL_std.

    Without -o it prints a short table: means, and the most mobile particles. A stopped prediction with -o continues
    with the same command: OUT.partial holds what is finished.
    """
    from equiglass.commands.glance import print_prediction, save_prediction_figure
    from equiglass.commands.progress import progress
    from equiglass.commands.targets import XYZ, check_configurations, name_of, unfinished
    from equiglass.errors import DataError
    from equiglass.files.target import check_file, check_folder
    from equiglass.formats import stream
    from equiglass.methods.loading import digest_of, load_model

    if figure is not None:
        check_file(figure, (".png", ".pdf", ".svg"), inputs=files)
    for file in files:
        if not file.exists():
            raise DataError(f"{file}: there is no such file or folder.")

    def systems(file: Path) -> Iterator[System]:
        """One configuration at a time is in memory."""
        return stream(file, types=types, frames=frames, copies=True)

    if out is None:
        model = load_model(run, checkpoint)
        predicted = (model.predict(system) for file in files for system in systems(file))
        for number, prediction in enumerate(predicted):
            if figure is not None and number == 0:
                # A reader of the table may leave before its end.
                save_prediction_figure(figure, prediction)
            print_prediction(prediction)
        if figure is not None:
            closing(figure, "distribution and slice of the first configuration")
        return
    targets = [out] if len(files) == 1 else [out / f"{name}.xyz" for name in _names(files)]
    if len(files) > 1:
        check_folder(out)
    for target in targets:
        if target.parent.is_dir() or len(files) == 1:
            check_configurations(target, XYZ, files)
    model = load_model(run, checkpoint)
    model_files = digest_of(run, checkpoint)

    def name(system: System) -> str:
        return name_of(system, model_files)

    every = [name(system) for file in files for system in systems(file)]
    with unfinished(out, every) as results:
        with progress("predicting", len(every)) as shown:
            shown.begin("predicting", len(every), results.finished(every))
            number = 0
            for file in files:
                for system in systems(file):
                    number += 1
                    if results.get(name(system)) is None:
                        prediction = model.predict(system)
                        found = {"values": prediction.values}
                        if prediction.uncertainty is not None:
                            found["uncertainty"] = prediction.uncertainty
                        if prediction.system.positions_inherent is not None:
                            found["positions_inherent"] = prediction.system.positions_inherent
                        results.put(name(system), found)
                        shown.update(number, len(every), f"{number} of {len(every)}, {system.name}")
                    else:
                        # The warnings are given again.
                        model.check(system)
        if len(files) > 1:
            out.mkdir(parents=True, exist_ok=True)
        for file, target in zip(files, targets, strict=True):
            written = write_predictions(target, _predictions(model, systems(file), name, results))
            closing(target, f"{written} configuration{'s' if written > 1 else ''}; open it in OVITO: a column per time")
        if figure is not None:
            prediction = next(_predictions(model, systems(files[0]), name, results))
            save_prediction_figure(figure, prediction)
            closing(figure, f"{prediction.system.name}, distribution and slice")


def _predictions(
    model: Model, systems: Iterable[System], name: Callable[[System], str], results: Partial
) -> Iterator[Prediction]:
    """The predictions, from their finished results."""
    from equiglass.liquid.inherent import quenched
    from equiglass.prediction.model import Prediction

    for system in systems:
        found = results.get(name(system))
        if found is None:
            yield model.predict(system)
            continue
        known = replace(system, potential=model.data.potential or system.potential) if model.needs else system
        if system.positions_inherent is None and "positions_inherent" in found:
            known = quenched(known, found["positions_inherent"])
        times, uncertainty = model.times_for(system), found.get("uncertainty")
        yield Prediction(known, times, found["values"], model.target, model.name, uncertainty=uncertainty)


def _names(files: Sequence[Path]) -> list[str]:
    """Different names for the predictions of files: as short as possible, and all of one kind.

    Raises:
        ConfigurationError: two files have the same name, and their folders too.
    """
    whole = [Path(os.path.abspath(file)) for file in files]
    short, long = [_stem(file) for file in files], [file.name for file in whole]
    for names in (short, long, [f"{file.parent.name}-{file.name}" for file in whole]):
        if len(set(names)) == len(names):
            return names
    raise ConfigurationError("two FILEs have the same name and folders of the same name; predict them one at a time.")


def _stem(file: Path) -> str:
    """The name of a folder; the name of a file without its extension, and without that of a compressed file."""
    from equiglass.formats.text import name_of

    if file.is_dir():
        return file.resolve().name
    inner = file.with_suffix("") if file.suffix.lower() in (".gz", ".zst", ".bz2", ".xz") else file
    return name_of(inner)


def write_predictions(path: Path, predictions: Iterator[Prediction]) -> int:
    """Write predictions of one model as extended XYZ, one at a time, and return their number.

    There is one column per label of the target, next to it that of its uncertainty if there is one, the ids of the
    file, and the inherent positions if there are any. The comment line names the times, the model, and the version of
    equiglass.
    """
    from equiglass.errors import DataError
    from equiglass.formats.xyz import origin_of_predictions, write_xyz
    from equiglass.liquid.columns import UNCERTAINTY
    from equiglass.liquid.targets import TARGETS

    first = next(predictions, None)
    if first is None:
        raise DataError("there is no configuration to predict; check --frames.")
    column, written = TARGETS[first.target].column, 0

    def frames() -> Iterator[tuple[System, Columns, dict[str, str]]]:
        nonlocal written
        for prediction in chain((first,), predictions):
            columns = {}
            for label in prediction.times:
                columns[column(label)] = prediction.at(label)
                if (uncertainty := prediction.uncertainty_at(label)) is not None:
                    columns[column(label) + UNCERTAINTY] = uncertainty
            if prediction.system.positions_inherent is not None:
                columns["pos_inherent"] = prediction.system.positions_inherent
            written += 1
            yield prediction.system, columns, origin_of_predictions(prediction.model, prediction.times)

    write_xyz(path, frames())
    return written
