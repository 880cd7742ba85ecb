"""The measures of experiments: from trained networks to rows and figures.

A measure is a function of the runs of an experiment and its declaration. To add one, write the function in a module of
its own and name it in `MEASURES`; where it cannot do with any data, write another that refuses them before anything is
trained, and name it in `CHECKS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from equiglass.errors import EquiglassError
from equiglass.experiments.declaration import Declaration
from equiglass.experiments.fields import check_fields
from equiglass.experiments.fluctuations import fluctuations
from equiglass.experiments.history import history
from equiglass.experiments.measured import Measured
from equiglass.experiments.methods import check_methods, methods
from equiglass.experiments.plan import Group
from equiglass.experiments.runs import Run
from equiglass.experiments.scores import scores
from equiglass.experiments.spatial import spatial
from equiglass.experiments.temperatures import check_temperatures, temperatures

Measure = Callable[[Sequence[Run], Declaration], Measured]

Check = Callable[[Sequence[Group], Declaration], None]

MEASURES: Mapping[str, Measure] = {
    "scores": scores,
    "history": history,
    "chi4": fluctuations,
    "g4": spatial,
    "methods": methods,
    "transfer": temperatures,
}
CHECKS: Mapping[str, Check] = {
    "chi4": check_fields,
    "g4": check_fields,
    "methods": check_methods,
    "transfer": check_temperatures,
}


def measure_of(declaration: Declaration) -> Measure:
    """The measure that an experiment names.

    Raises:
        EquiglassError: there is no such measure.
    """
    if declaration.measure not in MEASURES:
        raise EquiglassError(f"measure: there is no {declaration.measure!r}; there are {', '.join(MEASURES)}.")
    return MEASURES[declaration.measure]


def check_data(declaration: Declaration, groups: Sequence[Group]) -> None:
    """Refuse options, or data, that the measure cannot do with.

    Raises:
        EquiglassError: what is wrong.
    """
    check = CHECKS.get(declaration.measure)
    if check is not None:
        check(groups, declaration)
