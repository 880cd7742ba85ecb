"""Experiments on every method: transfer, fields, the runs that a method needs, folds, the softness of classes."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from pandas import DataFrame

import equiglass
from equiglass.errors import EquiglassError
from equiglass.experiments.declaration import Declaration, cases, read_declaration
from equiglass.experiments.experiment import carry_out
from equiglass.experiments.measures import MEASURES
from equiglass.experiments.measures.scores import CEILINGS, CONVENTIONS, scores_table
from equiglass.experiments.measures.softness import CLASSES, classes, histogram, soft_shares
from equiglass.experiments.plan import groups_of, supplied, trainings
from equiglass.experiments.propensity_fields import MEASURED
from equiglass.experiments.runs import train_missing
from equiglass.files.tables import over_seeds
from equiglass.liquid.system import System
from equiglass.methods import METHODS
from equiglass.methods.softness import Softness
from equiglass.observables import PAPER, chi4_of_fields
from samples.command import run
from samples.labelled import SMALL, labelled_liquid

NETWORK = {"epochs": 2, "learning_rate": 0.01}
SHRUNK: dict[str, dict[str, Any]] = {
    "network": {"epochs": 2, "architecture": {"l_max": 1, "layers": 1, "channels": 2}},
    "bapst": {**NETWORK, "architecture": {"width": 4, "steps": 1}},
    "botan": {**NETWORK, "edge_epochs": 1, "architecture": {"width": 4, "steps": 1}},
    "eignn": {**NETWORK, "architecture": {"width": 4, "interactions": 1}},
    "geognn": {**NETWORK, "architecture": {"width": 4, "gaussians": 8, "angular": 2}},
    "boattini": {"descriptors": asdict(SMALL), "thermal": [0.3], "decay": [1.0]},
    "cage": {"descriptors": asdict(SMALL), "penalties": [1.0]},
    "glassmlp": {"lengths": [0, 0.5], "reach": 2.0, "epochs": 2},
    "softness": {
        "radial": {"first": 0.8, "last": 2.5, "number": 8, "width": 0.1},
        "cutoff": 1.5,
        "powers": [1],
        "share": 0.2,
    },
    "ridge": {"l_max": 1},
    "energy": {},
    "none": {},
    "stack": {"methods": ["energy", "none"], "parts": 2},
}
"""Settings that make the training of a method small."""


def liquids(temperature: float, first: int, number: int = 6) -> list[System]:
    """Labelled configurations with everything that a method may need."""
    systems = []
    for seed in range(first, first + number):
        system, rng = labelled_liquid(seed), np.random.default_rng(seed)
        states = {"positions_cage": system.positions + rng.normal(0, 0.02, (64, 3))}
        moves = rng.normal(0, 0.1, (2, 3, 64, 3)).astype(np.float32)
        # No two particles are equally mobile.
        noisy = {"propensity": system.propensity + rng.uniform(0, 0.01, (2, 64))}
        names = {"name": f"T{temperature}-{seed}", "temperature": temperature}
        systems.append(replace(system, replica_displacements=moves, **states, **noisy, **names))
    return systems


@pytest.fixture(scope="module")
def data() -> dict[str, list[System]]:
    return {"cold": liquids(0.4, 10), "warm": liquids(0.5, 20)}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder, so that everything is trained once."""
    return tmp_path_factory.mktemp("experiments")


def declared(measure: str, *methods: str, **more: Any) -> Declaration:
    variants = {name: {"method": name, **SHRUNK[name]} for name in methods}
    return Declaration.model_validate(
        {"title": measure, "source": "none", "variants": variants, "seeds": 1, "measure": measure, **more}
    )


