"""The linear read-out of a model, and its exact refit on other configurations. The rest of the network is frozen.

Eq. 23 of arXiv 2211.03226 has no offset: the network predicts y_i(t) = w_{t, type(i)} . |h_i|. The propensity is
m_i = mean + scale * y_i, plus weights . averages_i if the model has averages. Here both are one linear map:

    m_i(t) = offset + weights . |h_i| + average_weights . averages_i

A refit standardises the targets again, per type and time, over its configurations. The scale becomes the standard
deviation of their propensity, and the mean becomes the offset of least squares. So y_i is again a read-out without
offset.
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
from equiglass.prediction.split import Split
from equiglass.prediction.training_data import TrainingData
from equiglass.representation.represent import Represented, networks_of


@dataclass(frozen=True, eq=False)
class Decoders:
    """The linear read-out, per particle type and time.

        m_i(t) = offset + weights . |h_i| + average_weights . averages_i

    Attributes:
        labels: labels of the T times.
        offset: offsets, LJ length, (n_types, T).
        weights: weights of |h|, LJ length, (n_types, T, F).
        average_weights: weights of the averages, LJ length over energy, (n_types, T, G).
        scale: standard deviation of the targets, LJ length, (n_types, T).
    """

    labels: tuple[str, ...]
    offset: Float
    weights: Float
    average_weights: Float
    scale: Float

    def predict(self, configuration: Represented) -> dict[str, Float]:
        """Propensity, LJ length, (N,), by label. It is a mean distance, so a negative value is set to zero."""
        types = configuration.system.types
        predicted = np.empty((len(self.labels), len(types)))
        for kind in np.unique(types):
            line = self.offset[kind][:, None] + self.weights[kind] @ configuration.of_type(kind).T
            line += self.average_weights[kind] @ configuration.averages[types == kind].T
            predicted[:, types == kind] = np.maximum(line, 0.0)
        return dict(zip(self.labels, predicted, strict=True))

    def select(self, labels: Sequence[str]) -> Decoders:
        """The read-out for some of the times."""
        rows = [self.labels.index(label) for label in labels]
        parts = (self.offset, self.weights, self.average_weights, self.scale)
        return Decoders(tuple(labels), *(part[:, rows] for part in parts))


@dataclass(frozen=True, eq=False)
class Refit:
    """A refitted read-out.

    Attributes:
        decoders: read-out for the times that model and configurations share.
        penalty: chosen penalty, (n_types, T); NaN where no propensity was known and the read-out is unchanged.
        weights_error: jackknife standard error of the weights over the configurations, (n_types, T, F).
        mse_before: mean squared error of the original read-out on the configurations of the refit, (n_types, T).
        mse_after: mean squared error of the refitted read-out on them, (n_types, T).
    """

    decoders: Decoders
    penalty: Float
    weights_error: Float
    mse_before: Float
    mse_after: Float


def decoders_of(model: Model) -> Decoders:
    """The linear read-out of the networks of a model, which acts on their concatenated representations.

    Its times are those of the networks. A combination may predict more by other methods.

    Raises:
        ConfigurationError: the model has no network, or does not predict propensities.
    """
    if model.target != "propensity":
        raise ConfigurationError(f"{model.name} predicts the {model.target}; this needs a model of the propensity.")
    networks = networks_of(model)
    lines = [member.line for member in networks]
    weights = [member.line.scale[..., None] * member.network.decoder.detach().double().numpy() for member in networks]
    return Decoders(
        tuple(networks[0].times),
        np.mean([line.mean for line in lines], axis=0),
        np.concatenate(weights, axis=-1) / len(weights),
        np.mean([line.average_weights for line in lines], axis=0),
        np.mean([line.scale for line in lines], axis=0),
    )


def refit(decoders: Decoders, configurations: Sequence[Represented]) -> Refit:
    """Refit the read-out by exact ridge regression towards the given one, per type and time (eq. 23).

    The features are |h| and the averages; `fit_line` has the formula. Leaving out one configuration at a time chooses
    the penalty. In the limit of a large penalty only the offset changes, so the error on the configurations of the
    refit never grows. Only `Decoders.predict` sets negative values to zero.

    Args:
        decoders: read-out of a trained model.
        configurations: configurations with propensities; times are matched by label.

    Returns:
        The refitted read-out for the common times.

    Raises:
        DataError: there is no common time, or a type and time is known in one configuration only.
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
                    f"only {configurations[having[0]].system.name} has the time labelled {label!r}; a refit of the "
                    "read-out needs two configurations or more."
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
    """The networks of a model with another read-out, for the times that ``systems`` share with it.

    Args:
        model: the model; its networks do not change.
        decoders: the read-out.
        systems: configurations of the refit. They give the values of the times and the summary of the training data.
    """
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
    channels, lengths = member.inputs.channels(n_types), member.inputs.n_lengths
    network = Network(old.architecture, channels, n_types, len(times), lengths).to(old.decoder.dtype)
    state = dict(old.state_dict())
    state["decoder"] = torch.from_numpy(weights / decoders.scale[..., None]).to(old.decoder.dtype)
    network.load_state_dict(state)
    numbers = (decoders.offset, decoders.scale, decoders.average_weights)
    line = TargetStandardisation.linear(*(np.ascontiguousarray(x) for x in numbers))
    data = TrainingData.of(systems, n_types)
    splits = [split for split in (member.data.split, data.split) if split is not None]
    data = replace(data, potential=member.data.potential, split=Split.joined(splits))
    return replace(member, network=network, times=times, line=line, data=data)
