"""Averages with weights by type and time, their uncertainty, and the command that makes them."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import equiglass
from equiglass.errors import ConfigurationError, DataError, EquiglassWarning
from equiglass.figures import reliability
from equiglass.liquid.system import System
from equiglass.methods import METHODS
from equiglass.methods.loading import digest_of, load_model, save_model
from equiglass.observables.correlation import correlation
from equiglass.prediction.combination import Combination
from equiglass.prediction.ensemble import Ensemble
from equiglass.prediction.stacking import non_negative_weights
from equiglass.training.held_out import candidates
from samples.combined import FOLDS, liquid, made, pairs, systems_of
from samples.command import run
from samples.labelled import labelled_liquid
from samples.outline import Outline


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("combination"))


def test_a_combination_predicts_its_formulas(folder: Path) -> None:
    model = load_model(folder / "out")
    assert isinstance(model, Ensemble)
    combination = model.combination
    assert combination is not None
    # The mean by type has no correlation within a type, so it has no weight and is left out.
    assert combination.members == ("member-ridge", "member-energy")
    assert dict(model.times) == {"1": 0.1, "7": 16.5}
    assert model.learned().all()
    system = liquid(20)
    prediction = model.predict(system)
    ridge, energy = load_model(folder / "ridge").values(system), load_model(folder / "energy").values(system)[0]
    for i in range(system.n_particles):
        kind = system.types[i]
        # At the time "1" the energy has no model.
        assert combination.weights[kind, 0, 1] == 0
        alone = combination.weights[kind, 0, 0] * ridge[0, i] + combination.offsets[kind, 0]
        assert prediction.at("1")[i] == pytest.approx(max(alone, 0.0), abs=1e-12)
        v, w = combination.weights[kind, 1]
        both = v * ridge[1, i] + w * energy[i] + combination.offsets[kind, 1]
        assert prediction.at("7")[i] == pytest.approx(max(both, 0.0), abs=1e-12)
        middle = (v * ridge[1, i] + w * energy[i]) / (v + w)
        spread = np.sqrt((v * (ridge[1, i] - middle) ** 2 + w * (energy[i] - middle) ** 2) / (v + w))
        a, b, d = combination.uncertainty[kind, 1]
        found = prediction.uncertainty_at("7")
        assert found is not None
        mean = v * ridge[1, i] + w * energy[i] + combination.offsets[kind, 1]
        assert found[i] == pytest.approx(np.sqrt(a**2 + b**2 * spread**2 + d**2 * mean**2), abs=1e-12)
        assert model.spread(system)[1, i] == pytest.approx(spread, abs=1e-12)
    assert model.spread(system)[0].max() == 0


def test_the_weights_are_those_of_a_slow_reference(folder: Path) -> None:
    """Held-out predictions by hand, weights by scipy's general optimiser; the nested score of every fold by hand."""
    from scipy.optimize import minimize

    systems = systems_of(folder)
    predicted, truth, fold = [], [], []
    for k, system in enumerate(systems):
        each = []
        for name in ("ridge", "energy"):
            model = load_model(folder / f"cv-{name}" / f"fold-{k % FOLDS + 1}")
            assert model.role(system) == "validation"
            each.append(model.predict(system).at("7")[system.types == 0])
        predicted.append(np.stack(each, axis=1))
        truth.append(system.propensity[1, system.types == 0])  # type: ignore[index]
        fold.append(k % FOLDS)

    def fitted(chosen: list[int]) -> tuple[np.ndarray, float]:
        x = np.concatenate([predicted[k] - predicted[k].mean(axis=0) for k in chosen])
        y = np.concatenate([truth[k] - truth[k].mean() for k in chosen])
        scale = np.mean(y**2)
        best = minimize(
            lambda w: np.mean((y - x @ w) ** 2) / scale,
            [0.5, 0.5],
            jac=lambda w: -2 * x.T @ (y - x @ w) / len(y) / scale,
            bounds=[(0, None)] * 2,
            tol=1e-14,
        )
        rest = np.concatenate([truth[k] - predicted[k] @ best.x for k in chosen])
        return best.x, float(rest.mean())

    model = load_model(folder / "out")
    assert isinstance(model, Ensemble)
    assert model.combination is not None
    weights, offset = fitted(list(range(6)))
    np.testing.assert_allclose(model.combination.weights[0, 1], weights, rtol=1e-3, atol=1e-4)
    assert model.combination.offsets[0, 1] == pytest.approx(offset, abs=1e-3)

    stacked = []
    for k in range(6):
        w, c = fitted([j for j in range(6) if fold[j] != fold[k]])
        stacked.append(predicted[k] @ w + c)
    rows = json.loads((folder / "scores.json").read_text())["rho"]
    (row,) = (r for r in rows if (r["type"], r["label"], r["model"]) == ("A", "7", "stack"))
    expected = correlation(truth, stacked)
    assert row["per_configuration"] == pytest.approx(expected.per_configuration, abs=1e-4)
    assert row["pooled"] == pytest.approx(expected.pooled, abs=1e-4)
    (row,) = (r for r in rows if (r["type"], r["label"], r["model"]) == ("A", "7", "equal average"))
    alike = correlation(truth, [p.mean(axis=1) for p in predicted])
    assert row["per_configuration"] == pytest.approx(alike.per_configuration, abs=1e-9)