def test_transfer_chi4_and_g4_take_every_method(data: dict[str, list[System]], out: Path) -> None:
    pytest.importorskip("pyvoro2")
    assert set(SHRUNK) == set(METHODS)
    names = list(SHRUNK)
    declaration = declared("transfer", *names)
    planned = trainings(declaration, cases(declaration), groups_of(data, declaration), 1)
    runs = train_missing(planned, out / "runs")
    moved = MEASURES["transfer"].of(runs, declaration)
    assert set(moved.summary["variant"]) == set(names)
    at_tau = moved.rows[(moved.rows["label"] == "7") & (moved.rows["type"] == "A") & (moved.rows["variant"] != "none")]
    assert len(at_tau) == 4 * (len(names) - 1)
    assert at_tau["test_mse"].notna().all()
    # Only the network of the paper has decoders to refit.
    assert set(at_tau[at_tau["learn_pooled"].notna()]["variant"]) == {"network"}
    for name in names:
        assert f"{name}, trained at T = 0.4, transfer test" in moved.table
    for measure, quantity in (("chi4", "chi4_median"), ("g4", "length_median")):
        found = MEASURES[measure].of(runs, declared(measure, *names))
        at_tau = found.summary[found.summary["label"] == "7"]
        fields = {MEASURED, *names, "network, transfer-learned from T = 0.5"}
        assert set(at_tau["field"]) == fields
        if measure == "chi4":
            assert at_tau[quantity].notna().all()


def test_fields_of_all_folds_are_those_of_the_models_that_have_not_seen_them(
    data: dict[str, list[System]], out: Path
) -> None:
    declaration = declared("chi4", "ridge", "energy")
    found = carry_out("chi4-folds", declaration, data, out, folds=2)
    assert set(found.rows["configurations"]) == {6}
    held = json.loads((out / "chi4-folds" / "chi4-folds.json").read_text())
    predicted, truth = [], []
    for one in (one for one in held["runs"] if (one["group"], one["variant"]) == ("T = 0.5", "ridge")):
        model = equiglass.load_model(out / "runs" / one["run"])
        (group,) = (g for g in held["configurations"] if (g["group"], g["fold"]) == ("T = 0.5", one["fold"]))
        for system in data["warm"]:
            if system.name in group["test"]:
                assert system.name not in group["training"]
                of_a = system.types == 0
                predicted.append(model.predict(system, any_temperature=True).values[:, of_a])
                truth.append(system.propensity[:, of_a])
    assert len(predicted) == 6
    own = found.rows[(found.rows["group"] == "T = 0.5") & (found.rows["type"] == "A")].set_index(["field", "label"])
    for field, values in (("ridge", predicted), (MEASURED, truth)):
        expected = chi4_of_fields(values, PAPER)
        np.testing.assert_allclose(own.loc[[(field, "1"), (field, "7")], "chi4"], expected.value, rtol=1e-9, atol=1e-12)
    assert any("not combined with folds" in note for note in found.notes)
    assert carry_out("g4-folds", declared("g4", "energy"), data, out, folds=2).rows["g4"].notna().any()


def test_a_method_that_learns_from_every_run_gets_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    variants = {name: {"method": name, **SHRUNK[name]} for name in ("botan", "energy")}
    variants["network"] = {**SHRUNK["network"], "further_targets": ["edges"]}
    variants["stack"] = {"method": "stack", "methods": ["botan"], "settings": {"botan": SHRUNK["botan"]}, "parts": 2}
    said = {"title": "edges", "source": "none", "variants": variants, "seeds": 1, "measure": "methods"}
    (tmp_path / "edges.yaml").write_text(yaml.safe_dump(said))
    systems = liquids(0.5, 20)
    equiglass.save(systems, tmp_path / "runs.h5")
    equiglass.save([replace(system, replica_displacements=None) for system in systems], tmp_path / "bare.h5")
    words = ("experiment", tmp_path / "edges.yaml", "--out", tmp_path / "out", "--data")
    assert run(*words, tmp_path / "runs.h5") == 0
    assert "is left out" not in capsys.readouterr().out
    held = json.loads((tmp_path / "out/edges/edges.json").read_text())
    assert {row["variant"] for row in held["rows"]} == set(variants)
    assert run(*words, tmp_path / "bare.h5") == 0
    assert "botan is left out: it learns from the displacements of every run, and T = 0.5 has none" in " ".join(
        capsys.readouterr().out.split()
    )
    held = json.loads((tmp_path / "out/edges/edges.json").read_text())
    assert {row["variant"] for row in held["rows"]} == {"energy"}
    assert run(*words, tmp_path / "bare.h5", "--only", "botan") == 2
    assert "keep_displacements: true" in capsys.readouterr().err
    assert run("methods") == 0
    assert "displacements" in capsys.readouterr().out


