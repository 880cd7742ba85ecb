"""What is measured on configurations and fields, true or predicted: numpy arrays in, numpy arrays out.

Lengths, times and wave numbers are in LJ units. Averages over configurations come as an `Estimate`, value and error.
"""

from equiglass.observables.ceiling import ceilings_of_noise, noise_ceiling, noise_ceiling_halves, noise_ceilings
from equiglass.observables.correlation import Score, correlation, correlation_error, pearson
from equiglass.observables.crystal import crystal_like
from equiglass.observables.dynamics import (
    first_crossings,
    mean_squared_displacement,
    self_scattering,
    self_scattering_by_type,
)
from equiglass.observables.estimate import Estimate, bootstrap
from equiglass.observables.four_point import FourPoint, PairSums, correlation_length, four_point, pair_sums
from equiglass.observables.structure import radial_distribution
from equiglass.observables.susceptibility import (
    GLASSBENCH,
    PAPER,
    RunSusceptibility,
    Step,
    chi4,
    chi4_of_runs,
    overlap,
    self_overlap,
)

__all__ = [
    "GLASSBENCH",
    "PAPER",
    "Estimate",
    "FourPoint",
    "PairSums",
    "RunSusceptibility",
    "Score",
    "Step",
    "bootstrap",
    "ceilings_of_noise",
    "chi4",
    "chi4_of_runs",
    "correlation",
    "correlation_error",
    "correlation_length",
    "crystal_like",
    "first_crossings",
    "four_point",
    "mean_squared_displacement",
    "noise_ceiling",
    "noise_ceiling_halves",
    "noise_ceilings",
    "overlap",
    "pair_sums",
    "pearson",
    "radial_distribution",
    "self_overlap",
    "self_scattering",
    "self_scattering_by_type",
]
