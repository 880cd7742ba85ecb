"""Experiments on the statistics of fields, on methods, and on transfer: the numbers by hand, then the whole."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from pandas import DataFrame, concat

import equiglass
from equiglass.errors import EquiglassError
from equiglass.experiments.declaration import Declaration, base_configuration, cases, options_of, read_declaration
from equiglass.experiments.experiment import carry_out
from equiglass.experiments.measures import MEASURES
from equiglass.experiments.measures.fields import BIN, correlation_rows, fluctuation_rows
from equiglass.experiments.measures.transfer import asymmetries, asymmetry
from equiglass.experiments.plan import Group, groups_of, trainings
from equiglass.experiments.propensity_fields import MEASURED, FieldOptions, PropensityField, check_fields, fields_of
from equiglass.experiments.published import PublishedCurves, marks
from equiglass.experiments.runs import Run, train_missing
from equiglass.files.tables import records
from equiglass.liquid.splits import Halves
from equiglass.liquid.system import System
from equiglass.methods import METHODS
from equiglass.observables import PAPER, Step, chi4_of_fields, pearson
from equiglass.representation.transfer import ALL_TIMES, transfer
from samples.labelled import SMALL, labelled_liquid
from test_transfer import at_temperature

SHARP = Step(0.3, 0.0)
TINY = {"architecture.l_max": 1, "architecture.layers": 2, "architecture.channels": 2, "epochs": 2}


def declared(measure: str, **options: object) -> Declaration:
    said = {"title": measure, "source": "none", "base": TINY, "variants": {"network": {}}, "seeds": 1}
    return Declaration.model_validate({**said, "measure": measure, "options": options})


def with_line(measure: str) -> Declaration:
    return declared(measure).model_copy(update={"variants": {"network": {}, "line": {"method": "energy"}}})


def field(propensity: list[np.ndarray], systems: list[System] | None = None) -> PropensityField:
    systems = systems or [labelled_liquid(k, 20) for k in range(len(propensity))]
    group = Group("T = 0.5", (), tuple(systems))
    return PropensityField(MEASURED, group, None, ("7",), tuple(propensity))


@pytest.fixture(scope="module")
def data() -> dict[str, list[System]]:
    """Two temperatures, five configurations each."""
    return {"cold": at_temperature(0.4, 5, 20), "warm": at_temperature(0.5, 5)}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder, so that the networks are trained once."""
    return tmp_path_factory.mktemp("experiments")


@pytest.fixture(scope="module")
def runs(data: dict[str, list[System]], out: Path) -> list[Run]:
    declaration = declared("chi4")
    planned = trainings(declaration, cases(declaration), groups_of(data, declaration), 2)
    return train_missing(planned, out / "runs")


def test_fluctuations_by_hand() -> None:
    systems = [labelled_liquid(k, 20) for k in range(2)]
    propensity = []
    for system, moved in zip(systems, (4, 12), strict=True):
        values = np.zeros((1, 20))
        values[0, np.flatnonzero(system.types == 0)[:moved]] = 1.0
        propensity.append(values)
    of_a, of_b = records(fluctuation_rows(field(propensity, systems), SHARP))
    # 16 A: Q_s = 1/4 and 3/4; 16 <(Q_s - 1/2)^2> = 1. A draw with both the same, one in two, has chi4 = 0.
    assert (of_a["type"], of_a["q"], of_a["chi4"]) == ("A", 0.5, 1.0)
    assert of_a["q_error"] == pytest.approx(0.25, rel=0.15)
    assert of_a["chi4_error"] == pytest.approx(2**0.5 / 2, rel=0.1)
    assert (of_b["q"], of_b["chi4"], of_b["configurations"]) == (0.0, 0.0, 2)
    assert (of_a["threshold"], of_a["softness"], of_a["time"], of_a["label"]) == (0.3, 0.0, 16.5, "7")
    assert of_a["seed"] is None
    soft, _ = records(fluctuation_rows(field([np.full((1, 20), 0.44)] * 2), PAPER))
    assert soft["q"] == pytest.approx(0.5)


