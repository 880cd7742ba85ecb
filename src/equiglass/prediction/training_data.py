"""Summary of the training configurations of a predictor, to warn about configurations that are unlike them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from equiglass.errors import EquiglassWarning
from equiglass.liquid.mixture import STATED_POTENTIAL
from equiglass.liquid.potential import LennardJones
from equiglass.liquid.system import System
from equiglass.prediction.split import Role, Split

DENSITY_TOLERANCE = 0.02
COMPOSITION_TOLERANCE = 0.02
TEMPERATURE_TOLERANCE = 0.005
"""The largest relative difference. At T = 0.44, 0.5 % change the relaxation time by a few percent."""


@dataclass(frozen=True)
class TrainingData:
    """Summary of the training configurations.

    Attributes:
        density: lowest and highest number density, LJ units.
        composition: mean fraction of every type.
        temperatures: the temperatures, LJ units, ascending.
        configurations: number of configurations.
        potential: the pair potential, or None if unknown. The model computes energies and inherent structures with it.
        split: training and validation configurations with their fingerprints; None in older model files.
        times: the values of every time by label, LJ time, ascending; empty in older model files.
    """

    density: tuple[float, float]
    composition: tuple[float, ...]
    temperatures: tuple[float, ...]
    configurations: int
    potential: LennardJones | None
    split: Split | None = None
    times: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, systems: Sequence[System], n_types: int, validation: Sequence[System] = (), selected: bool = False
    ) -> TrainingData:
        """Summarise training configurations.

        Args:
            systems: the training configurations.
            n_types: number of particle types of the model.
            validation: the validation configurations.
            selected: whether the model is chosen by its scores on the validation configurations.

        Warns:
            EquiglassWarning: the configurations have different pair potentials. The model gets the first.
        """
        potentials = list(dict.fromkeys(s.potential for s in systems))
        if len(potentials) > 1:
            warnings.warn(
                f"the training configurations have different pair potentials ({'; '.join(map(str, potentials))}); the "
                f"model will compute the energies and inherent structures of other configurations with the first.",
                EquiglassWarning,
                stacklevel=2,
            )
        times: dict[str, set[float]] = {}
        for system in systems:
            for label, time in zip(system.time_labels, system.times.tolist(), strict=True):
                times.setdefault(label, set()).add(time)
        densities = [s.density for s in systems]
        shares = [np.bincount(s.types, minlength=n_types) / s.n_particles for s in systems]
        return cls(
            density=(min(densities), max(densities)),
            composition=tuple(float(x) for x in np.mean(shares, axis=0)),
            temperatures=tuple(sorted({s.temperature for s in systems if s.temperature is not None})),
            configurations=len(systems),
            potential=potentials[0],
            split=Split.of(systems, validation, selected),
            times={label: tuple(sorted(values)) for label, values in times.items()},
        )

    def after(self, earlier: Split | None) -> TrainingData:
        """The summary of a training that starts from the weights of a model with the split ``earlier``."""
        return self if self.split is None else replace(self, split=self.split.after(earlier))

    @classmethod
    def from_metadata(cls, described: Mapping[str, Any]) -> TrainingData:
        """The summary from the values that `metadata` returned."""
        potential, split = described["potential"], described.get("split")
        low, high = described["density"]
        return cls(
            (float(low), float(high)),
            tuple(map(float, described["composition"])),
            tuple(map(float, described["temperatures"])),
            int(described["configurations"]),
            LennardJones(**potential) if potential else None,
            None if split is None else Split.from_plain(split),
            {label: tuple(map(float, values)) for label, values in described.get("times", {}).items()},
        )

    def metadata(self) -> dict[str, Any]:
        """Plain values for the metadata of a model file."""
        plain = {key: value for key, value in asdict(replace(self, split=None)).items() if key != "split"}
        return plain if self.split is None else {**plain, "split": self.split.plain()}

    def role(self, system: System) -> Role:
        """What a configuration was in the training."""
        return "unknown" if self.split is None else self.split.role(system)

    def differences(self, system: System) -> list[str]:
        """The differences between a configuration and the training configurations, in words."""
        unlike = []
        low, high = self.density
        if not low * (1 - DENSITY_TOLERANCE) <= system.density <= high * (1 + DENSITY_TOLERANCE):
            unlike.append(f"density {system.density:.3f} (trained on {low:.3f} to {high:.3f})")
        shares = np.bincount(system.types, minlength=len(self.composition)) / system.n_particles
        # One member of an average may know fewer types than another.
        known = np.pad(self.composition, (0, len(shares) - len(self.composition)))
        if np.any(np.abs(shares - known) > COMPOSITION_TOLERANCE):
            trained = ":".join(f"{x:.2f}" for x in self.composition)
            exchanged = np.all(np.abs(np.sort(shares) - np.sort(known)) <= COMPOSITION_TOLERANCE)
            hint = "; are the types exchanged? --types names their order" if exchanged else ""
            unlike.append(f"composition {':'.join(f'{x:.2f}' for x in shares)} (trained on {trained}{hint})")
        if system.temperature is not None and self.temperatures:
            same = np.isclose(self.temperatures, system.temperature, rtol=TEMPERATURE_TOLERANCE, atol=0)
            if not np.any(same):
                trained = ", ".join(f"{t:g}" for t in self.temperatures)
                unlike.append(f"temperature {system.temperature:g} (trained on {trained})")
        if system.potential and self.potential and not _same_mixture(system.potential, self.potential):
            unlike.append(f"potential {system.potential} (trained on {self.potential})")
        stated = None if system.potential else system.provenance.get(STATED_POTENTIAL)
        if stated and self.potential:
            unlike.append(f"potential {stated} (trained on {self.potential})")
        return unlike


def _same_mixture(first: LennardJones, second: LennardJones) -> bool:
    """Whether two potentials differ at most in the truncation of their attraction."""
    alike = first.epsilon == second.epsilon and first.sigma == second.sigma
    return alike and all(bool(np.all(cutoff > 2 * sigma)) for _, sigma, cutoff in (first.tables, second.tables))
