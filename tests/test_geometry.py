"""The box of a file against its particles: which are refused, which cause a warning, and which pass in silence."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from equiglass.errors import DataError, EquiglassWarning
from equiglass.formats import load
from equiglass.formats.checks import checked
from equiglass.liquid.system import System
from samples.damaged import glassbench_arrays, shiba_arrays
from samples.liquids import random_liquid

LIQUID = random_liquid(n=500)
SIDE = float(LIQUID.box[0])


def crystal(cells: int = 5) -> System:
    """A face-centred cubic crystal of density 1.2, whose planes of atoms are the planes that bonds may cross."""
    sites = np.stack(np.meshgrid(*[np.arange(2 * cells)] * 3, indexing="ij"), -1).reshape(-1, 3)
    sites = sites[sites.sum(axis=1) % 2 == 0]
    constant = (4 / 1.2) ** (1 / 3)
    return System(sites * constant / 2, np.zeros(len(sites), np.int64), np.full(3, cells * constant))


def layer() -> System:
    """A liquid in two dimensions: 196 particles in the plane z = 0."""
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(np.arange(14), np.arange(14)), -1).reshape(-1, 2)
    flat = (grid + 0.5 + rng.uniform(-0.1, 0.1, grid.shape)) * 0.95
    return System(np.column_stack([flat, np.zeros(196)]), np.zeros(196, np.int64), [13.3, 13.3, 13.3])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n", [27, 60, 250, 1000])
def test_liquids_pass_in_silence(n: int, seed: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        checked(random_liquid(n=n, seed=seed))


@pytest.mark.parametrize("n", [9**3, 17**3])
def test_a_lattice_with_a_layer_in_the_middle_passes_in_silence(n: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        checked(random_liquid(n=n))


def test_crystals_and_unwrapped_positions_pass_in_silence() -> None:
    rng = np.random.default_rng(0)
    far = LIQUID.positions + LIQUID.box * rng.integers(-3, 4, (500, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        checked(crystal())
        checked(replace(crystal(), positions=crystal().positions + rng.normal(0, 0.02, crystal().positions.shape)))
        checked(replace(LIQUID, positions=far))
        checked(replace(LIQUID, positions=LIQUID.positions - LIQUID.box / 2))


@pytest.mark.data
def test_real_configurations_pass_in_silence(data_folder: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load(sorted((data_folder / "ka_T0.64").glob("*.npz"))[:3])


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize(
    "flat",
    [
        lambda system: system,
        lambda system: replace(system, box=[13.3, 13.3, 1.0]),
        lambda system: replace(
            system, positions=system.positions + np.random.default_rng(1).uniform(0, [0, 0, 0.2], (196, 3))
        ),
        lambda system: replace(
            system,
            positions=system.positions + np.random.default_rng(1).uniform(0, [0, 0, 1.5], (196, 3)),
            box=[13.3, 13.3, 1.5],
        ),
    ],
    ids=["z = 0", "thin box", "nearly flat", "thin and filled"],
)
def test_two_dimensions_are_refused(flat: Callable[[System], System], axis: int) -> None:
    system = flat(layer())
    turned = replace(system, positions=np.roll(system.positions, axis, 1), box=np.roll(system.box, axis))
    with pytest.raises(DataError, match=f"two-dimensional.*{'zxy'[axis]}"):
        checked(turned)


@pytest.mark.parametrize("factor", [0.9, 0.94])
@pytest.mark.parametrize("axis", range(3))
def test_a_box_that_is_too_short_is_refused(factor: float, axis: int) -> None:
    box = LIQUID.box * np.where(np.arange(3) == axis, factor, 1)
    with pytest.raises(DataError, match="overlap"):
        checked(replace(LIQUID, box=box))


@pytest.mark.parametrize("factor", [1.05, 1.3, 2.0])
@pytest.mark.parametrize("centred", [False, True])
def test_a_box_that_is_too_long_causes_a_warning(factor: float, centred: bool) -> None:
    shift = LIQUID.box / 2 if centred else 0
    with pytest.warns(EquiglassWarning) as caught:
        checked(replace(LIQUID, positions=LIQUID.positions - shift, box=LIQUID.box * factor))
    assert any("do not fill the box" in str(each.message) for each in caught)


def test_a_gas_causes_a_warning() -> None:
    with pytest.warns(EquiglassWarning, match=r"density 0\.15 is that of a gas"):
        checked(replace(LIQUID, positions=LIQUID.positions * 2, box=LIQUID.box * 2))


def test_a_box_below_the_cutoff_is_refused() -> None:
    with pytest.raises(DataError, match="too small"):
        checked(random_liquid(n=8))


@pytest.mark.parametrize("key", ["box", "L", "cell"])
@pytest.mark.parametrize("public", ["glassbench", "shiba"])
def test_a_stated_box_has_precedence_over_the_assumed_density(tmp_path: Path, public: str, key: str) -> None:
    """A denser liquid in the keys of a public set: the assumed box would be longer by six per cent."""
    edges = {"box": [3.5, 3.5, 3.5], "L": 3.5, "cell": np.diag([3.5, 3.5, 3.5])}
    scale = 3.5 / (60 / 1.2) ** (1 / 3)
    arrays = glassbench_arrays() if public == "glassbench" else shiba_arrays()
    moved = {name: scale * values for name, values in arrays.items() if "positions" in name}
    name = "N60T0.44_1.npz" if public == "glassbench" else "isoconfig_N60T0.44_1_tc07.npz"
    np.savez(tmp_path / name, **(arrays | moved), **{key: edges[key]})
    (system,) = load(tmp_path)
    np.testing.assert_allclose(system.box, 3.5)
    np.savez(tmp_path / name, **(arrays | moved), box=[[3.5, 0.2, 0], [0, 3.5, 0], [0, 0, 3.5]])
    with pytest.raises(DataError, match="tilted"):
        load(tmp_path)