def test_four_point_correlation_of_fields_that_differ_between_configurations_alone() -> None:
    systems = [labelled_liquid(k, 300) for k in range(2)]
    rows = correlation_rows(field([np.zeros((1, 300)), np.ones((1, 300))], systems), "7", SHARP)
    # dc_i = -1/2 in one, 1/2 in the other: dc_i dc_j = 1/4 for every pair, at any distance.
    of_a = rows[rows["type"] == "A"]
    known = of_a.dropna(subset="pair_average")
    np.testing.assert_allclose(known["pair_average"], 0.25)
    assert rows["length"].isna().all()
    box = systems[0].box[0]
    assert known["r"].iloc[-1] == pytest.approx(box / 2, abs=BIN)
    # G4 is 1/4 of V/N times the density of neighbours, so V/(4 N) (N - 1) inside the largest sphere, on average.
    r, g4 = of_a["r"].to_numpy(), of_a["g4"].to_numpy()
    shells = 4 / 3 * np.pi * ((r + BIN / 2) ** 3 - (r - BIN / 2) ** 3)
    n = int((systems[0].types == 0).sum())
    inside = sum(
        np.count_nonzero((d > 0) & (d < r[-1] + BIN / 2))
        for s in systems
        for d in [_distances(s.positions[s.types == 0], box)]
    )
    assert g4 @ shells == pytest.approx(box**3 / n * inside / 2 / 4)


def _distances(positions: np.ndarray, box: float) -> np.ndarray:
    apart = positions[:, None] - positions
    return np.linalg.norm(apart - box * np.round(apart / box), axis=-1)


def test_fields_are_measured_predicted_and_learned_anew(runs: list[Run]) -> None:
    fields, notes = fields_of(runs)
    assert not notes
    learned = "network, transfer-learned from T = 0.5"
    names = [(f.group.name, f.name) for f in fields if f.seed in (None, runs[0].training.seed)]
    both = [(group, name) for name in (MEASURED, "network") for group in ("T = 0.4", "T = 0.5")]
    assert sorted(names) == sorted([*both, ("T = 0.4", learned)])
    cold, warm = runs[0], runs[1]
    assert (cold.training.group.name, warm.training.group.name) == ("T = 0.4", "T = 0.5")
    group = cold.training.group
    got = next(f for f in fields if f.name == learned and f.seed == warm.training.seed)
    rows, _ = transfer(warm.model, {0.4: Halves(list(group.training), list(group.test))})
    for kind, _, values in got.by_type():
        for t, label in enumerate(got.labels):
            truth = [s.propensity[s.row(label), s.types == "AB".index(kind)] for s in group.test]
            (row,) = records(rows[(rows["type"] == kind) & (rows["label"] == label)])
            each = [pearson(x, y[t]) for x, y in zip(truth, values, strict=True)]
            np.testing.assert_allclose(each, row["learn_each"], atol=1e-9)
    only = next(f for f in fields if f.name == MEASURED)
    assert only.seed is None
    np.testing.assert_array_equal(only.propensity[0], only.group.test[0].propensity)
    other, _ = fields_of(runs, 0.4)
    assert {f.group.name for f in other if "learned" in f.name} == {"T = 0.5"}
    alone, notes = fields_of([cold])
    assert {f.name for f in alone} == {MEASURED, "network"}
    assert "two temperatures" in notes[0]


def rows_of(seed: int, *rows: tuple[float, float, tuple[float, ...]]) -> DataFrame:
    """Rows of transfer, from (trained at, used at, rho of every configuration), the same for test and learn."""
    columns = ["seed", "type", "label", "trained_at", "temperature", "test_each", "learn_each"]
    return DataFrame([(seed, "A", "7", str(a), b, each, each) for a, b, each in rows], columns=columns)


