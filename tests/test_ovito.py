"""The modifier for OVITO, with the package ovito and without a screen, and the examples of docs/ovito.md."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import equiglass as eg
from equiglass.errors import ConfigurationError, DataError
from equiglass.methods.loading import save_model
from equiglass.observables import relaxation_times_of_propensity
from equiglass.prediction.combination import Combination
from equiglass.prediction.ensemble import Ensemble
from samples.labelled import labelled_liquid
from samples.liquids import settled_liquid

pytest.importorskip("ovito", exc_type=ImportError)
from ovito.io import import_file
from ovito.modifiers import ColorCodingModifier
from ovito.pipeline import Pipeline

from equiglass.ovito import COLOURS, Propensity

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "ovito.md").read_text(encoding="utf-8")
ARCHITECTURE = {"l_max": 1, "layers": 1, "channels": 2}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An average of two small networks with the times "1" and "7"."""
    folder = tmp_path_factory.mktemp("model") / "run"
    settings = eg.Configuration(epochs=1, architecture=ARCHITECTURE)
    liquids = [replace(labelled_liquid(seed), temperature=0.44) for seed in range(3)]
    eg.train(liquids, folder, settings, validation=[], members=2)
    return folder


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "my.xyz"
    eg.save(settled_liquid(), path)
    return path


def pipeline_of(file: Path, **parameters: Any) -> tuple[Pipeline, Propensity]:
    pipeline, modifier = import_file(str(file)), Propensity(**parameters)
    pipeline.modifiers.append(modifier)
    return pipeline, modifier


def test_the_entry_point_is_the_modifier() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (name, target), *others = project["entry-points"]["OVITO.Modifier"].items()
    module, attribute = target.split(":")
    assert (name, getattr(import_module(module), attribute), others) == ("Propensity", Propensity, [])


def test_the_properties_are_the_predictions(run: Path, file: Path) -> None:
    model, (system,) = eg.load_model(run), eg.load(file)
    prediction = model.predict(system)
    pipeline, modifier = pipeline_of(file, model=str(run))
    data = pipeline.compute()
    np.testing.assert_allclose(data.particles["Propensity"], prediction.at("7"), rtol=1e-6)
    assert (data.attributes["Propensity.label"], data.attributes["Propensity.time"]) == ("7", 16.5)

    modifier.time = "1"
    np.testing.assert_allclose(pipeline.compute().particles["Propensity"], prediction.at("1"), rtol=1e-6)

    modifier.colour = "uncertainty"
    members = np.stack([member.predict(system).at("1") for member in model.members])
    found = pipeline.compute().particles["Propensity Uncertainty"]
    np.testing.assert_allclose(found, np.abs(members[0] - members[1]) / np.sqrt(2), rtol=1e-4, atol=1e-7)

    modifier.colour, modifier.distance = "tau_alpha", float(np.median(prediction.propensity))
    times = np.array([0.1, 16.5])
    tau = relaxation_times_of_propensity(prediction.propensity, times, modifier.distance)
    found = pipeline.compute().particles["Relaxation Time"][...]
    np.testing.assert_allclose(found, np.minimum(tau, 16.5), rtol=1e-5)
    assert len(np.unique(found)) > 20


def test_a_calibrated_model_shows_the_deviation_of_its_error(run: Path, file: Path, tmp_path: Path) -> None:
    members, names = eg.load_model(run).members, ("member-1", "member-2")
    numbers = np.full((2, 2, 2), 0.5), np.zeros((2, 2)), np.full((2, 2, 2), 0.25)
    combination = Combination(names, members[0].times, *numbers)
    save_model(Ensemble("combination", members, combination), tmp_path / "combination")
    (system,) = eg.load(file)
    expected = eg.load_model(tmp_path / "combination").predict(system).uncertainty_at("7")
    pipeline, _ = pipeline_of(file, model=str(tmp_path / "combination"), colour="uncertainty")
    found = pipeline.compute().particles["Propensity Uncertainty"]
    assert expected is not None
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert expected.min() >= 0.25


@pytest.mark.parametrize("colour", COLOURS)
def test_the_colours_follow_the_property(run: Path, file: Path, colour: str) -> None:
    pipeline, _ = pipeline_of(file, model=str(run), colour=colour)
    data = pipeline.compute()
    low, high = np.percentile(data.particles[COLOURS[colour]], [3, 97])
    found = np.array(data.particles["Color"])
    coding = ColorCodingModifier(
        property=COLOURS[colour], gradient=ColorCodingModifier.Viridis(), start_value=low, end_value=high
    )
    pipeline.modifiers.append(coding)
    np.testing.assert_allclose(found, pipeline.compute().particles["Color"], atol=1e-6)
    assert len(np.unique(found, axis=0)) > 1


