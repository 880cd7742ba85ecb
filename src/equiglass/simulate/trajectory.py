"""The equilibrium trajectory: melting, cooling, equilibration, and one configuration after another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from equiglass.dynamics.state import State
from equiglass.dynamics.velocities import maxwell_boltzmann
from equiglass.files import replacing, write_arrays
from equiglass.liquid.arrays import Float
from equiglass.liquid.neighbors import wrap
from equiglass.liquid.system import System
from equiglass.simulate.lammps import constant_temperature
from equiglass.simulate.protocol import Protocol
from equiglass.simulate.workers import Workers

LARGEST_DIFFERENCE = 3.36
"""The largest difference between the halves of a trajectory in equilibrium, in standard errors.

It is Student's t at 1 %, two-sided, for five blocks against five.
"""

TEMPERATURE_DIFFERENCE = 0.005
"""The difference in temperature between the halves, in units of T, below which even a significant one does not count.

A thermostat imposes the temperature within its damping time, however slowly the liquid relaxes.
"""


class Equilibrium(NamedTuple):
    """The comparison of both halves of the trajectory of the configurations.

    Attributes:
        steady: whether the trajectory is in equilibrium.
        statement: numbers and verdict as a sentence.
        halves: means of both halves and their difference in standard errors, by quantity.
    """

    steady: bool
    statement: str
    halves: dict[str, dict[str, float]]


def stages(protocol: Protocol) -> list[tuple[str, float, float, float]]:
    """The stages of the trajectory, as (name, duration, first temperature, last temperature), LJ units."""
    way, T = protocol.equilibration, protocol.temperature
    pieces = max(1, round(way.time / protocol.spacing))
    return [
        ("melt", way.melt_time, way.melt_temperature, way.melt_temperature),
        ("ramp", way.ramp_time, way.melt_temperature, T),
        *[(f"equilibration-{i:04d}", way.time / pieces, T, T) for i in range(1, pieces + 1)],
        *[(f"configuration-{i:04d}", protocol.spacing, T, T) for i in range(1, protocol.configurations + 1)],
    ]


def run_trajectory(protocol: Protocol, parts: Path, workers: Workers, finished: Callable[[str], None]) -> None:
    """Run all stages. Each writes NAME.npz (positions, box, energy, temperature, density) and NAME.restart."""
    folder = parts / "trajectory"
    folder.mkdir(exist_ok=True)
    previous: Path | None = None
    for name, duration, first, last in stages(protocol):
        restart = folder / f"{name}.restart"
        if not restart.exists():
            stretch = (
                previous.read_bytes() if previous else _lattice(protocol),
                protocol.potential,
                duration,
                (first, last),
                protocol.pressure,
                protocol.timestep,
                parts,
            )
            (end,) = workers.do(constant_temperature, [stretch])
            write_arrays(
                folder / f"{name}.npz",
                positions=wrap(end.positions, end.box),
                box=end.box,
                energy=end.energy,
                temperature=end.temperature,
                density=end.density,
            )
            with replacing(restart) as temporary:
                temporary.write_bytes(end.restart)
        previous = restart
        finished(name)


def _lattice(protocol: Protocol) -> State:
    """A simple cubic lattice with random types, where some sites are empty."""
    rng, box = protocol.rng(1), protocol.first_box
    cells = int(np.ceil(protocol.n_particles ** (1 / 3) - 1e-9))
    sites = np.stack(np.meshgrid(*[np.arange(cells)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    chosen = rng.permutation(len(sites))[: protocol.n_particles]
    velocities = maxwell_boltzmann(protocol.rng(0), protocol.n_particles, protocol.equilibration.melt_temperature)
    return State((sites[chosen] + 0.5) * box / cells, protocol.types, box, velocities)


def configuration_of(protocol: Protocol, parts: Path, index: int) -> System:
    """The configuration number ``index`` of the trajectory, from 1."""
    with np.load(parts / "trajectory" / f"configuration-{index:04d}.npz") as saved:
        return System(
            positions=saved["positions"],
            types=protocol.types,
            box=saved["box"],
            name=f"{protocol.potential.name}-T{protocol.temperature:g}-{index:04d}",
            temperature=protocol.temperature,
            potential=protocol.potential,
            provenance={
                "configuration": f"{index} of {protocol.configurations}, one trajectory, {protocol.spacing:g} apart"
            },
        )


def equilibrium(protocol: Protocol, parts: Path) -> Equilibrium:
    """Compare both halves of the trajectory of the configurations, which agree in equilibrium."""
    watched = {"potential_energy": "energy", "temperature": "temperature"}
    if protocol.pressure is not None:
        watched["density"] = "density"
    series: dict[str, list[Float]] = {key: [] for key in watched}
    for index in range(1, protocol.configurations + 1):
        with np.load(parts / "trajectory" / f"configuration-{index:04d}.npz") as saved:
            for key, values in series.items():
                values.append(saved[watched[key]])
    halves = {key: compare_halves(np.concatenate(values)) for key, values in series.items()}
    steady = all(
        abs(values["difference"]) < LARGEST_DIFFERENCE
        or (key == "temperature" and abs(values["second"] / values["first"] - 1) < TEMPERATURE_DIFFERENCE)
        for key, values in halves.items()
    )
    compared = (
        f"{key.replace('_', ' ').replace('energy', 'energy per particle')} is {values['first']:.4f} and "
        f"{values['second']:.4f}, {abs(values['difference']):.1f} standard errors apart"
        for key, values in halves.items()
    )
    statement = (
        f"In the first and in the second half of the trajectory of the configurations (time "
        f"{protocol.configurations * protocol.spacing:g}) the {'; the '.join(compared)}: "
        + ("no sign of ageing." if steady else "NOT in equilibrium.")
    )
    return Equilibrium(steady, statement, halves)


def compare_halves(series: Float) -> dict[str, float]:
    """The means of both halves and their difference in standard errors, from five blocks per half."""
    blocks = np.array([block.mean() for block in np.array_split(series, 10)])
    first, second = blocks[:5], blocks[5:]
    error = np.sqrt((first.var(ddof=1) + second.var(ddof=1)) / 5)
    difference = (second.mean() - first.mean()) / error
    return {"first": first.mean().item(), "second": second.mean().item(), "difference": difference.item()}
