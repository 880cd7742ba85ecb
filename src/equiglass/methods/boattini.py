"""Method `boattini`: the linear regression of Boattini et al. with its free choices made by cross-validation.

Features of a particle: the descriptors of `describe`, of the inherent structure and of the thermal positions; and two
scalars, averaged over so many generations that they know of everything a fair part of the box away: the energy in the
inherent structure, and the distance to it, which Alkemade et al. introduced (with the cage state in its place).

The regression shrinks a feature the less, the larger its emphasis: 1 for the inherent structure, ``thermal`` for the
thermal positions, both times ``decay`` for every generation, and ``scalars`` for the scalars. For each particle type
and time ``thermal``, ``decay`` and the penalty are those that do best in a cross-validation over the training data.

Model file: safetensors with the arrays of `Ridge`; version 1 names the descriptors, version 2 all settings.

Sources: E. Boattini, F. Smallenburg, L. Filion, Phys. Rev. Lett. 127, 088007 (2021), doi
10.1103/PhysRevLett.127.088007; R. M. Alkemade, F. Smallenburg, L. Filion, J. Chem. Phys. 158, 134512 (2023), doi
10.1063/5.0144822.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from equiglass.liquid.arrays import Float
from equiglass.liquid.energy import particle_energy
from equiglass.liquid.inherent import inherent_distance
from equiglass.liquid.needs import Need
from equiglass.liquid.surroundings import averaging, neighbourhood_averages, sum_of_generations
from equiglass.liquid.system import Structure, System
from equiglass.methods import METHODS
from equiglass.methods.linear.descriptors import Descriptors, describe, described_blocks
from equiglass.methods.linear.predictor import LinearConfiguration, LinearPredictor
from equiglass.prediction.predictor import About


class BoattiniConfiguration(LinearConfiguration):
    """Settings of the method `boattini`."""

    method: Literal["boattini"] = "boattini"
    target: Literal["propensity"] = "propensity"
    penalties: tuple[float, ...] = Field((0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0), description="to choose from")
    descriptors: Descriptors = Field(Descriptors(), description="of the structure")
    generations: int = Field(24, ge=0, description="of the averages of the scalars")
    thermal: tuple[float, ...] = Field((0.0, 0.3, 1.0), description="emphasis of the thermal positions, to choose from")
    decay: tuple[float, ...] = Field((0.5, 1.0), description="emphasis of a generation over the one before, likewise")
    scalars: float = Field(20.0, gt=0, description="emphasis of the scalars, which are few")

    @property
    def input_needs(self) -> frozenset[Need]:
        """The inherent structure and the potential."""
        return frozenset({"potential", "inherent"})

    @property
    def choices(self) -> list[tuple[float, float]]:
        """(thermal, decay) to choose from."""
        return list(product(self.thermal, self.decay))


class Boattini(LinearPredictor):
    """The tuned regression."""

    method = "boattini"
    about = About(
        "ridge regression on the descriptors of Boattini et al., thermal and inherent, and averaged scalars",
        "doi 10.1103/PhysRevLett.127.088007, doi 10.1063/5.0144822",
        "half a minute per configuration of 4096 particles; a few seconds to predict one",
    )
    file_format = "equiglass-boattini"
    version = 2
    configuration = BoattiniConfiguration

    @classmethod
    def features(cls, system: System, settings: Any, n_types: int) -> NDArray[np.floating]:
        """Descriptors of inherent structure and thermal positions, then energy and distance of each generation."""
        descriptors: Descriptors = settings.descriptors
        inherent = describe(system, descriptors, positions="inherent", n_types=n_types)
        thermal = describe(system, descriptors, positions="thermal", n_types=n_types)
        averages = neighbourhood_averages(system, _scalars(system), settings.generations, descriptors.averaging_radius)
        return np.concatenate([inherent, thermal, averages], axis=1, dtype=np.float32)

    @classmethod
    def emphases(cls, settings: Any, n_types: int) -> Float:
        """Emphasis of every feature, (choices, F)."""
        descriptors = settings.descriptors
        generation = np.repeat(np.arange(descriptors.generations + 1), descriptors.number(n_types))
        scalars = np.full(2 * (settings.generations + 1), settings.scalars)
        return np.stack([np.concatenate([g**generation, w * g**generation, scalars]) for w, g in settings.choices])

    def values(self, system: System) -> Float:
        """Propensity at every time of ``times``, LJ length, (T, N).

        The features of all particles never exist at once. The averages are linear, so that the products of features
        and weights are averaged in place of the features.
        """
        descriptors: Descriptors = self.settings.descriptors
        slopes, offset = self.ridge.affine()
        columns = slopes.reshape(-1, slopes.shape[-1]).T
        described = descriptors.number(self.n_types) * (descriptors.generations + 1)
        inherent, thermal, scalars = np.split(columns, [described, 2 * described])
        products = _described_products(system, self.n_types, descriptors, "inherent", inherent)
        products += _described_products(system, self.n_types, descriptors, "thermal", thermal)
        products += _scalar_products(system, descriptors, scalars)
        products = products.reshape(-1, *offset.shape)
        rows = (products[np.arange(system.n_particles), system.types] + offset[system.types]).T
        return np.asarray(rows[[self.ridge.time_labels.index(label) for label in self.times]])

    @classmethod
    def settings_of(cls, description: Mapping[str, Any], version: int) -> Mapping[str, Any]:
        """The settings; version 1 names the descriptors alone."""
        if version == 1:
            return {"descriptors": description["descriptors"]}
        return super().settings_of(description, version)

    def choices(self, type_index: int, time: int) -> dict[str, float]:
        """Emphasis of the thermal positions, and of every generation."""
        thermal, decay = self.settings.choices[self.ridge.emphasis[type_index, time]]
        return {"thermal": thermal, "decay": decay}


METHODS.add("boattini", Boattini)


def _scalars(system: System) -> Float:
    """Energy and distance of generation 0, (N, 2)."""
    return np.stack([particle_energy(system), inherent_distance(system)], axis=1)


def _described_products(
    system: System, n_types: int, descriptors: Descriptors, positions: Structure, weights: Float
) -> Float:
    """Descriptors of all generations times weights (F, C): (N, C)."""
    weights = weights.reshape(descriptors.generations + 1, -1, weights.shape[1])
    terms = np.empty((len(weights), system.n_particles, weights.shape[2]))
    for particles, features in described_blocks(system, descriptors, positions, n_types):
        terms[:, particles] = features @ weights
    average = averaging(system.positions_in(positions), system.box, descriptors.averaging_radius)
    return sum_of_generations(terms[::-1], average)


def _scalar_products(system: System, descriptors: Descriptors, weights: Float) -> Float:
    """Scalars of all generations times weights (F, C): (N, C)."""
    scalars, weights = _scalars(system), weights.reshape(-1, 2, weights.shape[1])
    average = averaging(system.positions_in("inherent"), system.box, descriptors.averaging_radius)
    return sum_of_generations((scalars @ of_generation for of_generation in weights[::-1]), average)