def test_another_inherent_structure_is_another_training(tmp_path: Path) -> None:
    """A configuration may bring its inherent structure, and then nothing else determines it."""
    systems = liquids(0.5, 0)
    moved = [replace(s, positions_inherent=s.positions_inherent + 0.01) for s in systems]
    warm = [replace(s, positions_inherent=None) for s in systems]
    declaration, keys = declared("methods", "energy", "none"), []
    for given in (systems, moved, warm, warm):
        groups = supplied(groups_of({"a": given}, declaration), cases(declaration))
        keys.append([training.key for training in trainings(declaration, cases(declaration), groups, 1)])
    energies, nones = zip(*keys, strict=True)
    assert len(set(energies)) == 3
    assert energies[2] == energies[3]
    assert len(set(nones)) == 1
    apart = declared("methods", "energy", groups="data")
    groups = supplied(groups_of({"moved": moved, "warm": warm}, apart), cases(apart))
    assert [training.key for training in trainings(apart, cases(apart), groups, 1)] == [energies[1], energies[2]]


def test_a_stack_with_random_members_has_seeds_and_quick_trials() -> None:
    stack = {"method": "stack", "methods": ["bapst", "energy"], "settings.bapst.epochs": 8}
    declaration = Declaration(title="t", source="s", measure="methods", variants={"stack": stack})
    groups = groups_of({"a": liquids(0.5, 0, 8)}, declaration)
    planned = trainings(declaration, cases(declaration), groups, 3)
    assert [t.seed for t in planned] == [1, 2, 3]
    assert {t.configuration.member("bapst").epochs for t in planned} == {8}
    (quick,) = trainings(declaration, cases(declaration), groups, 1, quick=True)
    assert quick.configuration.member("bapst").epochs == 3


def test_the_steps_of_a_stack_are_a_share_of_the_whole(tmp_path: Path) -> None:
    declaration = declared("methods", "stack")
    planned = trainings(declaration, cases(declaration), groups_of({"a": liquids(0.5, 0, 8)}, declaration), 1)
    done: list[int] = []
    train_missing(planned, tmp_path, lambda training, step: done.append(step))
    assert done == sorted(done)
    assert done[-1] == planned[0].steps


def test_keys_that_an_experiment_deals_itself_are_refused() -> None:
    declaration = read_declaration("methods")
    for key in ("fold", "folds"):
        with pytest.raises(EquiglassError, match=f"{key}: an experiment itself deals"):
            cases(declaration, {key: 0})
    # A key of one method leaves the others as they are.
    changed = {case.variant: case.configuration for case in cases(declaration, {"architecture.gaussians": 16})}
    assert changed["geognn"].architecture.gaussians == 16
    assert changed["bapst"] == METHODS["bapst"].configuration(seed=1)


def test_methods_that_choose_nothing_take_one_training_configuration() -> None:
    check = MEASURES["methods"].check
    declaration = declared("methods", "none", "softness")
    groups = groups_of({"a": liquids(0.5, 0, 2)}, declaration.model_copy(update={"folds": 2}))
    check(groups, declaration)
    with pytest.raises(EquiglassError, match="energy needs 2 unrelated training configurations"):
        check(groups, declared("methods", "none", "energy"))


def test_edge_epochs_keep_their_share() -> None:
    configuration = METHODS["botan"].configuration(epochs=40, edge_epochs=10)
    shorter = configuration.with_epochs(lambda epochs: 4)
    assert (shorter.epochs, shorter.edge_epochs) == (4, 1)
    assert METHODS["energy"].configuration().with_epochs(lambda epochs: 4) == METHODS["energy"].configuration()
    declaration = read_declaration("methods")
    quick = trainings(declaration, cases(declaration), groups_of({"a": liquids(0.5, 0, 8)}, declaration), 1, quick=True)
    assert [(t.epochs, t.configuration.edge_epochs) for t in quick if t.variant == "botan"] == [(3, 0)]
    # A number of epochs for all methods leaves botan its share.
    few = {c.variant: c.configuration for c in cases(declaration, {"epochs": 12})}
    assert (few["botan"].epochs, few["botan"].edge_epochs) == (12, 2)
    assert METHODS["botan"].configuration().edge_epochs == 200
    with pytest.raises(ValueError, match="epochs must be larger, not 4"):
        METHODS["botan"].configuration(epochs=4, edge_epochs=10)


