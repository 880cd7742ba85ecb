"""The measures of experiments: from trained networks to rows and figures.

A measure is a function of the runs of an experiment and its declaration. To add one, write the function in a module of
its own and name it in `MEASURES`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from equiglass.errors import EquiglassError
from equiglass.experiments.declaration import Declaration
from equiglass.experiments.history import history
from equiglass.experiments.measured import Measured
from equiglass.experiments.runs import Run
from equiglass.experiments.scores import scores

Measure = Callable[[Sequence[Run], Declaration], Measured]

MEASURES: Mapping[str, Measure] = {"scores": scores, "history": history}


def measure_of(declaration: Declaration) -> Measure:
    """The measure that an experiment names.

    Raises:
        EquiglassError: there is no such measure.
    """
    if declaration.measure not in MEASURES:
        raise EquiglassError(f"measure: there is no {declaration.measure!r}; there are {', '.join(MEASURES)}.")
    return MEASURES[declaration.measure]
