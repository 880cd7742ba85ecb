"""The temperature that the positions alone show, which decides between potentials.

In equilibrium at temperature T every smooth periodic vector field G of the positions obeys

    <grad U . G> = T <div G>.

G is a radial pair field here, G_i = sum_j g(r_ij) (x_i - x_j) / r_ij, where g is a smooth bump between two distances.
Near the cutoff the identity shows how the potential ends. Near contact it shows the temperature, the well depths and
the diameters. The positions at the end of the runs count as configurations too, because the runs start in equilibrium.

Sources: Rugh, Phys. Rev. Lett. 78, 772 (1997), doi 10.1103/PhysRevLett.78.772; Jepps, Ayton and Evans, Phys. Rev. E 62,
4757 (2000), doi 10.1103/PhysRevE.62.4757.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from equiglass.errors import DataError
from equiglass.liquid.arrays import Float
from equiglass.liquid.needs import potential_of
from equiglass.liquid.neighbors import pair_blocks
from equiglass.liquid.potential import MIXTURES, LennardJones, pair_force
from equiglass.liquid.system import System
from equiglass.observables.estimate import Estimate, bootstrap

Place = Literal["cutoff", "contact"]
"""Where the field G is not zero: 0.84 to 1 times the cutoff (2.1 to 2.5 sigma_ab), or 1 to 1.5 sigma_ab."""

PLACES: tuple[Place, ...] = get_args(Place)

BLOCKS = 8
"""The largest number of blocks of space per configuration, whose variation gives the error."""


def configurational_temperature(
    systems: Sequence[System], potential: LennardJones | None = None, near: Place = "cutoff"
) -> Estimate:
    """The temperature <grad U . G> / <div G> of configurations in equilibrium, and its error.

    Args:
        systems: configurations of one liquid. Displacements of the runs, where stored, give further configurations.
        potential: potential U whose forces are tried; None for the one that the configurations have.
        near: "cutoff" or "contact", where G lives. The potential of the configurations defines both places.

    Returns:
        The temperature, LJ units, and its bootstrap error over blocks of space of all configurations.

    Raises:
        DataError: there is no configuration, or one has no potential.
    """
    if not systems:
        raise DataError("There are no configurations to average over.")
    found = []
    for system in systems:
        own = replace(system, potential=system.potential or potential)
        stated = potential_of(own, "the configurational temperature")
        found.append(virial_sums(system, stated, [potential or stated]))
    return temperatures(np.stack(found))[PLACES.index(near)][0]


def endings(potential: LennardJones) -> list[LennardJones]:
    """The potential, and others of its mixture that end in another way and have other forces.

    Returns:
        The potential itself, then its cutoff with the other truncation, then the named mixtures with attraction.
    """
    other = "shifted" if potential.truncation == "force-shifted" else "force-shifted"
    alike = [each for each in MIXTURES.values() if (each.epsilon, each.sigma) == (potential.epsilon, potential.sigma)]
    attractive = [each for each in alike if np.all(each.tables[2] > 2 * each.tables[1])]
    found: dict[tuple[bytes, bool], LennardJones] = {}
    for each in (potential, replace(potential, truncation=other), *attractive):
        # "cut" and "shifted" have the same forces.
        found.setdefault((each.tables[2].tobytes(), each.truncation == "force-shifted"), each)
    return list(found.values())


def virial_sums(system: System, potential: LennardJones, tried: Sequence[LennardJones]) -> Float:
    """The sums of div G and of grad U . G over the particles of every block and over the ends of the runs.

    Args:
        system: the configuration.
        potential: pair potential that defines where the fields live.
        tried: potentials U, whose number is K.

    Returns:
        Shape (2, 1 + K, 8): by `PLACES`; div G, then grad U . G with each potential; by octant of the box. A box
        shorter than two cutoffs is one block, and the others are NaN.
    """
    halves = system.box >= 2 * potential.tables[2].max()
    sums = np.full((len(PLACES), 1 + len(tried), BLOCKS), np.nan)
    used = 2 ** int(halves.sum())
    sums[..., :used] = 0
    for positions in _equilibrium_positions(system):
        octant = (positions % system.box >= system.box / 2)[:, halves] @ 2 ** np.arange(halves.sum())
        terms = virial_terms(positions, system.types, system.box, potential, tried)
        for index in np.ndindex(terms.shape[:2]):
            sums[index][:used] += np.bincount(octant, terms[index], used)
    return sums


def virial_terms(
    positions: Float,
    types: NDArray[np.integer],
    box: Float,
    potential: LennardJones,
    tried: Sequence[LennardJones],
) -> Float:
    """div_i G_i and grad_i U . G_i of every particle, (2, 1 + K, N), in the order of `virial_sums`.

    Args:
        positions: (N, 3), wrapped or not, LJ length.
        types: particle types from 0, (N,).
        box: (3,) edge lengths of the periodic box, LJ length.
        potential: pair potential that defines where the fields live.
        tried: potentials U, whose number is K.
    """
    n, windows = len(types), [_window(potential, near) for near in PLACES]
    field, forces = np.zeros((len(PLACES), n, 3)), np.zeros((len(tried), n, 3))
    terms = np.zeros((len(PLACES), 1 + len(tried), n))
    farthest = max(float(table.max()) for table in (*(each.tables[2] for each in tried), *(w[1] for w in windows)))
    for pairs in pair_blocks(positions, box, farthest):
        i, r = pairs.receivers, pairs.distances
        kinds = types[i], types[pairs.senders]
        for place, (lower, upper) in enumerate(windows):
            g, slope = _bump(r, lower[kinds], upper[kinds])
            terms[place, 0] += np.bincount(i, slope + 2 * g / r, n)
            _add(field[place], i, -(g / r)[:, None] * pairs.vectors)
        for number, each in enumerate(tried):
            _add(forces[number], i, -pair_force(r**2, each.of_pairs(*kinds))[:, None] * pairs.vectors)
    terms[:, 1:] = -np.einsum("kna,pna->pkn", forces, field)
    return terms


def temperatures(sums: Float) -> list[list[Estimate]]:
    """The temperature at every place, with every potential, and its error over blocks.

    Args:
        sums: of `virial_sums`, per configuration, (C, 2, 1 + K, 8).

    Returns:
        Per place, per potential, an Estimate. A single block has no error (NaN).
    """
    found = []
    for place in range(len(PLACES)):
        blocks = np.moveaxis(sums[:, place], 1, -1).reshape(-1, sums.shape[2])
        ratio = _ratio(blocks[~np.isnan(blocks[:, 0])])
        found.append([Estimate(*each) for each in zip(ratio.value, ratio.error, strict=True)])
    return found


def _ratio(blocks: Float) -> Estimate:
    """<grad U . G> / <div G> of every potential, (K,), from the sums over blocks, (B, 1 + K)."""
    return bootstrap(lambda chosen: blocks[chosen, 1:].sum(0) / blocks[chosen, 0].sum(), len(blocks))


def _equilibrium_positions(system: System) -> Iterator[Float]:
    """The positions, and those at the end of every run, each (N, 3)."""
    yield system.positions
    if system.replica_displacements is not None and len(system.replica_displacements):
        for moved in system.replica_displacements[-1]:
            yield system.positions + moved.astype(np.float64)


def _window(potential: LennardJones, near: Place) -> tuple[Float, Float]:
    """The ends of the bump of every pair of types, each (n_types, n_types), LJ length."""
    _, sigma, cutoff = potential.tables
    return (0.84 * cutoff, cutoff) if near == "cutoff" else (sigma, np.minimum(1.5 * sigma, cutoff))


def _bump(r: Float, lower: Float, upper: Float) -> tuple[Float, Float]:
    """The bump g = 16 u^2 (1 - u)^2, u = (r - lower) / (upper - lower) from 0 to 1, and dg/dr, each (E,)."""
    u = np.clip((r - lower) / (upper - lower), 0, 1)
    return 16 * (u * (1 - u)) ** 2, 32 * u * (1 - u) * (1 - 2 * u) / (upper - lower)


def _add(total: Float, i: NDArray[np.int64], vectors: Float) -> None:
    for axis in range(3):
        total[:, axis] += np.bincount(i, vectors[:, axis], len(total))
