"""What the physics checks measure on each configuration, and on the configurations of a state point together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from equiglass.errors import DataError, EquiglassError, EquiglassWarning
from equiglass.formats import load, save
from equiglass.liquid.inherent import quench
from equiglass.liquid.potential import KOB_ANDERSEN, potential_energy
from equiglass.observables import self_scattering_by_type
from equiglass.simulate.checks import collect, measure
from equiglass.simulate.joining import joined
from samples.liquids import random_liquid
from samples.state_points import TIMES, configuration, with_runs


def test_what_follows_from_the_displacements() -> None:
    system = with_runs(random_liquid())
    measured = measure(system)
    dr = system.replica_displacements.astype(float)
    for kind in range(2):
        of_kind = dr[:, :, system.types == kind]
        np.testing.assert_allclose(measured.squared_displacement[0, :, kind], np.square(of_kind).sum(-1).mean((1, 2)))
        k_d = 7.25 * np.sqrt(np.square(of_kind).sum(-1))
        np.testing.assert_allclose(measured.scattering[0, :, kind], (np.sin(k_d) / k_d).mean((1, 2)))
    thermal = potential_energy(system.positions, system.types, system.box, KOB_ANDERSEN)
    assert measured.energy == pytest.approx([thermal.sum() / 2 / system.n_particles])
    assert np.isnan(measured.inherent_energy).all()
    stored = replace(system, self_scattering=measured.scattering[0], replica_displacements=None)
    np.testing.assert_array_equal(measure(stored).scattering, measured.scattering)


def test_of_a_type_or_a_time_that_is_absent_nothing_is_known() -> None:
    dr = np.ones((2, 3, 4, 3))
    dr[1, 0, 3] = np.nan
    F = self_scattering_by_type(dr, np.array([0, 0, 2, 2]))
    assert np.isnan(F).tolist() == [[False, True, False], [False, True, True]]


def test_merging_keeps_the_scattering_of_runs_whose_displacements_go() -> None:
    first = with_runs(random_liquid())
    F = self_scattering_by_type(first.replica_displacements, first.types)
    second = replace(
        random_liquid(), time_labels=("4",), times=np.array([3.0]), propensity=np.ones((1, 120)), runs=6,
        self_scattering=np.full((1, 2), 0.5),
    )  # fmt: skip
    both = joined(first, second)
    assert both.replica_displacements is None
    np.testing.assert_array_equal(both.self_scattering, [F[0], [0.5, 0.5], F[1]])


def test_the_data_set_keeps_what_the_runs_tell(tmp_path: Path) -> None:
    system = replace(
        with_runs(random_liquid()),
        self_scattering=np.array([[0.9, 0.8], [np.nan, 0.1]]),
        run_temperature=np.array([0.5, 0.49]),
        energy_drift=np.array([1e-4, 2e-4]),
        momentum=np.array([1e-16, 2e-16]),
    )
    save(system, tmp_path / "a.h5")
    (read,) = load(tmp_path / "a.h5")
    for key in ("self_scattering", "run_temperature", "energy_drift", "momentum"):
        np.testing.assert_array_equal(getattr(read, key), getattr(system, key))
    with pytest.raises(EquiglassError, match="self_scattering"):
        replace(system, self_scattering=np.ones((2, 3)))


def test_configurations_of_two_state_points() -> None:
    with pytest.raises(DataError, match="each state point"):
        collect([configuration(0), configuration(1, temperature=0.5)])
    with pytest.raises(DataError, match="no configurations"):
        collect([])


def test_configurations_with_different_times() -> None:
    short = configuration(1, labels=("2", "4"), times=TIMES[:2] * 1.02)
    by_time = ("propensity", "squared_displacement", "scattering", "run_temperature", "energy_drift", "momentum")
    short = replace(short, **{key: getattr(short, key)[:, :2] for key in by_time})
    state = collect([short, configuration(0)])
    assert state.labels == ("2", "4", "6", "7")
    assert state.times == pytest.approx([0.101, 1.01, 5.2, 16.5])
    assert np.isnan(state.propensity[0, 2:]).all()
    assert not np.isnan(state.propensity[1]).any()


@pytest.mark.parametrize(
    ("verdicts", "together"),
    [((True, True), True), ((True, False), False), ((None, True), True), ((None, None), None), ((None, False), False)],
)
def test_a_set_is_in_equilibrium_if_no_trajectory_is_not(
    verdicts: tuple[bool | None, ...], together: bool | None
) -> None:
    state = collect([configuration(k, equilibrated=verdict) for k, verdict in enumerate(verdicts)])
    assert state.equilibrated is together
    assert state.equilibration == ("The energy is steady: no sign of ageing.",)


@pytest.mark.data
@pytest.mark.slow
def test_energies_of_the_real_configurations(data_folder: Path) -> None:
    """Per particle -7.06 to -7.01, of the inherent structures -7.69 to -7.66."""
    systems = load(data_folder / "shiba_T0.44_train", replicas=False)
    state = collect([measure(quench(system, tolerance=1e-3)) for system in systems])
    assert (state.energy > -7.065).all()
    assert (state.energy < -7.005).all()
    assert (state.inherent_energy > -7.695).all()
    assert (state.inherent_energy < -7.655).all()


@pytest.mark.data
@pytest.mark.slow
def test_scattering_of_the_real_configurations(data_folder: Path) -> None:
    """At the published tau_alpha, 4120, F_s(7.25) of A is 0.27 on average and 0.12 to 0.38 in each configuration."""
    F = collect([measure(s) for s in load(data_folder / "shiba_T0.44_train")]).scattering[:, 0, 0]
    assert F.mean() == pytest.approx(0.27, abs=0.01)
    assert (F.min(), F.max()) == pytest.approx((0.12, 0.38), abs=0.02)


def test_verdicts_survive_the_file(tmp_path: Path) -> None:
    failing = replace(random_liquid(), equilibrated=False, failures=("It ages.", "It is a crystal."))
    save(failing, tmp_path / "a.h5")
    with pytest.warns(EquiglassWarning, match=r"It ages\. It is a crystal\."):
        (read,) = load(tmp_path / "a.h5")
    assert read.equilibrated is False
    assert read.failures == failing.failures
    assert "failed" not in read.provenance
