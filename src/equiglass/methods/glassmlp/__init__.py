"""Method `glassmlp`: a small network on coarse-grained structure (Jung et al.).

loss         absolute error, spatial correlation in Gaussian shells, variance
network      the networks of all times of a type
predictor    training, and the method
"""

from equiglass.methods import METHODS
from equiglass.methods.glassmlp.predictor import GlassMLP

METHODS.add("glassmlp", GlassMLP)
