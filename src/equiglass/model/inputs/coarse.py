"""Node inputs: structure of the inherent structure around a particle, coarse-grained (`liquid.coarse_graining`).

    cell_surface              surface of the cell of the particle in the power diagram
    coarse_QUANTITY_L         density, energy, surface or variance of energy over the length L, all particles
    coarse_QUANTITY_A_L       the same of the particles of type A

Energies here are half the sum of the pair energies, as in GlassMLP.

Source: G. Jung, G. Biroli, L. Berthier, Phys. Rev. Lett. 130, 238202 (2023), doi 10.1103/PhysRevLett.130.238202.
"""

from __future__ import annotations

from functools import partial
from weakref import WeakKeyDictionary

from equiglass.liquid.arrays import Float
from equiglass.liquid.coarse_graining import coarse_grained
from equiglass.liquid.needs import Need
from equiglass.liquid.system import System
from equiglass.model.inputs import INPUTS, NodeInput

LENGTHS = (1.0, 3.0)
"""The lengths L, LJ length: the first neighbours, and a region that a network of four layers just sees."""

_FEATURES: WeakKeyDictionary[System, Float] = WeakKeyDictionary()
"""The features of the configurations in use; all cost little more than one."""

_QUANTITIES = {
    "density": ("", "number of particles, coarse-grained"),
    "energy": ("ε", "E_pot in the inherent structure, coarse-grained"),
    "surface": ("σ²", "surface of the cells, coarse-grained"),
    "variance": ("ε²", "variance of E_pot in the inherent structure, coarse-grained"),
}
"""Unit and title by name, in the order of `coarse_grained`."""


def column(number: int, system: System) -> dict[int, Float]:
    """A column of `coarse_grained` for type A and all particles, (N, 1), LJ units."""
    if system not in _FEATURES:
        _FEATURES[system] = coarse_grained(system, (0.0, *LENGTHS), n_types=1)
    return {0: _FEATURES[system][:, number, None]}


_NEEDS: frozenset[Need] = frozenset({"potential", "inherent"})


def _add(name: str, unit: str, title: str, number: int) -> None:
    INPUTS.add(name, NodeInput(name, (0,), _NEEDS, unit, title, partial(column, number)))


_add("cell_surface", "σ²", "surface of the cell in the power diagram", 1)
_number = 2
for _length in LENGTHS:
    for _quantity, (_unit, _title) in _QUANTITIES.items():
        for _kind, _of in (("_A", ", type A"), ("", "")):
            _add(f"coarse_{_quantity}{_kind}_{_length:g}", _unit, f"{_title} over L = {_length:g}{_of}", _number)
            _number += 1
