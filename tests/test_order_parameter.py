"""The representation as an order parameter: structures, populations, energies, decoder weights, their files."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from pandas import DataFrame

import equiglass
from equiglass.errors import EquiglassError
from equiglass.liquid.system import System
from equiglass.methods.loading import load_model, read_configuration
from equiglass.representation.clusters import LARGEST_K, find_structures, populations
from equiglass.representation.decoders import decoders_of
from equiglass.representation.file import Described, read_representation, write_representation
from equiglass.representation.order_parameter import Particles, energy_scores, monotonic, order_parameter
from equiglass.representation.represent import represent
from equiglass.training import train
from samples.command import run
from samples.labelled import labelled_liquid

pytest.importorskip("sklearn")

TINY = ["architecture.l_max=1", "architecture.layers=2", "architecture.channels=2", "epochs=2", "folds=3"]


def liquids() -> list[System]:
    """Two configurations at each of three temperatures."""
    systems = [replace(labelled_liquid(k), temperature=(0.4, 0.5, 0.6)[k // 2]) for k in range(6)]
    return [replace(s, propensity=s.temperature * s.propensity) for s in systems]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("order")
    equiglass.save(liquids(), folder / "data.h5")
    train(liquids(), folder / "run", read_configuration(None, TINY))
    return folder


def test_clusters_that_lie_apart_are_found_and_numbered_from_the_slowest() -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(3, 6)) * 8
    planted = [rng.integers(3, size=n) for n in (400, 900)]
    h = [centres[k] + rng.normal(size=(len(k), 6)) @ np.diag([1, 1, 2, 0.5, 1, 1]) for k in planted]
    h = [np.column_stack([part, np.full(len(part), 7.0)]) for part in h]
    mobility = [np.array([0.3, 0.1, 0.2])[k] + rng.normal(0, 0.01, len(k)) for k in planted]
    found = find_structures(h, mobility, [0.4, 0.5])
    assert found.n_clusters == 3
    best = min(found.criteria, key=lambda c: c.icl)
    assert best.clusters == 3
    assert best.silhouette > 0.5
    assert [c.clusters for c in found.criteria] == list(range(1, LARGEST_K + 1))
    for part, k in zip(h, planted, strict=True):
        assert np.mean(found.assign(part) == np.array([2, 0, 1])[k]) > 0.99
    share = populations([found.assign(part) for part in h], 3)
    expected = np.bincount(np.concatenate(planted), minlength=3)[[1, 2, 0]] / 1300
    np.testing.assert_allclose(share.value, expected, atol=0.01)


def test_one_cloud_is_one_structure_whatever_its_shape() -> None:
    rng = np.random.default_rng(1)
    h = rng.normal(size=(3000, 5)) @ rng.normal(size=(5, 5))
    found = find_structures([h], [h[:, 0]], [None])
    assert found.n_clusters == 1
    assert np.all(found.assign(h) == 0)
    assert found.explained.sum() == pytest.approx(1)
    x = found.coordinates(h)
    np.testing.assert_allclose(np.corrcoef(x.T), np.eye(x.shape[1]), atol=1e-8)
    with pytest.raises(EquiglassError, match="ten particles or more"):
        find_structures([h[:5]], [h[:5, 0]], [None])


def test_every_temperature_has_the_same_say_in_the_components() -> None:
    """Ten times more particles at one temperature leave the mean half way between both."""
    rng = np.random.default_rng(2)
    h = [rng.normal(0.0, 1.0, (2000, 3)), rng.normal(1.0, 1.0, (200, 3))]
    assert find_structures(h, [part[:, 0] for part in h], [0.4, 0.5]).mean == pytest.approx([0.5] * 3, abs=0.15)


def test_populations_and_their_error() -> None:
    assigned = [np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), np.array([1, 1, 1, 1])]
    share = populations(assigned, 3)
    np.testing.assert_allclose(share.value, [3 / 12, 9 / 12, 0])
    error = np.std([0.5, 0.25, 0.0], ddof=1) / np.sqrt(3)
    np.testing.assert_allclose(share.error, [error, error, 0], rtol=0.15)


def test_energy_is_scored_on_configurations_left_out() -> None:
    rng = np.random.default_rng(3)

    def rho(noise: float, signal: float) -> float:
        particles = []
        for k in range(4):
            h = rng.normal(size=(80, 12))
            energy = signal * h[:, 3] + noise * rng.normal(size=80) - 7.0
            particles.append(Particles(k, 0.4, np.ones(80, bool), h, h[:, 0], energy))
        (row,) = energy_scores("A", particles)
        assert row["error"] > 0 or noise == 0
        return row["rho"]

    assert rho(0.0, 1.0) == pytest.approx(1, abs=1e-6)
    assert rho(1.0, 1.0) == pytest.approx(np.sqrt(0.5), abs=0.1)
    assert abs(rho(1.0, 0.0)) < 0.2


def test_monotonic_components_are_counted() -> None:
    curves = {(0, 1): (1.0, 2.0, 3.0), (0, 2): (3.0, 1.0, -1.0), (1, 1): (0.0, 2.0, 1.0)}
    weights = DataFrame(
        {"type": "A", "label": "7", "temperature": t, "member": 1, "degree": l, "channel": n, "weight": curve[k]}
        for k, t in enumerate((0.4, 0.5, 0.6))
        for (l, n), curve in curves.items()
    )
    rows = monotonic(weights[::-1]).set_index("degree")
    assert rows["monotonic"].to_dict() == {0: 2, 1: 0}
    assert rows["components"].to_dict() == {0: 2, 1: 1}
    assert rows["mean_square"][1] == pytest.approx(5 / 3)
    assert monotonic(weights[:6])["monotonic"].isna().all()


def test_order_parameter_of_a_trained_model(folder: Path) -> None:
    model, systems = load_model(folder / "run"), equiglass.load(folder / "data.h5")
    found = order_parameter(model, systems)
    assert found.energy_is_input
    decoders = decoders_of(model)
    for system, c in zip(systems, found.configurations, strict=True):
        np.testing.assert_array_equal(c.h, represent(model, system).h)
        assert c.h.shape == (64, 4)
        assert c.structure.min() >= 1
    for kind, name in enumerate("AB"):
        of_type = found.populations[found.populations["type"] == name]
        assert of_type.groupby("temperature")["share"].sum().to_dict() == pytest.approx({0.4: 1, 0.5: 1, 0.6: 1})
        k = found.structures[name].n_clusters
        chosen = np.concatenate([(c.types == kind) & (c.structure == k) for c in found.configurations[:2]])
        speed = np.concatenate([decoders.predict(represent(model, s))["7"] for s in systems[:2]])
        row = of_type.set_index(["temperature", "structure"]).loc[0.4, k]
        assert row["propensity"] == pytest.approx(speed[chosen].mean())
        coordinates, structure = found.particles()[name]
        assert len(coordinates) == len(structure) == sum((c.types == kind).sum() for c in found.configurations)
    assert len(found.energies) == 6
    assert len(found.weights) == 3 * 2 * 2 * 4
    single = order_parameter(model, systems[:1])
    assert single.energies.empty
    assert single.weights.empty


def test_file_comes_back_and_a_newer_one_is_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    written = [
        Described(name, t, np.array([0, 1, 0]), rng.normal(size=(3, 4)), rng.normal(size=(3, 2)), np.array([1, 2, 1]))
        for name, t in (("one", 0.4), ("two", None))
    ]
    path = tmp_path / "representation.h5"
    write_representation(written, path, "model")
    for a, b in zip(written, read_representation(path), strict=True):
        assert (a.name, a.temperature) == (b.name, b.temperature)
        np.testing.assert_array_equal(a.types, b.types)
        np.testing.assert_allclose(a.h, b.h, rtol=1e-6)
        np.testing.assert_allclose(a.coordinates, b.coordinates, rtol=1e-6)
        np.testing.assert_array_equal(a.structure, b.structure)
    with h5py.File(path, "a") as file:
        file.attrs["version"] = 2
    with pytest.raises(EquiglassError, match="up to version 1"):
        read_representation(path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(EquiglassError, match="damaged"):
        read_representation(path)


def test_command_writes_file_tables_and_figures(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    words = ("represent", folder / "run", "--data", folder / "data.h5", "--out", folder / "out")
    assert run(*words) == 0
    assert "lowest ICL" in capsys.readouterr().out
    assert [c.name for c in read_representation(folder / "out" / "representation.h5")] == [s.name for s in liquids()]
    held = json.loads((folder / "out" / "structures.json").read_text())
    assert held["version"] == 1
    for name in "AB":
        lowest = min(held["structures"][name]["criteria"], key=lambda c: c["icl"])
        assert lowest["clusters"] == held["structures"][name]["clusters"]
    with (folder / "out" / "weights.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 48
    drawn = {p.name for p in (folder / "out").glob("*.png")}
    assert drawn == {f"{what}_{name}.png" for what in ("components", "populations") for name in "AB"} | {
        "weights_A_7.png",
        "weights_B_7.png",
    }
    assert run(*words) == 2
    assert run(*words[:-1], folder / "other", "--label", "3") == 2
    error = capsys.readouterr().err
    assert "not empty" in error
    assert "not '3'" in error
