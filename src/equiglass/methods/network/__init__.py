"""Method `network`: the SE(3)-equivariant network of Pezzicoli, Charpiat and Landes.

configuration    settings of the network and of its training
predictor        the trained network as a predictor, and its model file
further_targets  what the network may learn besides its target
regularised      the network with the read-outs of its further targets, and its loss
start            weights of another network, with which a training begins
former           model files of earlier versions
"""

from equiglass.methods import METHODS
from equiglass.methods.network.predictor import NetworkPredictor

METHODS.add("network", NetworkPredictor)
