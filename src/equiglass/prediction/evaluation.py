"""Scores of predictions against measured values: rho in both conventions, its noise ceiling, the squared error."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from equiglass.errors import ConfigurationError, EquiglassWarning
from equiglass.files.tables import plain
from equiglass.liquid.arrays import Float
from equiglass.liquid.ends import is_end
from equiglass.liquid.splits import refuse_copies
from equiglass.liquid.system import System, type_name
from equiglass.liquid.targets import TARGETS, measured, times_in_common, times_of
from equiglass.observables import Score, ceilings_of_noise, correlation, correlation_error, known_mean
from equiglass.prediction.model import Prediction
from equiglass.prediction.split import ROLES, SEEN, Role

if TYPE_CHECKING:
    from pandas import DataFrame

Predicted = Mapping[str, Float]
"""Predicted values by label, each (N,)."""


@dataclass(frozen=True)
class Row:
    """Scores of one particle type at one time.

    Attributes:
        type: A, B, ...
        label: label of the time, or of the energy.
        time_index: the label as a number, if it is one; else the place of the time in the data, from 1. It is 0 for
            the energy.
        time: value of the time in the first configuration that has it, LJ time.
        per_configuration: Pearson rho of a configuration, averaged over the configurations.
        per_configuration_error: bootstrap standard error of this average; NaN for a single configuration.
        pooled: Pearson rho over the particles of all configurations together.
        pooled_error: bootstrap standard error of the pooled rho.
        ceiling_per_configuration: highest per-configuration rho that the noise of the labels allows; NaN without
            replicas.
        ceiling_pooled: highest pooled rho that this noise allows; NaN without replicas.
        mse: mean squared error, LJ units squared.
        configurations: number of configurations behind the row.
        role: what these configurations were in the training of the model. Each role has rows of its own.
    """

    type: str
    label: str
    time_index: int
    time: float
    per_configuration: float
    per_configuration_error: float
    pooled: float
    pooled_error: float
    ceiling_per_configuration: float
    ceiling_pooled: float
    mse: float
    configurations: int
    role: Role = "unknown"


@dataclass(frozen=True, repr=False)
class Scores:
    """Scores by particle type and time.

    Attributes:
        rows: one row per role, type and time.
        configurations: number of configurations that were scored.
        left_out: names of the configurations on which the model depends, which were not scored.
    """

    rows: tuple[Row, ...]
    configurations: int
    left_out: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        columns = ["type", "label", "time", "per_configuration", "pooled", "ceiling_per_configuration"]
        table = self.frame()[columns].to_string(index=False) if self.rows else "nothing to score"
        return f"Scores of {self.configurations} configurations\n{table}"

    def frame(self) -> DataFrame:
        """The scores as a data frame with the columns of `Row`."""
        from pandas import DataFrame

        return DataFrame([asdict(row) for row in self.rows], columns=list(Row.__dataclass_fields__))

    def as_json(self) -> dict[str, Any]:
        """The scores for a JSON file; an undefined number is null."""
        rows = [plain(asdict(row)) for row in self.rows]
        return {"configurations": self.configurations, "left_out": list(self.left_out), "rho": rows}


def evaluate(
    systems: Sequence[System],
    predictions: Sequence[Prediction | Predicted],
    target: str = "propensity",
    *,
    seen: bool = False,
) -> Scores:
    """Score predictions for every type and every label that both sides have, at the same time.

    Configurations on which the model was trained, or on whose scores it was chosen, are left out: their scores are no
    test of it. Ends of runs are left out unless there is nothing else.

    Args:
        systems: configurations with propensities; for the energy, with inherent structure and potential.
        predictions: one per system: a `Prediction`, or values (N,) by label.
        target: target of the values by label; a `Prediction` names its own.
        seen: whether to score the configurations on which the model depends too, in rows of their own.

    Returns:
        Scores by type and time. The true energy is computed from the system in the `Prediction`.

    Warns:
        EquiglassWarning: configurations or labels are left out.

    Raises:
        ConfigurationError: there are more systems than predictions, or fewer; several targets; a prediction of another
            shape; no common label with the same time; or the model depends on every configuration.
        DataError: two systems are the same configuration.
    """
    if len(systems) != len(predictions):
        raise ConfigurationError(f"{len(systems)} configurations, but {len(predictions)} predictions of them.")
    ends = [is_end(system) for system in systems]
    if any(ends) and not all(ends):
        warnings.warn(
            f"ends of runs are not scored, {sum(ends)} here: their labels are those of one run.",
            EquiglassWarning,
            stacklevel=2,
        )
        systems = [system for system, end in zip(systems, ends, strict=True) if not end]
        predictions = [prediction for prediction, end in zip(predictions, ends, strict=True) if not end]
    found = {p.target for p in predictions if isinstance(p, Prediction)} or {target}
    if len(found) > 1:
        raise ConfigurationError(
            f"the predictions have several targets, {', '.join(sorted(found))}; score each target separately."
        )
    (target,) = found
    refuse_copies(systems)
    if TARGETS[target].needs:
        pairs = zip(systems, predictions, strict=True)
        systems = [p.system if isinstance(p, Prediction) and not times_of(s, target) else s for s, p in pairs]
    roles = [p.role if isinstance(p, Prediction) else "unknown" for p in predictions]
    left_out = () if seen else leave_out_seen(systems, roles)[1]
    cases = [_Case(s, p, target) for s, p in zip(systems, predictions, strict=True)]
    by_role = {role: [c for c, own in zip(cases, roles, strict=True) if own == role] for role in reversed(ROLES)}
    if not seen:
        by_role = {role: own for role, own in by_role.items() if role not in SEEN}
    scored = [case for own in by_role.values() for case in own]
    shared = _shared_labels(scored)
    n_types = max(case.system.n_types for case in scored)
    rows = [
        row
        for role, own in by_role.items()
        for label in shared
        for row in _rows([case for case in own if label in case.labels], label, n_types, target, role)
    ]
    return Scores(tuple(rows), len(scored), left_out)


class _Case:
    """A configuration with its prediction, and the labels at which both are known at the same time."""

    def __init__(self, system: System, prediction: Prediction | Predicted, target: str) -> None:
        self.system = system
        self.predicted = _by_label(prediction, system.n_particles)
        self.known = times_of(system, target)
        # Values by label alone have no times.
        self.times = prediction.times if isinstance(prediction, Prediction) else {}
        predicted_at = {label: self.times.get(label, self.known.get(label, 0.0)) for label in self.predicted}
        self.labels, self.conflicts = times_in_common(predicted_at, self.known)


def leave_out_seen(systems: Sequence[System], roles: Sequence[Role]) -> tuple[list[System], tuple[str, ...]]:
    """The configurations on which a model does not depend, and the names of the others.

    Args:
        systems: configurations.
        roles: what each was in the training of the model.

    Warns:
        EquiglassWarning: configurations are left out.

    Raises:
        ConfigurationError: none is left.
    """
    unseen = [system for system, role in zip(systems, roles, strict=True) if role not in SEEN]
    names = tuple(system.name for system, role in zip(systems, roles, strict=True) if role in SEEN)
    shown = ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
    if names and not unseen:
        raise ConfigurationError(
            f"the model was trained or chosen on every configuration here ({shown}), so that their scores are no test; "
            "give configurations that it has not seen, or ask for the scores with --seen (seen=True)."
        )
    if names:
        warnings.warn(
            f"{len(names)} of {len(systems)} configurations are left out, because the model was trained or chosen on "
            f"them ({shown}); --seen (seen=True) scores them too.",
            EquiglassWarning,
            stacklevel=3,
        )
    return unseen, names


def _shared_labels(cases: Sequence[_Case]) -> list[str]:
    """The labels to score, in the order of the predictions.

    Warns:
        EquiglassWarning: a label has another time in a prediction than in the data.

    Raises:
        ConfigurationError: there is no label.
    """
    labels = dict.fromkeys(label for case in cases for label in case.predicted)
    shared = [label for label in labels if any(label in case.labels for case in cases)]
    differing: dict[str, str] = {}
    for case in cases:
        for label in case.conflicts:
            words = f"{label!r} is {case.times[label]:g} in the prediction but {case.known[label]:g} in the data"
            differing.setdefault(label, f"{words} ({case.system.name})")
    conflict = f"the time labelled {'; '.join(differing.values())}"
    if not shared and differing:
        raise ConfigurationError(f"{conflict}: there is nothing to compare.")
    if not shared:
        known = dict.fromkeys(label for case in cases for label in case.known)
        raise ConfigurationError(
            f"the model predicts the labels {list(labels)}, the data have the labels {list(known)}: there is nothing "
            "to compare."
        )
    if differing:
        warnings.warn(f"{conflict}; such pairs are left out.", EquiglassWarning, stacklevel=3)
    return shared


def _rows(cases: Sequence[_Case], label: str, n_types: int, target: str, role: Role) -> Iterator[Row]:
    """The rows of one role and label, one per type."""
    values = [(c.system, np.asarray(c.predicted[label]), measured(c.system, [label], target)[0]) for c in cases]
    for kind in range(n_types):
        chosen = [(s, s.types == kind, p, y) for s, p, y in values if np.any(s.types == kind)]
        if chosen:
            yield _row(chosen, kind, label, cases[0].known[label], target, role)


def _by_label(prediction: Prediction | Predicted, n_particles: int) -> Predicted:
    if isinstance(prediction, Prediction):
        return {label: prediction.at(label) for label in prediction.times}
    shapes = [np.shape(values) for values in prediction.values()] if isinstance(prediction, Mapping) else [()]
    if any(shape != (n_particles,) for shape in shapes):
        raise ConfigurationError(
            f"a prediction must be a Prediction or values of the {n_particles} particles by label, such as "
            '{"7": array}.'
        )
    return prediction


def _row(
    chosen: Sequence[tuple[System, NDArray[np.bool_], Float, Float]],
    kind: int,
    label: str,
    time: float,
    target: str,
    role: Role,
) -> Row:
    """Scores of one type and label, from (system, mask of the type, prediction, truth) per configuration."""
    truth = [y[mask] for _, mask, _, y in chosen]
    predicted = [p[mask] for _, mask, p, _ in chosen]
    score = correlation(truth, predicted)
    error, pooled_error = correlation_error(truth, predicted)
    ceiling = _ceiling([(s, mask) for s, mask, _, _ in chosen], truth, label, target)
    errors = np.concatenate(truth) - np.concatenate(predicted)
    place = list(times_of(chosen[0][0], target)).index(label) + 1 if time else 0
    return Row(
        type=type_name(kind),
        label=label,
        time_index=int(label) if label.isdecimal() else place,
        time=time,
        per_configuration=score.per_configuration,
        per_configuration_error=error,
        pooled=score.pooled,
        pooled_error=pooled_error,
        ceiling_per_configuration=ceiling.per_configuration if ceiling else math.nan,
        ceiling_pooled=ceiling.pooled if ceiling else math.nan,
        mse=float(known_mean(errors**2)),
        configurations=score.configurations,
        role=role,
    )


def _ceiling(
    chosen: Sequence[tuple[System, NDArray[np.bool_]]], truth: Sequence[Float], label: str, target: str
) -> Score | None:
    """Noise ceiling, or None if the noise of a configuration is unknown."""
    noise = [TARGETS[target].noise(system, label) for system, _ in chosen]
    known = [variance[mask] for variance, (_, mask) in zip(noise, chosen, strict=True) if variance is not None]
    return ceilings_of_noise(truth, known) if len(known) == len(chosen) else None
