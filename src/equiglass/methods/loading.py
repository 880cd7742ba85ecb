"""Use of a trained model: load it by run folder or by name, quench what it needs, predict."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from equiglass.errors import EquiglassError, EquiglassWarning
from equiglass.liquid.arrays import Float
from equiglass.liquid.inherent import quench
from equiglass.liquid.system import System, type_name
from equiglass.liquid.targets import Target
from equiglass.methods.linear.boattini import Boattini, load_boattini, save_boattini
from equiglass.methods.network.trained import Trained, TrainingData, load_trained, save_trained
from equiglass.model.inputs import Inputs

PRETRAINED = Path(__file__).parent / "pretrained"
BASELINE = "boattini.safetensors"
DENSITY_TOLERANCE = 0.02
COMPOSITION_TOLERANCE = 0.02


@dataclass(frozen=True)
class Prediction:
    """What a model predicts of one configuration.

    Attributes:
        system: the configuration, with its inherent structure where the model needed it.
        times: value by label, as in the training data.
        values: propensities or energies, LJ units, (T, N), in the order of ``times``.
        target: which of them.
    """

    system: System
    times: dict[str, float]
    values: Float
    target: Target = "propensity"

    @property
    def propensity(self) -> Float:
        """Propensities, LJ length, (T, N), in the order of ``times``.

        Raises:
            EquiglassError: the model predicts energies.
        """
        if self.target != "propensity":
            raise EquiglassError("the model predicts energies, not propensities; they are in 'values'.")
        return self.values

    def at(self, label: str) -> Float:
        """Propensity at one time, or the energy, (N,).

        Raises:
            EquiglassError: the model was not trained for that time.
        """
        if label not in self.times:
            raise EquiglassError(f"the model predicts the times labelled {list(self.times)}, not {label!r}.")
        return self.values[list(self.times).index(label)]


class Member(Protocol):
    """What was trained: a network (`Trained`) or a baseline (`Boattini`)."""

    @property
    def inputs(self) -> Inputs:
        """What a configuration must have."""

    @property
    def times(self) -> Mapping[str, float]:
        """Value by label of the times it predicts."""

    @property
    def data(self) -> TrainingData:
        """What it was trained on."""

    @property
    def target(self) -> Target:
        """What it predicts."""

    @property
    def n_types(self) -> int:
        """Number of particle types it knows."""

    def predict(self, system: System) -> Float:
        """The target, LJ units, (T, N), of a configuration that has what it must have."""


@dataclass(frozen=True)
class Model:
    """Trained networks and baselines whose predictions are averaged.

    Attributes:
        name: how it was asked for.
        members: trained on the same target and times; of the networks, all with the same inputs.
    """

    name: str
    members: tuple[Member, ...]

    @property
    def times(self) -> dict[str, float]:
        """Value by label of the times it predicts."""
        return dict(self.members[0].times)

    @property
    def data(self) -> TrainingData:
        """What it was trained on (the first member's)."""
        return self.members[0].data

    @property
    def target(self) -> Target:
        """What it predicts."""
        return self.members[0].target

    @property
    def n_types(self) -> int:
        """Number of particle types it knows."""
        return self.members[0].n_types

    @property
    def networks(self) -> tuple[Trained, ...]:
        """The members that are networks.

        Raises:
            EquiglassError: there is none.
        """
        networks = tuple(member for member in self.members if isinstance(member, Trained))
        if not networks:
            raise EquiglassError(f"{self.name} is a baseline; this needs a trained network.")
        return networks

    def predict(self, system: System) -> Prediction:
        """Predict the propensity, or the energy, of every particle; quenches the configuration if the model needs it.

        The mean over the networks and the mean over the baselines count alike, however many there are of each. A
        configuration that does not know its pair potential is taken to have that of the training data.

        Warns:
            EquiglassWarning: the configuration is unlike the training data.

        Raises:
            EquiglassError: the configuration has more particle types than the model.
        """
        system = self.prepared(system)
        kinds: dict[type, list[Float]] = {}
        for member in self.members:
            kinds.setdefault(type(member), []).append(member.predict(system))
        values = np.mean([np.mean(kind, axis=0) for kind in kinds.values()], axis=0)
        if self.target == "propensity":
            # A mean distance cannot be negative; the linear decoder can, far out of its training data.
            values = np.maximum(values, 0.0)
        return Prediction(system, self.times, values, self.target)

    def prepared(self, system: System) -> System:
        """The configuration with all that the members need of it; refuses and warns like `check`."""
        self.check(system)
        if system.positions_inherent is None and any(member.inputs.needs_quench for member in self.members):
            return quench(system, potential=self.data.potential)
        return system

    def measurable(self, system: System) -> System:
        """The configuration with all that its target is computed from; a measured propensity it has or has not."""
        if self.target == "propensity":
            return system
        system = replace(system, potential=system.potential or self.data.potential)
        return quench(system) if system.positions_inherent is None else system

    def check(self, system: System) -> None:
        """Refuse what the model cannot know; warn of what it has not seen."""
        known = ", ".join(type_name(kind) for kind in range(self.n_types))
        if system.n_types > self.n_types:
            raise EquiglassError(
                f"{system.name} has particle type {type_name(system.n_types - 1)}; the model {self.name} knows the "
                f"types {known}. Train a model on such configurations."
            )
        seen, unlike = self.data, []
        low, high = seen.density
        if not low * (1 - DENSITY_TOLERANCE) <= system.density <= high * (1 + DENSITY_TOLERANCE):
            unlike.append(f"density {system.density:.3f} (trained on {low:.3f} to {high:.3f})")
        shares = np.bincount(system.types, minlength=self.n_types) / system.n_particles
        if np.any(np.abs(shares - np.asarray(seen.composition)) > COMPOSITION_TOLERANCE):
            trained = ":".join(f"{x:.2f}" for x in seen.composition)
            unlike.append(f"composition {':'.join(f'{x:.2f}' for x in shares)} (trained on {trained})")
        if system.potential and seen.potential and system.potential != seen.potential:
            unlike.append(f"potential {system.potential} (trained on {seen.potential})")
        if unlike:
            warnings.warn(
                f"{system.name} is unlike the training data of {self.name}: {'; '.join(unlike)}. "
                "The prediction may mislead.",
                EquiglassWarning,
                stacklevel=4,
            )


def pretrained_names() -> list[str]:
    """Names of the models that come with the package."""
    return sorted(path.name for path in PRETRAINED.iterdir() if path.is_dir()) if PRETRAINED.is_dir() else []


def model_files(run: Path | str, checkpoint: str = "last") -> list[Path]:
    """Files of the members of a model, each in its run folder; none where there is no model.

    Args:
        run: as in :func:`load_model`.
        checkpoint: "last" or "best".

    Raises:
        EquiglassError: another checkpoint.
    """
    if checkpoint not in ("last", "best"):
        raise EquiglassError(f"the checkpoint is 'last' or 'best', not {checkpoint!r}.")
    folder = PRETRAINED / str(run) if str(run) in pretrained_names() else Path(run)
    names = (f"{checkpoint}.safetensors", BASELINE)
    paths = [path for name in names for path in (folder / name, *sorted(folder.glob(f"*/{name}"))) if path.is_file()]
    # A run folder is itself; a folder of run folders is all of them.
    return paths[:1] if paths and paths[0].parent == folder else paths


def load_model(run: Path | str, checkpoint: str = "last") -> Model:
    """Load a trained model.

    Args:
        run: a run folder; a folder of run folders, whose predictions are averaged; or a name from
            :func:`pretrained_names`.
        checkpoint: "last", the model of the last epoch, or "best", of the epoch with the highest validation rho.

    Raises:
        EquiglassError: another checkpoint, nothing there, or members that do not fit together.
    """
    paths = model_files(run, checkpoint)
    if not paths:
        names = ", ".join(pretrained_names()) or "none"
        raise EquiglassError(
            f"{run} is neither a run folder holding {checkpoint}.safetensors or {BASELINE} nor a model of the package "
            f"({names})."
        )
    members = tuple(load_boattini(path) if path.name == BASELINE else load_trained(path) for path in paths)
    first = members[0]
    for path, member in zip(paths, members, strict=True):
        same = (member.target, list(member.times), member.n_types) == (first.target, list(first.times), first.n_types)
        if not same or (type(member) is type(first) and member.inputs != first.inputs):
            raise EquiglassError(
                f"{path} has another target, other times, inputs or types than {paths[0]}; they cannot be averaged."
            )
    return Model(str(run), members)


def save_model(model: Model, folder: Path) -> None:
    """Write the members, without any state of their training, to a folder that `load_model` reads."""
    for number, member in enumerate(model.members, start=1):
        place = folder if len(model.members) == 1 else folder / f"member-{number}"
        place.mkdir(parents=True, exist_ok=True)
        if isinstance(member, Boattini):
            save_boattini(member, place / BASELINE)
        elif isinstance(member, Trained):
            save_trained(member, place / "last.safetensors")
