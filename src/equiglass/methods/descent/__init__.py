"""Gradient descent, for every method that is a torch module.

configuration    settings of the descent
device           device of the training
samples          a configuration prepared for training
standardisation  standardisation of the targets, and the linear map from outputs to targets
schedule         learning rate per step
gradient         loss and gradient of a configuration
averages         running averages of batch norms over the configurations of a step
loop             the steps
calibration      fit of the linear map from outputs to targets after training
course           a training with its log and checkpoints; it can be resumed
"""
