"""The loss of a configuration and its gradient: by autograd, on a GPU recorded once as a CUDA graph and replayed.

A training step is a thousand or so short kernels, which Python takes longer to start than a GPU to run. A CUDA graph
starts them all at once: the same kernels on the same memory. What changes from one replay to the next is written into
that memory before: mirror image, share, and torch's generator, whose seed fixes the dropout.

No GPU has run the recording so far; on a CPU nothing is recorded.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from equiglass.methods.descent.samples import Sample

Step = Callable[[], Tensor]

# Before a step is recorded, Triton and TorchScript must have compiled their kernels; TorchScript does at the third run.
RUNS_BEFORE = 3


def masked_loss(prediction: Tensor, targets: Tensor) -> Tensor:
    """Sum over times of the mean squared error over the particles whose label is known.

    Args:
        prediction: (N, T).
        targets: (N, T), NaN where unknown.
    """
    known = ~torch.isnan(targets)
    squares = torch.where(known, prediction - torch.where(known, targets, 0.0), 0.0) ** 2
    return (squares.sum(0) / known.sum(0).clamp(min=1)).sum()


class Gradient:
    """Adds the gradients of configurations' losses to the ``grad`` of the network's parameters."""

    def __init__(self, network: nn.Module, record: Callable[[Step], Step] | None = None) -> None:
        """Take the network, and what records a step, :func:`recorder`, if it lies on a GPU."""
        self.network, self.record = network, record
        self._steps: dict[int, Step] = {}
        device = next(network.parameters()).device
        self._sign, self._share = torch.ones((), device=device), torch.ones((), device=device)

    def clear(self) -> None:
        """Set the gradient to zero: in place where a recorded step adds to the same memory each time."""
        self.network.zero_grad(set_to_none=self.record is None)

    def add(self, sample: Sample, mirrored: bool, share: int, seed: int) -> float:
        """Add the gradient of loss / share and return the loss.

        Args:
            sample: the configuration; the same object each time, kept as long as this one.
            mirrored: take its mirror image.
            share: number of configurations in the optimiser step.
            seed: of the dropout.
        """

        def step() -> Tensor:
            loss = masked_loss(self.network(sample.graph.mirrored(self._sign)), sample.targets)
            (loss / self._share).backward()
            return loss.detach()

        if self.record is not None:
            if id(sample) not in self._steps:
                self._steps[id(sample)] = self._recorded(step, self.record)
            step = self._steps[id(sample)]
        torch.manual_seed(seed)
        self._sign.fill_(-1 if mirrored else 1)
        self._share.fill_(share)
        return step().item()

    def _recorded(self, step: Step, record: Callable[[Step], Step]) -> Step:
        """The step recorded; the runs before leave gradient and batch averages as they were."""
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
    """What makes a CUDA graph of a step. The graphs share their memory: a result is read before the next replay."""
    pool = torch.cuda.graph_pool_handle()

    def record(step: Step) -> Step:
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(RUNS_BEFORE):
                step()
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=pool):
            result = step()

        def replay() -> Tensor:
            graph.replay()
            return result

        return replay

    return record