def test_asymmetry_by_hand() -> None:
    first = ((0.4, 0.4, (0.8, 0.6)), (0.5, 0.4, (0.7, 0.5)), (0.5, 0.5, (0.7, 0.7, 0.7)))
    of_one = rows_of(1, *first, (0.4, 0.5, (0.4, 0.4, 0.4)))
    # Down 0.1 is lost, up 0.3, in each configuration alike: 0.2, without an error.
    assert asymmetry(of_one, "test") == pytest.approx((0.2, 0.0), abs=1e-12)
    uneven = rows_of(1, *first, (0.4, 0.5, (0.4, 0.1, 0.7)))
    value, error = asymmetry(uneven, "learn")
    assert value == pytest.approx(0.2)
    assert error == pytest.approx(0.3 / 3**0.5, rel=0.15)
    second = rows_of(2, *first, (0.4, 0.5, (0.2, 0.2, 0.2)))
    # 0.2 and 0.4, one seed each: 0.3 with the standard error 0.1 of the seeds alone.
    assert asymmetry(concat([of_one, second]), "test") == pytest.approx((0.3, 0.1))
    assert "high to low does better" in asymmetries(concat([of_one, second]), ["7"])[0]
    assert "no asymmetry" in asymmetries(uneven, ["7"])[0]
    other = {"0.4": "0.5", "0.5": "0.4"}
    turned = of_one.assign(
        trained_at=of_one["trained_at"].map(other), temperature=of_one["temperature"].map({0.4: 0.5, 0.5: 0.4})
    )
    assert "-0.200 ± 0.000" in (sentence := asymmetries(turned, ["7"])[0])
    assert "low to high does better" in sentence
    single = of_one.assign(test_each=of_one["test_each"].str[:1], learn_each=of_one["learn_each"].str[:1])
    assert "too few" in asymmetries(single, ["7"])[0]


def test_asymmetry_of_three_temperatures_is_the_mean_over_pairs() -> None:
    rng = np.random.default_rng(0)
    known = (0.4, 0.5, 0.6)
    rows = rows_of(1, *((a, b, tuple(rng.uniform(0.3, 0.8, 4))) for a in known for b in known))
    pairs = []
    for pair in ((0.4, 0.5), (0.4, 0.6), (0.5, 0.6)):
        of_pair = rows[rows["trained_at"].isin(map(str, pair)) & rows["temperature"].isin(pair)]
        pairs.append(asymmetry(of_pair, "test").value)
    assert asymmetry(rows, "test").value == pytest.approx(np.mean(pairs))


def test_published_curves_belong_to_data_of_their_temperature() -> None:
    curve = {"name": "BOTAN", "temperature": 0.44, "column": "chi4", "times": [1, 2], "values": [3, 4]}
    published = PublishedCurves.model_validate({"source": "a paper", "curves": [curve]})
    warm, cold = (Group(f"T = {t}", tuple(at_temperature(t, 1)), ()) for t in (0.44, 0.5))
    found, (said,) = marks(published, {one.name: one.temperature for one in (warm, cold)})
    assert found[["group", "time", "value"]].to_numpy().tolist() == [["T = 0.44", 1, 3], ["T = 0.44", 2, 4]]
    assert "(drawn): a paper" in said
    assert "not drawn" in marks(published, {cold.name: cold.temperature})[1][0]
    with pytest.raises(ValueError, match="2 times, 1 values"):
        PublishedCurves.model_validate({"source": "", "curves": [{**curve, "values": [3]}]})


@pytest.mark.parametrize(
    "name",
    ["chi4", "chi4_glassbench", "g4", "methods", "methods_chi4", "methods_g4", "methods_transfer", "transfer"],
)
def test_declarations_of_the_package_are_valid_and_share_a_network(name: str) -> None:
    declaration = read_declaration(name)
    groups = [Group(f"T = {t}", tuple(at_temperature(t, 2)), ()) for t in (0.44, 0.64)]
    MEASURES[declaration.measure].check(groups, declaration)
    assert cases(declaration)[0].configuration == base_configuration()


def test_published_numbers_of_the_package() -> None:
    methods = read_declaration("methods").options["published"]["curves"]
    at_tau = {
        (c["name"], c["temperature"]): c["values"][c["times"].index(4120)]
        for c in methods
        if 4120 in c["times"] and c["column"] == "per_configuration"
    }
    # arXiv 2311.14752 and Jiang 2024, T = 0.44 at tau_alpha, type A.
    assert at_tau == {
        ("BOTAN", 0.44): 0.752,
        ("CAGE", 0.44): 0.782,
        ("GlassMLP", 0.44): 0.756,
        ("SE(3)-GNN", 0.44): 0.791,
        ("EIGNN-cage", 0.44): 0.817,
        ("EIGNN-IS", 0.44): 0.817,
    }


