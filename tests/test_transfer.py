"""Transfer between temperatures: the regression, the refit of the decoders, the split, the scores, the command."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import equiglass
from equiglass.errors import EquiglassError
from equiglass.liquid.splits import Halves, by_temperature, halves
from equiglass.liquid.system import System
from equiglass.methods import METHODS
from equiglass.methods.descent.standardisation import TargetStandardisation
from equiglass.methods.linear.line import PENALTIES, fit_line
from equiglass.methods.loading import load_model, read_configuration
from equiglass.observables import bootstrap, correlation
from equiglass.prediction.combination import Combination
from equiglass.prediction.ensemble import Ensemble
from equiglass.prediction.evaluation import evaluate
from equiglass.representation.decoders import decoders_of, refit, with_decoders
from equiglass.representation.represent import Represented, represent
from equiglass.representation.transfer import ALL_TIMES, COMPARED, SCORES, has_seen, transfer
from equiglass.training import train
from samples.command import run
from samples.labelled import labelled_liquid

pytestmark = pytest.mark.filterwarnings("ignore:.*unlike the training data. temperature 0.4 .trained on 0.5")

TINY = ["architecture.l_max=1", "architecture.layers=2", "architecture.channels=4", "epochs=15", "folds=3"]


def at_temperature(temperature: float, n: int, first: int = 0) -> list[System]:
    """Labelled liquids; the colder, the smaller and the more contrasted the propensity."""
    systems = []
    for seed in range(first, first + n):
        system = labelled_liquid(seed)
        propensity = 0.1 + temperature * system.propensity ** (1 + temperature)
        systems.append(replace(system, temperature=temperature, name=f"T{temperature}-{seed}", propensity=propensity))
    return systems


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run at T = 0.5, and its data set."""
    folder = tmp_path_factory.mktemp("transfer")
    systems = at_temperature(0.5, 8)
    equiglass.save(systems, folder / "warm.h5")
    equiglass.save(at_temperature(0.4, 5, 20), folder / "cold.h5")
    train(systems[:6], folder / "run", read_configuration(None, TINY), validation=systems[6:])
    return folder


def slow_line(x: np.ndarray, y: np.ndarray, prior: np.ndarray, penalty: float, scale: np.ndarray) -> np.ndarray:
    """(offset, weights) by least squares on rows for the data and one row for each penalised component."""
    n, f = x.shape
    rows = np.sqrt(n * penalty) * np.diag(scale)
    a = np.block([[np.ones((n, 1)), x], [np.zeros((f, 1)), rows]])
    return np.linalg.lstsq(a, np.concatenate([y, rows @ prior]), rcond=None)[0]


def test_line_is_the_ridge_minimum_and_its_penalty_the_best_left_out() -> None:
    rng = np.random.default_rng(0)
    x = [rng.normal(3.0, [1.0, 0.1, 5.0], (n, 3)) for n in (30, 20, 25)]
    y = [part @ [1.0, 2.0, 0.0] + rng.normal(0, 2.0, len(part)) for part in x]
    prior = np.array([0.5, -1.0, 0.2])
    every, scale = np.concatenate(x), np.concatenate(x).std(axis=0)
    left_out = {}
    for penalty in PENALTIES:
        errors = []
        for c in range(3):
            others = [k for k in range(3) if k != c]
            args = (np.concatenate([x[k] for k in others]), np.concatenate([y[k] for k in others]))
            offset, *weights = slow_line(*args, prior, penalty, scale)
            errors.append(np.mean((y[c] - offset - x[c] @ weights) ** 2))
        left_out[penalty] = np.mean(errors)
    line = fit_line(x, y, prior)
    assert line.penalty == min(left_out, key=left_out.__getitem__)
    assert PENALTIES[0] < line.penalty < PENALTIES[-1]
    expected = slow_line(every, np.concatenate(y), prior, line.penalty, scale)
    np.testing.assert_allclose([line.offset, *line.weights], expected, rtol=1e-8)
    two = slow_line(np.concatenate(x[1:]), np.concatenate(y[1:]), prior, line.penalty, scale)
    np.testing.assert_allclose([line.offset_without[0], *line.weights_without[0]], two, rtol=1e-8)
    spread = line.weights_without - line.weights_without.mean(axis=0)
    np.testing.assert_allclose(line.error, np.sqrt(2 / 3 * np.sum(spread**2, axis=0)))


