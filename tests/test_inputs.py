"""The node inputs: choice, keys of older files, values, standardisation, averages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equiglass.dynamics.needs import supplied
from equiglass.errors import ConfigurationError, DataError
from equiglass.files.settings import validate
from equiglass.liquid.energy import particle_energy
from equiglass.liquid.inherent import quench
from equiglass.liquid.system import System
from equiglass.model.inputs import INPUTS, mobility
from equiglass.model.inputs.choice import Inputs
from equiglass.model.inputs.compute import compute, input_averages
from equiglass.model.inputs.graph import input_graph
from equiglass.model.inputs.standardisation import InputStandardisation, fit, moments_of
from samples.labelled import labelled_liquid
from samples.liquids import random_liquid

BOTH = ("energy_inherent", "displacement_inherent")


@pytest.fixture(scope="module")
def systems() -> list[System]:
    """Two configurations with their inherent structures."""
    return [quench(random_liquid(60, seed=seed)) for seed in range(2)]


@pytest.mark.parametrize("name", list(INPUTS))
def test_every_input_keeps_what_it_declares(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Degrees and shapes; computed from the stated needs alone."""
    chosen = INPUTS[name]
    assert chosen.name == name
    if name.startswith(("cell_", "coarse_")):
        pytest.importorskip("pyvoro2")
    of_runs = {"covariance_cage": np.tile(np.eye(3), (60, 1, 1)), "propensity_cage": np.ones(60)}
    system = random_liquid(60)
    if "cage" in chosen.needs:
        # The particles overlap, so that no run can start from them.
        system = replace(system, positions_cage=system.positions, **of_runs)
    if "short runs" in chosen.needs:
        monkeypatch.setattr(mobility, "displacements", lambda system, time: np.ones((3, 60, 3), np.float32))
    parts = chosen.compute(supplied(system, chosen.needs))
    assert tuple(parts) == chosen.degrees
    assert [x.shape for x in parts.values()] == [(60, 2 * l + 1) for l in chosen.degrees]


