"""What a model learns of every particle and is scored on: propensities, or the energy in the inherent structure.

Every target has a label: a propensity that of its time, the energy ``E_POT``, and then its time is 0. What is known is
matched by label, never by value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from equiglass.liquid.system import Float, System

Target = Literal["propensity", "energy"]

E_POT = "E_pot"
"""Label of E_pot,i = sum_{j != i} V(r_ij) in the inherent structure, the full sum over neighbours."""


def times_of(system: System, target: Target) -> dict[str, float]:
    """Time by label of what is known of a configuration; nothing where it has no propensity, or no energy.

    Args:
        system: any configuration.
        target: "energy" needs inherent structure and potential.
    """
    if target == "energy":
        known = system.positions_inherent is not None and system.potential is not None
        return {E_POT: 0.0} if known else {}
    return {} if system.propensity is None else dict(zip(system.time_labels, system.times.tolist(), strict=True))


def target_of(label: str) -> Target:
    """What has that label."""
    return "energy" if label == E_POT else "propensity"


def measured(system: System, labels: Sequence[str]) -> Float:
    """The targets of these labels, LJ units, (len(labels), N); NaN where not known in this configuration."""
    # It loads torch, which figures of known fields do without.
    from equiglass.liquid.surroundings import particle_energy

    rows = np.full((len(labels), system.n_particles), np.nan)
    for row, label in zip(rows, labels, strict=True):
        target = target_of(label)
        if label not in times_of(system, target):
            continue
        if target == "energy":
            row[:] = particle_energy(system)
        else:
            assert system.propensity is not None
            row[:] = system.propensity[system.at(label)]
    return rows
