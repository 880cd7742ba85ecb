"""The engine lanes: its trajectories against plain Verlet and LAMMPS, its groups, checkpoints and choices."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from equiglass.dynamics import lanes
from equiglass.dynamics.state import Run, State
from equiglass.dynamics.velocities import maxwell_boltzmann
from equiglass.errors import ConfigurationError, DataError, EquiglassWarning
from equiglass.formats import load
from equiglass.liquid.potential import KOB_ANDERSEN, WCA, LennardJones, energy_and_forces, potential_energy
from equiglass.liquid.system import System
from equiglass.machine.compiled import CompilerError
from equiglass.simulate.dataset import run_from
from equiglass.simulate.engine import choose
from equiglass.simulate.protocol import Ensemble
from samples.protocols import RUNS, short_trajectories

THREE_TYPES = LennardJones(
    "three types",
    epsilon=((1.0, 1.5, 0.9), (1.5, 0.5, 1.1), (0.9, 1.1, 1.2)),
    sigma=((1.0, 0.8, 0.9), (0.8, 0.88, 0.85), (0.9, 0.85, 0.95)),
    truncation="force-shifted",
)

POTENTIALS = [replace(KOB_ANDERSEN, truncation=truncation) for truncation in ("shifted", "force-shifted", "cut")] + [
    replace(KOB_ANDERSEN, cutoff=WCA),
    THREE_TYPES,
]


def liquid(potential: LennardJones = KOB_ANDERSEN, side: int = 6, runs: int = 3, temperature: float = 0.7) -> State:
    """A perturbed lattice in a box with three different edges, and velocities of several runs."""
    rng = np.random.default_rng(side)
    number = np.array([side, side + 1, side + 2])
    sites = np.stack(np.meshgrid(*map(np.arange, number), indexing="ij"), -1).reshape(-1, 3) + 0.5
    positions = sites + rng.uniform(-0.1, 0.1, sites.shape) + rng.integers(-1, 2, sites.shape) * number
    types = rng.integers(0, potential.n_types, len(positions))
    velocities = np.stack([maxwell_boltzmann(rng, len(positions), temperature) for _ in range(runs)])
    return State(positions, types, number.astype(float), velocities)


def verlet(state: State, run: int, potential: LennardJones, steps: int, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Positions and velocities after velocity Verlet in double precision, with the slow forces."""
    x, v = state.positions.copy(), state.velocities[run].copy()
    force = energy_and_forces(x, state.types, state.box, potential)[1]
    for _ in range(steps):
        v += force * step / 2
        x += v * step
        force = energy_and_forces(x, state.types, state.box, potential)[1]
        v += force * step / 2
    return x, v


def same(one: Run, other: Run) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("potential", POTENTIALS, ids=str)
def test_verlet(potential: LennardJones) -> None:
    state = liquid(potential)
    positions, velocities = verlet(state, 1, potential, 30, 0.005)
    for precision, tolerance in (("double", 1e-11), ("single", 5e-6)):
        run = lanes.constant_energy(state, potential, np.array([0.05, 0.15]), 0.005, precision=precision)[1]
        np.testing.assert_allclose(run.positions[1], positions, atol=tolerance)
        np.testing.assert_allclose(run.velocities, velocities, atol=30 * tolerance)
        conserved = replace(potential, truncation="shifted") if potential.truncation == "cut" else potential
        start = potential_energy(state.positions, state.types, state.box, conserved).mean() / 2
        kinetic = 0.5 * np.mean(np.sum(state.velocities[1] ** 2, axis=1))
        assert run.energy[0] == pytest.approx(start + kinetic, abs=1e-5 if precision == "single" else 1e-12)
        assert run.temperature[0] == pytest.approx(0.7, rel=1e-6)


@pytest.mark.lammps
def test_lammps(tmp_path: Path) -> None:
    """Equal to 1e-6 up to t = 1 in double precision, from the same velocities."""
    from equiglass.simulate import lammps

    potential = replace(KOB_ANDERSEN, truncation="force-shifted")
    # A liquid: the lattice melts first.
    warm = liquid(potential, runs=1, temperature=2.0)
    (melted,) = lanes.constant_energy(warm, potential, np.array([2.0]), 0.005)
    rng = np.random.default_rng(1)
    velocities = np.stack([maxwell_boltzmann(rng, len(warm.types), 0.44) for _ in range(2)])
    state = warm._replace(positions=melted.positions[-1], velocities=velocities)
    times = np.array([0.013, 0.5, 1.0])
    ours = lanes.constant_energy(state, potential, times, 0.005, precision="double")
    for run, given in zip(ours, velocities, strict=True):
        theirs = lammps.constant_energy(state._replace(velocities=given), potential, times, 0.005, tmp_path)
        np.testing.assert_allclose(run.positions, theirs.positions, atol=1e-6)
        np.testing.assert_allclose(run.energy, theirs.energy, atol=1e-10)
        np.testing.assert_allclose(run.temperature, theirs.temperature, atol=1e-6)


def test_a_run_does_not_depend_on_its_group() -> None:
    """Up to rounding: alone, and in a group of five."""
    state, times = liquid(runs=5), np.array([0.1])
    together = lanes.constant_energy(state, KOB_ANDERSEN, times, 0.005)
    alone = lanes.constant_energy(state._replace(velocities=state.velocities[3:4]), KOB_ANDERSEN, times, 0.005)
    assert (len(together), len(alone)) == (5, 1)
    np.testing.assert_allclose(together[3].positions, alone[0].positions, atol=1e-5)


