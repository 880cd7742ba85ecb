"""The loss of a configuration and its gradient by autograd. On a GPU, a step is recorded as a CUDA graph and replayed.

A training step consists of about a thousand short kernels. Python needs more time to start them than a GPU needs to run
them. A CUDA graph starts all of them together: the same kernels on the same memory. What differs between replays is
written into that memory before: mirror image, share, and the seed of torch's generator, which fixes the dropout.

On a CPU nothing is recorded.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from equiglass.methods.descent.samples import Sample

Step = Callable[[], Tensor]

Loss = Callable[[nn.Module, Sample, Tensor, Tensor], Tensor]
"""The loss of a configuration: (network, sample, sign of the mirror image, number of the epoch from 0)."""

# Triton and TorchScript must compile their kernels before a step is recorded. TorchScript does so in the third run of
# the first configuration. The others run once, which sorts their edges.
RUNS_BEFORE_FIRST, RUNS_BEFORE = 3, 1


def masked_loss(prediction: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Sum over times of the mean squared error over the particles whose label is known.

        loss = sum_t <w_i(t) (y_i(t) - target_i(t))^2>_(i known)

    Args:
        prediction: outputs y, (N, T).
        targets: standardised targets, (N, T), NaN where unknown.
        weights: weights w, (N, T); 1 if None.

    Returns:
        The loss, a tensor without axes.
    """
    known = ~torch.isnan(targets)
    squares = torch.where(known, prediction - torch.where(known, targets, 0.0), 0.0) ** 2
    squares = squares if weights is None else weights * squares
    return (squares.sum(0) / known.sum(0).clamp(min=1)).sum()


def loss_of_particles(network: nn.Module, sample: Sample, sign: Tensor, epoch: Tensor) -> Tensor:
    """The `masked_loss` of the outputs for all particles."""
    return masked_loss(network(sample.graph.mirrored(sign)), sample.targets, sample.weights)


class Gradient:
    """Adds the gradient of the loss of a configuration to the ``grad`` of the network's parameters."""

    def __init__(
        self, network: nn.Module, record: Callable[[Step], Step] | None = None, loss: Loss = loss_of_particles
    ) -> None:
        """Take the network, the result of :func:`recorder` if it is on a GPU, and the loss."""
        self.network, self.record, self.loss = network, record, loss
        self._steps: dict[int, Step] = {}
        device = next(network.parameters()).device
        self._sign, self._share = torch.ones((), device=device), torch.ones((), device=device)
        self._epoch = torch.zeros((), device=device)

    def clear(self) -> None:
        """Set the gradient to zero; in place if steps are recorded, because they add to the same memory each time."""
        self.network.zero_grad(set_to_none=self.record is None)

    def add(self, sample: Sample, mirrored: bool, share: int, seed: int, epoch: int = 0) -> float:
        """Add the gradient of loss / share and return the loss.

        Args:
            sample: the configuration. A recorded step refers to this object, so it must live as long as the `Gradient`.
            mirrored: use the mirror image.
            share: number of configurations in the optimiser step.
            seed: seed of the dropout.
            epoch: number of the epoch, from 0.
        """

        def step() -> Tensor:
            loss = self.loss(self.network, sample, self._sign, self._epoch)
            (loss / self._share).backward()
            return loss.detach()

        if self.record is not None:
            if id(sample) not in self._steps:
                self._steps[id(sample)] = self._recorded(step, self.record)
            step = self._steps[id(sample)]
        torch.manual_seed(seed)
        self._sign.fill_(-1 if mirrored else 1)
        self._share.fill_(share)
        self._epoch.fill_(epoch)
        return step().item()

    def _recorded(self, step: Step, record: Callable[[Step], Step]) -> Step:
        """Record a step; gradient and running averages have the same values afterwards as before."""
        for parameter in self.network.parameters():
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        state = [*self.network.buffers(), *(p.grad for p in self.network.parameters() if p.grad is not None)]
        before = [x.clone() for x in state]
        recorded = record(step)
        for x, y in zip(state, before, strict=True):
            x.copy_(y)
        return recorded


def recorder() -> Callable[[Step], Step]:
    """A function that records a step as a CUDA graph. The graphs share memory: read a result before the next replay."""
    pool = torch.cuda.graph_pool_handle()
    runs = RUNS_BEFORE_FIRST

    def record(step: Step) -> Step:
        nonlocal runs
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(runs):
                step()
        runs = RUNS_BEFORE
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=pool):
            result = step()

        def replay() -> Tensor:
            graph.replay()
            return result

        return replay

    return record
