"""Molecular dynamics inside the package: runs of one configuration side by side, and the state of its cages."""
