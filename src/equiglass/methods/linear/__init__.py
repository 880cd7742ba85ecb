"""Linear regressions on given features of a particle.

solver       the one ridge solver
ridge        a linear map per particle type and time, its penalty chosen on validation data or by folds
line         one line drawn towards another, its penalty chosen by leaving configurations out
shells       sums and norms of Gaussian shells, plain and compiled (shells.cpp)
descriptors  those of Boattini et al., and the invariants of one convolution
predictor    a regression as a method
"""
