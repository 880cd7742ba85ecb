"""Experiments: declarations, parts, trainings that are shared and resumed, tables, the command."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from pandas import DataFrame

import equiglass
from equiglass.errors import EquiglassError
from equiglass.experiments.declaration import Declaration, base_configuration, cases, declared_names, read_declaration
from equiglass.experiments.demo import DATASET
from equiglass.experiments.experiment import carry_out
from equiglass.experiments.measures import MEASURES, Measure, Measured
from equiglass.experiments.plan import Group, Training, groups_of, supplied, trainings
from equiglass.experiments.runs import Run, train_missing
from equiglass.files.tables import records
from equiglass.liquid.system import System
from equiglass.report.results import results
from samples.command import run
from samples.labelled import labelled_liquid

TINY = {
    "architecture.l_max": 1,
    "architecture.layers": 2,
    "architecture.channels": 2,
    "epochs": 2,
    "inputs.nodes": [],
}
SMALL = ["--set", "architecture.layers=1", "--set", "architecture.l_max=1", "--set", "architecture.channels=2"]


def declared(**more: object) -> Declaration:
    return Declaration.model_validate(
        {"title": "Dropout", "source": "none", "base": TINY, "seeds": 2, "variants": {"no dropout": {}}, **more}
    )


def liquids(n: int = 6, temperature: float = 0.5) -> list[System]:
    return [replace(labelled_liquid(seed), temperature=temperature) for seed in range(n)]


def last_times(system: System) -> System:
    assert system.propensity is not None
    last = {"time_labels": system.time_labels[-2:], "times": system.times[-2:], "propensity": system.propensity[-2:]}
    known = ("positions", "types", "box", "name", "temperature", "potential", "positions_inherent")
    return System(**{key: getattr(system, key) for key in known}, **last)


def planned(declaration: Declaration, group: Group | None = None) -> list[Training]:
    groups = [group] if group else groups_of({"data": liquids()}, declaration)
    return trainings(declaration, cases(declaration), groups, declaration.seeds)


def test_the_experiments_of_the_package_are_valid() -> None:
    assert {"inputs", "multivariate", "l_max", "depth", "learning", "datasets", "loss"} <= set(declared_names())
    for name in declared_names():
        declaration = read_declaration(name)
        assert cases(declaration)
        assert declaration.measure in MEASURES


def test_the_experiments_start_from_a_network_of_their_own() -> None:
    configuration = base_configuration()
    assert configuration.method == "network"
    assert configuration.inputs.nodes == ("energy_inherent",)
    assert (configuration.seed, configuration.epochs, configuration.learning_rate) == (1, 40, 5e-3)
    architecture = configuration.architecture
    assert (architecture.l_max, architecture.layers, architecture.channels, architecture.dropout) == (2, 4, 8, 0.1)
    assert "base" not in declared_names()


def test_experiments_share_a_network() -> None:
    for name in ("inputs", "multivariate", "l_max", "depth", "learning", "datasets", "loss"):
        assert base_configuration() in [case.configuration for case in cases(read_declaration(name))]


def test_parts_depend_on_names_alone() -> None:
    systems = liquids(9)
    moved = [replace(s, positions=s.positions + 0.1) for s in systems]
    (one,), (other,) = (groups_of({"data": some}, declared()) for some in (systems, moved[::-1]))
    for group in (one, other):
        assert (len(group.training), len(group.test)) == (7, 2)
    assert [s.name for s in one.training] == [s.name for s in other.training]
    assert {s.name for s in one.training}.isdisjoint(s.name for s in one.test)


def test_every_training_has_as_many_steps_as_one_on_the_largest_group() -> None:
    groups = groups_of({"all": [*liquids(10, 0.6), *liquids(4, 0.5)]}, declared())
    assert [len(group.training) for group in groups] == [2, 8]
    made = trainings(declared(), cases(declared()), groups, 1)
    assert {training.steps for training in made} == {8 * made[-1].configuration.epochs}


def test_groups_are_temperatures_or_data() -> None:
    warm, cold = liquids(4, 0.6), liquids(4, 0.5)
    assert [g.name for g in groups_of({"all": warm + cold}, declared())] == ["T = 0.5", "T = 0.6"]
    by_data = declared(groups="data")
    assert [g.name for g in groups_of({"warm": warm, "cold": cold}, by_data)] == ["warm", "cold"]
    assert [g.name for g in groups_of({"all": warm + cold}, by_data)] == ["all, T = 0.5", "all, T = 0.6"]


def test_smaller_training_sets_are_nested_and_have_the_same_number_of_steps() -> None:
    along = {"key": "configurations", "values": [1, 2, 4, 8], "label": "n"}
    found = planned(declared(seeds=1, along=along))
    assert [len(training.systems) for training in found] == [1, 2, 4]
    assert [training.steps for training in found] == [8, 8, 8]
    for small, large in itertools.pairwise(found):
        assert large.systems[: len(small.systems)] == small.systems


def test_every_time_alone() -> None:
    found = planned(declared(seeds=1, variants={"alone": {"times": "each"}}))
    assert [training.configuration.times for training in found] == [("1",), ("7",)]


def test_a_run_is_named_by_all_that_it_learns_from() -> None:
    (group,) = groups_of({"data": liquids()}, declared())
    first = group.training[0]
    assert first.propensity is not None
    moved = replace(first, positions=first.positions + 1e-3)
    relabelled = replace(first, propensity=1.01 * first.propensity)
    others = [replace(group, training=(system, *group.training[1:])) for system in (moved, relabelled)]
    keys = [training.key for g in (group, *others) for training in planned(declared(), g)]
    keys += [planned(declared(score_epochs=True), group)[0].key]
    assert len(set(keys)) == len(keys) == 7
    # What only scores differs; the network does not.
    assert planned(declared(), replace(group, test=group.test[:1]))[0].key == keys[0]


@pytest.mark.parametrize(
    ("settings", "read"),
    [
        ({"weights": "noise"}, "replica_variance"),
        ({"further_targets": ["variance"]}, "replica_variance"),
        ({"further_targets": ["displacement"]}, "mean_displacement"),
        ({"further_targets": ["displacement"]}, "replica_displacements"),
        ({"further_targets": ["edges"]}, "replica_displacements"),
        ({"method": "stack", "methods": ["botan"]}, "replica_displacements"),
        ({"method": "stack", "settings": {"ridge": {"weights": "noise"}}}, "replica_variance"),
    ],
)
def test_a_run_is_named_by_the_further_labels_that_it_reads(settings: dict[str, object], read: str) -> None:
    shapes = {"replica_variance": (2, 64), "mean_displacement": (2, 64, 3), "replica_displacements": (2, 4, 64, 3)}
    (group,) = groups_of({"data": liquids()}, declared())
    keys = {"reads": set[str](), "does not": set[str]()}
    for value in (0.1, 0.2):
        known = replace(group.training[0], **{read: np.full(shapes[read], value)})
        here = replace(group, training=(known, *group.training[1:]))
        for name, variant in (("reads", settings), ("does not", {})):
            keys[name].add(planned(declared(seeds=1, variants={"v": variant}), here)[0].key)
    assert {name: len(found) for name, found in keys.items()} == {"reads": 2, "does not": 1}


def test_a_method_without_epochs_is_trained_once_and_ignores_the_settings_of_networks() -> None:
    declaration = declared(seeds=3, variants={"network": {}, "line": {"method": "energy"}})
    made = cases(declaration, {"learning_rate": 1e-3, "potential": "kob-andersen"})
    assert [case.configuration.method for case in made] == ["network", "energy"]
    assert made[0].configuration.learning_rate == 1e-3
    groups = groups_of({"data": liquids()}, declaration)
    found = trainings(declaration, made, groups, 3)
    assert [(t.variant, t.seed) for t in found] == [("network", 1), ("line", 1), ("network", 2), ("network", 3)]
    assert found[1].steps == len(found[1].systems)
    assert len({training.key for training in found}) == 4
    with pytest.raises(EquiglassError, match="variant 'line': unknown key 'epochs'"):
        cases(declared(variants={"network": {}, "line": {"method": "energy", "epochs": 3}}))


def test_variants_of_different_potentials_are_refused() -> None:
    """The configurations of an experiment get one potential, so the second would have no effect."""
    variants = {name: {"method": "energy", "potential": name} for name in ("kob-andersen", "kob-andersen-wca")}
    made = cases(declared(variants=variants))
    groups = groups_of({"data": [replace(system, potential=None) for system in liquids()]}, declared())
    with pytest.raises(
        EquiglassError, match="have the potentials kob-andersen, kob-andersen-wca, but the configurations"
    ):
        supplied(groups, made)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Measured]:
    """An experiment along two values that has been carried out."""
    out = tmp_path_factory.mktemp("experiments")
    return out, carry(out)


def carry(out: Path, name: str = "dropout", **more: object) -> Measured:
    along = {"key": "architecture.dropout", "values": [0.0, 0.5], "label": "dropout"}
    published = {"source": "nowhere", "numbers": [{"variant": "no E", "at": 0.5, "time": "tau_alpha", "rho": 0.9}]}
    declaration = declared(variants={"no E": {}}, along=along, published=published)
    return carry_out(name, declaration, {"data": liquids()}, out, **more)  # type: ignore[arg-type]


def test_scores_are_those_of_the_networks(done: tuple[Path, Measured]) -> None:
    out, measured = done
    held = json.loads((out / "dropout/dropout.json").read_text())
    assert (held["format"], held["version"], held["quick"]) == ("equiglass-experiment", 2, False)
    assert held["rows"] == records(measured.rows)
    test = held["configurations"][0]["test"]
    systems = [system for system in liquids() if system.name in test]
    for one in held["runs"]:
        split = yaml.safe_load((out / "runs" / one["run"] / "split.yaml").read_text())
        assert set(split["training"]).isdisjoint(test)
        model = equiglass.load_model(out / "runs" / one["run"])
        own = [row for row in held["rows"] if (row["at"], row["seed"]) == (one["at"], one["seed"])]
        scores = equiglass.evaluate(systems, [model.predict(system) for system in systems])
        for row, expected in zip(own, scores, strict=True):
            assert (row["type"], row["label"]) == (expected.type, expected.label)
            assert row["per_configuration"] == pytest.approx(expected.per_configuration, abs=1e-12)
            assert row["pooled"] == pytest.approx(expected.pooled, abs=1e-12)
    assert len(held["runs"]) == 4


def test_published_numbers_are_next_to_ours(done: tuple[Path, Measured]) -> None:
    out, measured = done
    (row,) = records(measured.summary.dropna(subset="published_median"))
    assert (row["at"], row["type"], row["label"], row["published_median"]) == (0.5, "A", "7", 0.9)
    page = (out / "dropout/table.md").read_text()
    assert "no E, dropout 0.5, published" in page
    assert "Published: nowhere." in page


def test_files_of_an_experiment_make_a_report(done: tuple[Path, Measured]) -> None:
    folder = done[0] / "dropout"
    names = {f"dropout{ending}" for ending in (".json", ".csv", ".png", ".pdf", "_pooled.png", "_pooled.pdf")}
    assert {path.name for path in folder.iterdir()} == names | {"table.md"}
    with (folder / "dropout.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == len(done[1].rows) == 16
    blocks, _ = results(folder)
    assert len(blocks) == 5


def test_a_stopped_experiment_ends_with_the_same_table(done: tuple[Path, Measured], tmp_path: Path) -> None:
    def stop(training: Training, step: int) -> None:
        # In the second epoch of the second training.
        if (training.at, step) == (0.5, 5):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        carry(tmp_path, on_step=stop)
    assert not (tmp_path / "dropout").exists()
    begun: list[tuple[object, int]] = []
    carry(tmp_path, on_step=lambda training, step: begun.append((training.at, training.seed, step)))
    assert (0.0, 1, 0) not in begun
    assert [step for at, seed, step in begun if (at, seed) == (0.5, 1)] == [0, 5, 6, 7, 8]
    for file in ("table.md", "dropout.csv"):
        assert (tmp_path / "dropout" / file).read_text() == (done[0] / "dropout" / file).read_text()


def test_a_shared_training_is_not_repeated(done: tuple[Path, Measured]) -> None:
    numbers: list[tuple[int, int]] = []
    plan: Callable[[Sequence[Training], Sequence[Training]], None] = lambda all_, missing: numbers.append(  # noqa: E731
        (len(all_), len(missing))
    )
    changed = declared(variants={"half": {"architecture.dropout": 0.5}, "third": {"architecture.dropout": 0.3}})
    carry_out("other", changed, {"data": liquids()}, done[0], on_plan=plan)
    carry(done[0], on_plan=plan)
    assert numbers == [(4, 2), (4, 0)]


def test_a_run_of_other_defaults_is_refused(done: tuple[Path, Measured], tmp_path: Path) -> None:
    training = planned(declared(seeds=1))[0]
    (only,) = train_missing([training], tmp_path)
    file = only.folder / "configuration.yaml"
    settings = yaml.safe_load(file.read_text())
    # A setting that was not there yet has its default; a default that was another one is noticed.
    file.write_text(yaml.safe_dump({key: value for key, value in settings.items() if key != "advanced"}))
    train_missing([training], tmp_path)
    file.write_text(yaml.safe_dump({**settings, "advanced": {"clip": 2.0}}))
    with pytest.raises(EquiglassError, match="of other defaults"):
        train_missing([training], tmp_path)


def test_history_is_that_of_the_logs(tmp_path: Path) -> None:
    declaration = declared(measure="history", score_epochs=True)
    measured = carry_out("course", declaration, {"data": liquids()}, tmp_path)
    runs = json.loads((tmp_path / "course/course.json").read_text())["runs"]
    for one in runs:
        with (tmp_path / "runs" / one["run"] / "log.csv").open(newline="") as file:
            logged = list(csv.DictReader(file))
        own = measured.rows[measured.rows["seed"] == one["seed"]]
        for key in ("loss", "rho_A_7"):
            assert own[key].tolist() == [float(line[key]) for line in logged]
    last = measured.summary.iloc[-1]
    losses = measured.rows.loc[measured.rows["epoch"] == 2, "loss"]
    assert (last["epoch"], last["loss_best"], last["loss_median"]) == (2, min(losses), np.mean(losses))


def test_a_measure_is_one_thing_to_add(tmp_path: Path) -> None:
    def seen(runs: Sequence[Run], declaration: Declaration) -> Measured:
        rows = DataFrame({"variant": [run.training.variant for run in runs]})
        return Measured(rows, rows, "a table", dict)

    MEASURES.add("throw-away", Measure(seen))
    try:
        declaration = declared(measure="throw-away", base={}, variants={"line": {"method": "energy"}})
        carry_out("mine", declaration, {"data": liquids()}, tmp_path)
    finally:
        MEASURES.remove("throw-away")
    assert (tmp_path / "mine/mine.csv").read_text() == "variant\nline\n"
    assert "a table" in (tmp_path / "mine/table.md").read_text()


def test_a_quick_try_of_an_experiment_on_the_data_of_the_package(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    equiglass.save([last_times(system) for system in equiglass.load(DATASET)[:5]], tmp_path / "few.h5")
    words = ("experiment", "multivariate", "--quick", "--data", tmp_path / "few.h5", "--out", tmp_path / "out", *SMALL)
    assert run(*words, "--set", "times=['7']") == 2
    assert "varies 'times'" in capsys.readouterr().err
    assert run(*words) == 0
    assert "quick: one seed" in capsys.readouterr().out
    folder = tmp_path / "out/multivariate"
    held = json.loads((folder / "multivariate.json").read_text())
    assert held["quick"]
    assert held["command"].startswith("equiglass experiment multivariate --quick --data")
    assert "--set architecture.layers=1" in held["command"]
    for folder_of_run in (tmp_path / "out/runs").iterdir():
        assert yaml.safe_load((folder_of_run / "environment.yaml").read_text())["command"] == held["command"]
    assert "quick" in (folder / "table.md").read_text()
    assert {(row["variant"], row["label"]) for row in held["rows"]} == {
        (variant, str(label)) for variant in ("all times at once", "every time alone") for label in (6, 7)
    }
    held["quick"] = False
    (folder / "multivariate.json").write_text(json.dumps(held))
    assert run(*words) == 2
    assert "holds results of a full run" in capsys.readouterr().err


def test_ctrl_c_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("equiglass.experiments.runs.train", stopped)
    equiglass.save(liquids(4), tmp_path / "data.h5")
    assert run("experiment", "loss", "--data", tmp_path / "data.h5", "--out", tmp_path / "out") == 130
    assert "Continue with the same command" in capsys.readouterr().err


def test_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("experiment", "--list") == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in declared_names())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"variants": {"x": {"architecture.lmax": 3}}}, "variant 'x': unknown key 'architecture.lmax'. Did you mean"),
        ({"variants": {"x": {"epochs": 0}}}, "variant 'x': epochs"),
        ({"variants": {"x": {"configurations": 0}}}, "a whole number from 1"),
        ({"variants": {}}, "variants"),
        ({"measure": "length"}, "there is no measure 'length'"),
        ({"variants": {"x": {"configurations": 9}}}, "more training configurations than there are"),
        ({"sedes": 3}, "Did you mean 'seeds'"),
        (
            {"published": {"source": "s", "numbers": [{"variant": "y", "time": 1.0, "rho": 0.5}]}},
            "is of 'y' at None, which is not run",
        ),
    ],
)
def test_wrong_declarations_are_sentences(
    change: dict, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, data = tmp_path / "mine.yaml", tmp_path / "data.h5"
    file.write_text(yaml.safe_dump({"title": "t", "source": "s", "variants": {"x": TINY}} | change))
    equiglass.save(liquids(3), data)
    assert run("experiment", file, "--data", data, "--out", tmp_path / "out") == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_wrong_commands_are_sentences(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data.h5"
    equiglass.save(liquids(2), data)
    out = ("--out", tmp_path / "out")
    for words, said in (
        (("inputs",), "and --out"),
        (("nothing", *out), "there is no experiment 'nothing': name one of chi4,"),
        (("inputs", *out, "--set", "epochs"), "key=value"),
        (("inputs", *out, "--set", "inputs.nodes=[]"), "varies 'inputs.nodes'"),
        (("inputs", *out, "--set", "seed=4"), "varies 'seed'"),
        (
            ("inputs", *out, "--data", data),
            "T = 0.5: none of 2 configurations is left for training, since those of one parent stay together and the "
            "test needs 2; give 3",
        ),
    ):
        assert run("experiment", *words) == 2
        assert said in capsys.readouterr().err
