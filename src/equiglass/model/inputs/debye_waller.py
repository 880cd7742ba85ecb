"""Node inputs from short runs of the cages: the Debye-Waller tensor, and the mean distance moved."""

from __future__ import annotations

from equiglass.errors import DataError
from equiglass.liquid.arrays import Float
from equiglass.liquid.system import System
from equiglass.model.inputs import INPUTS, NodeInput
from equiglass.model.inputs.tensor import parts


def fluctuation(system: System) -> dict[int, Float]:
    """The trace, (N, 1), and the traceless part, (N, 5), of the covariance within the cage, LJ length squared."""
    return parts(_of_runs(system, "covariance_cage"))


def distance(system: System) -> dict[int, Float]:
    """The mean of |r(t) - r(0)| over the short runs of the cage, (N, 1), LJ length."""
    return {0: _of_runs(system, "propensity_cage")[:, None]}


def _of_runs(system: System, name: str) -> Float:
    values: Float | None = getattr(system, name)
    if values is None:
        raise DataError(
            f"{system.name} has no {name}, which short runs give; make it with 'equiglass cage' and use its result."
        )
    return values


INPUTS.add(
    "debye_waller",
    NodeInput(
        name="debye_waller",
        degrees=(0, 2),
        needs=frozenset({"potential", "cage"}),
        unit="σ²",
        title="covariance of the position within the cage",
        compute=fluctuation,
    ),
)
INPUTS.add(
    "propensity_cage",
    NodeInput(
        name="propensity_cage",
        degrees=(0,),
        needs=frozenset({"potential", "cage"}),
        unit="σ",
        title="mean distance moved within the cage",
        compute=distance,
    ),
)
