"""Molecular dynamics of the runs of one configuration side by side, in the lanes of the vectors of a processor."""

from equiglass.simulate.lanes.runs import can_serve, constant_energy, groups

__all__ = ["can_serve", "constant_energy", "groups"]
