"""Methods `bapst`, `botan`, `eignn` and `geognn`: message-passing networks of other groups, rebuilt.

graph        edges of one or two states of a configuration
passing      message passing in blocks, and the skeleton of `bapst` and `botan`
predictor    a network as a predictor: training, model file, card
harmonics    spherical harmonics of any degree, and sums over triplets
published    loading of weights that the authors published
"""

from equiglass.methods import METHODS
from equiglass.methods.messages.bapst import Bapst
from equiglass.methods.messages.botan import Botan

METHODS.add("bapst", Bapst)
METHODS.add("botan", Botan)
