"""The liquid: configurations and labels, potential, neighbours, inherent structures, targets, state points, splits."""
