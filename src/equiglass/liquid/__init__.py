"""The liquid: configurations, labels, potential, neighbours, inherent structures, targets, state points and splits."""
