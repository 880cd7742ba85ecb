"""The protocol of a simulation: mixture, state point, equilibration, and the iso-configurational runs."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    PositiveFloat,
    PositiveInt,
    Tag,
    field_validator,
    model_validator,
)

from equiglass.errors import ConfigurationError, EquiglassError
from equiglass.files.settings import read_settings, validate
from equiglass.liquid.potential import KOB_ANDERSEN, MIXTURES, WCA, LennardJones
from equiglass.liquid.state_points import WAVE_NUMBER
from equiglass.simulate.engine import Engine

PRESETS = Path(__file__).with_name("presets")
"""The folder of the protocols of the package."""


def _read_potential(value: Any) -> Any:
    """A mixture from its name or its tables. Missing tables are those of the mixture with this name."""
    if isinstance(value, str):
        value = {"name": value}
    if not isinstance(value, dict):
        return value
    known = MIXTURES.get(str(value.get("name")))
    table = {**(dataclasses.asdict(known) if known else {}), **value}
    if table.get("cutoff") == "wca":
        table["cutoff"] = WCA
    if "epsilon" not in table or "sigma" not in table:
        raise ValueError(
            f"no mixture is called {table.get('name')!r}; the package has {sorted(MIXTURES)}, and another mixture "
            "needs name, epsilon and sigma"
        )
    try:
        return LennardJones(**table)
    except (TypeError, EquiglassError) as error:
        raise ValueError(f"a potential has name, epsilon, sigma, cutoff and truncation ({error})") from None


def _write_potential(potential: LennardJones) -> Any:
    return potential.name if potential == MIXTURES.get(potential.name) else dataclasses.asdict(potential)


def _read_times(value: Any) -> Any:
    """The times by label. The labels of a plain list and of a logarithmic grid are 1, 2, ..."""
    if isinstance(value, dict) and set(value) == {"first", "last", "number"}:
        value = _logarithmic(**value)
    if isinstance(value, list):
        return {str(index): time for index, time in enumerate(value, start=1)}
    if isinstance(value, dict) and _kind_of_times(value) == "labels":
        return {str(label): time for label, time in value.items()}
    return value


def _logarithmic(first: Any, last: Any, number: Any) -> list[float]:
    """The times with equal spacing in their logarithm, including both ends."""
    if not all(isinstance(end, int | float) for end in (first, last)) or not 0 < first < last < math.inf:
        raise ValueError("the grid first, last, number needs 0 < first < last")
    if not isinstance(number, int) or number < 2:
        raise ValueError("the grid first, last, number needs two times or more")
    return [float(first), *np.geomspace(first, last, number)[1:-1].tolist(), float(last)]


def _kind_of_times(value: Any) -> str:
    by_scattering = isinstance(value, ScatteringTimes) or (isinstance(value, dict) and isinstance(value.get("F"), list))
    return "scattering" if by_scattering else "labels"


class ScatteringTimes(BaseModel):
    """The times at which F_k(t), the self-intermediate scattering function of type 0, has fallen to given values.

    Attributes:
        F: values between 0 and 1, or "1/e".
        k: wave number, inverse LJ length. 7.25 is the first peak of the structure factor of A in the Kob-Andersen
            mixture.
        longest: time after which the search for the smallest value fails, LJ units.

    Source: Bapst et al., Nature Physics 16, 448 (2020), doi 10.1038/s41567-020-0842-8.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    F: Annotated[tuple[float | str, ...], Field(min_length=1)]
    k: PositiveFloat = WAVE_NUMBER
    longest: PositiveFloat

    @field_validator("F")
    @classmethod
    def _between_0_and_1(cls, values: tuple[float | str, ...]) -> tuple[float | str, ...]:
        for value in values:
            if isinstance(value, str) and value != "1/e":
                raise ValueError(f"a value of F must be a number or 1/e, not {value!r}")
            if not 0 < _number(value) < 1:
                raise ValueError(f"F falls from 1 to 0, so there is no time where it is {value:g}")
        falling = tuple(sorted(values, key=_number, reverse=True))
        if len({_number(value) for value in falling}) < len(falling):
            raise ValueError("a value of F occurs twice; name it once")
        return falling

    @property
    def values(self) -> dict[str, float]:
        """The values of F, descending, by label ("F=0.9", "F=1/e")."""
        return {f"F={value}" if isinstance(value, str) else f"F={value:g}": _number(value) for value in self.F}


