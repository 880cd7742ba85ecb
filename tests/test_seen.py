"""What a model has seen is not scored as a test, and no score compares two different times."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

import equiglass
from equiglass.errors import ConfigurationError, DataError, EquiglassWarning
from equiglass.liquid.system import System
from equiglass.methods.loading import load_model, read_configuration, save_model
from equiglass.prediction.ensemble import Ensemble
from equiglass.prediction.split import Split
from equiglass.prediction.training_data import TrainingData
from samples.command import run
from samples.labelled import labelled_liquid

RIDGE = ("method=ridge", "folds=3")
NETWORK = ("architecture.l_max=1", "architecture.layers=1", "architecture.channels=2", "epochs=1", "folds=3")


def words(settings: Sequence[str]) -> list[str]:
    return [word for setting in settings for word in ("--set", setting)]


def liquids(first: int, number: int = 6) -> list[System]:
    """Configurations with the same names, whatever their content."""
    return [replace(labelled_liquid(first + k), name=f"000{k}") for k in range(number)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sets of the same names, and a network and a regression trained on the first."""
    folder = tmp_path_factory.mktemp("seen")
    equiglass.save(liquids(0), folder / "seed7.h5")
    equiglass.save(liquids(20), folder / "seed8.h5")
    for name, settings in (("network", NETWORK), ("ridge", RIDGE)):
        data = ("--data", folder / "seed7.h5", "--out", folder / name)
        assert run("train", *data, *words(settings)) == 0
    return folder


