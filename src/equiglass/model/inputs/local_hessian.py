"""Node input: the diagonal block of the Hessian at the thermal positions, its trace and its traceless part."""

from __future__ import annotations

from equiglass.liquid.arrays import Float
from equiglass.liquid.hessian import local_hessian
from equiglass.liquid.system import System
from equiglass.model.inputs import INPUTS, NodeInput
from equiglass.model.inputs.tensor import parts


def stiffness(system: System) -> dict[int, Float]:
    """The trace, (N, 1), and the traceless part, (N, 5), of H_ii, LJ energy per length squared."""
    return parts(local_hessian(system, "thermal"))


INPUTS.add(
    "local_hessian",
    NodeInput(
        name="local_hessian",
        degrees=(0, 2),
        needs=frozenset({"potential"}),
        unit="ε/σ²",
        title="diagonal block of the Hessian at the thermal positions",
        compute=stiffness,
    ),
)
