"""Ends of runs as configurations, weights by the noise of labels, and levelled labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from equiglass.errors import ConfigurationError, DataError, EquiglassWarning
from equiglass.liquid.ends import as_end, ends_of, is_end
from equiglass.liquid.neighbors import wrap
from equiglass.liquid.splits import validation_fold
from equiglass.liquid.targets import measured
from equiglass.methods.boattini import BoattiniConfiguration
from equiglass.methods.descent.gradient import masked_loss
from equiglass.methods.first_layer import FirstLayerConfiguration
from equiglass.methods.linear.moments import Example
from equiglass.prediction.evaluation import evaluate
from equiglass.prediction.labels import UNEXPLAINED, label_noise, levelled, levels, noise_weights
from equiglass.training import crossvalidate, train
from samples.examples import fit_ridge
from samples.labelled import labelled_liquid
from samples.noisy import with_runs


def test_ends_are_configurations_of_one_run() -> None:
    system = with_runs(0)
    ends = ends_of([system, labelled_liquid(1)])
    assert [end.name for end in ends] == [
        *(f"liquid-0-end-1-{run}" for run in (1, 2, 3, 4)),
        *(f"liquid-0-end-7-{run}" for run in (1, 3, 4)),
    ]
    end = ends[-1]
    assert system.replica_displacements is not None
    assert end.propensity is not None
    assert end.replica_variance is not None
    moves = system.replica_displacements[1, 3]
    np.testing.assert_allclose(end.positions, wrap(system.positions + moves, system.box), atol=1e-12)
    np.testing.assert_allclose(end.propensity[0], np.linalg.norm(moves, axis=1), rtol=1e-6)
    assert (end.time_labels, end.times.tolist(), end.runs) == (("7",), [16.5], 1)
    assert end.parent == system.fingerprint
    assert end.positions_inherent is None
    np.testing.assert_allclose(end.replica_variance, 1e-3)
    assert len(ends_of([system], ["7"], runs=3)) == 2
    assert ends_of([end]) == []
    # Its own ends would have the same parent.
    own = replace(end, replica_displacements=system.replica_displacements[:1])
    assert ends_of([own])[0].parent == system.fingerprint


def test_a_labelled_configuration_counts_as_an_end() -> None:
    known = labelled_liquid(1)
    assert known.runs is not None
    assert known.replica_variance is not None
    end = as_end(replace(known, parent=labelled_liquid(0).fingerprint))
    assert is_end(end)
    np.testing.assert_array_equal(end.propensity, known.propensity)
    np.testing.assert_allclose(end.replica_variance, known.replica_variance / known.runs)
    both = [label_noise(system, ["7"], "propensity", 2) for system in (known, end)]
    np.testing.assert_allclose(*both)
    with pytest.raises(DataError, match="with a parent"):
        as_end(known)
    with pytest.raises(DataError, match="number of runs"):
        as_end(replace(known, parent="0", runs=None))


def test_the_wanted_ends_are_those_that_are_named() -> None:
    system = replace(with_runs(0), time_labels=("1", "10"))
    assert {end.time_labels for end in ends_of(system, "10")} == {("10",)}
    assert len(ends_of(system, ["1", "10"], runs=1)) == 2
    with pytest.raises(DataError, match=r"labelled 'nope'; there are \['1', '10'\]"):
        ends_of([system], ["1", "nope"])
    for runs in (0, -1):
        with pytest.raises(ConfigurationError, match=f"at least 1; got {runs}"):
            ends_of([system], runs=runs)


def test_a_parent_and_its_ends_lie_on_one_side() -> None:
    systems = [with_runs(k) for k in range(4)]
    for fold in (1, 2):
        training, held_out = validation_fold([*systems, *ends_of(systems)], 2, fold)
        sides = [{str(s.parent or s.fingerprint) for s in side} for side in (training, held_out)]
        assert not sides[0] & sides[1]
        assert len(sides[0]) == len(sides[1]) == 2


def test_weights_follow_from_the_noise() -> None:
    system = labelled_liquid(0)
    end = replace(system, runs=1)
    some = [system, end, replace(system, replica_variance=None)]
    with pytest.warns(EquiglassWarning, match="the noise of the labels of 1 of 3 configurations is unknown"):
        weights = noise_weights(some, ["1", "7"], "propensity", 2)
    assert system.propensity is not None
    for kind, t in np.ndindex(2, 2):
        total = system.propensity[t, system.types == kind].var()
        nu = 1e-3 / 32
        v = UNEXPLAINED * max(total - nu, 1e-3 * total)
        assert weights[:, kind, t] == pytest.approx([1, (v + nu) / (v + 1e-3), 1])
    assert np.all(noise_weights([system], ["1", "9"], "propensity", 3) == 1)


def test_levelled_labels_have_one_mean_and_deviation() -> None:
    values = [np.random.default_rng(k).normal(k, 1 + k, (2, 50)) for k in range(3)]
    values[0][1, :5] = np.nan
    types = [np.arange(50) % 2] * 3
    found = levelled(values, types, *levels(values, types, 3))
    for t, kind in np.ndindex(2, 2):
        each = [y[t, types[0] == kind] for y in found]
        np.testing.assert_allclose([np.nanmean(y) for y in each], np.nanmean(each[0]))
        np.testing.assert_allclose([np.nanstd(y) for y in each], np.nanstd(each[0]))
        assert np.corrcoef(each[2], values[2][t, types[0] == kind])[0, 1] == pytest.approx(1)
    assert np.isnan(found[0][1, :5]).all()


def test_levelled_labels_have_levelled_noise() -> None:
    """A state point of five times the propensity, and 25 times its variance, is as well known as the other."""
    system = labelled_liquid(0)
    assert system.propensity is not None
    assert system.replica_variance is not None
    far = replace(system, propensity=5 * system.propensity, replica_variance=25 * system.replica_variance)
    values = [measured(each, ["1", "7"], "propensity") for each in (system, far)]
    slopes, _ = levels(values, [system.types] * 2, 2)
    assert noise_weights([system, far], ["1", "7"], "propensity", 2, slopes) == pytest.approx(1)
    assert noise_weights([system, far], ["1", "7"], "propensity", 2).min() < 0.2


def test_ends_without_a_variance_of_the_labels_have_that_of_the_runs() -> None:
    system = replace(with_runs(0), replica_variance=None)
    assert system.replica_displacements is not None
    end = ends_of(system, "1")[0]
    assert end.replica_variance is not None
    distances = np.linalg.norm(system.replica_displacements[0].astype(float), axis=-1)
    for kind in (0, 1):
        expected = distances[:, system.types == kind].var(axis=0, ddof=1).mean()
        np.testing.assert_allclose(end.replica_variance[0, system.types == kind], expected)


def test_ends_are_not_scored_with_others() -> None:
    system, end = with_runs(0), as_end(replace(with_runs(1), parent=with_runs(0).fingerprint))
    predicted = [{"7": s.propensity[1]} for s in (system, end)]  # type: ignore[index]
    with pytest.warns(EquiglassWarning, match="ends of runs are not scored, 1 here"):
        assert evaluate([system, end], predicted).configurations == 1
    assert evaluate([end], predicted[1:]).configurations == 1


def test_a_weight_counts_as_copies_in_a_ridge_regression_and_in_the_loss() -> None:
    def example(seed: int, weight: float | None) -> Example:
        random = np.random.default_rng(seed)
        x, types = random.normal(size=(40, 3)), np.zeros(40, dtype=int)
        y = x @ [1.0, -1.0, 0.5] + random.normal(0, 1, 40)
        return Example(f"c{seed}", x, types, y[None], None if weight is None else np.full((1, 1), 1 / weight))

    # The same features twice, so that the standardisation agrees.
    a, b = example(0, None), example(1, None)._replace(features=example(0, None).features)
    validation = [example(2, None)]
    copies = fit_ridge(["1"], [a, a, a, b], validation, [0.1])
    one = np.ones((1, 1))
    weighted = fit_ridge(["1"], [a._replace(noise=one / 3), b._replace(noise=one)], validation, [0.1])
    np.testing.assert_allclose(weighted.weights, copies.weights, rtol=1e-9)
    assert not np.allclose(weighted.weights, fit_ridge(["1"], [a, b], validation, [0.1]).weights)
    prediction, target = torch.tensor([[1.0], [2.0]]), torch.zeros(2, 1)
    assert float(masked_loss(prediction, target, torch.tensor([[1.0], [0.5]]))) == pytest.approx((1 + 2) / 2)


def test_training_takes_the_ends_of_training_configurations_alone(tmp_path: Path) -> None:
    systems = [with_runs(k) for k in range(4)]
    settings = FirstLayerConfiguration(
        nodes=("force",), times=("7",), folds=2, ends=3, weights="noise", standardise="configuration"
    )
    model = train(systems, tmp_path / "run", settings)
    # Two parents, and the two ends of each whose positions are known.
    assert model.data.configurations == 2 * (1 + 2)
    scores = crossvalidate(systems, tmp_path / "cv", settings)
    assert set(scores.frame()["configurations"]) == {4}
    with pytest.raises(DataError, match="no configuration has the displacements"):
        train([labelled_liquid(k) for k in range(4)], tmp_path / "none", settings)


def test_boattini_takes_node_inputs(tmp_path: Path) -> None:
    from equiglass.methods.boattini import Boattini
    from samples.labelled import SMALL

    settings = BoattiniConfiguration(
        descriptors=SMALL,
        thermal=(1.0,),
        decay=(0.5,),
        penalties=(0.1,),
        nodes=("force", "local_hessian"),
        generations=2,
    )
    model = Boattini.fit([labelled_liquid(k) for k in range(3)], settings)
    system = labelled_liquid(5)
    features = Boattini.features(system, settings, 2)
    assert features.shape[1] == model.ridge.mean.shape[1] == Boattini.emphases(settings, 2).shape[1]
    # Descriptors are learned, although their deviations are below 1e-4 of that of the local Hessian, in other units.
    described, hessian = np.split(model.ridge.scale[0], [2 * 3 * SMALL.number(2)])[0], 2 * 3 * SMALL.number(2) + 3
    assert described.max() < 1e-4 * model.ridge.scale[0, hessian]
    np.testing.assert_allclose(model.values(system), model.ridge.predict(features, system.types), rtol=1e-4, atol=1e-5)
    model.save(tmp_path / "last.safetensors")
    np.testing.assert_array_equal(Boattini.load(tmp_path / "last.safetensors").values(system), model.values(system))
