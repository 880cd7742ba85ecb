"""Methods `bapst`, `botan`, `eignn` and `geognn`: message-passing networks of other groups, rebuilt.

graph        edges of one or two states of a configuration
passing      message passing in blocks, and the skeleton of `bapst` and `botan`
parts        sums over the edges of every node in parts
harmonics    spherical harmonics of any degree, for sums over triplets
predictor    a network as a predictor: training, model file, card
published    loading of weights that the authors published
"""

from equiglass.methods import METHODS
from equiglass.methods.messages.bapst import Bapst
from equiglass.methods.messages.botan import Botan
from equiglass.methods.messages.eignn import Eignn
from equiglass.methods.messages.geognn import Geognn

METHODS.add("bapst", Bapst)
METHODS.add("botan", Botan)
METHODS.add("eignn", Eignn)
METHODS.add("geognn", Geognn)
