"""Linear baselines: expert features of the structure, regressed on the propensity by ridge regression."""