def test_species_have_an_order(run: Path, tmp_path: Path) -> None:
    system = replace(settled_liquid(), temperature=None)
    names = [("Ni", "P")[kind] for kind in system.types]
    lines = [f"{name} {x} {y} {z}" for name, (x, y, z) in zip(names, system.positions, strict=True)]
    edges = " ".join(str(edge) if i == j else "0" for i, edge in enumerate(system.box) for j in range(3))
    head = f'Lattice="{edges}" Properties=species:S:1:pos:R:3 pbc="T T T"'
    (tmp_path / "nip.xyz").write_text("\n".join([str(system.n_particles), head, *lines]) + "\n")
    pipeline, _ = pipeline_of(tmp_path / "nip.xyz", model=str(run), species="Ni, P")
    expected = eg.load_model(run).predict(system).at("7")
    np.testing.assert_allclose(pipeline.compute().particles["Propensity"], expected, rtol=1e-4)
    pipeline, _ = pipeline_of(tmp_path / "nip.xyz", model=str(run))
    with pytest.raises(DataError, match="species Ni, P have no natural order"):
        pipeline.compute()


def test_what_cannot_be_shown_is_said(run: Path, file: Path) -> None:
    pipeline, modifier = pipeline_of(file, model=str(run), time="5")
    with pytest.raises(ConfigurationError, match="not '5'"):
        pipeline.compute()
    modifier.time, modifier.model = "", "nowhere"
    with pytest.raises(ConfigurationError, match="nowhere is neither a run folder"):
        pipeline.compute()
    modifier.model, modifier.colour = str(run / "member-1"), "uncertainty"
    with pytest.raises(ConfigurationError, match="single predictor"):
        pipeline.compute()
    modifier.model, modifier.colour = "kalj-T0.44/member-regression", "tau_alpha"
    with pytest.raises(ConfigurationError, match="predicts one time, '7'"):
        pipeline.compute()


def test_relaxation_times_are_those_of_a_power_law() -> None:
    times = np.array([0.1, 1.0, 10.0, 100.0])
    amplitudes = np.array([0.01, 0.05, 0.2, 1.0, 1e-4])
    propensity = amplitudes * np.sqrt(times)[:, None]
    expected = (0.3 / amplitudes) ** 2
    expected[[0, 3, 4]] = np.inf, 0.1, np.inf
    np.testing.assert_allclose(relaxation_times_of_propensity(propensity, times), expected)
    propensity[1, 1], propensity[0, 2] = np.nan, 0.0
    found = relaxation_times_of_propensity(propensity, times)
    assert np.isnan(found[1])
    assert found[2] == pytest.approx(expected[2])
    np.testing.assert_array_equal(relaxation_times_of_propensity(np.array([[0.0], [1.0]]), times[:2]), [1.0])
    with pytest.raises(DataError, match="two or more ascending times"):
        relaxation_times_of_propensity(propensity[:1], times[:1])


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Path) -> Callable[[int], None]:
    """Run an example of the page in a folder that holds my.xyz and the model "run"."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").symlink_to(run)
    codes = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(codes) == 2
    return lambda number: exec(compile(codes[number], "docs/ovito.md", "exec"), {})


def test_the_example_of_the_page(
    example: Callable[[int], None], file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    example(0)
    mean, time = map(float, capsys.readouterr().out.split())
    assert (mean > 0, time) == (True, 4120.0)
    assert "Propensity" in Path("with-propensity.dump").read_text(encoding="utf-8")


@pytest.mark.filterwarnings("ignore:kob-andersen-T0.64-0021 is unlike the training data")
def test_the_picture_without_a_screen(example: Callable[[int], None]) -> None:
    try:
        example(1)
    except RuntimeError as error:
        if "Vulkan" not in str(error):
            raise
        pytest.skip("OVITO finds no Vulkan driver (libvulkan1 mesa-vulkan-drivers)")
    from PIL import Image

    for colour in COLOURS:
        with Image.open(f"{colour}.png") as image:
            assert image.size == (500, 500)
            assert len(np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0)) > 100


def test_the_table_of_parameters() -> None:
    rows = [
        [cell.strip(" `") for cell in line.strip("|").split(" | ")]
        for line in PAGE.splitlines()
        if line.startswith("| `")
    ]
    parameters = {name: default for name, default, *_ in rows if name in Propensity.class_trait_names()}
    modifier = Propensity()
    assert parameters == {name: str(getattr(modifier, name)) or "empty" for name in modifier.editable_traits()}
    assert {name: shown for name, shown, *_ in rows if name in COLOURS} == COLOURS