@given(st.integers(0, 10**6), st.sampled_from(PENALTIES), st.floats(-10, 10))
@settings(max_examples=30, deadline=None)
def test_line_is_never_worse_than_its_prior_where_it_is_fitted(seed: int, penalty: float, offset: float) -> None:
    rng = np.random.default_rng(seed)
    x = [rng.normal(size=(6, 4)) * [1, 1, 1e-9, 3] for _ in range(3)]
    y = [rng.normal(size=6) for _ in range(3)]
    prior = rng.normal(size=4)
    line = fit_line(x, y, prior, [penalty])
    every, truth = np.concatenate(x), np.concatenate(y)
    after = np.mean((truth - line.offset - every @ line.weights) ** 2)
    assert after <= np.mean((truth - offset - every @ prior) ** 2) * (1 + 1e-12)
    with pytest.raises(EquiglassError, match="two configurations"):
        fit_line(x[:1], y[:1], prior)


@pytest.mark.filterwarnings("ignore:.* times the mean value of the training data")
@pytest.mark.parametrize(("members", "generations"), [(1, 0), (2, 0), (2, 3)])
def test_decoders_are_the_model_and_the_model_is_its_decoders(trained: Path, members: int, generations: int) -> None:
    """An ensemble of a network and itself with another decoder is one line on both representations."""
    model = load_model(trained / "run")
    # The line of decoders has no bounds.
    free = TargetStandardisation.linear(model.line.mean, model.line.scale, model.line.average_weights)
    model = replace(model, line=free)
    systems = equiglass.load(trained / "cold.h5")
    if generations:
        weights = np.random.default_rng(0).normal(0, 0.01, (2, 2, generations + 1))
        line = replace(model.line, average_weights=weights)
        model = replace(model, inputs=model.inputs.model_copy(update={"generations": generations}), line=line)
    if members == 2:
        own = decoders_of(model)
        other = with_decoders(model, replace(own, weights=2 * own.weights, offset=own.offset + 1), systems)
        model = Ensemble("both", (model, other))
    represented = [represent(model, s) for s in systems]
    expected = model.predict(systems[0])
    for label, values in decoders_of(model).predict(represented[0]).items():
        np.testing.assert_allclose(values, expected.at(label), atol=1e-6)
    fit = refit(decoders_of(model), represented)
    refitted = with_decoders(model, fit.decoders, systems)
    assert refitted.data.temperatures == (0.4,)
    for label, values in fit.decoders.predict(represented[1]).items():
        np.testing.assert_allclose(refitted.predict(systems[1]).at(label), values, atol=1e-5)


def test_the_decoders_of_a_combination_have_the_times_of_its_networks(trained: Path) -> None:
    model, systems = load_model(trained / "run"), equiglass.load(trained / "cold.h5")
    late = with_decoders(model, decoders_of(model).select(["7"]), systems)
    energy = METHODS["energy"].fit(systems, read_configuration(None, [], "energy"))
    weights = np.zeros((2, 2, 2))
    weights[:, 0, 1] = weights[:, 1, 0] = 1
    unknown = np.full((2, 2, 3), np.nan)
    combination = Combination(("late", "energy"), dict(energy.times), weights, np.zeros((2, 2)), unknown)
    both = Ensemble("both", (late, energy), combination)
    own = decoders_of(both)
    assert (own.labels, own.offset.shape) == (("7",), (2, 1))
    values = own.predict(represent(both, systems[0]))["7"]
    np.testing.assert_allclose(values, both.predict(systems[0]).at("7"), atol=1e-5)
    rows, _ = transfer(both, {0.4: halves(systems, lambda _: False)}, labels=["1", "7"])
    assert set(rows["label"]) == {"7", ALL_TIMES}
    with pytest.raises(EquiglassError, match="have different times; use them one by one"):
        decoders_of(replace(both, averaged=(late, model)))


