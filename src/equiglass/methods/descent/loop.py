"""Training: loss = sum over times of the MSE, one configuration at a time, every random choice keyed.

The configurations of an optimiser step are shared by the processes of the run; their number changes nothing.

The order of the configurations is keyed by (seed, epoch), dropout by (seed, step, configuration). A run that was
stopped therefore goes on to the same weights as one that was not, on the same processor and number of threads.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from equiglass.machine import processes
from equiglass.methods.descent.averages import RunningAverages
from equiglass.methods.descent.gradient import Gradient, recorder
from equiglass.methods.descent.samples import Sample
from equiglass.methods.descent.schedule import learning_rate
from equiglass.methods.network.configuration import Configuration
from equiglass.model.network import Network
from equiglass.model.standardisation import Standardisation
from equiglass.observables import pearson

CHECKPOINT_SECONDS = 60.0

AVERAGES_PENALTY = 1e-4
"""On the slopes of the averages in `calibrate`, in units of the variance of the standardised averages."""


@dataclass
class Progress:
    """Where a run stands.

    Attributes:
        step: configurations seen so far.
        loss_sum: of the configurations seen in the epoch under way.
        best: highest validation rho so far (mean over types and times).
    """

    step: int = 0
    loss_sum: float = 0.0
    best: float = -1.0


@dataclass(frozen=True)
class EpochResult:
    """One line of the log: rho is (n_types, T), NaN without validation configurations."""

    epoch: int
    rate: float
    loss: float
    rho: np.ndarray
    best: bool


def key(*numbers: int) -> int:
    """A well-mixed seed from a few whole numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)


def make_optimizer(network: Network, configuration: Configuration) -> torch.optim.Adam:
    """Adam; with the paper's schedule, halving, also the paper's betas (0.99, 0.999)."""
    return torch.optim.Adam(
        network.parameters(),
        lr=configuration.learning_rate,
        betas=(0.99, 0.999) if configuration.schedule == "halving" else (0.9, 0.999),
        weight_decay=configuration.weight_decay,
    )


def fit(
    network: Network,
    optimizer: torch.optim.Optimizer,
    configuration: Configuration,
    training: Sequence[Sample],
    validation: Sequence[Sample],
    standardisation: Standardisation,
    progress: Progress,
    checkpoint: Callable[[Progress], None],
    epoch_done: Callable[[EpochResult], None],
    step_done: Callable[[Progress, float], None] = lambda progress, loss: None,
) -> None:
    """Train from where ``progress`` stands to the end.

    Args:
        network: changed in place.
        optimizer: with its state.
        configuration: of the run.
        training: configurations to learn from.
        validation: configurations to score after every epoch; may be empty.
        standardisation: to bring predictions back to LJ units.
        progress: where to go on; changed in place.
        checkpoint: called at the end of every epoch and once a minute, always between optimiser steps.
        epoch_done: called with the result of every epoch, before its checkpoint.
        step_done: called after every optimiser step with the mean loss of its configurations.
    """
    n = len(training)
    total = configuration.epochs * n
    saved = time.monotonic()
    gradient = Gradient(network, recorder() if network.decoder.is_cuda else None)
    while progress.step < total:
        epoch, position = divmod(progress.step, n)
        order = np.random.default_rng(key(configuration.seed, 1, epoch)).permutation(n)
        group = order[position : position + configuration.accumulate]
        rate = learning_rate(configuration.schedule, configuration.learning_rate, progress.step / total)
        for parameters in optimizer.param_groups:
            parameters["lr"] = rate
        network.train()
        gradient.clear()
        averages = RunningAverages(network, configuration.accumulate)
        losses = torch.zeros((), dtype=torch.float64)
        for place in range(processes.rank(), len(group), processes.size()):
            index = int(group[place])
            random = key(configuration.seed, 2, progress.step + place, index)
            mirrored = configuration.mirror and random % 2 == 1
            with averages.of_configuration():
                losses += gradient.add(training[index], mirrored, len(group), random)
        processes.add([*gradients(network), *averages.sums, losses])
        averages.join(len(group))
        torch.nn.utils.clip_grad_norm_(network.parameters(), configuration.clip)
        optimizer.step()
        progress.step += len(group)
        loss_sum = losses.item()
        progress.loss_sum += loss_sum
        step_done(progress, loss_sum / len(group))
        if progress.step % n == 0:
            rho = score(network, validation, standardisation)
            mean = float(np.nanmean(rho)) if np.isfinite(rho).any() else -1.0
            best = mean > progress.best
            progress.best = max(mean, progress.best)
            epoch_done(EpochResult(epoch + 1, rate, progress.loss_sum / n, rho, best))
            progress.loss_sum = 0.0
        if progress.step % n == 0 or time.monotonic() - saved > CHECKPOINT_SECONDS:
            checkpoint(progress)
            saved = time.monotonic()


