"""The central object: one configuration of particles in a periodic box, with its labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from equiglass.errors import DataError
from equiglass.liquid.arrays import Float
from equiglass.liquid.columns import columns_of, keys_of
from equiglass.liquid.exchange import fields_of_ase, fields_of_gsd, fields_of_ovito, to_ase
from equiglass.liquid.fingerprint import Fingerprint
from equiglass.liquid.labels import Label, Quantity, checked, numbers, quantities, read_only
from equiglass.liquid.mixture import potential_keys
from equiglass.liquid.neighbors import minimum_image, wrap
from equiglass.liquid.potential import LennardJones
from equiglass.liquid.species import type_name

Structure = Literal["thermal", "inherent", "cage"]


@dataclass(frozen=True, eq=False, repr=False)
class System:
    """A configuration with its labels. All arrays are read-only; `dataclasses.replace` makes a changed copy.

    `QUANTITIES` and `LABELS` give the axes, the unit and the meaning of every array. All units are LJ units.

    Attributes:
        positions: thermal positions, (N, 3), wrapped into the box.
        types: particle types from 0, (N,).
        box: edge lengths of the periodic box, (3,).
        name: name of the configuration in messages and files.
        temperature: temperature, or None if it is unknown.
        potential: pair potential, or None if it is unknown.
        positions_inherent: positions of the inherent structure, (N, 3), as the images nearest to ``positions``.
        positions_cage: positions averaged while no particle leaves its cage, (N, 3), as the images nearest to
            ``positions``.
        covariance_cage: covariance of the positions around ``positions_cage``, (N, 3, 3). Its trace is the Debye-Waller
            factor, its traceless part the anisotropy (l = 2).
        propensity_cage: mean of |r(t) - r(0)| over the short runs that give the cages, (N,).
        images: image flags, (N, 3): ``positions + images * box`` are the positions of the source. None if all are 0.
        time_labels: labels of the T times.
        times: values of the T times, ascending.
        propensity: mean over runs of |r(t) - r(0)|, (T, N); NaN where unknown.
        replica_variance: unbiased variance over runs of |r(t) - r(0)|, (T, N).
        propensity_halves: propensity over two disjoint halves of the runs, (2, T, N).
        mean_displacement: mean over runs of r(t) - r(0), (T, N, 3).
        replica_displacements: r(t) - r(0) of every run, (T, runs, N, 3).
        self_scattering: F_s(7.25, t) of every type, the mean over runs and particles, (T, types).
        run_temperature: kinetic temperature, the mean over runs, (T,).
        energy_drift: change of the total energy per particle since the start, the largest over runs, (T,).
        momentum: momentum per particle, the largest over runs, (T,).
        runs: number of iso-configurational runs behind the propensity.
        ids: particle ids of the file, (N,), by which results are joined to it; None where it has none.
        origin: lower corner of the box in the file, (3,); ``positions`` are relative to it.
        timestep: time step of the frame in the file, or None.
        time: time of the frame in the file, LJ time, or None.
        predictions: published or computed predictions, each (T, N), by name.
        failures: statements of the physics checks that the configuration or its data set failed.
        equilibrated: whether its trajectory shows no sign of ageing; None if that is unknown.
        parent: fingerprint of the configuration from which this one was made, such as the start of the run whose end
            it is; None if there is none. Both lie on the same side of every split.
        provenance: origin of the configuration, as text by key. No code depends on it.
    """

    positions: Annotated[Float, Quantity("N 3", "length", "f8", "thermal positions, wrapped or not")]
    types: Annotated[NDArray[np.int64], Quantity("N", "", "i8", "particle types, 0 = A, 1 = B, ...")]
    box: Annotated[Float, Quantity("3", "length", "f8", "edges of the orthorhombic periodic box")]
    name: str = "configuration"
    temperature: float | None = None
    potential: LennardJones | None = None
    positions_inherent: Annotated[Float | None, Quantity("N 3", "length", "f8", "inherent structure")] = None
    positions_cage: Annotated[Float | None, Quantity("N 3", "length", "f8", "mean positions within the cages")] = None
    covariance_cage: Annotated[
        Float | None, Quantity("N 3 3", "length²", "f4", "covariance of the positions within the cages")
    ] = None
    propensity_cage: Annotated[
        Float | None, Quantity("N", "length", "f4", "mean distance moved within the cages, in short runs")
    ] = None
    images: Annotated[
        NDArray[np.int64] | None, Quantity("N 3", "", "i8", "image flags, which unwrap the positions", memory="i8")
    ] = None
    time_labels: tuple[str, ...] = ()
    times: Annotated[Float, Quantity("T", "time", "f8", "times, ascending")] = field(
        default_factory=lambda: np.empty(0)
    )
    propensity: Annotated[
        Float | None, Label("T N", "length", "f4", "mean over runs of |r(t) - r(0)|", negative=False)
    ] = None
    replica_variance: Annotated[
        Float | None, Label("T N", "length²", "f4", "unbiased variance over runs of |r(t) - r(0)|", negative=False)
    ] = None
    propensity_halves: Annotated[
        Float | None, Label("2 T N", "length", "f4", "propensity over the even and over the odd runs", negative=False)
    ] = None
    mean_displacement: Annotated[Float | None, Label("T N 3", "length", "f2", "mean over runs of r(t) - r(0)")] = None
    replica_displacements: Annotated[
        NDArray[np.float32] | None, Label("T runs N 3", "length", "f4", "r(t) - r(0) of every run", memory="f4")
    ] = None
    self_scattering: Annotated[
        Float | None, Label("T types", "", "f8", "F_s(7.25, t) of every type, mean over runs and particles")
    ] = None
    run_temperature: Annotated[
        Float | None, Label("T", "temperature", "f8", "kinetic temperature, mean over runs", negative=False)
    ] = None
    energy_drift: Annotated[
        Float | None, Label("T", "energy", "f8", "largest drift of the energy per particle of any run", negative=False)
    ] = None
    momentum: Annotated[
        Float | None, Label("T", "velocity", "f8", "largest momentum per particle of any run", negative=False)
    ] = None
    runs: int | None = None
    ids: Annotated[
        NDArray[np.int64] | None, Quantity("N", "", "i8", "particle ids of the source, all different", memory="i8")
    ] = None
    origin: Annotated[Float | None, Quantity("3", "length", "f8", "lower corner of the box in the source")] = None
    timestep: int | None = None
    time: float | None = None
    predictions: Mapping[str, Float] = field(default_factory=dict)
    failures: tuple[str, ...] = ()
    equilibrated: bool | None = None
    parent: Fingerprint | None = None
    provenance: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check shapes and values, and wrap the positions.

        Raises:
            DataError: a field is wrong; the message names it.
        """
        positions = self._checked("positions", {})
        n = len(positions)
        if n == 0:
            raise DataError(f"{self.name}: there are no particles.")
        box = self._checked_box()
        self._check_reach("positions", positions, box)
        types = self._checked_types(n)
        if self.temperature is not None and not (np.isfinite(self.temperature) and self.temperature > 0):
            raise DataError(f"{self.name}: the temperature must be positive; got {self.temperature}.")
        times = self._checked_times()

        wrapped = wrap(positions, box)
        self._set("positions", read_only(wrapped))
        self._set("box", box)
        self._set("types", types)
        self._set("times", times)
        self._set("time_labels", tuple(str(x) if isinstance(x, str) else x for x in self.time_labels))
        sizes = {"T": len(times), "N": n, "types": self.n_types}
        for key in ("positions_inherent", "positions_cage"):
            if getattr(self, key) is not None:
                given = self._checked(key, sizes)
                self._check_reach(key, given, box)
                self._set(key, read_only(wrapped + minimum_image(given - wrapped, box)))
        self._set("images", self._unwrapping(np.rint((positions - wrapped) / box).astype(np.int64), sizes))
        for key, each in LABELS.items():
            if getattr(self, key) is not None:
                # The displacements of every run are too large to be copied.
                values = read_only(self._checked(key, sizes), getattr(self, key), large="runs" in each.axes)
                self._set(key, values)
        for key in ("covariance_cage", "propensity_cage"):
            if getattr(self, key) is not None:
                self._set(key, read_only(self._checked(key, sizes), getattr(self, key)))
        if self.origin is not None:
            self._set("origin", read_only(self._checked("origin", sizes), self.origin))
        if self.ids is not None:
            self._set("ids", read_only(self._checked_ids(sizes), self.ids))
        self._set("predictions", {key: self._prediction(key, sizes) for key in self.predictions})
        self._set("failures", tuple(self.failures))
        self._set("name", _unicode(self.name))
        self._set("provenance", {key: _unicode(text) for key, text in self.provenance.items()})

    def _checked_box(self) -> Float:
        box = numbers(f"{self.name}: box", self.box)
        if box.shape != (3,) or not np.all(np.isfinite(box)) or np.any(box <= 0):
            raise DataError(
                f"{self.name}: the box must be three positive edge lengths of an orthorhombic periodic box; "
                f"got {np.array2string(box, threshold=9)}. Tilted boxes are not supported."
            )
        return read_only(box, given=self.box)

    def _checked_types(self, n: int) -> NDArray[np.int64]:
        types = np.asarray(self.types)
        if types.shape != (n,):
            raise DataError(f"{self.name}: {n} positions but types of shape {types.shape}; give one type per particle.")
        if not np.issubdtype(types.dtype, np.integer) or types.min() < 0:
            raise DataError(f"{self.name}: types must be whole numbers from 0; got {np.unique(types)[:8]}.")
        if self.potential is not None and types.max() >= self.potential.n_types:
            raise DataError(
                f"{self.name}: particle type {types.max()} is unknown to the potential {self.potential.name!r}, "
                f"which has {self.potential.n_types} types (numbered from 0)."
            )
        return read_only(np.asarray(types, np.int64), given=self.types)

    def _checked_ids(self, sizes: Mapping[str, int]) -> NDArray[np.int64]:
        if not np.issubdtype(np.asarray(self.ids).dtype, np.integer):
            raise DataError(f"{self.name}: particle ids must be whole numbers.")
        ids = self._checked("ids", sizes)
        if len(np.unique(ids)) < len(ids):
            raise DataError(f"{self.name}: a particle id occurs twice.")
        return ids

    def _checked_times(self) -> Float:
        times = numbers(f"{self.name}: times", self.times)
        n_times = len(self.time_labels)
        if times.shape != (n_times,) or not np.all(np.isfinite(times)) or np.any(np.diff(times) <= 0):
            raise DataError(
                f"{self.name}: times must be {n_times} ascending values, one per label {self.time_labels}; got {times}."
            )
        if len(set(self.time_labels)) != n_times:
            raise DataError(f"{self.name}: a time label occurs twice in {self.time_labels}.")
        return read_only(times, given=self.times)

    def _set(self, key: str, value: Any) -> None:
        object.__setattr__(self, key, value)

    def _checked(self, key: str, sizes: Mapping[str, int]) -> NDArray[Any]:
        return QUANTITIES[key].checked(self.name, getattr(self, key), sizes)

    def _unwrapping(self, moved: NDArray[np.int64], sizes: Mapping[str, int]) -> NDArray[np.int64] | None:
        """The image flags after wrapping moved the positions by whole edges; None if all are 0."""
        images = moved if self.images is None else self._checked("images", sizes)
        if self.images is not None and np.any(moved):
            images = images + moved
        return read_only(images, given=self.images) if np.any(images) else None

    def _prediction(self, key: str, sizes: Mapping[str, int]) -> Float:
        given, what = self.predictions[key], f"{self.name}: prediction {key}"
        values = checked(what, given, ("T", "N"), sizes, np.dtype("f8"), may_miss=True, negative=True)
        return read_only(values, given)

    def _check_reach(self, key: str, positions: Float, box: Float) -> None:
        """Refuse positions that are so far away that wrapping would leave no digits."""
        if np.any(np.abs(positions) > 1e6 * box):
            raise DataError(
                f"{self.name}: {key} lie more than a million box lengths away from the origin; check the units."
            )

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a copy from another process. Pickle forgets that the arrays are read-only."""
        self.__dict__.update(state)
        for value in (*state.values(), *self.predictions.values()):
            if isinstance(value, np.ndarray):
                value.flags.writeable = False

    def __repr__(self) -> str:
        counts = np.bincount(self.types)
        said = [" + ".join(f"{counts[kind]} {type_name(kind)}" for kind in np.flatnonzero(counts).tolist())]
        if self.temperature is not None:
            said.append(f"T = {self.temperature:g}")
        if len(self.times):
            first, last = self.time_labels[0], self.time_labels[-1]
            said.append(f"{len(self.times)} times from {first!r} to {last!r}" if first != last else f"time {first!r}")
        return f"System({self.name!r}: {', '.join(said)})"

    @classmethod
    def from_ase(cls, atoms: Any, types: Sequence[str] | None = None) -> System:
        """A configuration from an ``ase.Atoms`` in LJ units, with the labels that `to_ase` writes.

        Args:
            atoms: any object with the attributes of ``ase.Atoms``. Its array ``type`` counts before the symbols.
            types: chemical symbols of types 0, 1, 2, ..., such as ["Ni", "P"].

        Raises:
            DataError: the box is missing, tilted or not periodic, or the species need an order.
        """
        return cls(**fields_of_ase(atoms, types, LABELS))

    @classmethod
    def from_gsd(cls, frame: Any, types: Sequence[str] | None = None) -> System:
        """A configuration from a ``gsd.hoomd.Frame`` or a snapshot of HOOMD-blue, with its image flags.

        Args:
            frame: any object with the attributes of ``gsd.hoomd.Frame``.
            types: names of types 0, 1, 2, ...; None for the species rule.

        Raises:
            DataError: the box is tilted or two-dimensional, the names need an order, or one is not in ``types``.
        """
        return cls(**fields_of_gsd(frame, types))

    @classmethod
    def from_ovito(cls, data: Any, types: Sequence[str] | None = None) -> System:
        """A configuration from a ``DataCollection`` of OVITO, with its image flags, ids and time step.

        Args:
            data: any object with the attributes of ``ovito.data.DataCollection``.
            types: names of types 0, 1, 2, ...; None for the species rule. Types without names count by their numbers.

        Raises:
            DataError: there is no cell, or it is tilted, two-dimensional or not periodic; or the species have no
                natural order.
        """
        return cls(**fields_of_ovito(data, types))

    def to_ase(self, symbols: Sequence[str] | None = None) -> Any:
        """An ``ase.Atoms`` with the positions of the source, the inherent and cage states, and the labels.

        The array ``type`` holds 1, 2, ... for types 0, 1, ...; the other arrays have the names of the columns of
        extended XYZ, and ``info`` has the keys of its comment line. A file that ASE writes of it is read by
        `equiglass.load`. Displacements of every run and predictions are left out.

        Args:
            symbols: chemical symbols of types 0, 1, ...; None for the elements 1, 2, ... of the periodic table.

        Raises:
            DataError: there are fewer symbols than types, or a label of a time is not one word.
            SetupError: ASE is not installed.
        """
        corner = np.zeros(3) if self.origin is None else self.origin
        arrays: dict[str, Any] = {} if self.ids is None else {"id": self.ids}
        columns = columns_of(self, LABELS)
        arrays |= {key: each + corner if key.startswith("pos_") else each for key, each in columns.items()}
        atoms = to_ase(self.unwrapped + corner, self.types, self.box, symbols, arrays)
        atoms.set_celldisp(corner)
        atoms.info["name"] = self.name
        if self.temperature is not None:
            atoms.info["temperature"] = self.temperature
        atoms.info |= {**potential_keys(self.potential), **keys_of(self, LABELS)}
        if self.parent is not None:
            atoms.info["parent"] = str(self.parent)
        if self.failures:
            atoms.info["failed"] = " ".join(self.failures)
        if self.equilibrated is not None:
            atoms.info["equilibrated"] = self.equilibrated
        return atoms

    @property
    def n_particles(self) -> int:
        """The number of particles N."""
        return len(self.types)

    @property
    def n_types(self) -> int:
        """The number of particle types: the highest type that occurs, plus one."""
        return int(self.types.max()) + 1

    @property
    def density(self) -> float:
        """The number density N / V, LJ units."""
        return float(self.n_particles / np.prod(self.box))

    @property
    def composition(self) -> Float:
        """The share of every type, (n_types,)."""
        return np.bincount(self.types) / self.n_particles

    @property
    def unwrapped(self) -> Float:
        """The positions of the source, with its image flags, relative to the corner of its box, (N, 3), LJ length."""
        return self.positions if self.images is None else self.positions + self.images * self.box

    @cached_property
    def fingerprint(self) -> Fingerprint:
        """The fingerprint of types, box and thermal positions, which recognises the configuration in other files."""
        return Fingerprint.of(self.positions, self.types, self.box)

    def positions_in(self, structure: Structure) -> Float:
        """The thermal, inherent or cage positions, (N, 3), LJ length.

        Raises:
            DataError: the configuration has no inherent structure, or no cage state.
        """
        if structure == "thermal":
            return self.positions
        if structure == "cage":
            if self.positions_cage is None:
                raise DataError(f"{self.name} has no cage state; make it with equiglass.cage first.")
            return self.positions_cage
        if self.positions_inherent is None:
            raise DataError(f"{self.name} has no inherent structure; make it with equiglass.quench first.")
        return self.positions_inherent

    def row(self, label: str) -> int:
        """The row index of the time with a label.

        Raises:
            DataError: the configuration has no such label.
        """
        if label not in self.time_labels:
            raise DataError(f"{self.name}: no time is labelled {label!r}; there are {list(self.time_labels)}.")
        return self.time_labels.index(label)


QUANTITIES = quantities(System)
"""All arrays of a configuration, by name."""

LABELS = {name: each for name, each in QUANTITIES.items() if isinstance(each, Label)}
"""The arrays that result from the runs, by name. They have an axis of times."""


def unlabelled(system: System, **changes: Any) -> System:
    """The configuration without labels and what belongs to them, with these further changes."""
    bare: dict[str, Any] = dict.fromkeys(LABELS)
    bare |= {"time_labels": (), "times": np.empty(0), "runs": None, "predictions": {}, "failures": ()}
    return replace(system, **(bare | changes))


def _unicode(text: str) -> str:
    """The text without the stand-ins of bytes that are no UTF-8, as names of files may hold them."""
    return str(text).encode("utf-8", "replace").decode("utf-8")
