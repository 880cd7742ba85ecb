"""Method `energy`: a line on the potential energy of each particle in the inherent structure alone."""

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
    """The line on E_pot in the inherent structure."""

    method = "energy"
    about = About("a line on E_pot in the inherent structure", "the simplest structural predictor", "a quench")
    file_format = "equiglass-energy"
    configuration = EnergyConfiguration

    @classmethod
    def features(cls, system: System, settings: Any, n_types: int) -> NDArray[np.floating]:
        """E_pot, (N, 1)."""
        return particle_energy(system)[:, None]


METHODS.add("energy", Energy)
