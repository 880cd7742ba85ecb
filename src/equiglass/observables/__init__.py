"""Observables of configurations, from the measured or the predicted propensity.

Every observable takes systems, a type of particles and the label of a time: ``chi4(systems, label="7", type="A")``.
The functions that are named after their arrays (``chi4_of_fields``, ``pair_sums``) take numpy arrays. Lengths, times
and wave numbers are in LJ units. Averages over configurations have a value and a bootstrap error.
"""

from equiglass.observables.ceiling import ceiling_of_halves, ceilings_of_noise, noise_ceiling, noise_ceiling_of_halves
from equiglass.observables.configurational_temperature import configurational_temperature
from equiglass.observables.correlation import Score, correlation, correlation_error, pearson
from equiglass.observables.crystal import crystal_like, crystal_like_of_positions
from equiglass.observables.dynamics import (
    OverTime,
    first_crossings,
    mean_square_of_displacements,
    mean_squared_displacement,
    mean_squares,
    self_scattering,
    self_scattering_by_type,
    self_scattering_of_displacements,
)
from equiglass.observables.estimate import Estimate, bootstrap
from equiglass.observables.fields import known_mean
from equiglass.observables.four_point import (
    FourPoint,
    PairSums,
    correlation_length,
    correlation_length_of_sums,
    four_point,
    four_point_of_sums,
    pair_sums,
)
from equiglass.observables.relaxation import relaxation_times_of_propensity
from equiglass.observables.selection import ParticleType, Predictions
from equiglass.observables.structure import RadialDistribution, radial_distribution, radial_distribution_of_positions
from equiglass.observables.susceptibility import (
    GLASSBENCH,
    PAPER,
    RunSusceptibility,
    Step,
    chi4,
    chi4_of_displacements,
    chi4_of_fields,
    chi4_of_runs,
    mean_mobility,
    mean_mobility_of_field,
    mobility_indicator,
    overlap,
)

__all__ = [
    "GLASSBENCH",
    "PAPER",
    "Estimate",
    "FourPoint",
    "OverTime",
    "PairSums",
    "ParticleType",
    "Predictions",
    "RadialDistribution",
    "RunSusceptibility",
    "Score",
    "Step",
    "bootstrap",
    "ceiling_of_halves",
    "ceilings_of_noise",
    "chi4",
    "chi4_of_displacements",
    "chi4_of_fields",
    "chi4_of_runs",
    "configurational_temperature",
    "correlation",
    "correlation_error",
    "correlation_length",
    "correlation_length_of_sums",
    "crystal_like",
    "crystal_like_of_positions",
    "first_crossings",
    "four_point",
    "four_point_of_sums",
    "known_mean",
    "mean_mobility",
    "mean_mobility_of_field",
    "mean_square_of_displacements",
    "mean_squared_displacement",
    "mean_squares",
    "mobility_indicator",
    "noise_ceiling",
    "noise_ceiling_of_halves",
    "overlap",
    "pair_sums",
    "pearson",
    "radial_distribution",
    "radial_distribution_of_positions",
    "relaxation_times_of_propensity",
    "self_scattering",
    "self_scattering_by_type",
    "self_scattering_of_displacements",
]