def test_held_out_labels_decide_no_nested_prediction_of_their_fold(folder: Path, tmp_path: Path) -> None:
    """Other labels in one fold change the weights, but no nested score could profit: its own fold is not fitted."""
    systems = systems_of(folder)
    found = equiglass.combine(pairs(folder, "ridge", "energy"), systems, tmp_path / "a")
    assert (found.configurations, found.folds) == (6, FOLDS)
    # Labels without any relation to the structure: an in-sample fit has a positive rho, a nested one about zero.
    rng = np.random.default_rng(0)
    shuffled = [replace(s, propensity=rng.permuted(s.propensity, axis=1)) for s in systems]
    again = equiglass.combine(pairs(folder, "ridge", "energy"), shuffled, tmp_path / "b")
    stack = again.scores.query("model == 'stack'")["per_configuration"]
    assert (stack.dropna().abs() < 0.35).all()
    assert stack.mean() < 0.1


def test_the_noise_of_the_labels_is_no_error_of_the_model() -> None:
    """Synthetic members: the fit recovers the line of an error whose variance is a^2 + b^2 s^2, with noisy labels."""
    from equiglass.training.combination import _Case, _Fit

    rng = np.random.default_rng(3)

    class One:
        shares = np.array([1.0])

    cases = []
    for fold in range(4):
        true = rng.normal(size=20_000)
        spread = rng.uniform(0.05, 0.5, 20_000)
        sign = rng.choice([-1, 1], 20_000)
        middle = true + rng.normal(size=20_000) * np.sqrt(0.1**2 + (1.5 * spread) ** 2)
        predicted = np.stack([middle + sign * spread, middle - sign * spread], axis=1)
        cases.append(_Case(fold, true + rng.normal(0, 0.3, 20_000), predicted, 0.09, -np.inf))
    fit = _Fit(cases, [One(), One()], np.array([True, True]))  # type: ignore[list-item]
    found = fit(cases)
    ratio = found.weights / found.weights.sum()
    np.testing.assert_allclose(ratio, 0.5, atol=0.01)
    # The prediction is shrunk by the factor sum(w) < 1, as the best linear one is: compare the variances themselves.
    mean, squared = fit.apply(cases[0], found)
    truth = cases[0].truth
    a, b, d = found.uncertainty
    predicted = a**2 + b**2 * squared + d**2 * mean**2
    wide, narrow = squared > np.quantile(squared, 0.8), squared < np.quantile(squared, 0.2)
    for part in (wide, narrow):
        assert np.mean((truth - mean)[part] ** 2) - 0.09 == pytest.approx(predicted[part].mean(), rel=0.15)
    assert found.noise == pytest.approx(0.09)


