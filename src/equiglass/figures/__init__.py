"""Figures: all of matplotlib.

Every function takes arrays or data frames, draws on given or new axes, and returns the figure; nothing is
shown. `save_figure` writes it.
"""

from equiglass.figures.curves import curves
from equiglass.figures.evaluation import rho_against_time, save_evaluation_figures, scatter
from equiglass.figures.field import propensity_slice
from equiglass.figures.liquid import conservation, dynamics, energies, radial_distributions
from equiglass.figures.prediction import predicted_field
from equiglass.figures.reliability import reliability
from equiglass.figures.style import figure_png, save_figure
from equiglass.figures.training import training_curves

__all__ = [
    "conservation",
    "curves",
    "dynamics",
    "energies",
    "figure_png",
    "predicted_field",
    "propensity_slice",
    "radial_distributions",
    "reliability",
    "rho_against_time",
    "save_evaluation_figures",
    "save_figure",
    "scatter",
    "training_curves",
]