def gradients(network: Network) -> list[Tensor]:
    """The gradient of every parameter; zero where no configuration has been seen."""
    for parameter in network.parameters():
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    return [parameter.grad for parameter in network.parameters() if parameter.grad is not None]


def calibrate(network: Network, samples: Sequence[Sample], standardisation: Standardisation) -> Standardisation:
    """The line of least squares from output to target, for each type and time, over the training configurations.

    Without dropout the invariants are smaller than they were in training, so the outputs in evaluation mode are off
    by an offset and a factor. This takes both out; it leaves every correlation within a type as it is. Where there are
    averages, which reach further than the network, the line takes them in beside the output.
    """
    network.eval()
    with torch.no_grad():
        outputs = np.concatenate([network(sample.graph).double().cpu().numpy() for sample in samples])
    measured = np.concatenate([sample.measured for sample in samples], axis=1)
    types = np.concatenate([sample.types for sample in samples])
    averages = np.concatenate([sample.averages for sample in samples])
    mean, scale = standardisation.target_mean.copy(), standardisation.target_scale.copy()
    weights = standardisation.average_weights.copy()
    for kind, t in np.ndindex(mean.shape):
        known = (types == kind) & np.isfinite(measured[t])
        x, y = np.column_stack([outputs[known, t], averages[known]]), measured[t, known]
        if len(x) > 1 and x[:, 0].var() > 0:
            slopes = _least_squares(x, y)
            # A network that has not learned may come out the wrong way round; that is not for a line to hide.
            if slopes[0] > 0:
                mean[kind, t] = y.mean() - slopes @ x.mean(axis=0)
                scale[kind, t], weights[kind, t] = slopes[0], slopes[1:]
    return replace(standardisation, target_mean=mean, target_scale=scale, average_weights=weights)


def _least_squares(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Slopes of y on x, (F,); all but the first are drawn to zero, no more than averages that are nearly one need."""
    deviation = x.std(axis=0)
    scale = np.where(deviation > 0, deviation, np.inf)
    z = (x - x.mean(axis=0)) / scale
    penalty = np.full(len(scale), AVERAGES_PENALTY)
    penalty[0] = 0
    slopes: np.ndarray = np.linalg.solve(z.T @ z / len(z) + np.diag(penalty), z.T @ (y - y.mean()) / len(z)) / scale
    return slopes


def score(network: Network, samples: Sequence[Sample], standardisation: Standardisation) -> np.ndarray:
    """Mean over configurations of the Pearson rho, (n_types, T); NaN where there is nothing to compare."""
    n_types, n_times = standardisation.target_mean.shape
    network.eval()

    def correlations(sample: Sample) -> np.ndarray:
        rho = np.full((n_types, n_times), np.nan)
        with torch.no_grad():
            outputs = network(sample.graph).double().cpu().numpy().T
            prediction = standardisation.restored(outputs, sample.types, sample.averages)
        for kind in range(n_types):
            chosen = sample.types == kind
            for t in range(n_times):
                rho[kind, t] = pearson(prediction[t, chosen], sample.measured[t, chosen])
        return rho

    each = processes.shared(lambda some: [correlations(sample) for sample in some], samples)
    rho = np.array(each).reshape(-1, n_types, n_times)
    known = np.isfinite(rho)
    return np.where(known.any(0), np.where(known, rho, 0).sum(0) / np.maximum(known.sum(0), 1), np.nan)
