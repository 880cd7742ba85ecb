"""Method `cage`: ridge regression on descriptors of the thermal positions and of the cage state (Alkemade et al.).

The features of a particle are the descriptors of `describe`, for the thermal positions and for the cage state, and the
distance |r - r_cage| between both, each averaged over the same generations. A cross-validation over the training data
chooses the penalty per particle type and time.

A configuration without a cage state gets it from short runs (`equiglass.cage`). The paper takes a Monte Carlo with
confinement (`equiglass.liquid.confinement`).

Deviations from the paper: the shells of the descriptors and the averaging radius are those of `Descriptors`, chosen
after Boattini et al. and partly recalled. The paper has one penalty; here it is chosen per type and time.

Model file: safetensors with the arrays of `Ridge`, version 1.

Source: R. M. Alkemade, F. Smallenburg, L. Filion, J. Chem. Phys. 158, 134512 (2023), doi 10.1063/5.0144822.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from equiglass.liquid.arrays import Float
from equiglass.liquid.displacement import distance
from equiglass.liquid.needs import Need
from equiglass.liquid.surroundings import averaging, generations_of, sum_of_generations
from equiglass.liquid.system import System
from equiglass.methods import METHODS
from equiglass.methods.linear.descriptors import Descriptors, describe
from equiglass.methods.linear.predictor import LinearConfiguration, LinearPredictor, Penalty
from equiglass.prediction.predictor import About


class CageConfiguration(LinearConfiguration):
    """Settings of the method `cage`."""

    method: Literal["cage"] = "cage"
    target: Literal["propensity"] = "propensity"
    penalties: tuple[Penalty, ...] = Field(
        (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0), min_length=1, description="penalties to choose from"
    )
    descriptors: Descriptors = Field(Descriptors(), description="descriptors of the structure")

    @property
    def input_needs(self) -> frozenset[Need]:
        """The cage state, and the potential that determines it."""
        return frozenset({"potential", "cage"})


class Cage(LinearPredictor):
    """The regression of Alkemade et al."""

    method = "cage"
    about = About(
        "ridge regression on descriptors of thermal positions and cage state, and on the distance between both",
        "Alkemade 2023, doi 10.1063/5.0144822",
        "training: half a minute per configuration of 4096 particles; prediction: 16 s more without a cage state",
    )
    file_format = "equiglass-cage"
    configuration = CageConfiguration

    @classmethod
    def features(cls, system: System, settings: Any, n_types: int) -> NDArray[np.floating]:
        """Descriptors of thermal positions and cage state, then the averaged distance, (N, F)."""
        descriptors: Descriptors = settings.descriptors
        thermal = describe(system, descriptors, positions="thermal", n_types=n_types)
        cage = describe(system, descriptors, positions="cage", n_types=n_types)
        average = averaging(system.positions_in("cage"), system.box, descriptors.averaging_radius)
        distances = generations_of(distance(system, "cage")[:, None], average, descriptors.generations)
        return np.concatenate([thermal, cage, distances], axis=1, dtype=np.float32)

    @classmethod
    def quantities(cls, settings: Any, n_types: int) -> NDArray[np.int64]:
        """The descriptors are one quantity, the distance with its averages is another, (F,)."""
        generations = settings.descriptors.generations + 1
        return np.repeat([0, 1], [2 * settings.descriptors.number(n_types) * generations, generations])

    def values(self, system: System) -> Float:
        """Propensity at every time of ``times``, LJ length, (T, N)."""

        def distance_products(weights: Float) -> Float:
            moved = distance(system, "cage")[:, None]
            average = averaging(system.positions_in("cage"), system.box, self.settings.descriptors.averaging_radius)
            return sum_of_generations((moved * of_generation for of_generation in weights[::-1]), average)

        return self.described_values(system, ("thermal", "cage"), distance_products)


METHODS.add("cage", Cage)
