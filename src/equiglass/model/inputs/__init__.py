"""The node inputs: quantities of every particle that enter the network with its position and type, one per module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from equiglass.files.registry import Registry
from equiglass.liquid.arrays import Float
from equiglass.liquid.needs import Need
from equiglass.liquid.system import System


@dataclass(frozen=True)
class NodeInput:
    """A quantity of every particle, which has one part per degree l.

    Attributes:
        name: name in configurations and model files.
        degrees: degrees l of the parts: 0 for a scalar, 1 for a vector, 2 for a traceless symmetric tensor, ...
        needs: needs beyond positions, types and box.
        unit: symbol of the LJ unit.
        title: name of the quantity, for tables.
        compute: function from a configuration that meets the needs to the parts by degree, each (N, 2 l + 1), LJ
            units. Components have the order of e3nn (x, y, z for l = 1) and parity (-1)^l: there are no pseudotensors.
    """

    name: str
    degrees: tuple[int, ...]
    needs: frozenset[Need]
    unit: str
    title: str
    compute: Callable[[System], Mapping[int, Float]]


INPUTS: Registry[NodeInput] = Registry("node input", __name__)
