"""The union of two sets of labels of one configuration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equiglass.errors import DataError
from equiglass.liquid.system import LABELS, System
from equiglass.observables import self_scattering_by_type


def check_joinable(system: System, labels: Sequence[str], times: ArrayLike, runs: int | None) -> None:
    """Check that a configuration can have new labels. Their times must be new, and the number of runs must be the same.

    Args:
        system: configuration with or without labels.
        labels: labels of the new times.
        times: known values of the new times, LJ units.
        runs: number of runs of the new labels.

    Raises:
        DataError: a time occurs already, or the numbers of runs differ.
    """
    twice = [label for label in labels if label in system.time_labels]
    if twice:
        raise DataError(
            f"{system.name} already has labels at a time {twice[0]!r}; remove this time or give it another label, "
            'times: {"label": time}.'
        )
    again = np.intersect1d(system.times, times)
    if again.size:
        raise DataError(f"{system.name} already has labels at the time {again[0]:g}; remove this time.")
    known = system.runs
    if known is None and system.replica_displacements is not None:
        known = system.replica_displacements.shape[1]
    if system.time_labels and known not in (None, runs):
        raise DataError(f"the labels of {system.name} come from {known} runs; set the same number, runs: {known}.")


def joined(first: System, second: System) -> System:
    """The second system with the labels of both systems, times ascending.

    A quantity that only one of the two has is NaN at the times of the other. The displacements of every run are joined
    if ``second`` has them, otherwise removed. Where F_s of ``first`` is unknown, it is computed
    from its displacements.

    Args:
        first: system with labels at other times.
        second: system with the same particles.

    Raises:
        DataError: a time or a label occurs in both, or the numbers of runs differ.
    """
    check_joinable(first, second.time_labels, second.times, second.runs)
    if first.replica_displacements is not None:
        F = self_scattering_by_type(first.replica_displacements, first.types)
        if first.self_scattering is not None:
            F = np.where(np.isnan(first.self_scattering), F, first.self_scattering)
        kept = None if second.replica_displacements is None else first.replica_displacements
        first = replace(first, self_scattering=F, replica_displacements=kept)
    order = np.argsort(np.concatenate([first.times, second.times]), kind="stable")
    labels = first.time_labels + second.time_labels
    fields: dict[str, Any] = {"predictions": {}}
    for key, each in LABELS.items():
        axis = each.axis_of_times
        both = getattr(first, key), getattr(second, key)
        if any(values is not None for values in both):
            fields[key] = np.take(_along_times(*both, len(first.times), len(second.times), axis), order, axis)
    for name in {**first.predictions, **second.predictions}:
        both = first.predictions.get(name), second.predictions.get(name)
        fields["predictions"][name] = _along_times(*both, len(first.times), len(second.times), 0)[order]
    return replace(
        second,
        time_labels=tuple(labels[k] for k in order),
        times=np.concatenate([first.times, second.times])[order],
        **fields,
    )


def _along_times(
    first: NDArray[Any] | None, second: NDArray[Any] | None, n_first: int, n_second: int, axis: int
) -> NDArray[Any]:
    """Both arrays, joined along the axis of times. An absent array counts as NaN."""
    if first is None:
        assert second is not None
        first = _unknown(second, n_first, axis)
    if second is None:
        second = _unknown(first, n_second, axis)
    return np.concatenate([first, second], axis)


def _unknown(like: NDArray[Any], n_times: int, axis: int) -> NDArray[Any]:
    shape = list(like.shape)
    shape[axis] = n_times
    return np.full(shape, np.nan, like.dtype)