def test_the_error_may_grow_with_the_prediction() -> None:
    """A single member without spread, whose error is 0.3 of its prediction."""
    from equiglass.training.combination import _Case, _Fit

    rng = np.random.default_rng(4)

    class One:
        shares = np.array([1.0])

    predicted = rng.uniform(0.1, 1.0, 50_000)
    truth = predicted + 0.3 * predicted * rng.normal(size=50_000)
    cases = [_Case(fold, truth[fold::2], predicted[fold::2, None], np.nan, -np.inf) for fold in range(2)]
    a, b, d = _Fit(cases, [One()], np.array([True]))(cases).uncertainty  # type: ignore[list-item]
    assert (a, b) == (pytest.approx(0, abs=0.05), 0)
    assert d == pytest.approx(0.3, rel=0.05)


def test_non_negative_weights_of_any_scale() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 3)) * [1e-4, 1.0, 1e3]
    np.testing.assert_allclose(non_negative_weights(x[:, :1], x @ [2.0, 0, 0]), [2.0], rtol=1e-6)
    assert (non_negative_weights(x, x @ [0.0, -1.0, 1e-3]) >= 0).all()
    # A constant minus its mean, and a column that adds 1e-12 of the sum.
    x = np.random.default_rng(1).normal(size=(500, 3)) * [1.0, 1e-16, 1e-12]
    found = non_negative_weights(x, x.sum(axis=1))
    assert found[0] == pytest.approx(1)
    assert (found[1:] == 0).all()