def test_published_curves_of_another_experiment() -> None:
    options = MEASURES["methods"].check([], declared("methods", "none", options={"published": "methods"}))
    assert options is None
    with pytest.raises(EquiglassError, match="there is no experiment 'paper'"):
        MEASURES["methods"].check([], declared("methods", "none", options={"published": "paper"}))


def test_classes_and_shares_of_a_synthetic_field() -> None:
    """The softness is the logarithm of the mobility, with noise; a fifth of the particles in each class."""
    rng = np.random.default_rng(0)
    soft = rng.normal(-0.5, 1.0, 50_000)
    mobility = np.exp(soft + rng.normal(0, 0.1, len(soft)))
    chosen = classes(mobility, 0.2)
    assert [int(chosen[name].sum()) for name in CLASSES] == [10_000, 10_000, 50_000]
    assert mobility[chosen["mobile"]].min() > mobility[chosen["immobile"]].max()
    found = soft_shares(soft, chosen, np.arange(len(soft)) % 5)
    # 31 % of all are soft: all of the mobile fifth, none of the immobile one.
    assert found["soft_all"] == pytest.approx(0.3085, abs=0.01)
    assert found["soft_mobile"] > 0.98
    assert found["soft_immobile"] == 0
    # The mean of the upper fifth of a normal distribution is 1.40 standard deviations above its mean.
    assert found["mean_mobile"] == pytest.approx(-0.5 + 1.40, abs=0.03)
    assert found["mean_immobile"] == pytest.approx(-0.5 - 1.40, abs=0.03)
    assert 0 < found["soft_all_error"] < 0.01
    edges = np.linspace(-4.5, 3.5, 41)
    middle = (edges[:-1] + edges[1:]) / 2
    expected = np.exp(-((middle + 0.5) ** 2) / 2) / np.sqrt(2 * np.pi)
    # The standard error of the highest bin is 0.006.
    np.testing.assert_allclose(histogram(soft, edges), expected, atol=0.02)


def test_the_softness_experiment_scores_what_was_held_out(data: dict[str, list[System]], out: Path) -> None:
    pytest.importorskip("matplotlib")
    found = carry_out("soft", declared("softness", "softness"), {"warm": data["warm"]}, out, folds=2)
    held = json.loads((out / "soft" / "soft.json").read_text())
    values, truth = [], []
    for one in held["runs"]:
        model = equiglass.load_model(out / "runs" / one["run"])
        assert isinstance(model, Softness)
        (group,) = (g for g in held["configurations"] if g["fold"] == one["fold"])
        for system in (system for system in data["warm"] if system.name in group["test"]):
            values.append(model.softness(system)[1, system.types == 0])
            truth.append(system.propensity[1, system.types == 0])
    assert len(values) == 6
    soft, mobility = np.concatenate(values), np.concatenate(truth)
    mobile = np.argsort(mobility, kind="stable")[-int(0.2 * len(mobility)) :]
    (row,) = found.summary[(found.summary["type"] == "A") & (found.summary["label"] == "7")].to_dict("records")
    assert row["soft_mobile"] == pytest.approx((soft[mobile] > 0).mean())
    assert row["mean_mobile"] == pytest.approx(soft[mobile].mean())
    assert set(found.draw()) == {"_A", "_B"}
    assert "soft, mobile" in (out / "soft" / "table.md").read_text()
    with pytest.raises(EquiglassError, match="of the method softness; variant 'energy' is of energy"):
        carry_out("no", declared("softness", "energy"), data, out)


def test_two_labels_of_one_time_have_rows_of_their_own() -> None:
    rows = [
        {"group": "T = 0.5", "type": "A", "time": 16.5, "label": label, "variant": "ridge", "seed": 1}
        | {"per_configuration": rho, "pooled": rho, "ceiling_per_configuration": 0.9, "ceiling_pooled": 0.9}
        for label, rho in (("7", 0.5), ("X7", 0.25))
    ]
    summary = over_seeds(DataFrame(rows), ("group", "variant", "type", "label"), CONVENTIONS, ("time", *CEILINGS))
    table = scores_table(summary)
    for words in ("ridge, label 7 ", "ridge, label X7 ", "noise ceiling, label X7 ", " 0.500 ", " 0.250 "):
        assert words in table
