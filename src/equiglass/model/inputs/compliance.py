"""Node input: the diagonal block of the inverse Hessian of the inherent structure, its trace and traceless part."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from equiglass.liquid.arrays import Float
from equiglass.liquid.harmonic import compliance
from equiglass.liquid.system import System
from equiglass.model.inputs import INPUTS, NodeInput
from equiglass.model.inputs.tensor import parts

_PARTS: WeakKeyDictionary[System, dict[int, Float]] = WeakKeyDictionary()
"""The parts of the configurations in use; one of 4096 particles takes 20 s of one core."""


def softness(system: System) -> dict[int, Float]:
    """The trace, (N, 1), and the traceless part, (N, 5), of `compliance`, LJ length squared per energy."""
    if system not in _PARTS:
        _PARTS[system] = parts(compliance(system))
    return _PARTS[system]


INPUTS.add(
    "compliance",
    NodeInput(
        name="compliance",
        degrees=(0, 2),
        needs=frozenset({"potential", "inherent"}),
        unit="σ²/ε",
        title="diagonal block of the inverse Hessian of the inherent structure",
        compute=softness,
    ),
)