def test_refit_finds_a_planted_decoder(trained: Path) -> None:
    model = load_model(trained / "run")
    own = decoders_of(model)
    rng = np.random.default_rng(0)
    planted = replace(own, offset=own.offset + 20.0, weights=rng.normal(size=own.weights.shape))
    configurations = [represent(model, s) for s in at_temperature(0.4, 4)]
    learned = []
    for c in configurations:
        propensity = np.array(list(planted.predict(c).values()))
        learned.append(Represented(replace(c.system, propensity=propensity), c.h, c.averages))
    fit = refit(own, learned[:3])
    assert np.all(fit.penalty == PENALTIES[0])
    for label, values in fit.decoders.predict(learned[3]).items():
        np.testing.assert_allclose(values, planted.predict(learned[3])[label], atol=2e-3)
    with pytest.raises(EquiglassError, match="nothing to refit"):
        refit(replace(own, labels=("a", "b")), learned)


def test_refit_on_the_training_data_reproduces_the_models_own_rho(trained: Path) -> None:
    model = load_model(trained / "run")
    systems = equiglass.load(trained / "warm.h5")[:6]
    represented = [represent(model, s) for s in systems]
    own = decoders_of(model)
    after = refit(own, represented).decoders
    for kind in range(2):
        chosen = [s.types == kind for s in systems]
        for t, label in enumerate(own.labels):
            truth = [s.propensity[t, mask] for s, mask in zip(systems, chosen, strict=True)]
            rho = [
                correlation(truth, [d.predict(c)[label][m] for c, m in zip(represented, chosen, strict=True)]).pooled
                for d in (own, after)
            ]
            assert rho[0] > 0.5
            assert rho[0] - 1e-6 <= rho[1] < rho[0] + 0.05


def test_split_depends_on_names_and_never_scores_what_was_seen() -> None:
    systems = at_temperature(0.4, 9)
    first = halves(systems, lambda system: False)
    assert [len(part) for part in first] == [4, 5]
    again = halves(systems[::-1], lambda system: False)
    assert [[s.name for s in part] for part in again] == [[s.name for s in part] for part in first]
    seen = {s.name for s in first.test} | {"another"}
    refitted, scored = halves(systems, lambda system: system.name in seen)
    assert seen - {"another"} == {s.name for s in refitted}
    assert len(scored) == 4
    with pytest.raises(EquiglassError, match="9 configurations, and 0 were not used"):
        halves(systems, lambda system: True)
    with pytest.raises(EquiglassError, match="two configurations to refit"):
        halves(systems[:2], lambda system: False)


def test_configurations_are_grouped_by_temperature_and_given_once() -> None:
    groups = by_temperature([*at_temperature(0.5, 2), *at_temperature(0.4, 3, 10)])
    assert {t: len(group) for t, group in groups.items()} == {0.4: 3, 0.5: 2}
    assert list(groups) == [0.4, 0.5]
    with pytest.raises(EquiglassError, match=r"T0\.4-0 and T0\.4-0 are the same configuration"):
        by_temperature(at_temperature(0.4, 2) * 2)
    with pytest.raises(EquiglassError, match="temperature"):
        by_temperature([replace(labelled_liquid(0), temperature=None)])
    with pytest.raises(EquiglassError, match="no propensity"):
        by_temperature([replace(labelled_liquid(0), propensity=None)])


