"""Linear regressions on given features of a particle.

solver       the ridge solver
moments      sums over particles, which determine a regression
blocks       one pass over configurations: the moments of every fold or family
ridge        a linear map per particle type and time; validation data or folds choose the penalty
line         a ridge regression towards prior weights; leaving configurations out chooses the penalty
shells       sums and norms of Gaussian shells, in Python and in C++ (shells.cpp)
angular      angular functions of triplets of particles
descriptors  descriptors of Boattini et al., and invariants of one convolution
predictor    a regression as a method
"""