@pytest.mark.parametrize(
    ("old", "nodes"),
    [
        ({}, ("energy_inherent",)),
        ({"energy": "none"}, ()),
        ({"energy": "thermal"}, ("energy_thermal",)),
        ({"displacement": False}, ("energy_inherent",)),
        ({"displacement": True}, BOTH),
        ({"energy": "none", "displacement": True}, ("displacement_inherent",)),
        ({"energy": "inherent", "displacement": True, "positions": "inherent", "generations": 24}, BOTH),
    ],
)
def test_keys_of_older_files(old: dict[str, Any], nodes: tuple[str, ...]) -> None:
    inputs = Inputs(**old)
    assert inputs.nodes == nodes
    assert inputs.model_dump() == {
        "positions": old.get("positions", "thermal"),
        "edges": "positions",
        "nodes": nodes,
        "generations": old.get("generations", 0),
    }


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"nodes": ["energy_inherend"]}, "no node input 'energy_inherend'. Did you mean 'energy_inherent'"),
        ({"nodes": ["energy_thermal"] * 2}, "'energy_thermal' occurs twice"),
        ({"energy": "quenched"}, "energy must be none, thermal or inherent, not 'quenched'"),
        ({"displacement": 2}, "displacement must be true or false, not 2"),
        ({"nodes": [], "generations": 1}, "generations average the scalar node inputs, but there is none"),
        ({"nodes": [], "energy": "none"}, "replaces the older keys energy and displacement"),
        ({"energie": "none"}, "unknown key 'energie'"),
    ],
)
def test_a_wrong_choice_is_a_sentence(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        validate(Inputs, settings, "here")


def test_needs_and_channels() -> None:
    assert Inputs(nodes=()).needs == frozenset()
    assert Inputs(nodes=(), positions="inherent").needs == {"potential", "inherent"}
    assert Inputs(nodes=("energy_thermal",)).needs == {"potential"}
    assert Inputs(nodes=()).channels(2) == (2,)
    assert Inputs(nodes=BOTH).channels(3) == (5, 1)
    assert (Inputs(nodes=BOTH).n_averages, Inputs(nodes=BOTH, generations=4).n_averages) == (0, 10)


def test_without_a_potential_the_energy_is_refused() -> None:
    with pytest.raises(DataError, match="potential"):
        compute(random_liquid(60, n_types=3), Inputs(nodes=("energy_thermal",)))


def test_standardised_inputs_have_mean_0_and_unit_variance_of_every_type(systems: list[System]) -> None:
    inputs = Inputs(nodes=BOTH)
    computed = [compute(s, inputs) for s in systems]
    fitted = fit(computed, [s.types for s in systems], 2)
    standardisation = InputStandardisation.from_tensors(fitted.tensors())
    types = np.concatenate([s.types for s in systems])
    graphs = [input_graph(s, inputs, c, standardisation, 2.0, 2) for s, c in zip(systems, computed, strict=True)]
    scalars, vectors = (np.concatenate([g.inputs[l][g.nodes] for g in graphs]) for l in range(2))
    for kind in range(2):
        ours = types == kind
        np.testing.assert_array_equal(scalars[ours, 0, :2], np.tile(np.eye(2)[kind], (ours.sum(), 1)))
        np.testing.assert_allclose(scalars[ours, 0, 2:].mean(0), 0, atol=1e-5)
        np.testing.assert_allclose(scalars[ours, 0, 2:].std(0), 1, rtol=1e-5)
        np.testing.assert_allclose((vectors[ours] ** 2).sum(1).mean(), 1, rtol=1e-5)
    # A vector keeps its direction.
    first = vectors[: len(systems[0].types), :, 0]
    np.testing.assert_allclose(np.cross(first, computed[0]["displacement_inherent"][1]), 0, atol=1e-6)


def test_an_input_that_does_not_vary_is_0(systems: list[System]) -> None:
    """Its mean has a rounding error, by which nothing may be divided; and a model may meet other values."""
    inputs = Inputs(nodes=("temperature",))
    cold = [replace(s, temperature=0.44) for s in systems]
    fitted = fit([compute(s, inputs) for s in cold], [s.types for s in cold], 3)
    np.testing.assert_array_equal(fitted.moments["temperature"][0].scale, [0, 0, 1])
    for value in (0.44, 0.64):
        system = replace(systems[0], temperature=value)
        graph = input_graph(system, inputs, compute(system, inputs), fitted, 2.0, 3)
        np.testing.assert_array_equal(graph.inputs[0][:, 0, 3], 0)


def test_the_standardised_temperature_tells_temperatures_apart(systems: list[System]) -> None:
    inputs = Inputs(nodes=("temperature",))
    two = [replace(s, temperature=t) for s, t in zip(systems, (0.44, 0.64), strict=True)]
    fitted = fit([compute(s, inputs) for s in two], [s.types for s in two], 2)
    for system, sign in zip(two, (-1, 1), strict=True):
        graph = input_graph(system, inputs, compute(system, inputs), fitted, 2.0, 2)
        np.testing.assert_allclose(graph.inputs[0][graph.nodes, 0, 2], sign, rtol=1e-5)


def test_moments_of_another_training_complete_what_does_not_vary(systems: list[System]) -> None:
    inputs = Inputs(nodes=("energy_inherent", "temperature"))
    types = [s.types for s in systems]
    cold = fit([compute(replace(s, temperature=0.44), inputs) for s in systems], types, 2)
    both = fit([compute(replace(s, temperature=0.44 + 0.2 * k), inputs) for k, s in enumerate(systems)], types, 2)
    completed = cold.completed(both)
    np.testing.assert_array_equal(completed.moments["temperature"][0], both.moments["temperature"][0])
    np.testing.assert_array_equal(completed.moments["energy_inherent"][0], cold.moments["energy_inherent"][0])
    without = fit([compute(s, Inputs()) for s in systems], types, 2)
    np.testing.assert_array_equal(cold.completed(without).moments["temperature"][0].scale, 0)


def test_pooled_inputs_have_the_moments_of_all_particles(systems: list[System]) -> None:
    computed = [compute(s, Inputs(nodes=BOTH)) for s in systems]
    fitted = fit(computed, [s.types for s in systems], 3, pooled=["energy_inherent"])
    energy = np.concatenate([particle_energy(s) for s in systems])
    mean, scale = fitted.moments["energy_inherent"][0]
    # Type 2 does not occur.
    np.testing.assert_allclose(mean, [energy.mean(), energy.mean(), 0])
    np.testing.assert_allclose(scale, [energy.std(), energy.std(), 1])
    mean, scale = fitted.moments["displacement_inherent"][1]
    assert scale[0] != scale[1]
    np.testing.assert_array_equal(mean, 0)


@given(st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), max_size=8))
def test_moments_are_finite_and_never_scale_by_zero(values: list[float]) -> None:
    mean, scale = moments_of(np.array(values), np.zeros(len(values), np.int64), 2)
    known = np.array(values)[np.isfinite(values)]
    assert np.all(np.isfinite(mean))
    assert np.all(scale > 0)
    assert mean[0] == (known.mean() if known.size else 0)
    assert (mean[1], scale[1]) == (0, 1)


def test_averages_start_with_the_scalars_themselves(systems: list[System]) -> None:
    inputs = Inputs(nodes=BOTH, generations=2)
    computed = compute(systems[0], inputs)
    averages = input_averages(systems[0], inputs, computed)
    assert averages.shape == (60, inputs.n_averages)
    np.testing.assert_array_equal(averages[:, 0], computed["energy_inherent"][0][:, 0])
    np.testing.assert_array_equal(averages[:, 1], computed["displacement_inherent"][0][:, 0])
    assert input_averages(systems[0], Inputs(nodes=BOTH), computed).shape == (60, 0)


def test_an_input_that_is_no_number_is_refused_by_its_name() -> None:
    """The inherent structure of this liquid is no minimum, so the compliance does not converge."""
    with (
        np.errstate(all="ignore"),
        pytest.raises(DataError, match=r"input compliance is not .* 64 particles"),
    ):
        compute(labelled_liquid(0), Inputs(nodes=("compliance",)))
