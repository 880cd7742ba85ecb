"""Settings and data that would give a wrong model in silence, or a traceback: each gives a sentence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import equiglass
from equiglass.errors import DataError, EquiglassError, EquiglassWarning
from equiglass.methods import METHODS
from equiglass.methods.loading import load_model, read_configuration, save_model
from equiglass.training import train
from equiglass.training.supply import with_ends
from samples.command import run
from samples.labelled import labelled_liquid, shaken
from samples.noisy import with_runs

TINY = ("architecture.width=4", "architecture.steps=1", "epochs=1")


@pytest.mark.parametrize(
    ("method", "setting", "said"),
    [
        ("ridge", "target=energy", "contains it; leave energy_inherent out of nodes"),
        ("network", "target=energy", "contains it; leave energy_inherent out of inputs.nodes"),
        ("bapst", "times=[]", "times: name at least one label"),
        ("bapst", "times=7", "times: input should be 'all' or a list, such as"),
        ("bapst", "types=A", "types: input should be 'all' or a list, such as"),
        ("bapst", "architecture.cutoff=1e9", "architecture.cutoff: input should be less than or equal to 10"),
        ("bapst", "learning_rate=1e300", "learning_rate: input should be less than or equal to"),
        ("glassmlp", "lengths=[1, -1]", "different, not negative, and at least one is more than 0"),
        ("glassmlp", "lengths=[0]", "different, not negative, and at least one is more than 0"),
        ("glassmlp", "lengths=[]", "different, not negative, and at least one is more than 0"),
        ("glassmlp", "reach=1e3", "reach: input should be less than or equal to 30"),
        ("stack", "methods=none", "methods: input should be a list, such as"),
    ],
)
def test_settings_that_are_refused(method: str, setting: str, said: str) -> None:
    with pytest.raises(EquiglassError, match=said):
        read_configuration(None, [setting], method)


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
