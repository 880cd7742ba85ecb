"""The learning rate of every optimiser step, from torch's schedulers."""

from __future__ import annotations

import math

import torch
from torch.optim.lr_scheduler import LRScheduler, MultiStepLR, OneCycleLR

WARM_UP = 0.3
HALVINGS = (0.4, 0.6, 0.75, 0.85, 0.95)


def learning_rates(schedule: str, peak: float, steps: int) -> list[float]:
    """Learning rate of each step. The list is made in advance, so a resumed training has the same rates.

    Args:
        schedule: "one-cycle", "halving" or "constant". "one-cycle" rises from peak / 25 during the first 30 %, then
            falls to zero, both as a cosine (arXiv 1708.07120). "halving" halves the rate at 40, 60, 75, 85 and 95 %;
            the paper halves it "at several epochs".
        peak: highest learning rate.
        steps: number of steps.

    Returns:
        One rate per step.
    """
    if schedule == "constant":
        return [peak] * steps
    optimizer = torch.optim.SGD([torch.zeros((), requires_grad=True)], lr=peak)
    scheduler: LRScheduler
    if schedule == "one-cycle":
        # torch counts steps from 0 to total_steps - 1. Its second phase begins at pct_start * total_steps - 1.
        scheduler = OneCycleLR(
            optimizer,
            max_lr=peak,
            total_steps=steps + 1,
            pct_start=(WARM_UP * steps + 1) / (steps + 1),
            final_div_factor=math.inf,
            cycle_momentum=False,
        )
    else:
        scheduler = MultiStepLR(optimizer, [math.ceil(at * steps) for at in HALVINGS], gamma=0.5)
    rates = []
    for _ in range(steps):
        rates.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        scheduler.step()
    return rates
