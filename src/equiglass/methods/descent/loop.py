"""The training loop: the loss is the sum over times of the mean squared error, one configuration at a time.

The processes of a run share the configurations of an optimiser step. The number of processes changes no result.

(seed, epoch) determines the order of the configurations; (seed, step, configuration) determines the dropout. A run that
was stopped and resumed therefore ends with the same weights, on the same processor and number of threads.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from equiglass.errors import ConfigurationError
from equiglass.machine import processes, signals
from equiglass.methods.descent.averages import RunningAverages
from equiglass.methods.descent.configuration import DescentConfiguration
from equiglass.methods.descent.gradient import Gradient, Loss, loss_of_particles, recorder
from equiglass.methods.descent.samples import Sample
from equiglass.methods.descent.schedule import learning_rates
from equiglass.methods.descent.standardisation import TargetStandardisation
from equiglass.observables import known_mean, pearson

CHECKPOINT_SECONDS = 60.0


@dataclass
class Progress:
    """The state of a run.

    Attributes:
        step: number of configurations seen so far.
        loss_sum: sum of the losses of the configurations seen in the current epoch.
        best: highest validation rho so far, averaged over types and times.
    """

    step: int = 0
    loss_sum: float = 0.0
    best: float = -1.0


@dataclass(frozen=True)
class EpochResult:
    """One line of the log.

    Attributes:
        epoch: number of the epoch, from 1.
        rate: learning rate of its last step.
        loss: mean loss of its configurations.
        rho: validation rho, (n_types, T); NaN without validation configurations.
        best: whether the mean of rho is the highest so far.
    """

    epoch: int
    rate: float
    loss: float
    rho: np.ndarray
    best: bool


def key(*numbers: int) -> int:
    """A well-mixed seed from a few integers."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)


def make_optimizer(network: nn.Module, configuration: DescentConfiguration) -> torch.optim.Adam:
    """Adam; the schedule "halving" of the paper comes with the betas of the paper, (0.99, 0.999)."""
    return torch.optim.Adam(
        network.parameters(),
        lr=configuration.learning_rate,
        betas=(0.99, 0.999) if configuration.schedule == "halving" else (0.9, 0.999),
        weight_decay=configuration.weight_decay,
    )


def fit(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    configuration: DescentConfiguration,
    training: Sequence[Sample],
    validation: Sequence[Sample],
    standardisation: TargetStandardisation,
    progress: Progress,
    checkpoint: Callable[[Progress], None],
    epoch_done: Callable[[EpochResult], None],
    step_done: Callable[[Progress, float], None] = lambda progress, loss: None,
    loss: Loss = loss_of_particles,
) -> None:
    """Train from the state in ``progress`` to the end.

    A signal such as SIGTERM takes effect after the current step, when the checkpoint is written.

    Args:
        network: the network; its weights change in place. If it has an attribute ``recordable`` that is false, its
            steps are not recorded on a GPU.
        optimizer: the optimiser with its state.
        configuration: settings of the run.
        training: the training configurations.
        validation: configurations to score after every epoch; may be empty.
        standardisation: converts outputs to LJ units.
        progress: the state; changes in place.
        checkpoint: called at the end of every epoch and once a minute, always between optimiser steps.
        epoch_done: called with the result of every epoch, before its checkpoint.
        step_done: called after every optimiser step with the mean loss of its configurations.
        loss: the loss of a configuration.

    Raises:
        ConfigurationError: the loss, its gradient, a weight or a prediction is not finite. The checkpoint before is the
            last good one.
    """
    n = len(training)
    total = configuration.epochs * n
    per_epoch = -(-n // configuration.accumulate)
    rates = learning_rates(configuration.schedule, configuration.learning_rate, configuration.epochs * per_epoch)
    recorded = next(network.parameters()).is_cuda and getattr(network, "recordable", True)
    gradient = Gradient(network, recorder() if recorded else None, loss)
    with signals.deferred() as stopping:
        saved = time.monotonic()
        while progress.step < total:
            epoch, position = divmod(progress.step, n)
            order = np.random.default_rng(key(configuration.seed, 1, epoch)).permutation(n)
            group = order[position : position + configuration.accumulate]
            rate = rates[epoch * per_epoch + position // configuration.accumulate]
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
                    losses += gradient.add(training[index], mirrored, len(group), random, epoch)
            # All processes stop after the same step.
            stop = torch.tensor(float(stopping()), dtype=torch.float64)
            processes.add([*gradients(network), *averages.sums, losses, stop])
            averages.join(len(group))
            norm = torch.nn.utils.clip_grad_norm_(network.parameters(), configuration.advanced.clip)
            loss_sum = losses.item()
            where = (
                f"epoch {epoch + 1}, {', '.join(training[int(k)].name for k in group[:3])}, learning rate {rate:.3g}"
            )
            _refuse(np.isfinite(loss_sum), "the loss", where)
            _refuse(np.isfinite(norm.item()), "the gradient of the loss", where)
            optimizer.step()
            progress.step += len(group)
            progress.loss_sum += loss_sum
            step_done(progress, loss_sum / len(group))
            at_end, stopped = progress.step % n == 0, stop.item() > 0
            timely = at_end or stopped or time.monotonic() - saved > CHECKPOINT_SECONDS
            if timely:
                _refuse(_finite(network), "a weight", where)
            if at_end:
                rho = score(network, validation or training[:1], standardisation)
                if not validation:
                    rho = np.full_like(rho, np.nan)
                mean = float(np.nanmean(rho)) if np.isfinite(rho).any() else -1.0
                best = mean > progress.best
                progress.best = max(mean, progress.best)
                epoch_done(EpochResult(epoch + 1, rate, progress.loss_sum / n, rho, best))
                progress.loss_sum = 0.0
            if timely:
                checkpoint(progress)
                saved = time.monotonic()
            if stopped:
                break
        if progress.step < total and not stopping():
            # The signal has come to another process.
            raise signals.Interrupted(signal.SIGTERM)


def _refuse(good: bool | np.bool_, what: str, where: str) -> None:
    if not good:
        raise ConfigurationError(
            f"{what} is not a finite number ({where}). Lower learning_rate or advanced.clip, or check the labels of "
            "these configurations."
        )


def _finite(network: nn.Module) -> bool:
    return all(bool(torch.isfinite(x).all()) for x in network.state_dict().values() if x.is_floating_point())


def gradients(network: nn.Module) -> list[Tensor]:
    """The gradient of every parameter; zero if this process has seen no configuration."""
    for parameter in network.parameters():
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    return [parameter.grad for parameter in network.parameters() if parameter.grad is not None]


def score(network: nn.Module, samples: Sequence[Sample], standardisation: TargetStandardisation) -> np.ndarray:
    """Pearson rho averaged over the configurations, (n_types, T); NaN where it is undefined.

    Raises:
        ConfigurationError: a prediction is not finite.
    """
    n_types, n_times = standardisation.mean.shape
    network.eval()

    def correlations(sample: Sample) -> np.ndarray:
        rho = np.full((n_types, n_times), np.nan)
        with torch.no_grad():
            outputs = network(sample.graph).double().cpu().numpy().T
            prediction = standardisation.restored(outputs, sample.types, sample.averages)
        _refuse(np.all(np.isfinite(outputs)), "a prediction", sample.name)
        for kind in range(n_types):
            chosen = sample.types == kind
            for t in range(n_times):
                rho[kind, t] = pearson(prediction[t, chosen], sample.measured[t, chosen])
        return rho

    each = processes.shared(lambda some: [correlations(sample) for sample in some], samples)
    return known_mean(np.array(each).reshape(-1, n_types, n_times))
