"""Is a data set what it says: a liquid in equilibrium, not a crystal, and runs that conserve what they must?"""

from equiglass.simulate.checks.checks import Check, check, failures
from equiglass.simulate.checks.measurement import Measured, StatePoint, collect, measure
from equiglass.simulate.checks.report import write_report

__all__ = ["Check", "Measured", "StatePoint", "check", "collect", "failures", "measure", "write_report"]
