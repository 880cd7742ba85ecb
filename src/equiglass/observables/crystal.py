"""Crystalline order, from the bonds between every particle and its neighbours."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equiglass.errors import DataError
from equiglass.liquid.neighbors import minimum_image, wrap
from equiglass.liquid.system import Structure, System

NEIGHBOURS = 12
"""The number of nearest neighbours per particle."""

SOLID_BOND = 0.7
"""The scalar product of the q6 of two neighbours above which their bond is solid-like."""

SOLID_BONDS = 7
"""The smallest number of solid-like bonds of a crystal-like particle."""


def crystal_like(system: System, structure: Structure = "thermal") -> NDArray[np.bool_]:
    """Whether each particle is crystal-like, (N,); see `crystal_like_of_positions`.

    Args:
        system: the configuration.
        structure: "thermal" or "inherent" positions.

    Raises:
        DataError: the system has fewer than 13 particles, or no inherent structure.
    """
    return crystal_like_of_positions(system.positions_in(structure), system.box)


def crystal_like_of_positions(positions: ArrayLike, box: ArrayLike) -> NDArray[np.bool_]:
    """Whether each particle is crystal-like: it has 7 or more solid-like bonds to its 12 nearest neighbours j.

        Re q6(i) . q6(j)* > 0.7    (solid-like bond),    q6m(i) = <Y6m(r_ij)>_j,  normalised

    All particles count as one type. In the Kob-Andersen liquid, 0 to 0.5 % of the particles are crystal-like. In fcc
    and bcc crystals all particles are.

    Args:
        positions: (N, 3), wrapped or not, LJ length.
        box: (3,) edge lengths of the periodic box.

    Returns:
        Whether each particle is crystal-like, (N,).

    Raises:
        DataError: there are fewer than 13 particles.

    Source: ten Wolde, Ruiz-Montero and Frenkel, J. Chem. Phys. 104, 9932 (1996), doi 10.1063/1.471721; a fixed number
    of neighbours as in Russo and Tanaka, Sci. Rep. 2, 505 (2012), doi 10.1038/srep00505.
    """
    from scipy.spatial import KDTree
    from scipy.special import sph_harm_y

    box = np.asarray(box, dtype=np.float64)
    wrapped = wrap(np.asarray(positions, dtype=np.float64), box)
    if len(wrapped) <= NEIGHBOURS:
        raise DataError(f"Crystalline order needs more than {NEIGHBOURS} particles; there are {len(wrapped)}.")
    neighbours = KDTree(wrapped, boxsize=box).query(wrapped, NEIGHBOURS + 1)[1][:, 1:]
    bonds = minimum_image(wrapped[neighbours] - wrapped[:, None], box)
    polar = np.arccos(np.clip(bonds[..., 2] / np.linalg.norm(bonds, axis=-1), -1, 1))
    azimuth = np.arctan2(bonds[..., 1], bonds[..., 0])
    q6 = np.stack([sph_harm_y(6, m, polar, azimuth).mean(axis=1) for m in range(-6, 7)], axis=1)
    q6 /= np.linalg.norm(q6, axis=1, keepdims=True)
    products = np.einsum("im,ijm->ij", q6, q6[neighbours].conj()).real
    return np.count_nonzero(products > SOLID_BOND, axis=1) >= SOLID_BONDS