def test_what_a_model_was_trained_on_is_read_from_its_run_folder(trained: Path, tmp_path: Path) -> None:
    systems = at_temperature(0.5, 8)
    last, best = load_model(trained / "run"), load_model(trained / "run", "best")
    assert [has_seen(last, system) for system in systems] == [True] * 6 + [False] * 2
    assert all(has_seen(best, system) for system in systems)
    shutil.copytree(trained / "run", tmp_path / "run")
    (tmp_path / "run" / "split.yaml").write_text("[1, 2]")
    with pytest.raises(EquiglassError, match=r"split\.yaml"):
        load_model(tmp_path / "run")


def test_scores_are_those_of_evaluate_and_their_errors_those_of_its_resamples(trained: Path) -> None:
    model = load_model(trained / "run")
    cold = at_temperature(0.4, 7, 30)
    unknown = np.array(cold[4].propensity)
    unknown[1, ::2] = np.nan
    cold[4] = replace(cold[4], propensity=unknown)
    part = Halves(cold[:3], cold[3:])
    seen: list[System] = []
    rows, refitted = transfer(model, {0.4: part}, seen.append)
    assert len(seen) == 7
    assert [*zip(rows["type"], rows["label"], strict=True)] == [(a, b) for a in "AB" for b in ("1", "7", ALL_TIMES)]
    by_hand = {}
    for name, one in (("test", model), ("learn", refitted[0.4])):
        predicted = [p.propensity for p in map(one.predict, part.test)]

        def statistic(chosen: np.ndarray, predicted=predicted) -> list[list[float]]:  # type: ignore[no-untyped-def]
            rows = []
            for kind in range(2):
                of_type = [part.test[k].types == kind for k in chosen]
                for t in range(2):
                    y = [part.test[k].propensity[t, mask] for k, mask in zip(chosen, of_type, strict=True)]
                    p = [predicted[k][t, mask] for k, mask in zip(chosen, of_type, strict=True)]
                    score = correlation(y, p)
                    mse = np.nanmean((np.concatenate(y) - np.concatenate(p)) ** 2)
                    rows.append([score.per_configuration, score.pooled, mse])
            return rows

        by_hand[name] = bootstrap(statistic, 4)
    for name, expected in by_hand.items():
        of_times = rows[rows["label"] != ALL_TIMES]
        np.testing.assert_allclose(of_times[[f"{name}_{score}" for score in SCORES]], expected.value, atol=1e-5)
        np.testing.assert_allclose(of_times[[f"{name}_{score}_error" for score in SCORES]], expected.error, atol=1e-5)
    assert rows["unseen"].all()
    assert {(a, b) for a, b in zip(rows["refitted_on"], rows["tested_on"], strict=True)} == {(3, 4)}
    np.testing.assert_allclose(rows["gain_pooled"], rows["learn_pooled"] - rows["test_pooled"], atol=1e-12)
    assert (rows["refit_mse_learn"] <= rows["refit_mse_test"] * (1 + 1e-12)).all()
    for method in COMPARED:
        each = np.stack(rows[f"{method}_each"])
        assert each.shape == (6, 4)
        np.testing.assert_allclose(each.mean(axis=1), rows[f"{method}_per_configuration"])
    of_a = rows["test_pooled"][:3].to_numpy()
    assert of_a[2] == pytest.approx(np.mean(of_a[:2]))
    own, _ = transfer(model.with_data(replace(model.data, split=None)), {0.5: part})
    assert not own["unseen"].any()


