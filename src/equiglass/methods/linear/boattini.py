"""The linear regression of Boattini et al. with its free choices made by cross-validation, and its file, version 1.

Features of a particle: the descriptors of `describe`, of the inherent structure and of the thermal positions; and two
scalars, averaged over so many generations that they know of everything a fair part of the box away: the energy in the
inherent structure, and the distance to it, which Alkemade et al. introduced (with the cage state in its place).

The regression shrinks a feature the less, the larger its emphasis: 1 for the inherent structure, ``thermal`` for the
thermal positions, both times ``decay`` for every generation, and SCALARS for the scalars. For each particle type and
time ``thermal``, ``decay`` and the penalty are those that do best in a cross-validation over the training data.

In the file, safetensors, are the arrays of `Ridge`. Its metadata entry ``equiglass`` is JSON: format, version,
descriptors, what was chosen, times, and a description of the training data.

Sources: E. Boattini, F. Smallenburg, L. Filion, Phys. Rev. Lett. 127, 088007 (2021), doi
10.1103/PhysRevLett.127.088007; R. M. Alkemade, F. Smallenburg, L. Filion, J. Chem. Phys. 158, 134512 (2023), doi
10.1063/5.0144822.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from itertools import product
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from equiglass.errors import EquiglassError
from equiglass.files import replacing
from equiglass.liquid.arrays import Float
from equiglass.liquid.energy import particle_energy
from equiglass.liquid.inherent import inherent_distance
from equiglass.liquid.splits import folds_of
from equiglass.liquid.surroundings import averaging, neighbourhood_averages, sum_of_generations
from equiglass.liquid.system import Structure, System, type_name
from equiglass.liquid.targets import Target
from equiglass.methods.descent.samples import describe as describe_data
from equiglass.methods.descent.samples import labels_of
from equiglass.methods.linear.descriptors import Descriptors, describe, described_blocks
from equiglass.methods.linear.ridge import Labelled, Ridge, fit_ridge_by_folds
from equiglass.methods.linear.shells import Shells
from equiglass.methods.network.trained import TrainingData, read_described, training_data
from equiglass.model.inputs import Inputs

FORMAT, VERSION = "equiglass-boattini", 1

FOLDS = 4
"""Number of folds of the training configurations; the choice is the best in cross-validation over them."""

GENERATIONS = 24
"""Of the scalars."""

SCALARS = 20.0
"""Emphasis of the scalars, which are few beside some thousand structural features."""

CHOICES = tuple(product((0.0, 0.3, 1.0), (0.5, 1.0)))
"""(thermal, decay) to choose from."""

PENALTIES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""To choose from."""


@dataclass(frozen=True, eq=False)
class Boattini:
    """A trained regression with all that its use needs.

    Attributes:
        ridge: the regression.
        descriptors: of the structure.
        times: value by label, in the order of the outputs; the value is the training set's first.
        data: the training data in short.
        inputs: what a configuration must have; the thermal positions, which are described too, it always has.
        target: what it predicts.
    """

    ridge: Ridge
    descriptors: Descriptors
    times: Mapping[str, float]
    data: TrainingData
    inputs: ClassVar[Inputs] = Inputs(positions="inherent", energy="inherent")
    target: ClassVar[Target] = "propensity"

    @property
    def n_types(self) -> int:
        """Number of particle types it knows."""
        return len(self.ridge.mean)

    def predict(self, system: System) -> Float:
        """Propensity at every time of ``times``, LJ length, (T, N); needs the inherent structure.

        The features (`boattini_features`) of all particles never exist at once. The averages are linear, so that the
        products of features and weights are averaged in place of the features.

        Raises:
            EquiglassError: no inherent structure is there, or a particle type is not known.
        """
        if system.n_types > self.n_types:
            raise EquiglassError(f"{system.name} has {system.n_types} particle types, not {self.n_types}.")
        if system.potential is None:
            system = replace(system, potential=self.data.potential)
        slopes, offset = self.ridge.affine()
        columns = slopes.reshape(-1, slopes.shape[-1]).T
        described = self.descriptors.number(self.n_types) * (self.descriptors.generations + 1)
        inherent, thermal, scalars = np.split(columns, [described, 2 * described])
        products = _described_products(system, self.n_types, self.descriptors, "inherent", inherent)
        products += _described_products(system, self.n_types, self.descriptors, "thermal", thermal)
        products += _scalar_products(system, self.descriptors, scalars)
        products = products.reshape(-1, *offset.shape)
        rows = (products[np.arange(system.n_particles), system.types] + offset[system.types]).T
        return rows[[self.ridge.time_labels.index(label) for label in self.times]]

    def chosen(self) -> dict[str, dict[str, dict[str, float]]]:
        """What was chosen, and the correlation it reached in the cross-validation, by type and label."""
        table: dict[str, dict[str, dict[str, float]]] = {}
        for s, (t, label) in product(range(self.n_types), enumerate(self.ridge.time_labels)):
            thermal, decay = CHOICES[self.ridge.emphasis[s, t]]
            table.setdefault(type_name(s), {})[label] = {
                "thermal": thermal,
                "decay": decay,
                "penalty": float(self.ridge.penalties[s, t]),
                "validation_rho": float(self.ridge.validation[s, t]),
            }
        return table


