"""Method `energy`: a linear regression on the potential energy of each particle in the inherent structure."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from equiglass.liquid.energy import particle_energy
from equiglass.liquid.needs import Need
from equiglass.liquid.system import System
from equiglass.methods import METHODS
from equiglass.methods.linear.predictor import LinearConfiguration, LinearPredictor
from equiglass.prediction.predictor import About


class EnergyConfiguration(LinearConfiguration):
    """Settings of the method `energy`."""

    method: Literal["energy"] = "energy"
    target: Literal["propensity"] = "propensity"

    @property
    def input_needs(self) -> frozenset[Need]:
        """The inherent structure and the potential."""
        return frozenset({"potential", "inherent"})


class Energy(LinearPredictor):
    """The regression m_i(t) = a(t) + b(t) E_pot,i on E_pot in the inherent structure; a and b per particle type."""

    method = "energy"
    about = About(
        "linear regression on E_pot in the inherent structure", "the simplest structural predictor", "a quench"
    )
    file_format = "equiglass-energy"
    configuration = EnergyConfiguration

    @classmethod
    def features(cls, system: System, settings: Any, n_types: int) -> NDArray[np.floating]:
        """E_pot in the inherent structure, LJ energy, (N, 1)."""
        return particle_energy(system)[:, None]


METHODS.add("energy", Energy)
