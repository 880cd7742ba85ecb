"""Methods `bapst`, `botan`, `eignn` and `geognn`: message-passing networks of other groups, rebuilt.

graph        edges of one or two states of a configuration
passing      message passing in blocks, and the skeleton of `bapst` and `botan`
parts        sums over the edges of every node in parts
compiled     the edge MLP in C++ (edges.cpp)
harmonics    spherical harmonics of any degree, for sums over triplets
predictor    a network as a predictor: training, model file, card
published    loading of weights that the authors published
bapst        the network of Bapst et al.
botan        the same with edge targets
eignn        the network on the displacement between two states
geognn       the network on distances and angles
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
