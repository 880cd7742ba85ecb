"""What to simulate: mixture, state point, equilibration, and the times of the iso-configurational runs."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    field_validator,
    model_validator,
)

from equiglass.errors import EquiglassError
from equiglass.potential import KOB_ANDERSEN, MIXTURES, LennardJones


def _read_potential(value: Any) -> Any:
    """A mixture by name, or from its tables."""
    if isinstance(value, str):
        if value not in MIXTURES:
            raise ValueError(f"no mixture is called {value!r}; there are {sorted(MIXTURES)}")
        return MIXTURES[value]
    if isinstance(value, dict):
        try:
            return LennardJones(**value)
        except (TypeError, EquiglassError) as error:
            raise ValueError(f"needs name, epsilon, sigma and, if not 2.5, cutoff ({error})") from None
    return value


def _write_potential(potential: LennardJones) -> Any:
    return potential.name if potential in MIXTURES.values() else dataclasses.asdict(potential)


def _read_times(value: Any) -> Any:
    """A plain list of times is labelled 1, 2, ..."""
    if isinstance(value, list):
        return {str(index): time for index, time in enumerate(value, start=1)}
    return {str(label): time for label, time in value.items()} if isinstance(value, dict) else value


class Equilibration(BaseModel):
    """The way from a lattice to the equilibrium liquid, all of it NVT; times in LJ units."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    melt_temperature: PositiveFloat = 2.0
    melt_time: PositiveFloat = 20.0
    ramp_time: PositiveFloat = 30.0
    time: PositiveFloat


class Protocol(BaseModel):
    """Configurations of one state point, each with its iso-configurational ensemble.

    Attributes:
        potential: a mixture's name ("kob-andersen") or its tables (name, epsilon, sigma, cutoff).
        n_particles: number of particles.
        composition: share of every type, summing to 1, or their numbers, summing to ``n_particles``.
        density: number density.
        temperature: of the equilibrium liquid and of the velocities of the runs.
        equilibration: melt, ramp and wait.
        configurations: how many to take from the trajectory.
        spacing: time between successive configurations.
        runs: iso-configurational runs of each configuration.
        times: value of every time by label; a plain list is labelled "1", "2", ...
        timestep: the longest integration step.
        seed: of everything random.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    potential: Annotated[LennardJones, BeforeValidator(_read_potential), PlainSerializer(_write_potential)] = (
        KOB_ANDERSEN
    )
    n_particles: PositiveInt
    composition: tuple[PositiveFloat, ...] = (0.8, 0.2)
    density: PositiveFloat
    temperature: PositiveFloat
    equilibration: Equilibration
    configurations: PositiveInt
    spacing: PositiveFloat
    runs: Annotated[int, Field(ge=2)] = 32
    times: Annotated[dict[str, PositiveFloat], Field(min_length=1), BeforeValidator(_read_times)]
    timestep: Annotated[float, Field(gt=0, le=0.02)] = 0.005
    seed: Annotated[int, Field(ge=0)]

    @field_validator("times")
    @classmethod
    def _ascending(cls, times: dict[str, float]) -> dict[str, float]:
        if np.any(np.diff(list(times.values())) <= 0):
            raise ValueError("the times must ascend")
        return times

    @model_validator(mode="after")
    def _all_types_occur(self) -> Protocol:
        if len(self.composition) != self.potential.n_types:
            raise ValueError(
                f"composition has {len(self.composition)} entries, "
                f"the potential {self.potential.name!r} {self.potential.n_types} types"
            )
        if not np.isclose(sum(self.composition), 1.0) and sum(self.composition) != self.n_particles:
            raise ValueError("composition must sum to 1 (shares) or to n_particles (numbers)")
        if np.any(self.counts <= 0):
            raise ValueError("a type of the composition would have no particle; take more particles")
        return self

    @property
    def counts(self) -> NDArray[np.int64]:
        """Number of particles of every type: the shares rounded, the first type takes the remainder."""
        shares = np.asarray(self.composition) / sum(self.composition)
        others = np.round(shares[1:] * self.n_particles).astype(np.int64)
        return np.concatenate([[self.n_particles - others.sum()], others])

    @property
    def types(self) -> NDArray[np.int64]:
        """Type of every particle, (N,): all of the first, then all of the second, ..."""
        return np.repeat(np.arange(self.potential.n_types), self.counts)

    @property
    def side(self) -> float:
        """Edge length of the cubic box."""
        return float((self.n_particles / self.density) ** (1 / 3))

    def seed_of(self, *key: int) -> int:
        """A seed for LAMMPS, which takes 1 .. 2^31 - 1, particular to the key."""
        state = np.random.SeedSequence(self.seed, spawn_key=key).generate_state(1)
        return int(state[0] % (2**31 - 2)) + 1

    def to_yaml(self) -> str:
        """The protocol as text that ``load_protocol`` reads."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)


def load_protocol(path: Path) -> Protocol:
    """Read a protocol from a YAML file.

    Raises:
        EquiglassError: the file cannot be read, or a key is unknown, missing or out of range.
    """
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        return Protocol.model_validate(content)
    except OSError as error:
        raise EquiglassError(f"{path}: cannot be read ({error.strerror}).") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise EquiglassError(f"{path}: not a YAML file ({' '.join(str(error).split())}).") from None
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, item['loc'])) or 'protocol'}: {item['msg']}"
            for item in error.errors(include_url=False)
        )
        raise EquiglassError(f"{path}: not a protocol. {wrong}.") from None
