"""GlassMLP: features against slow definitions, surfaces of cells, terms of the loss, resuming."""

from __future__ import annotations

import itertools
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from equiglass.errors import EquiglassError
from equiglass.liquid.coarse_graining import RADII, REACH, cell_surfaces, coarse_grained
from equiglass.liquid.energy import particle_energy
from equiglass.liquid.neighbors import periodic_pairs
from equiglass.liquid.system import System
from equiglass.machine import signals
from equiglass.machine.signals import Interrupted
from equiglass.methods.glassmlp.loss import ShellCorrelation, absolute_error, fluctuation_errors
from equiglass.methods.glassmlp.predictor import GlassMLP, GlassMLPConfiguration
from equiglass.methods.loading import load_model
from equiglass.model.inputs import INPUTS
from equiglass.prediction.predictor import Watch
from equiglass.prediction.run_folder import RunFolder
from equiglass.training import train
from samples.labelled import of_types, shaken

SHORT = {"lengths": [0.0, 0.5, 1.0], "reach": 2.5, "epochs": 6}


def test_coarse_grained_features_equal_slow_sums() -> None:
    pytest.importorskip("pyvoro2")
    system = shaken(3)
    found = coarse_grained(system, (0.0, 0.7, 2.0), 2, reach=2.5)
    energy, surface = particle_energy(system) / 2, cell_surfaces(system)
    np.testing.assert_allclose(found[:, :2], np.stack([energy, surface], axis=1))
    rest = found[:, 2:].reshape(64, 2, 4, 3)
    pairs = periodic_pairs(system.positions_inherent, system.box, 2.5)
    for i, (k, length) in itertools.product((0, 17), enumerate((0.7, 2.0))):
        near = pairs.receivers == i
        senders = np.append(pairs.senders[near], i)
        weights = np.append(np.exp(-pairs.distances[near] / length), 1.0)
        for s, chosen in enumerate((system.types[senders] == 0, system.types[senders] == 1, senders >= 0)):
            w, e = weights[chosen], energy[senders[chosen]]
            mean = (w @ e) / w.sum()
            expected = [w.sum(), mean, w @ surface[senders[chosen]] / w.sum(), w @ (e - mean) ** 2 / w.sum()]
            np.testing.assert_allclose(rest[i, k, :, s], expected, rtol=1e-8, atol=1e-9)


def test_the_node_inputs_are_the_features_that_their_names_say() -> None:
    pytest.importorskip("pyvoro2")
    system = shaken(4)
    energy, surface = particle_energy(system) / 2, cell_surfaces(system)
    np.testing.assert_allclose(INPUTS["cell_surface"].compute(system)[0][:, 0], surface)
    pairs = periodic_pairs(system.positions_inherent, system.box, REACH)
    near = pairs.receivers == 5
    senders = np.append(pairs.senders[near], 5)
    for length, (suffix, chosen) in itertools.product((1, 3), (("", senders >= 0), ("_A", system.types[senders] == 0))):
        weights = np.append(np.exp(-pairs.distances[near] / length), 1.0)[chosen]
        values = {"energy": energy[senders[chosen]], "surface": surface[senders[chosen]]}
        means = {key: weights @ value / weights.sum() for key, value in values.items()}
        variance = weights @ (values["energy"] - means["energy"]) ** 2 / weights.sum()
        for quantity, expected in {**means, "density": weights.sum(), "variance": variance}.items():
            found = INPUTS[f"coarse_{quantity}{suffix}_{length}"].compute(system)[0][5, 0]
            assert found == pytest.approx(expected, rel=1e-7), (quantity, suffix, length)