def _number(value: float | str) -> float:
    return math.exp(-1) if isinstance(value, str) else value


class Equilibration(BaseModel):
    """The path from a lattice to the equilibrium liquid, in LJ units.

    Attributes:
        melt_temperature: temperature at which the lattice melts.
        melt_time: time at this temperature.
        ramp_time: time of the linear cooling to the temperature of the liquid.
        time: time of the equilibration at the temperature of the liquid.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    melt_temperature: PositiveFloat = 2.0
    melt_time: PositiveFloat = 20.0
    ramp_time: PositiveFloat = 30.0
    time: PositiveFloat


_Potential = Annotated[LennardJones, BeforeValidator(_read_potential), PlainSerializer(_write_potential)]


class Ensemble(BaseModel):
    """The iso-configurational runs of given configurations, in LJ units.

    Attributes:
        potential: name of a mixture ("kob-andersen") or its tables (name, epsilon, sigma, cutoff, truncation). It is
            optional if the configurations have a potential.
        temperature: temperature of the velocities. It is optional if the configurations have a temperature.
        runs: number of runs per configuration.
        times: times by label, or values of F_k(t). The labels of a plain list and of a grid (first, last, number) are
            "1", "2", ...
        timestep: longest integration step.
        keep_displacements: whether to store the displacements of every run, in addition to their averages; or the
            labels of the times at which to store them (4 bytes per number: 0.8 MB per time for 16 runs of 4096
            particles).
        engine: "lanes" or "lammps"; by default lanes where it can serve.
        seed: seed of all random numbers.
    """

    # YAML reads the label of a time, such as 7, as a number.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, coerce_numbers_to_str=True)

    potential: _Potential | None = None
    temperature: PositiveFloat | None = None
    runs: Annotated[int, Field(ge=2)] = 32
    times: Annotated[
        Annotated[dict[str, PositiveFloat], Field(min_length=1), Tag("labels")]
        | Annotated[ScatteringTimes, Tag("scattering")],
        Discriminator(_kind_of_times),
        BeforeValidator(_read_times),
    ]
    timestep: Annotated[float, Field(gt=0, le=0.02)] = 0.005
    keep_displacements: bool | tuple[str, ...] = False
    engine: Engine | None = None
    seed: Annotated[int, Field(ge=0)]

    @field_validator("times")
    @classmethod
    def _ascending(cls, times: dict[str, float] | ScatteringTimes) -> dict[str, float] | ScatteringTimes:
        if isinstance(times, dict) and np.any(np.diff(list(times.values())) <= 0):
            raise ValueError("the times must ascend")
        return times

    @model_validator(mode="after")
    def _known_times(self) -> Self:
        if isinstance(self.keep_displacements, tuple):
            unknown = [label for label in self.keep_displacements if label not in self.time_labels]
            if unknown or not self.keep_displacements:
                raise ValueError(f"keep_displacements: the times are labelled {', '.join(self.time_labels)}")
        return self

    @property
    def kept_times(self) -> tuple[bool, ...]:
        """Whether the displacements of every run are stored, for every time."""
        stored = self.keep_displacements
        return tuple(stored if isinstance(stored, bool) else label in stored for label in self.time_labels)

    @property
    def time_labels(self) -> tuple[str, ...]:
        """The labels of the times, ascending in time."""
        return tuple(self.times.values if isinstance(self.times, ScatteringTimes) else self.times)

    def rng(self, *key: int) -> np.random.Generator:
        """The random generator of a key. The generators of different keys are independent."""
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))

    def to_yaml(self) -> str:
        """The protocol as YAML, from which `load_protocol` or `load_ensemble` reads the same protocol."""
        return yaml.safe_dump(self.model_dump(mode="json", exclude_none=True), sort_keys=False)


class Protocol(Ensemble):
    """Configurations of one state point with their iso-configurational ensembles, in LJ units.

    Attributes:
        potential: as in ``Ensemble``, by default Kob-Andersen.
        temperature: temperature of the equilibrium liquid and of the velocities of the runs.
        n_particles: number of particles.
        composition: shares of all types, which sum to 1, or their numbers, which sum to ``n_particles``.
        density: number density of a simulation at constant volume.
        pressure: pressure of a simulation at constant pressure, where every configuration has its own box.
        equilibration: melting, cooling and equilibration.
        configurations: number of configurations from the trajectory.
        spacing: time between successive configurations.
    """

    potential: _Potential = KOB_ANDERSEN
    temperature: PositiveFloat
    n_particles: Annotated[int, Field(ge=2)]
    composition: tuple[PositiveFloat, ...] = (0.8, 0.2)
    density: PositiveFloat | None = None
    pressure: float | None = None
    equilibration: Equilibration
    configurations: PositiveInt
    spacing: PositiveFloat

    @model_validator(mode="after")
    def _consistent(self) -> Protocol:
        if len(self.composition) != self.potential.n_types:
            raise ValueError(
                f"composition has {len(self.composition)} entries, "
                f"the potential {self.potential.name!r} {self.potential.n_types} types"
            )
        if not np.isclose(sum(self.composition), 1.0) and sum(self.composition) != self.n_particles:
            raise ValueError("composition must sum to 1 (shares) or to n_particles (numbers)")
        if np.any(self.counts <= 0):
            raise ValueError("a type of the composition would have no particle; use more particles")
        if (self.density is None) == (self.pressure is None):
            raise ValueError("give either the density or the pressure")
        return self

    @property
    def counts(self) -> NDArray[np.int64]:
        """The number of particles of every type, (n_types,). The first type has the remainder of the rounded shares."""
        shares = np.asarray(self.composition) / sum(self.composition)
        others = np.round(shares[1:] * self.n_particles).astype(np.int64)
        return np.concatenate([[self.n_particles - others.sum()], others])

    @property
    def types(self) -> NDArray[np.int64]:
        """The type of every particle, (N,): all particles of the first type, then all of the second, ..."""
        return np.repeat(np.arange(self.potential.n_types), self.counts)

    @property
    def first_box(self) -> NDArray[np.float64]:
        """The edge lengths of the cubic box at the beginning, (3,).

        At constant pressure, the density times the mean of sigma_ab^3 over pairs is 1, as in a dense liquid.
        """
        shares = self.counts / self.n_particles
        density = self.density or 1 / (shares @ np.asarray(self.potential.sigma) ** 3 @ shares)
        return np.full(3, (self.n_particles / density) ** (1 / 3))


def presets() -> dict[str, str]:
    """The description of every protocol of the package, which is the first line of its file, by name."""
    files = sorted(PRESETS.glob("*.yaml"))
    return {file.stem: file.read_text(encoding="utf-8").splitlines()[0].lstrip("# ") for file in files}


def load_protocol(protocol: Path | str) -> Protocol:
    """Read a protocol from a YAML file, or a protocol of the package by its name.

    Raises:
        ConfigurationError: the file cannot be read, or a key is unknown, missing or out of range.
    """
    return validate(Protocol, _read(protocol), str(protocol))


def load_ensemble(protocol: Path | str) -> Ensemble:
    """Read the part of a protocol that describes the runs, and ignore the part on the configurations.

    Raises:
        ConfigurationError: the file cannot be read, or a key is unknown, missing or out of range.
    """
    making = set(Protocol.model_fields) - set(Ensemble.model_fields)
    settings = {key: value for key, value in _read(protocol).items() if key not in making}
    return validate(Ensemble, settings, str(protocol))


def _read(protocol: Path | str) -> dict[str, Any]:
    path = PRESETS / f"{protocol}.yaml" if str(protocol) in presets() else Path(protocol)
    if not path.exists():
        raise ConfigurationError(f"{path} does not exist. The package has the protocols {', '.join(presets())}.")
    return read_settings(path)
