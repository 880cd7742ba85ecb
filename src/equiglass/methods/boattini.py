"""Method `boattini`: the linear regression of Boattini et al.; a cross-validation makes its free choices.

The features of a particle are the descriptors of `describe`, for the inherent structure and for the thermal positions,
and scalars. These are the energy in the inherent structure, the distance to it, and the invariants of node inputs.
Alkemade et al. introduced this distance, with the cage state instead of the inherent structure. The scalars are
averaged over many generations, so that they contain information from a fair part of the box.

The regression shrinks a feature of large emphasis less. The emphasis is 1 for the inherent structure and ``thermal``
for the thermal positions. Every generation multiplies both by ``decay``. The scalars have the emphasis ``scalars``. A
cross-validation over the training data chooses ``thermal``, ``decay`` and the penalty, per particle type and time.

Deviations from the paper: it has the descriptors of one state, without energy and distance, and one penalty. The shells
and the averaging radius are partly recalled.

Model file: safetensors with the arrays of `Ridge`. Version 1 names the descriptors only; version 2 names all settings.

Sources: E. Boattini, F. Smallenburg, L. Filion, Phys. Rev. Lett. 127, 088007 (2021), doi
10.1103/PhysRevLett.127.088007; R. M. Alkemade, F. Smallenburg, L. Filion, J. Chem. Phys. 158, 134512 (2023), doi
10.1063/5.0144822.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from equiglass.liquid.arrays import Float
from equiglass.liquid.displacement import distance
from equiglass.liquid.energy import particle_energy
from equiglass.liquid.needs import Need
from equiglass.liquid.surroundings import averaging, neighbourhood_averages, sum_of_generations
from equiglass.liquid.system import System
from equiglass.methods import METHODS
from equiglass.methods.linear.descriptors import Descriptors, describe
from equiglass.methods.linear.predictor import LinearConfiguration, LinearPredictor, Penalty
from equiglass.model.inputs import INPUTS
from equiglass.model.inputs.compute import invariants, n_invariants
from equiglass.prediction.predictor import About

Emphasis = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class BoattiniConfiguration(LinearConfiguration):
    """Settings of the method `boattini`."""

    method: Literal["boattini"] = "boattini"
    target: Literal["propensity"] = "propensity"
    penalties: tuple[Penalty, ...] = Field(
        (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0), min_length=1, description="penalties to choose from"
    )
    descriptors: Descriptors = Field(Descriptors(), description="descriptors of the structure")
    generations: int = Field(24, ge=0, description="number of averages of the scalars")
    thermal: tuple[Emphasis, ...] = Field(
        (0.0, 0.3, 1.0), min_length=1, description="emphases of thermal positions to choose from"
    )
    decay: tuple[Emphasis, ...] = Field(
        (0.5, 1.0), min_length=1, description="factors of the emphasis per generation to choose from"
    )
    nodes: tuple[str, ...] = Field((), description="node inputs whose invariants are scalars too")
    scalars: float = Field(20.0, gt=0, description="emphasis of the scalars; large, because they are few")

    @field_validator("nodes")
    @classmethod
    def _known_nodes(cls, nodes: tuple[str, ...]) -> tuple[str, ...]:
        for name in nodes:
            _ = INPUTS[name]
        return nodes

    @property
    def input_needs(self) -> frozenset[Need]:
        """The inherent structure, the potential, and the needs of the node inputs."""
        needs: frozenset[Need] = frozenset({"potential", "inherent"})
        return needs.union(*(INPUTS[name].needs for name in self.nodes))

    @property
    def choices(self) -> list[tuple[float, float]]:
        """The pairs (thermal, decay) to choose from."""
        return list(product(self.thermal, self.decay))


class Boattini(LinearPredictor):
    """The regression of Boattini et al. with chosen emphases and penalties."""

    method = "boattini"
    about = About(
        "ridge regression on descriptors of Boattini et al., thermal and inherent, and on averaged scalars",
        "doi 10.1103/PhysRevLett.127.088007, doi 10.1063/5.0144822",
        "training: 5 s per configuration of 4096 particles, and 1 min for the choices; prediction: a few seconds",
    )
    file_format = "equiglass-boattini"
    version = 2
    configuration = BoattiniConfiguration

    @classmethod
    def features(cls, system: System, settings: Any, n_types: int) -> NDArray[np.floating]:
        """Descriptors of inherent structure and thermal positions, then energy and distance per generation, (N, F)."""
        descriptors: Descriptors = settings.descriptors
        inherent = describe(system, descriptors, positions="inherent", n_types=n_types)
        thermal = describe(system, descriptors, positions="thermal", n_types=n_types)
        scalars = _scalars(system, settings)
        averages = neighbourhood_averages(system, scalars, settings.generations, descriptors.averaging_radius)
        return np.concatenate([inherent, thermal, averages], axis=1, dtype=np.float32)

    @classmethod
    def emphases(cls, settings: Any, n_types: int) -> Float:
        """Emphasis of every feature, (choices, F)."""
        descriptors = settings.descriptors
        generation = np.repeat(np.arange(descriptors.generations + 1), descriptors.number(n_types))
        scalars = np.full(_n_scalars(settings) * (settings.generations + 1), settings.scalars)
        return np.stack([np.concatenate([g**generation, w * g**generation, scalars]) for w, g in settings.choices])

    @classmethod
    def quantities(cls, settings: Any, n_types: int) -> NDArray[np.int64]:
        """The descriptors are one quantity, and every scalar with its averages is one, (F,)."""
        described = 2 * settings.descriptors.number(n_types) * (settings.descriptors.generations + 1)
        scalars = np.tile(1 + np.arange(_n_scalars(settings)), settings.generations + 1)
        return np.concatenate([np.zeros(described, dtype=np.int64), scalars])

    def values(self, system: System) -> Float:
        """Propensity at every time of ``times``, LJ length, (T, N)."""
        return self.described_values(
            system, ("inherent", "thermal"), lambda weights: _scalar_products(system, self.settings, weights)
        )

    @classmethod
    def settings_of(cls, description: Mapping[str, Any], version: int) -> Mapping[str, Any]:
        """The settings; version 1 names the descriptors only."""
        if version == 1:
            return {"descriptors": description["descriptors"]}
        return super().settings_of(description, version)

    def choices(self, type_index: int, time: int) -> dict[str, float]:
        """The chosen emphasis of the thermal positions, and the chosen factor per generation."""
        thermal, decay = self.settings.choices[self.ridge.emphasis[type_index, time]]
        return {"thermal": thermal, "decay": decay}


METHODS.add("boattini", Boattini)


def _scalars(system: System, settings: BoattiniConfiguration) -> Float:
    """Energy in the inherent structure, distance to it, invariants of the node inputs; generation 0, (N, S)."""
    known = particle_energy(system), distance(system, "inherent")
    return np.column_stack([*known, invariants(system, settings.nodes)])


def _n_scalars(settings: BoattiniConfiguration) -> int:
    return 2 + n_invariants(settings.nodes)


def _scalar_products(system: System, settings: BoattiniConfiguration, weights: Float) -> Float:
    """Products of the scalars of all generations with weights (F, C); returns (N, C)."""
    scalars, weights = _scalars(system, settings), weights.reshape(-1, _n_scalars(settings), weights.shape[1])
    average = averaging(system.positions_in("inherent"), system.box, settings.descriptors.averaging_radius)
    return sum_of_generations((scalars @ of_generation for of_generation in weights[::-1]), average)