def boattini_features(system: System, n_types: int, descriptors: Descriptors | None = None) -> NDArray[np.float32]:
    """Descriptors of inherent structure and thermal positions, then energy and displacement of each generation.

    Args:
        system: with inherent structure and potential.
        n_types: number of types to tell apart.
        descriptors: of the structure; the defaults of `Descriptors` if not given.

    Returns:
        Features, single precision, (N, F).

    Raises:
        EquiglassError: the inherent structure, or the potential, is not there.
    """
    descriptors = descriptors or Descriptors()
    inherent = describe(system, descriptors, positions="inherent", n_types=n_types)
    thermal = describe(system, descriptors, positions="thermal", n_types=n_types)
    averages = neighbourhood_averages(system, _scalars(system), GENERATIONS, descriptors.averaging_radius)
    return np.concatenate([inherent, thermal, averages], axis=1, dtype=np.float32)


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
    scalars, weights = _scalars(system), weights.reshape(GENERATIONS + 1, 2, -1)
    average = averaging(system.positions_in("inherent"), system.box, descriptors.averaging_radius)
    return sum_of_generations((scalars @ of_generation for of_generation in weights[::-1]), average)


def fit_boattini(data: Labelled, descriptors: Descriptors | None = None) -> Boattini:
    """Choose by cross-validation over the training configurations, then fit to all of them.

    Args:
        data: (`boattini_features`, system) of the training configurations.
        descriptors: with which the features were made; the defaults of `Descriptors` if not given.

    Raises:
        EquiglassError: fewer than two configurations, or one without propensity.
    """
    descriptors = descriptors or Descriptors()
    systems = [system for _, system in data]
    folds = folds_of(data, FOLDS)
    n_types = max(system.n_types for system in systems)
    ridge = fit_ridge_by_folds(folds, PENALTIES, _emphases(descriptors, n_types))
    return Boattini(ridge, descriptors, labels_of(systems, "all"), describe_data(systems, n_types))


def _emphases(descriptors: Descriptors, n_types: int) -> Float:
    """Emphasis of every feature, (choices, F)."""
    generation = np.repeat(np.arange(descriptors.generations + 1), descriptors.number(n_types))
    scalars = np.full(2 * (GENERATIONS + 1), SCALARS)
    return np.stack([np.concatenate([g**generation, w * g**generation, scalars]) for w, g in CHOICES])


def save_boattini(model: Boattini, path: Path) -> None:
    """Write a model file at once or not at all."""
    arrays = {f.name: getattr(model.ridge, f.name) for f in fields(Ridge) if f.name != "time_labels"}
    description = {
        "format": FORMAT,
        "version": VERSION,
        "descriptors": asdict(model.descriptors),
        "chosen": model.chosen(),
        "time_labels": model.ridge.time_labels,
        "times": dict(model.times),
        "data": asdict(model.data),
    }
    with replacing(path) as temporary:
        temporary.write_bytes(save(arrays, {"equiglass": json.dumps(description)}))


def load_boattini(path: Path) -> Boattini:
    """Read a model file.

    Raises:
        EquiglassError: not a file of this baseline, damaged, or written by a newer version.
    """
    tensors, description = read_described(path, FORMAT, VERSION)
    arrays = {key: tensor.numpy() for key, tensor in tensors.items()}
    described = description["descriptors"]
    described["radial"] = tuple(Shells(**shells) for shells in described["radial"])
    described["angular"] = Shells(**described["angular"])
    return Boattini(
        Ridge(tuple(description["time_labels"]), **arrays),
        Descriptors(**described),
        description["times"],
        training_data(description["data"]),
    )
