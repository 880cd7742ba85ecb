"""The checks of a data set: the liquid is in equilibrium and no crystal, and the runs conserve energy and momentum."""

from equiglass.simulate.checks.checks import Check, check, failures
from equiglass.simulate.checks.measurement import StatePoint, collect, measure
from equiglass.simulate.checks.report import write_report

__all__ = ["Check", "StatePoint", "check", "collect", "failures", "measure", "write_report"]
