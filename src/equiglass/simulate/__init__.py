"""Molecular dynamics with LAMMPS: equilibrated configurations and their iso-configurational ensembles."""

from equiglass.simulate.dataset import run_protocol
from equiglass.simulate.protocol import Equilibration, Protocol, load_protocol

__all__ = ["Equilibration", "Protocol", "load_protocol", "run_protocol"]
