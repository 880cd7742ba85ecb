"""Node inputs: quantities of every particle that the network sees in addition to place and type, one per module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from equiglass.files.registry import Registry
from equiglass.liquid.arrays import Float
from equiglass.liquid.needs import Need
from equiglass.liquid.system import System


@dataclass(frozen=True)
class NodeInput:
    """A quantity of every particle, with one channel for each of some degrees l.

    Attributes:
        name: as configurations and model files name it.
        degrees: l of its parts: 0 for a scalar, 1 for a vector, 2 for a traceless symmetric tensor, ...
        needs: what it is computed from beyond positions, types and box.
        unit: symbol of the LJ unit.
        title: the quantity in words, for tables.
        compute: the parts by degree, each (N, 2 l + 1), LJ units, of a configuration that has all that is needed.
            Components are in the order of e3nn (x, y, z for l = 1). Parity is (-1)^l: no pseudotensors.
    """

    name: str
    degrees: tuple[int, ...]
    needs: frozenset[Need]
    unit: str
    title: str
    compute: Callable[[System], Mapping[int, Float]]


INPUTS: Registry[NodeInput] = Registry("node input", __name__)
