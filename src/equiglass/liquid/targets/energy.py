"""Target: the potential energy of a particle in the inherent structure."""

from __future__ import annotations

from equiglass.liquid.arrays import Float
from equiglass.liquid.energy import particle_energy
from equiglass.liquid.system import System
from equiglass.liquid.targets import TARGETS, Target

LABEL = "E_pot"
"""The label of E_pot,i = sum_{j != i} V(r_ij), the full sum over neighbours."""


def times(system: System) -> dict[str, float]:
    """Time 0 at the only label; no time if the inherent structure or the potential is unknown."""
    known = system.positions_inherent is not None and system.potential is not None
    return {LABEL: 0.0} if known else {}


def measured(system: System, label: str) -> Float:
    """The potential energy of every particle in the inherent structure, (N,), LJ energy."""
    return particle_energy(system, "inherent")


TARGETS.add(
    "energy",
    Target(
        name="energy",
        title="E_pot in the inherent structure (Lennard-Jones energy)",
        unit="ε",
        negative=True,
        needs=frozenset({"potential", "inherent"}),
        times=times,
        measured=measured,
        noise=lambda system, label: None,
        column=lambda label: LABEL,
    ),
)
