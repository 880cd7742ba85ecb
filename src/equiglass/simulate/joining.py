"""Two sets of labels of one configuration become one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equiglass.errors import EquiglassError
from equiglass.system import System

_AXIS_OF_TIMES = {
    "propensity": 0,
    "replica_variance": 0,
    "propensity_halves": 1,
    "mean_displacement": 0,
    "replica_displacements": 0,
}


def check_joinable(system: System, labels: tuple[str, ...], runs: int) -> None:
    """Refuse labels that occur already, and another number of runs, of which a configuration has one only."""
    twice = [label for label in labels if label in system.time_labels]
    if twice:
        raise EquiglassError(
            f"{system.name} is labelled at a time {twice[0]!r} already; leave this time out or label it otherwise, "
            'times: {"label": time}.'
        )
    if system.time_labels and system.runs not in (None, runs):
        raise EquiglassError(
            f"the labels of {system.name} come from {system.runs} runs; take as many, runs: {system.runs}."
        )


def joined(first: System, second: System) -> System:
    """The second system with the labels of the first beside its own, times ascending.

    Args:
        first: labelled at other times.
        second: the same particles.

    Returns:
        ``second`` with more times; NaN where one of the two does not have a quantity that the other has.

    Raises:
        EquiglassError: a time or a label occurs in both, or the numbers of runs differ.
    """
    check_joinable(first, second.time_labels, second.runs or 0)
    order = np.argsort(np.concatenate([first.times, second.times]), kind="stable")
    labels = first.time_labels + second.time_labels
    fields: dict[str, Any] = {}
    for key, axis in _AXIS_OF_TIMES.items():
        both = getattr(first, key), getattr(second, key)
        if any(values is not None for values in both):
            fields[key] = np.take(_beside(*both, len(first.times), len(second.times), axis), order, axis)
    names = {**first.predictions, **second.predictions}
    fields["predictions"] = {
        name: _beside(
            first.predictions.get(name), second.predictions.get(name), len(first.times), len(second.times), 0
        )[order]
        for name in names
    }
    return replace(
        second,
        time_labels=tuple(labels[k] for k in order),
        times=np.concatenate([first.times, second.times])[order],
        **fields,
    )


def _beside(
    first: NDArray[Any] | None, second: NDArray[Any] | None, n_first: int, n_second: int, axis: int
) -> NDArray[Any]:
    """Both along the axis of the times; one that is absent becomes NaN."""
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