def test_surfaces_of_the_power_diagram() -> None:
    pytest.importorskip("pyvoro2")
    side, n = 1.1, 4
    grid = np.stack(np.meshgrid(*[np.arange(n)] * 3, indexing="ij"), -1).reshape(-1, 3)
    parity = grid.sum(axis=1) % 2
    box = np.full(3, n * side)
    cubic = System(grid * side, np.zeros(n**3, int), box, positions_inherent=grid * side)
    np.testing.assert_allclose(cell_surfaces(cubic), 6 * side**2, rtol=1e-9)
    # Two types on a checkerboard: the plane between neighbours moves by (R_A^2 - R_B^2) / (2 d).
    salt = replace(cubic, types=parity)
    edge = side + (RADII[0] ** 2 - RADII[1] ** 2) / side
    surfaces = cell_surfaces(salt)
    # B is a cube; A is the cube of its planes, cut by nothing else.
    other = 2 * side - edge
    assert surfaces[parity == 1] == pytest.approx(6 * other**2, rel=1e-6)
    with pytest.raises(EquiglassError, match="radii for 3"):
        cell_surfaces(replace(cubic, types=np.arange(n**3) % 4))


@pytest.mark.parametrize("edges", [(15.0, 15.0, 15.0), (4.1, 5.0, 6.3)])
def test_shell_correlation_equals_the_sum_over_pairs(edges: tuple[float, float, float]) -> None:
    rng = np.random.default_rng(1)
    box = np.array(edges)
    n = 300
    positions = rng.uniform(0, 1, (n, 3)) * box
    fields = rng.normal(size=(2, n))
    # A field of known correlation: a wave on top of noise.
    fields[1] += 2 * np.sin(2 * np.pi * positions[:, 0] / box[0])
    shells = (2.0, 4.0, 6.0)
    found = ShellCorrelation(positions, box, shells)(torch.from_numpy(fields).float()).numpy()
    pairs = periodic_pairs(positions, box, 12.0)
    other = pairs.receivers != pairs.senders
    for k, r in enumerate(shells):
        # A particle and its own images are no pairs.
        weights = np.exp(-0.5 * (pairs.distances - r) ** 2) * other
        sums = [np.sum(weights * f[pairs.receivers] * f[pairs.senders]) for f in fields]
        np.testing.assert_allclose(found[:, k], np.array(sums) / weights.sum(), atol=5e-3)


def test_loss_of_a_field_that_is_too_flat() -> None:
    rng = np.random.default_rng(2)
    box = np.full(3, 10.0)
    positions = rng.uniform(0, 10, (500, 3))
    correlations = ShellCorrelation(positions, box)
    wave = torch.from_numpy(np.sin(2 * np.pi * positions[None, :, 0] / 10)).float()
    spatial, variance = fluctuation_errors(0.5 * wave, wave, correlations)
    deviation = wave - wave.mean()
    expected = 0.5 * 0.75 * correlations(deviation).abs().sum() / deviation.square().mean()
    assert float(variance) == pytest.approx(0.75, rel=1e-4)
    assert float(spatial) == pytest.approx(float(expected), rel=1e-3)
    assert float(absolute_error(0.5 * wave, wave)) == pytest.approx(0.5 * float(wave.abs().mean()), rel=1e-5)
    assert all(float(x) == pytest.approx(0, abs=1e-6) for x in fluctuation_errors(wave, wave, correlations))