def test_predict_writes_the_uncertainty_and_load_reads_the_prediction(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.xyz"
    assert run("predict", folder / "out", folder / "new.h5", "-o", out) == 0
    (system,) = equiglass.load(folder / "new.h5")
    prediction = load_model(folder / "out").predict(system)
    header = out.read_text().splitlines()[1]
    names = re.findall(r"propensity_\w+", header)
    assert names == ["propensity_1", "propensity_1_std", "propensity_7", "propensity_7_std"]
    table = np.array([line.split()[1:] for line in out.read_text().splitlines()[2:]], dtype=float)
    places = _columns(header)
    assert prediction.uncertainty is not None
    np.testing.assert_allclose(table[:, places["propensity_7_std"]], prediction.uncertainty[1], rtol=1e-8)
    np.testing.assert_allclose(table[:, places["propensity_1"]], prediction.values[0], rtol=1e-8)
    (again,) = equiglass.load(out)
    (values,) = again.predictions.values()
    np.testing.assert_allclose(values, prediction.values, rtol=1e-8)


def _columns(header: str) -> dict[str, int]:
    """Place of every number of width one in a line without its species."""
    words = re.findall(r"Properties=(\S+)", header)[0].split(":")
    places, at = {}, -1
    for name, width in zip(words[0::3], words[2::3], strict=True):
        places[name], at = at, at + int(width)
    return places


def test_without_an_uncertainty_there_is_no_column(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.xyz"
    assert run("predict", folder / "ridge", folder / "new.h5", "-o", out) == 0
    assert "_std" not in out.read_text()
    prediction = load_model(folder / "ridge").predict(liquid(20))
    assert prediction.uncertainty is None
    assert prediction.uncertainty_at("7") is None


def test_a_stopped_prediction_has_its_uncertainty_too(folder: Path, tmp_path: Path) -> None:
    from equiglass.commands.targets import name_of
    from equiglass.files.partial import Partial

    (system,) = equiglass.load(folder / "new.h5")
    out, uncertainty = tmp_path / "out.xyz", np.full((2, system.n_particles), 0.125)
    name = name_of(system, digest_of(folder / "out"))
    Partial(out).put(name, {"values": np.ones_like(uncertainty), "uncertainty": uncertainty})
    assert run("predict", folder / "out", folder / "new.h5", "-o", out) == 0
    _, header, *lines = out.read_text().splitlines()
    place = _columns(header)["propensity_7_std"] + 1
    assert {line.split()[place] for line in lines} == {"0.125"}


def test_other_weights_are_another_model(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "out", tmp_path / "out")
    assert digest_of(tmp_path / "out") == digest_of(folder / "out")
    path = tmp_path / "out" / "combination.json"
    changed = json.loads(path.read_text())
    changed["rows"][0]["offset"] += 1.0
    path.write_text(json.dumps(changed))
    assert digest_of(tmp_path / "out") != digest_of(folder / "out")


def test_a_combination_is_saved_and_loaded_to_the_digit(folder: Path, tmp_path: Path) -> None:
    model, system = load_model(folder / "out"), liquid(20)
    save_model(model, tmp_path / "again")
    assert run("export", folder / "out", "-o", tmp_path / "exported") == 0
    for place in ("again", "exported"):
        found = load_model(tmp_path / place).predict(system)
        np.testing.assert_array_equal(found.values, model.predict(system).values)
        np.testing.assert_array_equal(found.uncertainty, model.predict(system).uncertainty)
    assert (tmp_path / "again/combination.json").read_text() == (folder / "out/combination.json").read_text()


def test_a_combination_has_seen_what_its_members_have(folder: Path) -> None:
    model = load_model(folder / "out")
    assert {model.role(system) for system in systems_of(folder)} == {"training"}
    assert model.role(liquid(20)) == "not seen"


def test_several_seeds_share_the_weight_of_their_average(tmp_path: Path) -> None:
    """Two members of a run: the weight is that of their mean, and their difference is part of the spread."""
    systems = [liquid(seed) for seed in range(4)]
    network = {"architecture": {"l_max": 1, "layers": 1, "channels": 1}, "epochs": 1, "folds": 2}
    settings = METHODS["network"].configuration(**network, fold=0)
    equiglass.train(systems, tmp_path / "net", settings, members=2)
    equiglass.crossvalidate(systems, tmp_path / "cv", settings, members=2)
    found = equiglass.combine([(tmp_path / "net", tmp_path / "cv")], systems, tmp_path / "out")
    combination = found.model.combination
    assert combination is not None
    assert combination.members == ("member-net-1", "member-net-2")
    np.testing.assert_array_equal(combination.weights[..., 0], combination.weights[..., 1])
    model, system = load_model(tmp_path / "out"), liquid(20)
    each = np.stack([load_model(tmp_path / f"net/member-{k}").values(system) for k in (1, 2)])
    weighted = combination.weights.any(axis=2)[system.types].T
    np.testing.assert_allclose(model.spread(system), np.where(weighted, each.std(axis=0), 0.0), atol=1e-6)
    with pytest.raises(ConfigurationError, match="itself a combination"):
        candidates([(str(tmp_path / "out"), tmp_path / "cv")])
    with pytest.raises(ConfigurationError, match="has the members"):
        equiglass.combine([(tmp_path / "net" / "member-1", tmp_path / "cv")], systems, tmp_path / "other")


def test_a_time_without_labels_has_equal_weights_and_no_uncertainty(folder: Path, tmp_path: Path) -> None:
    systems = [
        replace(s, time_labels=("7",), times=s.times[1:], propensity=s.propensity[1:], replica_variance=None)  # type: ignore[index]
        for s in systems_of(folder)
    ]
    with pytest.warns(EquiglassWarning, match="no held-out labels for type A at '1', type B at '1'"):
        found = equiglass.combine(pairs(folder, "ridge", "none"), systems, tmp_path / "out")
    combination = found.model.combination
    assert combination is not None
    np.testing.assert_array_equal(combination.weights[:, 0], 0.5)
    assert np.isnan(combination.uncertainty[:, 0]).all()
    prediction = load_model(tmp_path / "out").predict(liquid(20))
    assert prediction.uncertainty is not None
    assert np.isnan(prediction.uncertainty[0]).all()
    assert np.isfinite(prediction.uncertainty[1]).all()
    np.testing.assert_allclose(
        prediction.at("1"),
        (load_model(folder / "ridge").values(liquid(20))[0] + load_model(folder / "none").values(liquid(20))[0]) / 2,
    )


def test_what_no_member_has_learned_has_no_number() -> None:
    combination = Combination(
        ("a",), {"7": 1.0}, np.array([[[0.5]], [[0.0]]]), np.array([[0.1], [np.nan]]), np.full((2, 1, 3), np.nan)
    )
    assert not combination.is_calibrated
    assert combination.learned().tolist() == [[True], [False]]
    types = np.array([0, 1])
    np.testing.assert_array_equal(combination.mean(np.array([[[2.0, np.nan]]]), types), [[1.1, np.nan]])


def test_a_plain_average_is_as_before(folder: Path, tmp_path: Path) -> None:
    """A folder without combination.json: the members alike, and no uncertainty."""
    shutil.copytree(folder / "ridge", tmp_path / "runs/a")
    shutil.copytree(folder / "ridge", tmp_path / "runs/b")
    model = load_model(tmp_path / "runs")
    prediction = model.predict(liquid(20))
    np.testing.assert_array_equal(prediction.values, load_model(folder / "ridge").predict(liquid(20)).values)
    assert prediction.uncertainty is None
    shutil.copytree(folder / "energy", tmp_path / "runs/c")
    with pytest.raises(ConfigurationError, match="they cannot be averaged"):
        load_model(tmp_path / "runs")


def test_the_report_has_the_reliability(folder: Path, tmp_path: Path) -> None:
    new = liquid(20)
    # One label: fewer figures.
    labels = {"propensity": new.propensity[1:], "replica_variance": new.replica_variance[1:]}  # type: ignore[index]
    equiglass.save(replace(new, time_labels=("7",), times=new.times[1:], **labels), tmp_path / "one.h5")
    words = ("--data", tmp_path / "one.h5", "--out", tmp_path / "report.html")
    assert run("report", folder / "out", *words) == 0
    text = Outline((tmp_path / "report.html").read_text(encoding="utf-8")).text
    assert text.count("Error against predicted uncertainty") == 1
    assert "weights by particle type and time" in text
    assert "member-ridge" in text
    # The model card shows it; it is no result.
    assert "combination.json" not in text


def test_a_report_without_an_uncertainty_has_no_reliability(folder: Path) -> None:
    from equiglass.report.scores import _reliability, score

    assert _reliability(score(load_model(folder / "ridge"), [liquid(20)])) == []


def test_a_reliable_uncertainty_lies_on_the_diagonal() -> None:
    """Errors drawn with the predicted deviation, labels with noise of known variance."""
    from equiglass.prediction.model import Prediction

    rng = np.random.default_rng(0)
    n = 20_000
    base = labelled_liquid(0)
    types = (np.arange(n) % 5 == 0).astype(np.int64)
    deviation = rng.uniform(0.1, 0.5, n)
    truth = rng.uniform(2.0, 3.0, n)
    system = System(
        rng.uniform(0, 25, (n, 3)),
        types,
        np.full(3, 25.0),
        time_labels=("7",),
        times=np.array([16.5]),
        propensity=(truth + rng.normal(0, 0.2, n))[None],
        replica_variance=np.full((1, n), 32 * 0.04),
        runs=32,
        name=base.name,
    )
    values = truth + rng.normal(size=n) * deviation
    prediction = Prediction(system, {"7": 16.5}, values[None], uncertainty=deviation[None])
    figure = reliability([prediction], "7")
    lines = [line for line in figure.axes[0].get_lines() if len(line.get_xdata()) > 2]
    assert [line.get_label() for line in lines] == ["A", "B"]
    for line in lines:
        np.testing.assert_allclose(line.get_ydata(), line.get_xdata(), rtol=0.15)
    with pytest.raises(DataError, match="no particle with a known error"):
        reliability([replace(prediction, uncertainty=None)], "7")


def test_labels_of_unknown_noise_have_no_ceiling() -> None:
    from equiglass.training.combination import _Case, _reliability

    rng = np.random.default_rng(0)
    truth = rng.normal(size=50)
    known, unknown = (_Case(1, truth, truth[:, None], noise, 0.0) for noise in (0.1, np.nan))
    nested = [(truth + 0.1, np.full(50, 0.2))]
    assert np.isnan(_reliability([unknown], nested)["ceiling"])
    assert _reliability([known], nested)["ceiling"] == pytest.approx(np.sqrt(1 - 0.1 / truth.var()))
