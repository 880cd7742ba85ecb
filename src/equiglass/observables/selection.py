"""From systems to arrays: the particles of one type, and the distances that they have moved at a time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equiglass.errors import ConfigurationError, DataError
from equiglass.liquid.arrays import Float
from equiglass.liquid.system import System, type_name
from equiglass.liquid.targets import refuse_other_times

ParticleType = str | int
"""A particle type by its name "A", "B", ... or by its index 0, 1, ..."""


class AtTimes(Protocol):
    """A prediction for one configuration that returns the values of a time label, such as `equiglass.Prediction`."""

    def at(self, label: str) -> Float:
        """The values at one time, (N,)."""


Predictions = Sequence[Mapping[str, ArrayLike] | AtTimes]
"""One prediction per configuration: values (N,) by label, or an object with ``at(label)``."""


def type_index(type: ParticleType) -> int:
    """The index of a particle type from its name or index: 0 for "A" or 0.

    Raises:
        ConfigurationError: the name is that of no type, or the index is negative.
    """
    if isinstance(type, str):
        if re.fullmatch("[A-Z]", type):
            return ord(type) - ord("A")
        if re.fullmatch(r"T\d+", type):
            return int(type[1:])
    elif type >= 0:
        return int(type)
    raise ConfigurationError(f'The particle type {type!r} is not known; types are "A", "B", ... or 0, 1, ...')


def mask_of(system: System, type: ParticleType) -> NDArray[np.bool_]:
    """Whether each particle has this type, (N,).

    Raises:
        DataError: the configuration has no particle of this type.
    """
    index = type_index(type)
    mask = system.types == index
    if not mask.any():
        present = ", ".join(type_name(kind) for kind in np.unique(system.types))
        raise DataError(f"{system.name}: there is no particle of type {type_name(index)}; its types are {present}.")
    return mask


def masks_of(systems: Sequence[System], type: ParticleType) -> list[NDArray[np.bool_]]:
    """The masks of one type in all configurations, each (N,), from `mask_of`.

    Raises:
        DataError: there is no configuration, or one has no particle of this type.
    """
    if not len(systems):
        raise DataError("There are no configurations to average over.")
    return [mask_of(system, type) for system in systems]


def labelled(system: System, key: str, label: str) -> Float:
    """The values of a label array at a time: ``system.propensity[row]`` for the key "propensity".

    Raises:
        DataError: the configuration does not have this array or this time.
    """
    values = getattr(system, key)
    if values is None:
        raise DataError(f"{system.name}: the configuration has no {key}.")
    return np.asarray(values[..., system.row(label), :])


def check_times(systems: Iterable[System], label: str) -> None:
    """Check that a label has the same time in all configurations that have it.

    Raises:
        DataError: two times differ.
    """
    refuse_other_times(label, ((s.name, float(s.times[s.row(label)])) for s in systems if label in s.time_labels))


def moved(
    systems: Sequence[System], label: str, type: ParticleType, predictions: Predictions | None = None
) -> list[Float]:
    """The measured or predicted propensity m_i of the particles of one type at one time.

    Args:
        systems: configurations.
        label: label of the time.
        type: type of the particles, "A" or 0.
        predictions: one prediction per configuration. They replace the measured propensity.

    Returns:
        m_i, (n,) per configuration, LJ length.

    Raises:
        DataError: a value is missing or NaN, or the predictions do not match the configurations.
        ConfigurationError: there is no such type.
    """
    masks = masks_of(systems, type)
    check_times(systems, label)
    if predictions is None:
        fields = [labelled(system, "propensity", label) for system in systems]
    else:
        if len(predictions) != len(systems):
            raise DataError(f"There are {len(predictions)} predictions for {len(systems)} configurations.")
        fields = [_predicted(system, each, label) for system, each in zip(systems, predictions, strict=True)]
    of_type = [field[mask] for field, mask in zip(fields, masks, strict=True)]
    what = "measured" if predictions is None else "predicted"
    for system, field in zip(systems, of_type, strict=True):
        unknown = np.count_nonzero(~np.isfinite(field))
        if unknown:
            raise DataError(
                f"{system.name}: the {what} propensity at time {label!r} is not known (NaN) for {unknown} of "
                f"{len(field)} particles of type {type_name(type_index(type))}; leave out this configuration or time."
            )
    return of_type


def displacements(
    systems: Iterable[System], type: ParticleType, label: str | None = None
) -> Iterator[NDArray[np.float32]]:
    """The displacements r(t) - r(0) of every run for the particles of one type, one configuration at a time.

    Args:
        systems: configurations with ``replica_displacements``.
        type: type of the particles, "A" or 0.
        label: label of the time, or None for all times.

    Yields:
        (runs, n, 3) at one time, or (T, runs, n, 3) at all times, LJ length.

    Raises:
        DataError: a configuration has no displacements of its runs, no such time, or no particle of the type.
    """
    before: list[System] = []
    for system in systems:
        if label is not None:
            before = before or [system]
            check_times([*before, system], label)
        mask, moves = mask_of(system, type), system.replica_displacements
        if moves is None:
            raise DataError(
                f"{system.name}: the displacements of the runs are not stored; simulate with "
                "keep_displacements, or load a data set that has them."
            )
        yield moves[:, :, mask] if label is None else moves[system.row(label)][:, mask]


def _predicted(system: System, prediction: Mapping[str, ArrayLike] | AtTimes, label: str) -> Float:
    if isinstance(prediction, Mapping):
        if label not in prediction:
            raise DataError(f"{system.name}: there is no prediction for {label!r}; there are {list(prediction)}.")
        values = np.asarray(prediction[label], dtype=np.float64)
    else:
        values = np.asarray(prediction.at(label), dtype=np.float64)
    if values.shape != (system.n_particles,):
        raise DataError(
            f"{system.name}: the prediction at {label!r} has shape {values.shape} for {system.n_particles} particles."
        )
    return values