def test_what_cannot_be_measured_is_refused_before_training(data: dict[str, list[System]], tmp_path: Path) -> None:
    few = {"cold": data["cold"][:3], "warm": data["warm"]}
    refused = [
        ({"warm": data["warm"]}, declared("transfer"), "two temperatures"),
        (few, declared("transfer"), "T = 0.4: decoders are refitted on two"),
        (few, with_line("methods"), "T = 0.4: line: energy needs 2 unrelated"),
        (
            data,
            with_line("transfer").model_copy(update={"folds": 2}),
            "'transfer' has no folds; those with folds: chi4, g4, methods, softness",
        ),
        (data, declared("chi4", trained_at=0.7), "no network of T = 0.7; there are T = 0.4, T = 0.5"),
        (data, declared("g4", step="soft"), "step"),
        (data, declared("methods", published={"source": "a paper"}), "curves"),
    ]
    for systems, declaration, message in refused:
        with pytest.raises(EquiglassError, match=message):
            carry_out("refused", declaration, systems, tmp_path)
    assert not list(tmp_path.iterdir())
    group = Group("T = 0.4", (), ())
    check_fields([group], declared("chi4"))
    assert options_of(declared("chi4", step="glassbench"), FieldOptions).step == "glassbench"


def test_one_training_configuration_leaves_no_transfer_learning_and_says_so(runs: list[Run]) -> None:
    cold, warm = runs[:2]
    group = cold.training.group
    few = replace(cold, training=replace(cold.training, group=replace(group, training=group.training[:1])))
    fields, notes = fields_of([few, warm])
    assert not any("learned" in field.name for field in fields)
    assert notes == ["T = 0.4: one training configuration; decoders are refitted on two or more."]


def test_no_time_in_common_leaves_no_transfer_learning_and_says_so(runs: list[Run], out: Path) -> None:
    declaration = declared("chi4")
    systems = [replace(s, time_labels=("2", "3")) for s in at_temperature(0.3, 4)]
    planned = trainings(declaration, cases(declaration), groups_of({"colder": systems}, declaration), 1)
    (colder,) = train_missing(planned, out / "runs")
    fields, notes = fields_of([colder, *runs[:2]])
    assert notes == ["T = 0.3: no time in common with the networks of T = 0.4."]
    assert {field.labels for field in fields if field.group.name == "T = 0.3"} == {("2", "3")}
    assert {field.group.name for field in fields if "learned" in field.name} == {"T = 0.5"}


@pytest.mark.usefixtures("runs")
def test_chi4_and_g4_as_a_whole(data: dict[str, list[System]], out: Path) -> None:
    pytest.importorskip("matplotlib")
    measured = carry_out("chi4", declared("chi4", step="glassbench"), data, out)
    held = json.loads((out / "chi4" / "chi4.json").read_text(), parse_constant=lambda name: pytest.fail(name))
    cold = groups_of(data, declared("chi4"))[0]
    expected = chi4_of_fields([s.propensity[:, s.types == 0] for s in cold.test], Step(0.3, 0.0))
    rows = [row for row in held["rows"] if (row["group"], row["field"], row["type"]) == ("T = 0.4", MEASURED, "A")]
    np.testing.assert_allclose([row["chi4"] for row in rows], expected.value)
    np.testing.assert_allclose([row["chi4_error"] for row in rows], expected.error)
    assert {(row["threshold"], row["softness"]) for row in held["rows"]} == {(0.3, 0.0)}
    assert "0.3, sharp" in (out / "chi4" / "table.md").read_text(encoding="utf-8")
    (figure,) = measured.draw().values()
    drawn = [line.get_xydata() for ax in figure.axes for line in ax.lines]
    lines = [row for row in held["summary"] if (row["group"], row["field"], row["type"]) == ("T = 0.4", MEASURED, "A")]
    assert any(np.array_equal(xy, [(x["time"], x["q_median"]) for x in lines]) for xy in drawn if len(xy) == len(lines))

    measured = carry_out("g4", declared("g4"), data, out)
    assert set(measured.rows["label"]) == {"7"}
    table = (out / "g4" / "table.md").read_text(encoding="utf-8")
    assert "0.44, softened over 0.05" in table
    assert "dynamic length" in table
    for name in ("chi4", "g4"):
        assert {path.suffix for path in (out / name).glob(f"{name}.*")} == {".json", ".csv", ".png", ".pdf"}


