"""Settings and data that would give a wrong model in silence, or a traceback: each gives a sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import equiglass
from equiglass.errors import DataError, EquiglassError, EquiglassWarning
from equiglass.methods import METHODS
from equiglass.methods.loading import load_model, read_configuration, save_model
from equiglass.training import crossvalidate, train
from equiglass.training.supply import with_ends
from samples.command import run
from samples.labelled import labelled_liquid, shaken
from samples.noisy import with_runs

SMALL_NETWORK = ("architecture.l_max=1", "architecture.layers=1", "architecture.channels=2", "epochs=1", "fold=0")
TINY = ("architecture.width=4", "architecture.steps=1", "epochs=1")


@pytest.mark.parametrize(
    ("method", "setting", "said"),
    [
        ("ridge", "target=energy", "contains it; leave energy_inherent out of nodes"),
        ("network", "target=energy", "contains it; leave energy_inherent out of inputs.nodes"),
        ("network", "inputs.positions=cage", "inputs.positions: input should be 'thermal' or 'inherent'"),
        ("bapst", "times=[]", "times: name at least one label"),
        ("bapst", "times=7", "times: input should be 'all' or a list, such as"),
        ("bapst", "types=A", "types: input should be 'all' or a list, such as"),
        ("bapst", "architecture.cutoff=1e9", "architecture.cutoff: input should be less than or equal to 10"),
        ("bapst", "learning_rate=1e300", "learning_rate: input should be less than or equal to"),
        ("glassmlp", "lengths=[1, -1]", "different, finite, not negative, and at least one is more than 0"),
        ("glassmlp", "lengths=[1, .inf]", "different, finite, not negative, and at least one is more than 0"),
        ("glassmlp", "lengths=[0]", "different, finite, not negative, and at least one is more than 0"),
        ("glassmlp", "lengths=[]", "different, finite, not negative, and at least one is more than 0"),
        ("boattini", "decay=[]", "decay: .*at least 1 item"),
        ("boattini", "thermal=[-1]", "thermal.0: input should be greater than or equal to 0"),
        ("boattini", "descriptors.generations=-1", "generations >= 0"),
        ("cage", "descriptors.l_max=0", "l_max >= 1"),
        ("boattini", "descriptors.averaging_radius=0", "averaging_radius > 0"),
        (
            "boattini",
            "descriptors.radial=[{first: 1}]",
            "missing: descriptors.radial.0.last, descriptors.radial.0.number, ",
        ),
        ("softness", "widths=[0]", "widths.0: input should be greater than or equal to 0.001"),
        ("softness", "powers=[0]", "powers.0: input should be greater than or equal to 1"),
        ("softness", "powers=[65]", "powers.0: input should be less than or equal to 64"),
        ("softness", "c=1e300", "c: input should be less than or equal to 1"),
        ("softness", "c=.inf", "c: input should be"),
        ("bapst", "weight_decay=1e300", "weight_decay: input should be less than or equal to"),
        ("network", "weight_decay=1e300", "weight_decay: input should be less than or equal to"),
        ("eignn", "weight_decay=1e300", "weight_decay: input should be less than or equal to"),
        ("network", "architecture.channels=1000000000", "architecture.channels: input should be less"),
        ("network", "architecture.advanced.neighbors=.inf", "neighbors: input should be"),
        ("network", "inputs.generations=1000000000", "inputs.generations: input should be less"),
        ("softness", "radial.width=0", "radial: shells need .* width > 0"),
        ("softness", "radial.count=3", "unknown key 'radial.count'"),
        ("glassmlp", "reach=1e3", "reach: input should be less than or equal to 30"),
        ("stack", "methods=none", "methods: input should be a list, such as"),
    ],
)
def test_settings_that_are_refused(method: str, setting: str, said: str) -> None:
    with pytest.raises(EquiglassError, match=said):
        read_configuration(None, [setting], method)


def test_one_key_of_shells_leaves_the_others() -> None:
    radial = read_configuration(None, ["radial.number=30"], "softness").radial
    default = METHODS["softness"].configuration().radial
    assert radial == replace(default, number=30)
    descriptors = read_configuration(None, ["descriptors.angular.width=0.2"], "cage").descriptors
    assert descriptors.angular.width == 0.2
    assert descriptors.angular.last == METHODS["cage"].configuration().descriptors.angular.last


def test_no_type_to_learn_is_refused() -> None:
    with pytest.raises(DataError, match="no particle type is to be learned"):
        METHODS["bapst"].fit([shaken(0)], read_configuration(None, [*TINY, "types=[]"], "bapst"))


@pytest.mark.parametrize("method", ["bapst", "botan", "eignn", "geognn"])
def test_a_graph_without_edges_is_refused(method: str) -> None:
    configuration = read_configuration(None, ["architecture.cutoff=0.001", "epochs=1"], method)
    with pytest.raises(DataError, match=r"no two particles are closer than architecture\.cutoff"):
        METHODS[method].graph(replace(shaken(0), replica_displacements=None), configuration.architecture)


def test_more_ends_than_runs_are_said() -> None:
    configuration = read_configuration(None, ["ends=99"], "ridge")
    with pytest.warns(EquiglassWarning, match="ends is 99, but 2 of 2 configurations have .* fewer runs .4 at least"):
        with_ends([with_runs(0), with_runs(1)], configuration)


def test_ends_are_made_once_where_some_configurations_have_no_displacements() -> None:
    bare = replace(with_runs(1), replica_displacements=None)
    configuration = read_configuration(None, ["ends=2"], "ridge")
    with pytest.warns(EquiglassWarning, match="fewer runs"):
        once = with_ends([with_runs(0), bare], configuration)
    assert len(once) > 2
    assert with_ends(once, configuration) == once


def test_ends_are_made_of_configurations_with_a_parent_or_with_other_children() -> None:
    configuration = read_configuration(None, ["ends=2"], "ridge")
    parent = with_runs(0)
    child = replace(with_runs(1), parent=parent.fingerprint)
    other = replace(shaken(2), parent=parent.fingerprint, runs=1)
    made = with_ends([parent, child, other], configuration)
    assert sum(system.parent == parent.fingerprint and system.runs == 1 for system in made) > 2
    assert {system.name.split("-end")[0] for system in made if "-end" in system.name} == {parent.name, child.name}
    assert with_ends(made, configuration) == made


def test_several_members_do_not_join_a_single_model(tmp_path: Path) -> None:
    systems, settings = [shaken(k) for k in range(3)], read_configuration(None, ["fold=0"], "none")
    train(systems, tmp_path / "one", settings)
    with pytest.raises(EquiglassError, match="holds a single model; choose another folder for 2 members"):
        train(systems, tmp_path / "one", settings, members=2)
    with pytest.raises(EquiglassError, match="members is 0"):
        train(systems, tmp_path / "none", settings, members=0)
    train(systems, tmp_path / "two", settings, members=2)
    with pytest.raises(EquiglassError, match="holds 2 members; give --members 2"):
        train(systems, tmp_path / "two", settings, resume=True)


def test_a_network_that_sees_no_edge_is_refused(tmp_path: Path) -> None:
    settings = read_configuration(None, [*SMALL_NETWORK, "architecture.cutoff=0.01"], "network")
    with pytest.raises(DataError, match=r"no two particles are closer than architecture\.cutoff = 0\.01"):
        train([shaken(k) for k in range(3)], tmp_path / "run", settings)


def test_values_far_beyond_the_training_data_are_said(tmp_path: Path) -> None:
    systems = [shaken(k) for k in range(3)]
    train(systems, tmp_path / "run", read_configuration(None, ["fold=0"], "none"))
    model = load_model(tmp_path / "run")
    model.arrays["means"] *= 30  # type: ignore[attr-defined]
    with pytest.warns(EquiglassWarning, match="64 particles have more than 20 times the mean value"):
        model.predict(shaken(4))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: equiglass.train(shaken(0), "run"), "configurations must be a list of System"),
        (lambda: equiglass.train("data.h5", "run"), "configurations must be a list of System"),
        (lambda: equiglass.save("data.h5", [shaken(0)]), "save takes the configurations first, then the file"),
        (lambda: equiglass.combine([], [shaken(0)], "out"), "members must be a list of pairs"),
        (lambda: equiglass.combine(["a:b"], [shaken(0)], "out"), "members must be a list of pairs"),
        (lambda: equiglass.evaluate([shaken(0)], [{"1": np.zeros(3)}]), "values of the 64 particles by label"),
        (lambda: equiglass.evaluate([shaken(0)], [np.zeros(64)]), "values of the 64 particles by label"),
    ],
)
def test_exchanged_and_misshapen_arguments_are_sentences(call: Callable[[], object], said: str) -> None:
    with pytest.raises(EquiglassError, match=said):
        call()


def test_a_cross_validation_of_one_fold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EquiglassError, match="folds: input should be greater than or equal to 2"):
        crossvalidate([shaken(k) for k in range(3)], tmp_path / "cv", read_configuration(None, [], "none"), folds=1)


def test_a_type_that_is_not_predicted_has_no_error() -> None:
    """Without a warning of numpy; in the table of the command it is a dash."""
    system = shaken(0)
    predicted = np.where(system.types == 0, np.arange(64.0), np.nan)
    rows = {row.type: row for row in equiglass.evaluate([system], [{"7": predicted}])}
    assert np.isfinite(rows["A"].mse)
    assert "B" not in rows or np.isnan(rows["B"].mse)


@pytest.mark.parametrize("method", ["none", "softness"])
def test_a_model_knows_its_validation_configurations(method: str) -> None:
    systems = [shaken(k) for k in range(3)]
    model = METHODS[method].fit(systems[:2], read_configuration(None, [], method), validation=systems[2:])
    assert [model.data.role(system) for system in systems] == ["training", "training", "validation"]


def test_types_with_a_gap_are_said(tmp_path: Path) -> None:
    system = replace(shaken(0), types=2 * shaken(0).types, potential=None)
    with pytest.warns(EquiglassWarning, match="no particles of a type before C; read the file with --types A,B,C"):
        equiglass.save([system], tmp_path / "a.xyz")
    (read,) = equiglass.load(tmp_path / "a.xyz", types=["A", "B", "C"])
    np.testing.assert_array_equal(read.types, system.types)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"runs": 1}, "runs is 1; the state of the cages needs 2"),
        ({"time": -1.0}, "the time of the plateau is -1; it must be longer than 0.2"),
        ({"time": 0.1}, "the time of the plateau is 0.1; it must be longer than 0.2"),
        ({"seed": -1}, "the seed is -1; seeds are whole numbers from 0"),
    ],
)
def test_cages_that_are_refused(given: dict[str, Any], said: str) -> None:
    system = replace(shaken(0), temperature=0.5, potential=equiglass.KOB_ANDERSEN)
    with pytest.raises(EquiglassError, match=said):
        equiglass.cage(system, **given)


def test_an_input_that_is_missing_is_named_although_the_output_exists(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    equiglass.save([shaken(0)], tmp_path / "out.h5")
    assert run("quench", tmp_path / "typo.xyz", "-o", tmp_path / "out.h5") == 2
    said = capsys.readouterr().err
    assert "typo.xyz" in said
    assert "mistake in equiglass" not in said


def test_types_of_a_file_without_names_are_said(tmp_path: Path) -> None:
    equiglass.save([shaken(0)], tmp_path / "a.h5")
    with pytest.warns(EquiglassWarning, match="dataset has types without names, so 'types' has no effect"):
        equiglass.load(tmp_path / "a.h5", types=["B", "A"])


def test_a_model_is_saved_to_a_folder_given_as_text(tmp_path: Path) -> None:
    model = METHODS["none"].fit([shaken(0)], read_configuration(None, [], "none"))
    save_model(model, str(tmp_path / "model"))
    assert load_model(str(tmp_path / "model")).method == "none"


def test_more_epochs_of_a_method_without_a_schedule(tmp_path: Path) -> None:
    pytest.importorskip("pyvoro2")
    words = ["lengths=[0.5]", "reach=2", "fold=0"]
    systems = [shaken(k) for k in range(2)]
    train(systems, tmp_path / "run", read_configuration(None, [*words, "epochs=2"], "glassmlp"))
    with pytest.warns(EquiglassWarning, match="follows the own schedule over 4 epochs"):
        train(systems, tmp_path / "run", read_configuration(None, [*words, "epochs=4"], "glassmlp"), resume=True)


@pytest.mark.parametrize("method", ["energy", "ridge"])
def test_a_type_whose_rho_is_undefined_has_the_largest_penalty(method: str) -> None:
    """One particle of type B per configuration, or labels that are all equal."""
    systems = [replace(s, propensity=np.where(s.types == 1, 0.1, s.propensity)) for s in map(shaken, range(4))]
    with pytest.warns(EquiglassWarning, match=r"type B.*two particles with different values.*largest"):
        model = METHODS[method].fit(systems, read_configuration(None, [], method))
    test = shaken(9)
    np.testing.assert_allclose(model.values(test)[:, test.types == 1], 0.1)


@pytest.mark.parametrize("method", ["energy", "ridge", "stack"])
def test_a_label_of_one_training_configuration_has_the_largest_penalty(method: str) -> None:
    systems = [shaken(k) for k in range(5)]
    late = np.array([[False], [True]])
    systems[1:] = [replace(s, propensity=np.where(late & (s.types == 1), np.nan, s.propensity)) for s in systems[1:]]
    words = ["methods=[energy, ridge]", "settings.ridge.l_max=1"] if method == "stack" else []
    with pytest.warns(EquiglassWarning) as caught:
        model = METHODS[method].fit(systems, read_configuration(None, words, method))
    said = "type B, time labelled '7': one configuration alone has this target"
    assert any(said in str(each.message) for each in caught)
    assert np.isfinite(model.values(shaken(9))).all()


@pytest.mark.parametrize("words", [[], ["--set", "fold=0"]])
def test_one_configuration_is_refused_before_a_folder_is_made(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    equiglass.save(replace(shaken(0), positions_inherent=None), tmp_path / "one.h5")
    data = ["--data", str(tmp_path / "one.h5"), "--out", str(tmp_path / "run")]
    assert run("train", "--method", "ridge", *data, *words) == 2
    caught = capsys.readouterr()
    assert "quenching" not in caught.out
    assert (
        "ridge needs 2 unrelated training configurations" if words else "one configuration cannot be dealt"
    ) in caught.err
    assert not (tmp_path / "run").exists()


def test_types_that_count_from_one_are_said(tmp_path: Path) -> None:
    systems = [replace(s, types=s.types + 1, potential=None) for s in map(shaken, range(4))]
    with pytest.warns(EquiglassWarning, match="no training configuration has particles of type A. Types count from 0"):
        train(systems, tmp_path / "run", read_configuration(None, ["fold=0"], "none"))


def test_labels_of_numpy_are_text(tmp_path: Path) -> None:
    systems = [replace(s, time_labels=tuple(np.array(["fast", "7"]))) for s in map(shaken, range(4))]
    model = train(systems, tmp_path / "run", read_configuration(None, ["fold=0"], "energy"))
    assert [type(label) for label in model.times] == [str, str]


def test_a_member_of_a_stack_that_cannot_be_trained_is_named() -> None:
    systems = []
    for k in range(4):
        system = labelled_liquid(k)
        systems.append(system if k % 2 else replace(system, propensity=np.full_like(system.propensity, np.nan)))
    words = ["methods=[none, softness]", "settings.softness.share=0.0001", "parts=2"]
    with pytest.raises(EquiglassError, match=r"stack: softness, without part 1: .*mobile and immobile"):
        METHODS["stack"].fit(systems, read_configuration(None, words, "stack"))


def test_a_dump_without_types_is_not_called_flat(tmp_path: Path) -> None:
    box = "ITEM: BOX BOUNDS pp pp pp\n0 5\n0 5\n0 5\n"
    head = f"ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n1\n{box}"
    for columns, flat in (("id x y z\n1 1 1 1\n", False), ("id type x y\n1 1 1 1\n", True)):
        (tmp_path / "a.dump").write_text(f"{head}ITEM: ATOMS {columns}")
        with pytest.raises(DataError, match="are needed") as refused:
            equiglass.load(tmp_path / "a.dump")
        assert ("two-dimensional" in str(refused.value)) == flat


def test_the_figure_is_written_before_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader such as head may leave before the end of the table."""
    pytest.importorskip("matplotlib")
    equiglass.save([shaken(0)], tmp_path / "data.h5")
    model = METHODS["none"].fit([shaken(0)], read_configuration(None, [], "none"))
    save_model(model, tmp_path / "run")

    there: list[bool] = []
    seen = "equiglass.commands.glance.print_prediction"
    monkeypatch.setattr(seen, lambda _: there.append((tmp_path / "a.png").is_file()))
    assert run("predict", tmp_path / "run", tmp_path / "data.h5", "--figure", tmp_path / "a.png") == 0
    assert there == [True]
