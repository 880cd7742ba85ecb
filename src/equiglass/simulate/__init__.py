"""Molecular dynamics with LAMMPS: equilibrated configurations and their iso-configurational ensembles."""

from equiglass.simulate.dataset import run_from, run_protocol
from equiglass.simulate.protocol import (
    PRESETS,
    Ensemble,
    Equilibration,
    Protocol,
    ScatteringTimes,
    load_ensemble,
    load_protocol,
    presets,
)

__all__ = [
    "PRESETS",
    "Ensemble",
    "Equilibration",
    "Protocol",
    "ScatteringTimes",
    "load_ensemble",
    "load_protocol",
    "presets",
    "run_from",
    "run_protocol",
]