def test_command_writes_matrix_tables_figures_and_models(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    out = trained / "out"
    words = ("transfer", trained / "run", "--data", trained / "warm.h5", "--data", trained / "cold.h5", "--out", out)
    assert run(*words) == 0
    printed = capsys.readouterr().out
    assert "T = 0.4: 2 configurations to refit on, 3 scored; T = 0.5: 6 configurations to refit on, 2 scored" in (
        printed.replace("\n", " ").replace("  ", " ")
    )
    assert "±" in (out / "transfer.txt").read_text(encoding="utf-8")
    held = json.loads((out / "transfer.json").read_text())
    assert held["command"].startswith("equiglass ")
    assert held["configurations"][1]["test"] in (["T0.5-6", "T0.5-7"], ["T0.5-7", "T0.5-6"])
    with (out / "transfer.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == len(held["rows"]) == 2 * 2 * 3
    for line, row in zip(lines, held["rows"], strict=True):
        assert float(line["learn_pooled"]) == pytest.approx(row["learn"]["pooled"]["value"], rel=1e-5)
        assert row["refit_mse_learn"] <= row["refit_mse_test"] * (1 + 1e-12)
    assert {p.name for p in out.glob("*.png")} == {f"transfer_{a}_{b}.png" for a in "AB" for b in ("7", "mean")}
    (cold,) = (p for p in (out / "models").iterdir() if p.name.endswith("at-T0.4"))
    tested = held["configurations"][0]["test"]
    systems = [s for s in equiglass.load(trained / "cold.h5") if s.name in tested]
    scored = evaluate(systems, [load_model(cold).predict(s) for s in systems]).rows
    row = next(r for r in held["rows"] if (r["temperature"], r["type"], r["label"]) == (0.4, "A", "7"))
    assert scored[2].pooled == pytest.approx(row["learn"]["pooled"]["value"], abs=1e-5)
    every = [*equiglass.load(trained / "warm.h5"), *equiglass.load(trained / "cold.h5")]
    seen = {system.name for system in every if has_seen(load_model(cold), system)}
    assert seen == {f"T0.5-{k}" for k in range(6)} | {*held["configurations"][0]["refit"]}
    assert run(*words) == 2
    assert "not empty" in capsys.readouterr().err
    assert run(*words[:-1], trained / "other", "--label", "5") == 2
    assert "not '5'" in capsys.readouterr().err


def test_rows_of_the_json_file_are_those_of_the_frame(trained: Path) -> None:
    from equiglass.representation.transfer import as_json

    part = halves(at_temperature(0.4, 4, 40), lambda system: False)
    rows, _ = transfer(load_model(trained / "run"), {0.4: part})
    held = as_json(rows, {0.4: part})
    assert (held["format"], held["version"]) == ("equiglass-transfer", 1)
    assert held["configurations"] == [
        {"temperature": 0.4, "refit": [s.name for s in part.refit], "test": [s.name for s in part.test]}
    ]
    for line, (_, row) in zip(held["rows"], rows.iterrows(), strict=True):
        assert line["trained_at"] == [0.5]
        assert line["time"] == (None if line["label"] == ALL_TIMES else row["time"])
        for method in COMPARED:
            assert set(line[method]) == {*SCORES, "each"}
            assert line[method]["each"] == row[f"{method}_each"].tolist()
            for score in SCORES:
                assert line[method][score] == {
                    "value": row[f"{method}_{score}"],
                    "error": row[f"{method}_{score}_error"],
                }


def test_figure_shows_every_model_test_and_learn(trained: Path) -> None:
    pytest.importorskip("matplotlib")
    from equiglass.figures.temperature import transfer_figure

    model = load_model(trained / "run")
    data = {t: halves(at_temperature(t, 4, 40), lambda system: False) for t in (0.4, 0.5)}
    rows, _ = transfer(model, data)
    chosen = rows[(rows["type"] == "A") & (rows["label"] == "7")]
    (ax,) = transfer_figure(chosen).axes
    learn, test = [line for line in ax.lines if len(line.get_xdata())][:2]
    assert (test.get_linestyle(), test.get_marker()) == ("--", "s")
    assert (learn.get_linestyle(), learn.get_marker()) == ("-", "o")
    np.testing.assert_allclose(learn.get_xydata(), chosen[["temperature", "learn_per_configuration"]])
    known = chosen.assign(unseen=chosen["temperature"] != 0.5)
    (ax,) = transfer_figure(known).axes
    (learn, *_) = [line for line in ax.lines if len(line.get_xdata())]
    assert np.isfinite(learn.get_ydata()).sum() == 1