@pytest.mark.usefixtures("runs")
def test_transfer_as_a_whole(data: dict[str, list[System]], out: Path) -> None:
    pytest.importorskip("matplotlib")
    published = {"source": "a paper", "rho": {0.4: {0.5: 0.33}}}
    measured = carry_out("transfer", declared("transfer", published=published), data, out, seeds=2)
    with (out / "transfer" / "transfer.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(measured.rows) == 2 * 2 * 2 * 2 * 3
    assert {row["label"] for row in rows} == {"1", "7", ALL_TIMES}
    json.loads((out / "transfer" / "transfer.json").read_text(), parse_constant=lambda name: pytest.fail(name))
    key = ("0.5", 0.4, "A", "7")
    columns = ["trained_at", "temperature", "type", "label"]
    line = measured.summary.set_index(columns).loc[key]
    assert line["published_test_pooled"] == 0.33
    of_line = [
        float(r["test_pooled"])
        for r in rows
        if (r["trained_at"], r["temperature"], r["type"], r["label"]) == ("0.5", "0.4", "A", "7")
    ]
    assert line["test_pooled_median"] == pytest.approx(np.median(of_line), rel=1e-4)
    table = (out / "transfer" / "table.md").read_text(encoding="utf-8")
    assert "trained at T = 0.5, transfer test, published" in table
    assert "A, time 7, transfer test: " in table
    figures = measured.draw()
    assert set(figures) == {"_A", "_A_matrix", "_B", "_B_matrix"}
    marks = [line for ax in figures["_A"].axes for line in ax.lines if line.get_marker() == "x"]
    (mark,) = (line for line in marks if len(line.get_xdata()))
    np.testing.assert_array_equal(mark.get_xydata(), [(0.4, 0.33)])


@pytest.mark.usefixtures("runs")
def test_methods_as_a_whole(data: dict[str, list[System]], out: Path, runs: list[Run]) -> None:
    pytest.importorskip("matplotlib")
    simple = {
        "ridge": {"method": "ridge", "l_max": 1},
        "line": {"method": "energy"},
        "tuned": {"method": "boattini", "descriptors": asdict(SMALL), "thermal": [0.3], "decay": [1.0]},
    }
    declaration = declared("methods").model_copy(update={"variants": {"network": {}, **simple}})
    measured = carry_out("methods", declaration, {"warm": data["warm"]}, out)
    assert set(measured.rows["variant"]) == {"network", *simple}
    warm = next(run for run in runs if run.training.group.name == "T = 0.5")
    own = measured.rows[measured.rows["variant"] == "network"]
    assert own["pooled"].tolist() == warm.scores()["pooled"].tolist()
    held_out = measured.rows.loc[measured.rows["variant"] == "line", "configurations"]
    assert set(held_out) == {len(warm.training.group.test)}
    json.loads((out / "methods" / "methods.json").read_text(), parse_constant=lambda name: pytest.fail(name))
    assert set(measured.draw()) == {"_A", "_B"}
    page = (out / "methods" / "methods.html").read_text()
    assert all(f'"{name}"' in page for name in ("network", *simple))
    assert {"methods_costs.csv", "methods_differences.csv"} <= {path.name for path in (out / "methods").iterdir()}


@pytest.mark.usefixtures("runs")
def test_folds_test_every_configuration_once(data: dict[str, list[System]], out: Path) -> None:
    pytest.importorskip("matplotlib")
    curve = {"name": "BOTAN", "temperature": 0.5, "column": "pooled", "times": [1], "values": [0.7]}
    options = {"published": {"source": "a paper", "curves": [curve]}}
    variants = {
        "line": {"method": "energy"},
        "ridge": {"method": "ridge", "l_max": 1},
        "ridge of one time": {"method": "ridge", "l_max": 1, "times": "each"},
        "mean": {"method": "none"},
    }
    declaration = declared("methods", **options).model_copy(update={"variants": variants})
    measured = carry_out("folds", declaration, {"warm": data["warm"]}, out, folds=2)
    held = json.loads((out / "folds" / "folds.json").read_text(), parse_constant=lambda name: pytest.fail(name))
    assert sorted(name for group in held["configurations"] for name in group["test"]) == sorted(
        system.name for system in data["warm"]
    )
    assert {run["fold"] for run in held["runs"]} == {1, 2}
    assert all(run["cpu_seconds"] > 0 for run in held["runs"])
    for run_of in held["runs"]:
        split = yaml.safe_load((out / "runs" / run_of["run"] / "split.yaml").read_text())
        tested = next(g["test"] for g in held["configurations"] if g["fold"] == run_of["fold"])
        assert set(split["training"]).isdisjoint(tested)
    assert {row["configurations"] for row in held["rows"] if row["variant"] != "mean"} == {5}
    # The models of one time, joined, are the model of all times.
    both = [
        measured.rows[measured.rows["variant"] == name][["type", "label", "pooled", "mse"]].reset_index(drop=True)
        for name in ("ridge", "ridge of one time")
    ]
    np.testing.assert_allclose(both[0]["mse"], both[1]["mse"], rtol=1e-6)
    # The same numbers as a cross-validation by hand.
    predictions = {}
    for run_of in held["runs"]:
        if run_of["variant"] == "ridge":
            model = equiglass.load_model(out / "runs" / run_of["run"])
            tested = next(g["test"] for g in held["configurations"] if g["fold"] == run_of["fold"])
            predictions |= {
                s.name: (s, model.predict(s, any_temperature=True)) for s in data["warm"] if s.name in tested
            }
    systems, predicted = zip(*predictions.values(), strict=True)
    expected = equiglass.evaluate(systems, predicted).frame()
    own = measured.rows[measured.rows["variant"] == "ridge"]
    np.testing.assert_allclose(own["pooled"], expected["pooled"], rtol=1e-9)
    # The difference of two methods, and its error with the same draws.
    (pair,) = (
        row
        for row in held["differences"]
        if (row["variant"], row["other"], row["type"], row["label"]) == ("line", "ridge", "A", "7")
    )
    rho = [
        measured.rows[
            (measured.rows["variant"] == name) & (measured.rows["type"] == "A") & (measured.rows["label"] == "7")
        ]
        for name in ("line", "ridge")
    ]
    assert pair["per_configuration"] == pytest.approx(
        rho[0]["per_configuration"].iloc[0] - rho[1]["per_configuration"].iloc[0]
    )
    assert 0 < pair["per_configuration_error"] < 1
    assert {row["variant"]: row["parameters"] for row in held["costs"]}["mean"] == 4
    assert set(measured.draw()) == {"_A", "_B", "_published"}
    table = (out / "folds" / "table.md").read_text()
    assert "T = 0.5: 5 configurations in 2 folds" in table
    assert "training, CPU s" in table
    assert "row less that of the column" in table
    with pytest.raises(EquiglassError, match="one fold"):
        carry_out("no", declaration, data, out, folds=1)
    with pytest.raises(EquiglassError, match=r"no variant 'lines'; there are 'line', .* Did you mean 'line'"):
        carry_out("no", declaration, data, out, only=["lines"])


def test_transfer_and_fields_of_every_method(data: dict[str, list[System]], out: Path) -> None:
    pytest.importorskip("matplotlib")
    declaration = declared("chi4").model_copy(
        update={"variants": {"line": {"method": "energy"}, "mean": {"method": "none"}}}
    )
    planned = trainings(declaration, cases(declaration), groups_of(data, declaration), 1)
    own = train_missing(planned, out / "runs")
    for name in ("chi4", "g4"):
        found = MEASURES[name].of(own, declared(name))
        assert {MEASURED, "line", "mean"} == set(found.rows["field"])
    found = MEASURES["transfer"].of(own, declared("transfer"))
    rows = found.rows
    line = rows[(rows["variant"] == "line") & (rows["label"] == "7") & (rows["type"] == "A")]
    assert line["test_pooled"].notna().all()
    assert line["learn_pooled"].isna().all()
    (one,) = records(line[(line["trained_at"] == "0.4") & (line["temperature"] == 0.5)])
    group = groups_of(data, declaration)[1]
    model = equiglass.load_model(out / "runs" / one["model"])
    expected = equiglass.evaluate(
        group.test, [model.predict(system, any_temperature=True) for system in group.test]
    ).frame()
    expected = expected[(expected["type"] == "A") & (expected["label"] == "7")]
    assert one["test_pooled"] == pytest.approx(expected["pooled"].iloc[0])
    assert "line, trained at T = 0.4, transfer test" in found.table
    assert "line, trained at T = 0.4, transfer learn" not in found.table
    assert any(note.startswith("line: A, time 7, transfer test") for note in found.notes)
    assert not any("transfer learn" in note for note in found.notes)
    assert found.draw()


def test_every_method_is_a_variant() -> None:
    declaration = read_declaration("methods")
    assert set(METHODS) <= set(declaration.variants)
    assert "network, displacement" in declaration.variants
    found = cases(declaration)
    assert {case.configuration.method for case in found} == set(METHODS)