@pytest.mark.parametrize("name", ["network", "ridge"])
def test_evaluate_leaves_out_what_trained_the_model(
    folder: Path, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "scores.json"
    data = ("--data", folder / "seed7.h5", "--json", out)
    assert run("evaluate", folder / name, *data) == 0
    printed = capsys.readouterr()
    assert "4 of 6 configurations are left out" in printed.err
    assert "those that validated the model" in " ".join(printed.out.split())
    held = json.loads(out.read_text())
    assert (held["configurations"], held["left_out"]) == (2, ["0001", "0002", "0004", "0005"])
    assert {row["role"] for row in held["rho"]} == {"validation"}
    assert run("evaluate", folder / name, *data, "--seen") == 0
    rows = json.loads(out.read_text())["rho"]
    assert {(row["role"], row["configurations"]) for row in rows} == {("validation", 2), ("training", 4)}
    assert [row for row in rows if row["role"] == "validation"] == held["rho"]


def test_the_same_names_are_not_the_same_configurations(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "scores.json"
    assert run("evaluate", folder / "network", "--data", folder / "seed8.h5", "--json", out) == 0
    held = json.loads(out.read_text())
    assert (held["configurations"], held["left_out"]) == (6, [])


def test_a_model_knows_its_configurations_in_other_files_and_without_its_folder(folder: Path, tmp_path: Path) -> None:
    model = load_model(folder / "network")
    save_model(model, tmp_path / "exported")
    exported = load_model(tmp_path / "exported")
    rng = np.random.default_rng(0)
    for system in liquids(0):
        order = rng.permutation(system.n_particles)
        shuffled = System(
            np.round(system.positions[order], 4) + 3 * system.box, system.types[order], system.box, name="another name"
        )
        assert exported.role(shuffled) == model.role(system) != "not seen"
    # The best checkpoint was chosen on the validation configurations.
    roles = [load_model(folder / "network", "best").role(system) for system in liquids(0)]
    assert roles == ["selection", "training", "training"] * 2
    assert load_model(folder / "network", "best").role(liquids(20)[0]) == "not seen"


def test_an_end_of_a_run_from_a_training_configuration_is_seen(folder: Path) -> None:
    model, start = load_model(folder / "ridge"), liquids(0)[1]
    end = replace(labelled_liquid(50), parent=start.fingerprint)
    assert model.role(end) == "training"
    prediction = model.predict(end)
    with pytest.raises(ConfigurationError, match="trained or chosen on every configuration here"):
        equiglass.evaluate([end], [prediction])


def test_an_average_over_folds_has_seen_every_configuration(folder: Path, tmp_path: Path) -> None:
    data = ("--data", folder / "seed7.h5")
    assert run("crossvalidate", *data, "--out", tmp_path / "cv", *words(RIDGE), "--json", tmp_path / "cv.json") == 0
    held = json.loads((tmp_path / "cv.json").read_text())
    assert {(row["role"], row["configurations"]) for row in held["rho"]} == {("not seen", 6)}
    assert run("evaluate", tmp_path / "cv", *data) == 2
    assert run("evaluate", tmp_path / "cv", "--data", folder / "seed8.h5") == 0


def test_a_model_that_chose_on_its_validation_depends_on_it(folder: Path, tmp_path: Path) -> None:
    settings = words([*RIDGE, "choose_on=validation"])
    assert run("train", "--data", folder / "seed7.h5", "--out", tmp_path / "run", *settings) == 0
    model = load_model(tmp_path / "run")
    assert [model.role(system) for system in liquids(0)] == ["selection", "training", "training"] * 2


def test_the_last_line_of_train_proposes_an_honest_score(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("train", "--data", folder / "seed7.h5", "--out", tmp_path / "run", *words(RIDGE)) == 0
    assert "configurations that it has not seen" in " ".join(capsys.readouterr().out.split())


# --- training ---


def test_an_export_beside_its_original_trains_once(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both = tmp_path / "both"
    both.mkdir()
    for name in ("dataset.h5", "dataset.xyz"):
        equiglass.save(liquids(0), both / name)
    assert run("train", "--data", both, "--out", tmp_path / "run", *words(RIDGE)) == 0
    assert "dataset.xyz: 6 configurations are copies" in capsys.readouterr().err
    split = yaml.safe_load((tmp_path / "run" / "split.yaml").read_text())
    assert len(split["training"]) + len(split["validation"]) == 6
    assert len(split["fingerprints"]["training"]) == 4


def test_validation_holds_no_training_configuration(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ("--data", folder / "seed7.h5", "--out", tmp_path / "run", *words(RIDGE))
    assert run("train", *data, "--validation", folder / "seed7.h5") == 2
    assert "the validation holds training configurations: 0000 and 0000 are" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
    assert run("train", *data, "--validation", folder / "seed8.h5") == 0


def test_a_configuration_given_twice_is_refused_in_python(tmp_path: Path) -> None:
    systems = [*liquids(0), replace(labelled_liquid(2), name="again")]
    configuration = read_configuration(None, RIDGE)
    for work in (equiglass.train, equiglass.crossvalidate):
        with pytest.raises(DataError, match="again and 0002 are the same configuration"):
            work(systems, tmp_path / "run", configuration)
    model = equiglass.train(systems[:4], tmp_path / "run", configuration)
    twice = [labelled_liquid(9), replace(labelled_liquid(9), name="again")]
    with pytest.raises(DataError, match="again and liquid-9 are the same configuration"):
        equiglass.evaluate(twice, [model.predict(system) for system in twice])


@pytest.mark.parametrize("command", ["train", "crossvalidate"])
def test_a_run_is_not_resumed_on_other_data_of_the_same_names(
    folder: Path, tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--out", tmp_path / "run", *words(RIDGE))
    resume = ["--resume"] if command == "train" else []
    assert run(command, "--data", folder / "seed7.h5", *options) == 0
    assert run(command, "--data", folder / "seed8.h5", *options, *resume) == 2
    assert "was started with other data or another split (000" in capsys.readouterr().err
    relabelled = [replace(s, propensity=2 * s.propensity, replica_variance=None) for s in liquids(0)]
    equiglass.save(relabelled, tmp_path / "relabelled.h5")
    assert run(command, "--data", tmp_path / "relabelled.h5", *options, *resume) == 2
    assert "the mean target at '1' is" in capsys.readouterr().err
    assert run(command, "--data", folder / "seed7.h5", *options, *resume) == 0


# --- state points and times ---


def test_another_temperature_is_said(folder: Path) -> None:
    model = load_model(folder / "ridge")
    system = replace(labelled_liquid(30), temperature=0.64)
    expected = r"liquid-30 is unlike the training data: temperature 0\.64 \(trained on 0\.5\)"
    with pytest.warns(EquiglassWarning, match=expected):
        model.predict(system)
    model.predict(replace(system, temperature=0.5001))
    model.predict(replace(system, temperature=None))
    model.with_data(replace(model.data, temperatures=())).predict(system)


def test_labels_of_another_time_are_not_scored(folder: Path) -> None:
    model = load_model(folder / "ridge")
    later = replace(labelled_liquid(30), times=np.array([0.1, 4120.0]))
    prediction = model.predict(later)
    with pytest.warns(EquiglassWarning, match="'7' is 16.5 in the prediction but 4120 in the data"):
        scores = equiglass.evaluate([later], [prediction])
    assert {row.label for row in scores} == {"1"}
    alone = replace(later, time_labels=("0", "7"))
    with pytest.raises(ConfigurationError, match=r"'7' is 16\.5 in the prediction but 4120 .* nothing to compare"):
        equiglass.evaluate([alone], [model.predict(alone)])
    near = replace(later, times=np.array([0.1, 17.0]))
    assert {row.label for row in equiglass.evaluate([near], [model.predict(near)])} == {"1", "7"}


def test_members_of_other_times_are_not_averaged(folder: Path) -> None:
    model = load_model(folder / "ridge")
    other = replace(model, times={"1": 0.1, "7": 40.0})  # type: ignore[type-var]
    with pytest.raises(ConfigurationError, match="other times"):
        Ensemble("both", (model, other))


def test_one_label_of_two_temperatures_is_learned_and_scored_at_both(tmp_path: Path) -> None:
    """A label may stand for a stage of the relaxation, which comes earlier at a higher temperature."""
    warm = [replace(s, temperature=0.6, times=np.array([0.1, 5.0])) for s in liquids(10, 3)]
    with pytest.warns(EquiglassWarning, match="'7' is 16.5 in 0000 but 5 in 0000, at the temperatures 0.5 and 0.6"):
        model = equiglass.train([*liquids(0, 3), *warm], tmp_path / "run", read_configuration(None, [*RIDGE, "fold=0"]))
    for temperature, time in ((0.5, 16.5), (0.6, 5.0)):
        new = replace(labelled_liquid(30), temperature=temperature, times=np.array([0.1, time]))
        prediction = load_model(tmp_path / "run").predict(new)
        assert prediction.times == {"1": 0.1, "7": time}
        assert {row.label for row in equiglass.evaluate([new], [prediction])} == {"1", "7"}
    assert model.times["7"] == 16.5


def test_no_average_joins_two_times_of_one_label() -> None:
    from equiglass.simulate.checks import collect, measure

    one, other = labelled_liquid(0), replace(labelled_liquid(1), times=np.array([0.1, 40.0]))
    for average in (equiglass.observables.chi4, equiglass.observables.noise_ceiling):
        average([one, other], label="1")
        with pytest.raises(DataError, match=r"'7' is 16\.5 in liquid-0 but 40 in liquid-1; average over"):
            average([one, other], label="7")
    with pytest.raises(DataError, match=r"'7' is 16\.5 in liquid-0 but 40 in liquid-1; average over"):
        collect([measure(one), measure(other)])


def test_a_summary_of_training_data_survives_its_metadata() -> None:
    data = TrainingData.of(liquids(0, 4), 2, liquids(20, 2), selected=True)
    assert TrainingData.from_metadata(json.loads(json.dumps(data.metadata()))) == data
    older = {key: value for key, value in data.metadata().items() if key not in ("split", "times")}
    assert TrainingData.from_metadata(older).role(liquids(0)[0]) == "unknown"


def test_a_damaged_split_is_refused() -> None:
    good = Split.of(liquids(0, 2)).plain()
    assert Split.from_plain(good) == Split.of(liquids(0, 2))
    for change in ({"training": 3}, {"fingerprints": {}}, {"fingerprints": {"training": ["x"], "validation": []}}):
        with pytest.raises(DataError):
            Split.from_plain({**good, **change})
