"""One configuration of a liquid: where the particles are, what they are, and, where known, how far they will move.

Conventions, stated here once:

- Lennard-Jones units; the box is periodic and orthorhombic, edge lengths ``box``.
- ``positions`` are wrapped into [0, L) when the system is made; inputs may be unwrapped.
- ``positions_inherent`` are the nearest images to ``positions``, so ``positions_inherent - positions`` is the
  displacement to the inherent structure.
- ``types`` are 0, 1, 2, ...: 0 is A, the first species of the mixture.
- A time is a label (its index in the data set, "7", or a value of the self scattering function, "F=0.9") with a
  value that may differ between configurations. Times ascend. Data are matched by label, never by value.
- NaN in ``propensity`` means: not known at that time for that particle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equiglass.errors import EquiglassError
from equiglass.liquid.arrays import Float
from equiglass.liquid.neighbors import minimum_image, wrap
from equiglass.liquid.potential import LennardJones

Structure = Literal["thermal", "inherent"]


@dataclass(frozen=True, eq=False)
class System:
    """A configuration with its labels.

    Attributes:
        positions: thermal positions, (N, 3), wrapped into the box.
        types: particle types from 0, (N,).
        box: edge lengths of the periodic box, (3,).
        name: what to call this configuration in messages and files.
        temperature: in LJ units.
        potential: the pair potential, where known.
        positions_inherent: inherent-structure positions, (N, 3), nearest images to ``positions``.
        time_labels: T names of times.
        times: T values of times, ascending, LJ units.
        propensity: mean over runs of |r(t) - r(0)|, (T, N); NaN where unknown.
        replica_variance: unbiased variance over runs of |r(t) - r(0)|, (T, N).
        propensity_halves: propensity over two disjoint halves of the runs, (2, T, N).
        mean_displacement: mean over runs of r(t) - r(0), (T, N, 3).
        replica_displacements: r(t) - r(0) of every run, (T, runs, N, 3).
        self_scattering: F_s(7.25, t) of every type, mean over runs and particles, (T, n_types).
        run_temperature: kinetic temperature at that time, mean over runs, (T,).
        energy_drift: largest change of the total energy per particle since the start of any run, (T,).
        momentum: largest momentum per particle of any run on the way to that time, (T,).
        runs: number of iso-configurational runs behind the propensity.
        equilibrated: whether the trajectory that it comes from is in equilibrium; None where this is not known.
        failures: statements of the physics checks that its data set failed.
        predictions: published or computed predictions by name, each (T, N).
        provenance: where this came from, as readable text by key.
    """

    positions: Float
    types: NDArray[np.int64]
    box: Float
    name: str = "configuration"
    temperature: float | None = None
    potential: LennardJones | None = None
    positions_inherent: Float | None = None
    time_labels: tuple[str, ...] = ()
    times: Float = field(default_factory=lambda: np.empty(0))
    propensity: Float | None = None
    replica_variance: Float | None = None
    propensity_halves: Float | None = None
    mean_displacement: Float | None = None
    replica_displacements: NDArray[np.float32] | None = None
    self_scattering: Float | None = None
    run_temperature: Float | None = None
    energy_drift: Float | None = None
    momentum: Float | None = None
    runs: int | None = None
    equilibrated: bool | None = None
    failures: tuple[str, ...] = ()
    predictions: Mapping[str, Float] = field(default_factory=dict)
    provenance: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check shapes and values, wrap the positions; raises EquiglassError naming the field that is wrong."""
        positions = self._array("positions", self.positions, (None, 3))
        n = len(positions)
        if n == 0:
            raise EquiglassError(f"{self.name}: there are no particles.")
        box = np.asarray(self.box, dtype=np.float64)
        if box.shape != (3,) or not np.all(np.isfinite(box)) or np.any(box <= 0):
            raise EquiglassError(
                f"{self.name}: the box must be three positive edge lengths of an orthorhombic periodic box; "
                f"got {np.array2string(box, threshold=9)}. Tilted boxes are not supported."
            )
        self._check_reach("positions", positions, box)
        types = np.asarray(self.types)
        if types.shape != (n,):
            raise EquiglassError(f"{self.name}: {n} positions but types of shape {types.shape}; one type a particle.")
        if not np.issubdtype(types.dtype, np.integer) or types.min() < 0:
            raise EquiglassError(f"{self.name}: types must be whole numbers from 0; got {np.unique(types)[:8]}.")
        if self.potential is not None and types.max() >= self.potential.n_types:
            raise EquiglassError(
                f"{self.name}: particle type {types.max()} is unknown to the potential {self.potential.name!r}, "
                f"which has {self.potential.n_types} types (numbered from 0)."
            )
        if self.temperature is not None and not (np.isfinite(self.temperature) and self.temperature > 0):
            raise EquiglassError(f"{self.name}: the temperature must be positive; got {self.temperature}.")
        times = np.asarray(self.times, dtype=np.float64)
        n_times = len(self.time_labels)
        if times.shape != (n_times,) or not np.all(np.isfinite(times)) or np.any(np.diff(times) <= 0):
            raise EquiglassError(
                f"{self.name}: times must be {n_times} ascending values, one for each label {self.time_labels}; "
                f"got {times}."
            )
        if len(set(self.time_labels)) != n_times:
            raise EquiglassError(f"{self.name}: a time label occurs twice in {self.time_labels}.")

        wrapped = wrap(positions, box)
        self._set("positions", wrapped)
        self._set("box", box)
        self._set("types", types.astype(np.int64))
        self._set("times", times)
        if self.positions_inherent is not None:
            inherent = self._array("positions_inherent", self.positions_inherent, (n, 3))
            self._check_reach("positions_inherent", inherent, box)
            self._set("positions_inherent", wrapped + minimum_image(inherent - wrapped, box))
        for key, shape, may_miss in (
            ("propensity", (n_times, n), True),
            ("replica_variance", (n_times, n), True),
            ("propensity_halves", (2, n_times, n), True),
            ("mean_displacement", (n_times, n, 3), True),
            ("self_scattering", (n_times, int(types.max()) + 1), True),
            ("run_temperature", (n_times,), True),
            ("energy_drift", (n_times,), True),
            ("momentum", (n_times,), True),
        ):
            if getattr(self, key) is not None:
                self._set(key, self._array(key, getattr(self, key), shape, may_miss))
        if self.replica_displacements is not None:
            replicas = np.asarray(self.replica_displacements, dtype=np.float32)
            if replicas.ndim != 4 or replicas.shape[0] != n_times or replicas.shape[2:] != (n, 3):
                raise EquiglassError(
                    f"{self.name}: replica_displacements has shape {replicas.shape}, not ({n_times}, runs, {n}, 3)."
                )
            self._set("replica_displacements", replicas)
        if self.propensity is not None and np.any(self.propensity < 0):
            raise EquiglassError(f"{self.name}: a propensity is a mean distance and cannot be negative.")
        checked = {k: self._array(f"prediction {k}", v, (n_times, n), True) for k, v in self.predictions.items()}
        self._set("predictions", checked)
        self._set("provenance", dict(self.provenance))

    def _set(self, key: str, value: Any) -> None:
        object.__setattr__(self, key, value)

    def _check_reach(self, key: str, positions: Float, box: Float) -> None:
        """Refuse positions so far away that wrapping them leaves no digits."""
        if np.any(np.abs(positions) > 1e6 * box):
            raise EquiglassError(f"{self.name}: {key} lie more than a million boxes away from the origin.")

    def _array(self, key: str, value: ArrayLike, shape: tuple[int | None, ...], may_miss: bool = False) -> Float:
        """A float64 array of that shape; NaN only where ``may_miss``."""
        try:
            array = np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError):
            raise EquiglassError(f"{self.name}: {key} is not an array of numbers.") from None
        if array.ndim != len(shape) or any(w is not None and w != g for w, g in zip(shape, array.shape, strict=True)):
            wanted = "(" + ", ".join("N" if s is None else str(s) for s in shape) + ")"
            raise EquiglassError(f"{self.name}: {key} has shape {array.shape}, not {wanted}.")
        bad = np.isinf(array) if may_miss else ~np.isfinite(array)
        if np.any(bad):
            raise EquiglassError(f"{self.name}: {key} holds {int(bad.sum())} values that are not finite numbers.")
        return array

    @property
    def n_particles(self) -> int:
        """N."""
        return len(self.types)

    @property
    def n_types(self) -> int:
        """Number of particle types: the highest that occurs, plus one."""
        return int(self.types.max()) + 1

    @property
    def density(self) -> float:
        """Number density N / V."""
        return float(self.n_particles / np.prod(self.box))

    @property
    def composition(self) -> Float:
        """Share of every type, (n_types,)."""
        return np.bincount(self.types) / self.n_particles

    def positions_in(self, structure: Structure) -> Float:
        """Thermal or inherent positions, (N, 3).

        Raises:
            EquiglassError: inherent positions are asked for and not there.
        """
        if structure == "thermal":
            return self.positions
        if self.positions_inherent is None:
            raise EquiglassError(f"{self.name} has no inherent structure; make it with equiglass.quench first.")
        return self.positions_inherent

    def row(self, label: str) -> int:
        """Row of the time with that label.

        Raises:
            EquiglassError: no such label here.
        """
        if label not in self.time_labels:
            raise EquiglassError(f"{self.name}: no time labelled {label!r}; there are {list(self.time_labels)}.")
        return self.time_labels.index(label)


def type_name(index: int) -> str:
    """A, B, C, ... for types 0, 1, 2, ..."""
    return chr(ord("A") + index) if index < 26 else f"T{index}"