@pytest.mark.parametrize("second", [1, 2])
def test_a_stopped_training_of_glassmlp_continues(second: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if the second type has number 2, so that no particle has number 1."""
    pytest.importorskip("pyvoro2")
    monkeypatch.setattr("equiglass.methods.glassmlp.predictor.SAVED", -1.0)
    systems = [replace(s, types=second * s.types, potential=of_types(3)) for s in map(shaken, range(3))]
    configuration = GlassMLPConfiguration.model_validate(SHORT)
    whole = GlassMLP.fit(systems, configuration)
    folder = RunFolder(tmp_path)

    def stop(done: int, total: int, loss: float) -> None:
        if done == 10:
            raise KeyboardInterrupt

    from equiglass.prediction.predictor import Watch

    with pytest.raises(KeyboardInterrupt):
        GlassMLP.fit(systems, configuration, folder=folder, watch=Watch(step=stop))
    begun: list[int] = []
    again = GlassMLP.fit(systems, configuration, folder=folder, watch=Watch(step=lambda d, t, x: begun.append(d)))
    assert begun[0] == 10
    np.testing.assert_allclose(again.values(systems[0]), whole.values(systems[0]), rtol=1e-6)


def test_equal_targets_have_no_fluctuations() -> None:
    """One particle of a type, or particles with the same label."""
    pytest.importorskip("pyvoro2")
    systems = [replace(s, propensity=np.where(s.types == 1, 0.1, s.propensity)) for s in map(shaken, range(2))]
    model = GlassMLP.fit(systems, GlassMLPConfiguration.model_validate({**SHORT, "epochs": 20}))
    test = shaken(9)
    np.testing.assert_allclose(model.values(test)[:, test.types == 1], 0.1)


def test_predictions_stay_within_the_targets() -> None:
    pytest.importorskip("pyvoro2")
    systems = [shaken(k) for k in range(2)]
    model = GlassMLP.fit(systems, GlassMLPConfiguration.model_validate(SHORT))
    far = replace(model, arrays={**model.arrays, "features_scale": model.arrays["features_scale"] * 1e-6})
    every = np.concatenate([s.propensity for s in systems], axis=1)
    values = far.values(shaken(9))
    assert values.min() >= every.min()
    assert values.max() <= every.max()


def test_a_stop_writes_a_checkpoint_and_a_finished_training_is_not_repeated(tmp_path: Path) -> None:
    pytest.importorskip("pyvoro2")
    systems = [shaken(k) for k in range(3)]
    configuration = GlassMLPConfiguration.model_validate({**SHORT, "fold": 0})
    steps = []

    def noted(step: int, total: int, loss: float) -> None:
        steps.append(step)
        if len(steps) == 4:
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(Interrupted), signals.caught():
        train(systems, tmp_path / "run", configuration, watch=Watch(step=noted))
    # The epoch was finished first.
    assert steps == [1, 2, 3, 4, 5, 6]
    with pytest.raises(EquiglassError, match="has no model yet: its training stopped early; continue"):
        load_model(tmp_path / "run")
    train(systems, tmp_path / "run", configuration, resume=True, watch=Watch(step=noted))
    assert steps == list(range(1, 19))
    again = load_model(tmp_path / "run").values(shaken(9))
    np.testing.assert_array_equal(again, GlassMLP.fit(systems, configuration).values(shaken(9)))
    train(systems, tmp_path / "run", configuration, resume=True, watch=Watch(step=noted))
    assert steps == list(range(1, 19))


def test_a_loss_that_is_not_finite_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyvoro2")
    monkeypatch.setattr("equiglass.methods.glassmlp.predictor.RATES", (1e30, 1e30, 1e30))
    with pytest.raises(EquiglassError, match="the loss is not a finite number"):
        GlassMLP.fit([shaken(k) for k in range(2)], GlassMLPConfiguration.model_validate({**SHORT, "epochs": 20}))


def test_a_file_whose_arrays_do_not_fit_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("pyvoro2")
    model = GlassMLP.fit([shaken(0)], GlassMLPConfiguration.model_validate({**SHORT, "epochs": 1}))
    infinite = {"0.biases.0": np.full_like(model.arrays["0.biases.0"], np.inf)}
    without = {key: array for key, array in model.arrays.items() if key != "target_lowest"}
    shorter = {which: model.arrays[which][:, :-1] for which in ("features_mean", "features_scale")}
    for arrays, match in (
        ({**model.arrays, **infinite}, "a weight is not a finite number"),
        (without, "KeyError: 'target_lowest'"),
        ({**model.arrays, "target_highest": model.arrays["target_highest"][:1]}, "different numbers of types"),
        ({**model.arrays, **shorter}, "another number of features"),
    ):
        replace(model, arrays=arrays).save(tmp_path / "last.safetensors")
        with pytest.raises(EquiglassError, match=match):
            load_model(tmp_path)
