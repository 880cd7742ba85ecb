"""The linear decoders of a model, and their exact refit on other configurations while the rest is frozen.

Eq. 23 of arXiv 2211.03226 has no offset: the network predicts y_i(t) = w_{t, type(i)} . |h_i|, and the propensity is
m_i = mean + scale * y_i, and weights . averages_i where the model takes them in. Here all is one line,
m_i = offset + weights . |h_i| + average_weights . averages_i. A refit standardises the targets anew,
for each type and time, over the configurations that it sees: the scale becomes the standard deviation of the propensity
measured there, the mean becomes the offset of least squares, and y_i is again a decoder without offset.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from equiglass.errors import ConfigurationError, DataError
from equiglass.liquid.arrays import Float
from equiglass.liquid.system import System
from equiglass.liquid.targets import measured, times_to_learn
from equiglass.methods.descent.standardisation import TargetStandardisation
from equiglass.methods.linear.line import fit_line
from equiglass.methods.network.predictor import NetworkPredictor
from equiglass.model.network import Network
from equiglass.prediction.ensemble import Ensemble
from equiglass.prediction.model import Model
from equiglass.prediction.training_data import TrainingData
from equiglass.representation.represent import Represented, networks_of


@dataclass(frozen=True, eq=False)
class Decoders:
    """m_i(t) = offset + weights . |h_i| + average_weights . averages_i, for each particle type and time.

    Attributes:
        labels: T names of times.
        offset: LJ length, (n_types, T).
        weights: LJ length, (n_types, T, F).
        average_weights: LJ length over energy, (n_types, T, G).
        scale: standard deviation of the targets, LJ length, (n_types, T).
    """

    labels: tuple[str, ...]
    offset: Float
    weights: Float
    average_weights: Float
    scale: Float

    def predict(self, configuration: Represented) -> dict[str, Float]:
        """Propensity (N,) by time label; a mean distance, so nothing below zero."""
        types = configuration.system.types
        predicted = np.empty((len(self.labels), len(types)))
        for kind in np.unique(types):
            line = self.offset[kind][:, None] + self.weights[kind] @ configuration.of_type(kind).T
            line += self.average_weights[kind] @ configuration.averages[types == kind].T
            predicted[:, types == kind] = np.maximum(line, 0.0)
        return dict(zip(self.labels, predicted, strict=True))

    def select(self, labels: Sequence[str]) -> Decoders:
        """Those of some times."""
        rows = [self.labels.index(label) for label in labels]
        parts = (self.offset, self.weights, self.average_weights, self.scale)
        return Decoders(tuple(labels), *(part[:, rows] for part in parts))


@dataclass(frozen=True, eq=False)
class Refit:
    """Refitted decoders.

    Attributes:
        decoders: for the times that model and configurations share.
        penalty: chosen for each type and time, (n_types, T); NaN where nothing was known and the decoder was kept.
        weights_error: jackknife standard error of the weights over configurations, (n_types, T, F).
        mse_before: mean squared error, on the configurations refitted on, of the model as it was, (n_types, T).
        mse_after: the same of the refitted decoders.
    """

    decoders: Decoders
    penalty: Float
    weights_error: Float
    mse_before: Float
    mse_after: Float


def decoders_of(model: Model) -> Decoders:
    """The decoders of a model as it is; an ensemble's are one line on its members' representations side by side.

    Raises:
        ConfigurationError: a model without a network, or of energies.
    """
    if model.target != "propensity":
        raise ConfigurationError(f"{model.name} predicts the {model.target}; this is for propensities.")
    networks = networks_of(model)
    lines = [member.line for member in networks]
    weights = [member.line.scale[..., None] * member.network.decoder.detach().double().numpy() for member in networks]
    return Decoders(
        tuple(model.times),
        np.mean([line.mean for line in lines], axis=0),
        np.concatenate(weights, axis=-1) / len(weights),
        np.mean([line.average_weights for line in lines], axis=0),
        np.mean([line.scale for line in lines], axis=0),
    )


def refit(decoders: Decoders, configurations: Sequence[Represented]) -> Refit:
    """Exact ridge least squares on |h| and the averages, towards the given decoders, for each type and time apart.

    The penalty is chosen by leaving out one configuration at a time. However large, it leaves the decoders as they
    were but for their offset, so that on the configurations refitted on the error never grows. What falls below zero
    is set to zero in `Decoders.predict` only.

    Args:
        decoders: of a trained model.
        configurations: with propensities; times are matched by label.

    Raises:
        DataError: no time in common, or a type and time known in one configuration only.
    """
    known = {label for c in configurations if c.system.propensity is not None for label in c.system.time_labels}
    labels = [label for label in decoders.labels if label in known]
    if not labels:
        raise DataError(
            f"the model predicts the times labelled {list(decoders.labels)}, the configurations to refit on have "
            f"propensities at {sorted(known)}: there is nothing to refit."
        )
    decoders = decoders.select(labels)
    offset, scale = decoders.offset.copy(), decoders.scale.copy()
    weights = np.concatenate([decoders.weights, decoders.average_weights], axis=-1)
    error = np.full_like(weights, np.nan)
    penalty, before, after = (np.full_like(offset, np.nan) for _ in range(3))
    targets = [measured(c.system, labels) for c in configurations]
    for kind in range(len(offset)):
        chosen = [c.system.types == kind for c in configurations]
        for time, label in enumerate(labels):
            where = [mask & np.isfinite(p[time]) for mask, p in zip(chosen, targets, strict=True)]
            having = [k for k, mask in enumerate(where) if mask.any()]
            if not having:
                continue
            if len(having) == 1:
                raise DataError(
                    f"{configurations[having[0]].system.name} alone has the time labelled {label!r}; decoders are "
                    "refitted on two configurations or more."
                )
            x = [configurations[k].features[where[k]] for k in having]
            y = [targets[k][time, where[k]] for k in having]
            line = fit_line(x, y, weights[kind, time])
            features, truth = np.concatenate(x), np.concatenate(y)
            before[kind, time] = np.mean((truth - offset[kind, time] - features @ weights[kind, time]) ** 2)
            after[kind, time] = np.mean((truth - line.offset - features @ line.weights) ** 2)
            offset[kind, time], weights[kind, time], error[kind, time] = line.offset, line.weights, line.error
            penalty[kind, time], scale[kind, time] = line.penalty, truth.std() or 1.0
    weights, average_weights = np.split(weights, [decoders.weights.shape[-1]], axis=-1)
    refitted = Decoders(tuple(labels), offset, weights, average_weights, scale)
    return Refit(refitted, penalty, error[..., : weights.shape[-1]], before, after)


def with_decoders(model: Model, decoders: Decoders, systems: Sequence[System]) -> Model:
    """The networks of a model with another read-out for some of its times; the times are those of ``systems``."""
    networks = networks_of(model)
    times = times_to_learn(systems, "all")
    times = {label: times[label] for label in times if label in decoders.labels}
    decoders = decoders.select(list(times))
    widths = [member.network.decoder.shape[-1] for member in networks]
    parts = np.split(decoders.weights, np.cumsum(widths)[:-1], axis=-1)
    members = tuple(
        _with_decoder(member, part * len(networks), decoders, times, systems)
        for member, part in zip(networks, parts, strict=True)
    )
    return members[0] if len(members) == 1 else Ensemble(model.name, members)


def _with_decoder(
    member: NetworkPredictor,
    weights: Float,
    decoders: Decoders,
    times: Mapping[str, float],
    systems: Sequence[System],
) -> NetworkPredictor:
    old, n_types = member.network, member.n_types
    network = Network(old.architecture, member.inputs.channels(n_types), n_types, len(times)).to(old.decoder.dtype)
    state = dict(old.state_dict())
    state["decoder"] = torch.from_numpy(weights / decoders.scale[..., None]).to(old.decoder.dtype)
    network.load_state_dict(state)
    numbers = (decoders.offset, decoders.scale, decoders.average_weights)
    line = TargetStandardisation(*(np.ascontiguousarray(x) for x in numbers))
    data = replace(TrainingData.of(systems, n_types), potential=member.data.potential)
    return replace(member, network=network, times=times, line=line, data=data)
