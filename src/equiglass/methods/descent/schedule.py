"""The learning rate as a pure function of progress, so that a resumed run has the same one."""

from __future__ import annotations

import math

WARM_UP = 0.3
HALVINGS = (0.4, 0.6, 0.75, 0.85, 0.95)


def learning_rate(schedule: str, peak: float, progress: float) -> float:
    """Learning rate at a share of the run.

    Args:
        schedule: "one-cycle" rises from peak / 25 during the first 30 % and falls to zero, both as a cosine
            (arXiv 1708.07120); "halving" halves at 40, 60, 75, 85 and 95 % (the paper halves "at several
            epochs"); "constant".
        peak: the highest rate.
        progress: 0 at the start, 1 at the end.
    """
    if schedule == "one-cycle":
        if progress < WARM_UP:
            return peak * (1 / 25 + (1 - 1 / 25) * 0.5 * (1 - math.cos(math.pi * progress / WARM_UP)))
        return peak * 0.5 * (1 + math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP)))
    if schedule == "halving":
        return peak * 0.5 ** sum(progress >= at for at in HALVINGS)
    return peak
