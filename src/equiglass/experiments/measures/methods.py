"""Measure: several methods, trained and tested on the same configurations (Fig. 6 of arXiv 2211.03226)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from equiglass.errors import ConfigurationError
from equiglass.experiments.declaration import Declaration, method_of, options_of
from equiglass.experiments.measures import MEASURES, Measure, Measured
from equiglass.experiments.measures.scores import CEILINGS, CONVENTIONS, scores_of, scores_table
from equiglass.experiments.plan import Group
from equiglass.experiments.published import PublishedCurves, marks
from equiglass.experiments.runs import Run, groups_of_runs
from equiglass.files.tables import over_seeds
from equiglass.methods.loading import DEFAULT

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class MethodOptions(BaseModel):
    """Options of the measure."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    published: PublishedCurves | None = None


def check_methods(groups: Sequence[Group], declaration: Declaration) -> None:
    """Refuse groups on which a regression cannot choose its penalties.

    Raises:
        ConfigurationError: there is one, or an option is wrong.
    """
    options_of(declaration, MethodOptions)
    simple = [name for name, settings in declaration.variants.items() if method_of(settings) != DEFAULT]
    for group in groups:
        if simple and len(group.training) < 2:
            raise ConfigurationError(
                f"{group.name}: {', '.join(simple)} choose penalties by leaving out training configurations; there is "
                "one. Give four configurations."
            )


def methods(runs: Sequence[Run], declaration: Declaration) -> Measured:
    """Rho in both conventions with errors and ceiling, and MSE, by method, seed, type and time."""
    rows = scores_of(runs).drop(columns="trained_on")
    summary = over_seeds(rows, ("group", "variant", "type", "label"), CONVENTIONS, ("time", *CEILINGS))
    groups = [(group.name, group.temperature) for group in groups_of_runs(runs)]
    published, said = marks(options_of(declaration, MethodOptions).published, groups)

    def draw() -> Mapping[str, Figure]:
        from equiglass.figures.experiment import methods_figure

        return {f"_{kind}": methods_figure(summary, published, kind) for kind in summary["type"].unique()}

    notes = (
        "Errors: bootstrap over the test configurations. The regressions choose their penalties within the training "
        "set.",
        *said,
    )
    return Measured(rows, summary, scores_table(summary), draw, notes)


MEASURES.add("methods", Measure(methods, check_methods))
