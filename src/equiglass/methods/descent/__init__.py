"""Gradient descent, for every method that is a torch module.

samples         a configuration made ready for training
standardisation targets to unit variance and back, and the line from outputs to targets
schedule        learning rate of every step
gradient        loss and gradient of a configuration
averages        running averages of batch norms over the configurations of a step
loop            the steps
course          a training with its log and checkpoints, resumed where it was stopped
configuration   settings of the descent
"""