def test_particles_that_change_places_keep_their_names() -> None:
    """In a hot liquid particles exchange slots; each still moves continuously, and the energy is conserved."""
    hot, exchanged = liquid(side=5, runs=4, temperature=4.0), np.zeros(4)
    group = lanes._Group(hot, KOB_ANDERSEN, 2, "single")
    before = group.particles.copy()
    for _ in range(10):
        group.advance(60, 0.005)
    exchanged = (group.particles != before).mean()
    assert exchanged > 0.1
    assert np.sort(group.particles, axis=0)[:, 2].tolist() == list(range(len(hot.types)))
    assert np.array_equal(hot.types[group.particles[:, 1]], group.types)
    times = np.array([2.4, 2.404, 4.8])
    runs = lanes.constant_energy(hot, KOB_ANDERSEN, times, 0.004)
    for run in runs:
        step = np.linalg.norm(run.positions[1] - run.positions[0], axis=1)
        assert step.max() < 0.004 * 15
        assert np.linalg.norm(run.positions[2] - hot.positions, axis=1).mean() > 1
        assert np.abs(run.energy - run.energy[0]).max() < 0.03
        # The centre of mass moves by rounding alone.
        np.testing.assert_allclose(run.positions.mean(1), np.broadcast_to(hot.positions.mean(0), (3, 3)), atol=2e-6)


def test_stopped_and_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A resumed group gives the same numbers, bit by bit."""
    monkeypatch.setattr(lanes, "CHUNK", 120 * 40)
    state, times = liquid(side=4), np.array([0.3, 2.0, 3.0])
    whole = lanes.constant_energy(state, KOB_ANDERSEN, times, 0.005)
    file = tmp_path / "state.npz"

    def stop(share: float) -> None:
        if share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lanes.constant_energy(state, KOB_ANDERSEN, times, 0.005, checkpoint=file, advanced=stop)
    shares: list[float] = []
    again = lanes.constant_energy(state, KOB_ANDERSEN, times, 0.005, checkpoint=file, advanced=shares.append)
    assert min(shares) > 0.5
    assert all(same(a, b) for a, b in zip(whole, again, strict=True))


def test_a_checkpoint_of_another_precision_is_not_taken(tmp_path: Path) -> None:
    """Both have arrays of the same shapes."""
    state = liquid(side=4)
    group = lanes._Group(state, KOB_ANDERSEN, 1, "double")
    group.advance(20, 0.005)
    group.done = 20
    group.save(tmp_path / "state.npz")
    for precision, done in (("double", 20), ("single", 0)):
        other = lanes._Group(state, KOB_ANDERSEN, 1, precision)  # type: ignore[arg-type]
        other.load(tmp_path / "state.npz")
        assert other.done == done


def test_any_number_of_cores_gives_the_same(tmp_path: Path) -> None:
    state = liquid(runs=1)
    (warm,) = lanes.constant_energy(state, KOB_ANDERSEN, np.array([1.0]), 0.005)
    # With an inherent structure, so that none is searched for.
    known = {"temperature": 0.7, "potential": KOB_ANDERSEN, "positions_inherent": warm.positions[0]}
    start = System(warm.positions[0], state.types, state.box, name="start", **known)
    # A number is what YAML makes of a label.
    ensemble = Ensemble(**{**RUNS, "runs": 20, "keep_displacements": (2,)})
    assert ensemble.keep_displacements == ("2",)
    with short_trajectories():
        (one,) = run_from([start], ensemble, tmp_path / "one")
        (two,) = run_from([start], ensemble, tmp_path / "two", jobs=2)
        (stored,) = load(tmp_path / "one" / "dataset.h5")
    assert one.propensity is not None
    np.testing.assert_array_equal(one.propensity, two.propensity)
    assert one.provenance["engine"].startswith("lanes")
    moves = stored.replica_displacements
    assert moves is not None
    assert moves.shape == (2, 20, start.n_particles, 3)
    assert np.isnan(moves[0]).all()
    np.testing.assert_allclose(np.linalg.norm(moves[1], axis=-1).mean(0), one.propensity[1], atol=1e-4)


def test_an_explosion_is_an_error() -> None:
    state = liquid(runs=1)
    state.positions[1] = state.positions[0] + 0.05
    with pytest.raises(DataError, match=r"exploded.*smaller timestep"):
        lanes.constant_energy(state, KOB_ANDERSEN, np.array([1.0]), 0.005)


def test_the_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    box, small = np.full(3, 6.0), np.full(3, 2.0)
    assert choose(None, [(box, KOB_ANDERSEN)]) == "lanes"
    with pytest.raises(ConfigurationError, match="shorter than the cutoff"):
        choose("lanes", [(small, KOB_ANDERSEN)])
    monkeypatch.setattr("equiglass.simulate.engine.lammps.about_lammps", lambda: None)
    assert choose("lammps", [(box, KOB_ANDERSEN)]) == "lammps"
    with pytest.warns(EquiglassWarning, match="one by one: the box is shorter"):
        assert choose(None, [(small, KOB_ANDERSEN)]) == "lammps"

    def no_compiler(*_: object, **__: object) -> None:
        raise CompilerError("no C++ compiler is on PATH.")

    monkeypatch.setattr(lanes, "library", no_compiler)
    with pytest.warns(EquiglassWarning, match="no C\\+\\+ compiler"):
        assert choose(None, [(box, KOB_ANDERSEN)]) == "lammps"


def test_groups() -> None:
    widest = max(lanes.groups(64))
    assert widest in (4, 8, 16)
    assert lanes.groups(2 * widest + 3) == [widest, widest, 3]
