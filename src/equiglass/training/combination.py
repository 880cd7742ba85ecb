"""Combine trained models into one: weights, offsets and uncertainty from their cross-validations.

Let p_ik be the held-out prediction of model k for particle i. For every particle type and time

    w    = argmin_{w >= 0} sum_i (y'_i - sum_k w_k p'_ik)^2
    c    = < y_i - sum_k w_k p_ik >
    a, b, d = argmin sum_i ((y_i - m_i)^2 - nu - a^2 - b^2 s_i^2 - d^2 m_i^2)^2

A prime marks that the mean over the particles of this type in the configuration is subtracted, because the score of a
configuration, rho, does not depend on its mean. m is the weighted prediction, s the spread of the predictors
(`prediction.combination`), and nu the mean variance of the noise of the labels, or 0 if it is unknown. All particles
have the same weight.

The scores are nested: each fold is predicted with w, c, a, b and d of the other folds. The combination itself has
those of all folds.

Source: L. Breiman, Mach. Learn. 24, 49 (1996), doi 10.1007/BF00117832.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from equiglass.errors import ConfigurationError, EquiglassWarning
from equiglass.files.tables import records
from equiglass.liquid.arrays import Float
from equiglass.liquid.splits import refuse_copies
from equiglass.liquid.system import System, type_name
from equiglass.liquid.targets import TARGETS
from equiglass.methods.loading import save_model
from equiglass.observables import correlation, correlation_error
from equiglass.observables.ceiling import ceilings_of_noise
from equiglass.observables.correlation import pearson
from equiglass.prediction.combination import Combination
from equiglass.prediction.ensemble import Ensemble
from equiglass.prediction.model import Model
from equiglass.prediction.run_folder import refuse_used
from equiglass.prediction.stacking import non_negative_weights
from equiglass.training.held_out import Candidate, HeldOut, candidates, held_out
from equiglass.training.supply import without_ends

if TYPE_CHECKING:
    from pandas import DataFrame

EQUAL, STACK = "equal average", "stack"
"""Names of the two averages in the table of scores."""


@dataclass(frozen=True, repr=False)
class Combined:
    """A combination and its nested scores.

    Attributes:
        model: the combination.
        configurations: number of configurations.
        folds: number of folds.
        scores: columns type, label, time, model, weight, per_configuration and pooled rho with their bootstrap errors,
            mse; one row per type, time and model, among them the equal average and the stack.
        reliability: columns type, label, time, a, b, d, noise (variance of the labels' noise), ratio (mean squared
            error without noise, over the mean predicted variance), correlation (of absolute error and predicted
            deviation), ceiling (of rho per configuration by the noise; NaN where that is unknown).
    """

    model: Ensemble
    configurations: int
    folds: int
    scores: DataFrame
    reliability: DataFrame

    def __repr__(self) -> str:
        return f"Combined of {self.configurations} configurations\n{self.scores.to_string(index=False)}"

    def as_json(self) -> dict[str, Any]:
        """Scores and reliability for a JSON file; an undefined number is null."""
        head = {"configurations": self.configurations, "folds": self.folds}
        return {**head, "rho": records(self.scores), "uncertainty": records(self.reliability)}


def combine(
    members: Sequence[tuple[Path | str, Path | str]],
    systems: Sequence[System],
    out: Path | str,
    *,
    on_done: Callable[[], object] = lambda: None,
) -> Combined:
    """Combine trained models with weights by type and time, and with an uncertainty.

    Args:
        members: run folder of every final model, and folder of the cross-validation of the same method and settings.
        systems: the configurations of the cross-validations.
        out: new folder for the combination. A model without any weight is left out.
        on_done: called after every prediction of one model for one configuration.

    Returns:
        The combination, as `load_model` returns it from ``out``, with its nested scores.

    Warns:
        EquiglassWarning: there are no labels for a time, where the models then have equal weights; or a model was not
            trained on all configurations.

    Raises:
        ConfigurationError: ``out`` is in use, a cross-validation is not finished, has other configurations or other
            folds, there is one fold alone, or the models do not fit together.
        DataError: a configuration occurs twice.
    """
    if not members or any(isinstance(member, str) or len(member) != 2 for member in members):
        raise ConfigurationError(
            "members must be a list of pairs: the run folder, and the folder of its cross-validation."
        )
    refuse_used(Path(out))
    systems = without_ends(systems)
    refuse_copies(systems)
    those = candidates([(str(run), Path(cv)) for run, cv in members])
    _warn_of_untrained(those, systems)
    times = _times(those)
    shape = max(one.model.n_types for one in those), len(times)
    weights, offsets = np.zeros((*shape, len(those))), np.full(shape, np.nan)
    uncertainty = np.full((*shape, 3), np.nan)
    # Before any work: whether the models fit together.
    _ensemble(str(out), those, Combination((), times, weights, offsets, uncertainty))
    held = held_out(those, systems, list(times), on_done)
    folds = len({one.fold for one in held})
    if folds < 2:
        raise ConfigurationError("the configurations are of one fold; weights and their test need two or more.")
    scores: list[dict[str, Any]] = []
    reliability: list[dict[str, Any]] = []
    unknown: list[str] = []
    for kind, t in np.ndindex(shape):
        label = list(times)[t]
        where = {"type": type_name(kind), "label": label, "time": times[label]}
        learned = np.array([_has_learned(one, kind, label) for one in those])
        cases = _cases(held, kind, t, label, those[0].model.target)
        fit = _Fit(cases, those, learned)
        if not fit.members.any():
            if learned.any():
                weights[kind, t], offsets[kind, t] = learned / learned.sum(), 0.0
                unknown.append(f"type {where['type']} at {label!r}")
            continue
        found = fit(cases)
        weights[kind, t], offsets[kind, t], uncertainty[kind, t] = found.weights, found.offset, found.uncertainty
        nested = _nested(fit, cases)
        names = [one.name for one in those]
        scores += [where | row for row in _scores(fit, cases, nested, names, found.weights)]
        line = dict(zip("abd", found.uncertainty, strict=True))
        reliability.append(where | line | {"noise": found.noise} | _reliability(cases, nested))
    if unknown:
        warnings.warn(
            f"no held-out labels for {', '.join(unknown)}: the members have equal weights there, and no uncertainty.",
            EquiglassWarning,
            stacklevel=2,
        )
    model = _ensemble(str(out), those, Combination((), times, weights, offsets, uncertainty))
    save_model(model, Path(out))
    return Combined(model, len(held), folds, *map(_frame, (scores, reliability)))


class _Case(NamedTuple):
    """The particles of one type in one configuration, at one time: their values where the target is known.

    Attributes:
        fold: number of the fold.
        truth: (n,).
        predicted: by every predictor, (n, V).
        noise: mean variance of the noise of the labels; NaN if it is unknown.
        floor: the lowest possible value of the target.
    """

    fold: int
    truth: Float
    predicted: Float
    noise: float
    floor: float


class _Found(NamedTuple):
    """Weights of the candidates, (R,), offset, (a, b, d), and the variance of the noise of the labels."""

    weights: Float
    offset: float
    uncertainty: tuple[float, float, float]
    noise: float


class _Fit:
    """The fit of one type at one time.

    Attributes:
        members: which candidates predict all particles, (R,).
        predictors: which predictors belong to them, (V,).
        shares: weights of the predictors in every candidate, (V, R).
    """

    def __init__(self, cases: Sequence[_Case], those: Sequence[Candidate], learned: Any) -> None:
        owner = np.repeat(np.arange(len(those)), [len(one.shares) for one in those])
        self.shares = np.zeros((len(owner), len(those)))
        self.shares[np.arange(len(owner)), owner] = np.concatenate([one.shares for one in those])
        finite = [np.isfinite(case.predicted).all(axis=0) for case in cases]
        complete = np.all(finite, axis=0) if cases else np.zeros(len(owner), dtype=bool)
        self.members = learned & np.array([complete[owner == k].all() for k in range(len(those))])
        self.predictors = self.members[owner]

    def of_candidates(self, case: _Case) -> Float:
        """The prediction of every candidate, (n, R); 0 for one that does not predict all particles."""
        return np.asarray(np.where(self.predictors, case.predicted, 0.0) @ self.shares)

    def apply(self, case: _Case, found: _Found) -> tuple[Float, Float]:
        """The weighted prediction and the squared spread of the predictors, each (n,)."""
        mean = self.of_candidates(case) @ found.weights + found.offset
        each = self.shares @ found.weights
        total = each.sum()
        if total == 0:
            return mean, np.zeros_like(mean)
        values, shares = np.where(each > 0, case.predicted, 0.0), each / total
        return mean, ((values - (values @ shares)[:, None]) ** 2) @ shares

    def __call__(self, cases: Sequence[_Case]) -> _Found:
        """Weights, offset and uncertainty from these cases."""
        predicted, truth = [self.of_candidates(case) for case in cases], [case.truth for case in cases]
        weights = np.zeros(len(self.members))
        x, y = (np.concatenate([_centred(each) for each in values]) for values in (predicted, truth))
        weights[self.members] = non_negative_weights(x[:, self.members], y)
        offset = float(np.mean(np.concatenate(truth) - np.concatenate(predicted) @ weights))
        known = [case.noise for case in cases if np.isfinite(case.noise)]
        noise = float(np.mean(known)) if known else np.nan
        found = _Found(weights, offset, (np.nan,) * 3, noise)
        mean, squared = (np.concatenate(each) for each in zip(*(self.apply(c, found) for c in cases), strict=True))
        error = (np.concatenate(truth) - mean) ** 2 - np.nan_to_num(noise)
        terms = np.column_stack([np.ones_like(squared), squared, mean**2])
        scales = np.maximum(terms.mean(axis=0), np.finfo(np.float64).tiny)
        a, b, d = np.sqrt(non_negative_weights(terms / scales, error) / scales).tolist()
        return found._replace(uncertainty=(a, b, d))


def _centred(values: Float) -> Float:
    """The deviations from the mean over the first axis; 0 for a column that is constant up to rounding."""
    deviation = values - values.mean(axis=0)
    rounding = 4 * np.finfo(np.float64).eps * np.abs(values).max(axis=0)
    return np.where(np.abs(deviation).max(axis=0) > rounding, deviation, 0.0)


def _nested(fit: _Fit, cases: Sequence[_Case]) -> list[tuple[Float, Float]]:
    """Prediction and standard deviation of every case, fitted on the other folds; NaN if there are none."""
    fits = {}
    for fold in {case.fold for case in cases}:
        others = [case for case in cases if case.fold != fold]
        fits[fold] = fit(others) if others else None
    result = []
    for case in cases:
        found = fits[case.fold]
        if found is None:
            result.append((np.full_like(case.truth, np.nan), np.full_like(case.truth, np.nan)))
            continue
        (mean, squared), (a, b, d) = fit.apply(case, found), found.uncertainty
        result.append((np.maximum(mean, case.floor), np.sqrt(a**2 + b**2 * squared + d**2 * mean**2)))
    return result


def _scores(
    fit: _Fit, cases: Sequence[_Case], nested: Sequence[tuple[Float, Float]], names: Sequence[str], weights: Float
) -> list[dict[str, Any]]:
    """The scores of every candidate that predicts, of their equal average, and of the weighted one."""
    members = np.flatnonzero(fit.members).tolist()
    each = [np.maximum(fit.of_candidates(case), case.floor) for case in cases]
    alike = [np.maximum(fit.of_candidates(case)[:, members].mean(axis=1), case.floor) for case in cases]
    compared = [(names[k], weights[k], [p[:, k] for p in each]) for k in members]
    compared += [(EQUAL, np.nan, alike), (STACK, np.nan, [mean for mean, _ in nested])]
    rows = []
    for name, weight, predicted in compared:
        truth = [case.truth for case in cases]
        score, (error, pooled_error) = correlation(truth, predicted), correlation_error(truth, predicted)
        squared = np.concatenate([(y - p) ** 2 for y, p in zip(truth, predicted, strict=True)])
        rows.append(
            {
                "model": name,
                "weight": float(weight),
                "per_configuration": score.per_configuration,
                "per_configuration_error": error,
                "pooled": score.pooled,
                "pooled_error": pooled_error,
                "mse": float(squared.mean()),
            }
        )
    return rows


def _reliability(cases: Sequence[_Case], nested: Sequence[tuple[Float, Float]]) -> dict[str, float]:
    """How the nested errors compare with the nested standard deviations."""
    error = np.concatenate([case.truth - mean for case, (mean, _) in zip(cases, nested, strict=True)])
    deviation = np.concatenate([deviation for _, deviation in nested])
    known = [case.noise for case in cases if np.isfinite(case.noise)]
    variance, noise = float(np.mean(deviation**2)), float(np.mean(known)) if known else 0.0
    ratio = (float(np.mean(error**2)) - noise) / variance if variance > 0 else np.nan
    ceiling = ceilings_of_noise(
        [case.truth for case in cases], [np.full_like(case.truth, case.noise) for case in cases]
    ).per_configuration
    return {"ratio": ratio, "correlation": pearson(np.abs(error), deviation), "ceiling": ceiling}


def _cases(held: Sequence[HeldOut], kind: int, t: int, label: str, target: str) -> list[_Case]:
    """The configurations where the target of this type is known at this time."""
    cases, what = [], TARGETS[target]
    for one in held:
        chosen = (one.system.types == kind) & np.isfinite(one.truth[t])
        if not chosen.any():
            continue
        noise = what.noise(one.system, label)
        known = noise[chosen][np.isfinite(noise[chosen])] if noise is not None else np.empty(0)
        cases.append(
            _Case(
                one.fold,
                one.truth[t, chosen],
                one.predicted[:, t, chosen].T,
                float(known.mean()) if known.size else np.nan,
                -np.inf if what.negative else 0.0,
            )
        )
    return cases


def _warn_of_untrained(those: Sequence[Candidate], systems: Sequence[System]) -> None:
    for candidate in those:
        untrained = [s.name for s in systems if candidate.model.role(s) not in ("training", "unknown")]
        if untrained:
            warnings.warn(
                f"{candidate.model.name} was not trained on {len(untrained)} of {len(systems)} configurations "
                f"({untrained[0]} is the first); train the final model on all of them with --set fold=0.",
                EquiglassWarning,
                stacklevel=3,
            )


def _has_learned(candidate: Candidate, kind: int, label: str) -> bool:
    model = candidate.model
    return label in model.times and kind < model.n_types and bool(model.learned()[kind, list(model.times).index(label)])


def _times(those: Sequence[Candidate]) -> dict[str, float]:
    """The times of all candidates, ascending; a label has the time of the first candidate that knows it."""
    times: dict[str, float] = {}
    for candidate in those:
        times = {**candidate.model.times, **times}
    return dict(sorted(times.items(), key=lambda item: item[1]))


def _ensemble(name: str, those: Sequence[Candidate], found: Combination) -> Ensemble:
    """The final models with the weights of their predictors; without those that have no weight, unless none has one."""
    used = found.weights.any(axis=(0, 1))
    used = used if used.any() else np.ones_like(used)
    places: list[Model] = []
    names: list[str] = []
    weights: list[Float] = []
    for k in np.flatnonzero(used).tolist():
        places += those[k].model.members
        names += those[k].names
        weights += [found.weights[:, :, k] * share for share in those[k].shares]
    combination = Combination(tuple(names), found.times, np.stack(weights, -1), found.offsets, found.uncertainty)
    members = tuple(one.named(f"{name}/{own}") for one, own in zip(places, names, strict=True))
    return Ensemble(name, members, combination)


def _frame(rows: Sequence[dict[str, Any]]) -> DataFrame:
    from pandas import DataFrame

    return DataFrame(rows)
