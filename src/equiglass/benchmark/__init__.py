"""Benchmarks: time and memory of the package and of other software, in one run on one machine."""
