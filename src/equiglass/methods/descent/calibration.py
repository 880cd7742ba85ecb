"""Calibration: the linear map from the outputs of a trained network to the target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from equiglass.liquid.arrays import Float
from equiglass.methods.descent.samples import Sample
from equiglass.methods.descent.standardisation import TargetStandardisation
from equiglass.methods.linear.solver import solve_ridge
from equiglass.model.inputs.standardisation import ROUNDING

AVERAGES_PENALTY = 1e-4
"""Penalty on the slopes of the averages, in units of the variance of the standardised averages."""


def calibrate(
    network: nn.Module, samples: Sequence[Sample], standardisation: TargetStandardisation
) -> TargetStandardisation:
    """Fit the linear map from output to target by least squares, per type and time.

        m_i(t) = mean + scale * y_i(t) + average_weights . averages_i

    Without dropout the invariants are smaller than in training. The outputs in evaluation mode are therefore off by an
    offset and a factor. The fit corrects both and changes no correlation within a type. Averages reach further than
    the network; if there are any, the map has a weight for each of them.

    Args:
        network: the trained network; it is left in evaluation mode.
        samples: the training configurations.
        standardisation: the map that training used; a type and time without data retains it.

    Returns:
        The fitted map.
    """
    network.eval()
    with torch.no_grad():
        outputs = np.concatenate([network(sample.graph).double().cpu().numpy() for sample in samples])
    measured = np.concatenate([sample.measured for sample in samples], axis=1)
    types = np.concatenate([sample.types for sample in samples])
    averages = np.concatenate([sample.averages for sample in samples])
    outputs = standardisation.bounded(outputs.T, types).T
    mean, scale = standardisation.mean.copy(), standardisation.scale.copy()
    weights = standardisation.average_weights.copy()
    for kind, t in np.ndindex(mean.shape):
        known = (types == kind) & np.isfinite(measured[t])
        x, y = np.column_stack([outputs[known, t], averages[known]]), measured[t, known]
        if len(x) > 1 and x[:, 0].std() > ROUNDING * abs(x[:, 0].mean()):
            slopes = _least_squares(x, y)
            # A network that has learned nothing may have a negative slope. The calibration must not hide that.
            if slopes[0] > 0:
                mean[kind, t] = y.mean() - slopes @ x.mean(axis=0)
                scale[kind, t], weights[kind, t] = slopes[0], slopes[1:]
    return replace(standardisation, mean=mean, scale=scale, average_weights=weights)


def _least_squares(x: Float, y: Float) -> Float:
    """Slopes of y on x, (F,). All but the first are damped slightly, because averages may be nearly equal."""
    deviation = x.std(axis=0)
    scale = np.where(deviation > ROUNDING * np.abs(x.mean(axis=0)), deviation, np.inf)
    z = (x - x.mean(axis=0)) / scale
    damping = np.full(len(scale), AVERAGES_PENALTY)
    damping[0] = 0
    slopes = solve_ridge(z.T @ z / len(z), (y - y.mean())[None] @ z / len(z), damping)[0]
    return np.asarray(slopes / scale)
