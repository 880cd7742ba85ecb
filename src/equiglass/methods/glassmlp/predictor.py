"""GlassMLP as a method.

One small network per particle type and time predicts the propensity from coarse-grained structure
(`liquid.coarse_graining`). A step of Adam takes one configuration. For the first two thirds of the epochs the loss is
the absolute error; then the errors of spatial correlation and variance are added (`loss`). The rates are 5e-4, 2e-4,
4e-5 and 2e-5.

Deviations from the paper and its code: the list of the lengths L is not published there, so `lengths` is a choice of
this package, as is the reach of the weights. 300 and 100 epochs at the first two rates are the authors'; 100 and 100 at
the last two are chosen. All types get networks, not only A. That the hidden layers of ten units have elu is recalled.

Model file: safetensors with mean and scale of the features (n_types, F), of the target (n_types, T), and the weights
"K.weights.LAYER", "K.biases.LAYER" of type K; version 1. The mean of a target that was never known is NaN.

Source: G. Jung, G. Biroli, L. Berthier, Phys. Rev. Lett. 130, 238202 (2023), doi 10.1103/PhysRevLett.130.238202,
arXiv 2210.16623; code GerhardJung/StructDynGlass.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, field_validator
from torch import Tensor, nn

from equiglass.errors import ConfigurationError
from equiglass.liquid.arrays import Float
from equiglass.liquid.coarse_graining import REACH, coarse_grained, number_of_features
from equiglass.liquid.needs import Need
from equiglass.liquid.system import System
from equiglass.liquid.targets import measured, times_to_learn
from equiglass.machine import signals
from equiglass.methods.descent.standardisation import TargetStandardisation
from equiglass.methods.glassmlp.loss import ShellCorrelation, absolute_error, fluctuation_errors
from equiglass.methods.glassmlp.network import Networks
from equiglass.model.inputs.standardisation import moments_of
from equiglass.prediction.arrays import ArrayPredictor
from equiglass.prediction.configuration import MethodConfiguration
from equiglass.prediction.model_file import read_model, write_model
from equiglass.prediction.predictor import SILENT, About, Watch
from equiglass.prediction.run_folder import RunFolder
from equiglass.prediction.training_data import TrainingData

RATES = (5e-4, 2e-4, 4e-5, 2e-5)
"""Learning rates of the four parts of a training."""

PARTS = (1 / 2, 2 / 3, 5 / 6, 1.0)
"""Shares of the epochs at which the parts end: 300, 400, 500 and 600 of 600."""

FLUCTUATIONS = 2
"""The errors of correlation and variance are added from this part on."""

SAVED = 60.0
"""Seconds between two checkpoints."""


class GlassMLPConfiguration(MethodConfiguration):
    """Settings of the method `glassmlp`."""

    method: Literal["glassmlp"] = "glassmlp"
    target: Literal["propensity"] = "propensity"
    epochs: int = Field(600, ge=1, description="number of passes over the training configurations")
    lengths: tuple[float, ...] = Field(
        (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0), description="lengths L; 0 is the particle itself"
    )
    reach: float = Field(REACH, gt=0, le=30, description="distance beyond which no particle counts")

    @field_validator("lengths")
    @classmethod
    def _lengths(cls, lengths: tuple[float, ...]) -> tuple[float, ...]:
        sound = all(0 <= length < np.inf for length in lengths) and max(lengths, default=0) > 0
        if not sound or len(set(lengths)) < len(lengths):
            raise ValueError("lengths are different, finite, not negative, and at least one is more than 0")
        return lengths

    @property
    def input_needs(self) -> frozenset[Need]:
        """The inherent structure and the potential."""
        return frozenset({"potential", "inherent"})


class Part(NamedTuple):
    """The particles of one type in one configuration: features (n, F), targets (T, n), correlation of the shells."""

    features: Tensor
    targets: Tensor
    correlation: ShellCorrelation


@dataclass(frozen=True, repr=False, eq=False)
class GlassMLP(ArrayPredictor):
    """The networks, and the standardisation of features and targets."""

    method = "glassmlp"
    about = About(
        "small networks on coarse-grained structure of the inherent structure",
        "Jung 2023, doi 10.1103/PhysRevLett.130.238202",
        "training: a minute per configuration of 4096 particles; prediction: seconds; needs pyvoro2",
    )
    file_format = "equiglass-glassmlp"
    configuration = GlassMLPConfiguration

    @property
    def parameters(self) -> int:
        """Number of weights and biases."""
        return int(sum(array.size for key, array in self.arrays.items() if "." in key))

    def learned(self) -> NDArray[np.bool_]:
        """Whether there were training data of a particle type at a time, (n_types, T)."""
        return np.isfinite(self.arrays["target_mean"])

    def values(self, system: System) -> Float:
        """Propensity at every time of ``times``, LJ length, (T, N)."""
        features = coarse_grained(system, self.settings.lengths, self.n_types, self.settings.reach)
        values = np.empty((len(self.times), system.n_particles))
        for kind in np.unique(system.types):
            own = system.types == kind
            x = _standard(features[own], *(self.arrays[f"features_{which}"][kind] for which in ("mean", "scale")))
            with torch.no_grad():
                y = self._networks(kind)(torch.from_numpy(x).float()).double().numpy()
            mean, scale = (self.arrays[f"target_{which}"][kind, :, None] for which in ("mean", "scale"))
            if "target_lowest" in self.arrays:
                # Far from what it has learned, a network of ramps grows without bound.
                y = np.clip(y, *(self.arrays[f"target_{which}"][kind, :, None] for which in ("lowest", "highest")))
            values[:, own] = mean + scale * y
        return values

    def check_shapes(self) -> None:
        """See `Predictor.check_shapes`."""
        super().check_shapes()
        bounded = any(f"target_{which}" in self.arrays for which in ("lowest", "highest"))
        names = ("mean", "scale", "lowest", "highest") if bounded else ("mean", "scale")
        scales = {self.arrays[f"target_{which}"].shape for which in names}
        moments = {self.arrays[f"features_{which}"].shape for which in ("mean", "scale")}
        if len(scales) > 1 or len(moments) > 1 or next(iter(moments))[0] != self.n_types:
            raise ValueError("the means and scales have different numbers of types, times or features")
        if next(iter(moments))[1] != number_of_features(self.settings.lengths, self.n_types):
            raise ValueError("the settings describe another number of features")
        if not all(np.isfinite(array).all() for key, array in self.arrays.items() if "." in key):
            raise ValueError("a weight is not a finite number")
        for kind in {int(key.partition(".")[0]) for key in self.arrays if "." in key}:
            self._networks(kind)

    def _networks(self, kind: int) -> Networks:
        networks = Networks(len(self.times), self.arrays["features_mean"].shape[1])
        prefix = f"{kind}."
        of_kind = {k.removeprefix(prefix): torch.from_numpy(v) for k, v in self.arrays.items() if k.startswith(prefix)}
        networks.load_state_dict(of_kind)
        return networks

    @classmethod
    def fit(
        cls,
        training: Sequence[System],
        configuration: GlassMLPConfiguration,
        *,
        validation: Sequence[System] = (),
        folder: RunFolder | None = None,
        watch: Watch = SILENT,
    ) -> Self:
        """Train the networks, from the last checkpoint in the folder if there is one. See `Predictor.fit`."""
        n_types = max(system.n_types for system in training)
        times = times_to_learn(training, configuration.times, configuration.target)
        features = [coarse_grained(s, configuration.lengths, n_types, configuration.reach) for s in training]
        targets = [measured(system, list(times), configuration.target) for system in training]
        types = np.concatenate([system.types for system in training])
        moments = [moments_of(x, types, n_types) for x in np.concatenate(features).T]
        line = TargetStandardisation.fit([system.types for system in training], targets, n_types)
        arrays = {
            "features_mean": np.stack([each.mean for each in moments], axis=1),
            "features_scale": np.stack([each.scale for each in moments], axis=1),
            "target_mean": line.mean,
            "target_scale": line.scale,
            "target_lowest": line.lowest,
            "target_highest": line.highest,
        }
        parts: list[dict[int, Part]] = []
        for system, x, y in zip(training, features, targets, strict=True):
            parts.append({})
            for kind in np.unique(system.types).tolist():
                own = system.types == kind
                standard = _standard(x[own], arrays["features_mean"][kind], arrays["features_scale"][kind])
                target = _standard(y[:, own].T, arrays["target_mean"][kind], arrays["target_scale"][kind]).T
                correlation = ShellCorrelation(system.positions_in("inherent")[own], system.box)
                inputs, outputs = (torch.from_numpy(np.ascontiguousarray(z)).float() for z in (standard, target))
                parts[-1][kind] = Part(inputs, outputs, correlation)
        torch.manual_seed(configuration.seed)
        networks = nn.ModuleList(Networks(len(times), len(moments)) for _ in range(n_types))
        descend(networks, parts, configuration, folder, watch)
        arrays |= {key: weights.numpy() for key, weights in networks.state_dict().items()}
        model = cls(arrays, configuration, times, TrainingData.of(training, n_types, validation), "glassmlp")
        if folder is not None:
            # A training that continues for more epochs replaces the model of the fewer.
            model.save(folder.checkpoint("last"))
        return model


def descend(
    networks: nn.ModuleList,
    parts: Sequence[dict[int, Part]],
    configuration: GlassMLPConfiguration,
    folder: RunFolder | None,
    watch: Watch,
) -> None:
    """Train the networks of all types, one configuration per step.

    Args:
        networks: the networks of every type; their weights change in place.
        parts: per configuration, the particles of every type.
        configuration: settings of the training.
        folder: folder of the checkpoint; None writes none.
        watch: functions to call.
    """
    optimizer = torch.optim.Adam(networks.parameters(), lr=RATES[0])
    state = None if folder is None else folder.state
    begun = _restored(networks, optimizer, state) if state is not None and state.is_file() else 0
    saved = time.monotonic()
    total = configuration.epochs * len(parts)
    with signals.deferred() as stopped:
        for epoch in range(begun, configuration.epochs):
            part = next(k for k, end in enumerate(PARTS) if epoch < end * configuration.epochs)
            for group in optimizer.param_groups:
                group["lr"] = RATES[part]
            order = np.random.default_rng([configuration.seed, epoch]).permutation(len(parts))
            for step, index in enumerate(order, start=1):
                losses = [
                    loss_of(networks[kind](own.features), own, part >= FLUCTUATIONS)
                    for kind, own in parts[index].items()
                ]
                loss = torch.stack(losses).sum()
                if not torch.isfinite(loss):
                    raise ConfigurationError(
                        f"the loss is not a finite number (epoch {epoch + 1}, configuration {index + 1}). Check the "
                        "labels and the inherent structure of this configuration."
                    )
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                watch.step(epoch * len(parts) + step, total, loss.item())
            last = epoch + 1 == configuration.epochs
            # What is finished stays, so that the same training is not done again.
            if state is not None and (last or stopped() or time.monotonic() - saved > SAVED):
                _save(networks, optimizer, epoch + 1, state)
                saved = time.monotonic()
            if stopped():
                break


def loss_of(y: Tensor, part: Part, fluctuations: bool) -> Tensor:
    """Loss of predictions (T, n), summed over the times; a time with an unknown target has no fluctuation errors."""
    known = torch.isfinite(part.targets)
    rows, whole = known.any(dim=1), known.all(dim=1)
    # A sum over nothing: without a known target the loss is 0, and so is its gradient.
    loss = y[:0].sum()
    for t in torch.flatten(torch.nonzero(rows & ~whole)):
        loss = loss + absolute_error(y[t : t + 1, known[t]], part.targets[t : t + 1, known[t]]).sum()
    if whole.any():
        y, target = y[whole], part.targets[whole]
        loss = loss + absolute_error(y, target).sum()
        # Equal targets, such as that of one particle, have no fluctuations to compare with.
        varied = target.var(dim=1, correction=0) > 0
        if fluctuations and varied.any():
            spatial, variance = fluctuation_errors(y[varied], target[varied], part.correlation)
            loss = loss + spatial.sum() + variance.sum()
    return loss


def _standard(x: Float, mean: Float, scale: Float) -> Float:
    return (x - mean) / scale


def _save(networks: nn.Module, optimizer: torch.optim.Optimizer, epoch: int, path: Path) -> None:
    tensors = {f"network.{key}": value for key, value in networks.state_dict().items()}
    for name, parameter in networks.named_parameters():
        tensors |= {f"optimizer.{key}.{name}": value for key, value in optimizer.state[parameter].items()}
    write_model(path, tensors, {"format": "equiglass-glassmlp-training", "version": 1, "epoch": epoch})


def _restored(networks: nn.Module, optimizer: torch.optim.Optimizer, path: Path) -> int:
    """Load the checkpoint; returns the number of epochs done."""
    tensors, description = read_model(path)
    networks.load_state_dict({k.removeprefix("network."): v for k, v in tensors.items() if k.startswith("network.")})
    for name, parameter in networks.named_parameters():
        # The network of a type that has not occurred has no gradient yet, so Adam keeps nothing of it.
        if f"optimizer.step.{name}" in tensors:
            optimizer.state[parameter] = {
                key: tensors[f"optimizer.{key}.{name}"] for key in ("step", "exp_avg", "exp_avg_sq")
            }
    return int(description["epoch"])
