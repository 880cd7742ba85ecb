"""Non-negative weights of an average, by least squares.

Source: L. Breiman, Mach. Learn. 24, 49 (1996), doi 10.1007/BF00117832.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from equiglass.liquid.arrays import Float

ROUNDING = 1e-9
"""Smallest part of a method in the sum, relative to the largest."""


def non_negative_weights(predicted: Float, truth: Float) -> Float:
    """The weights w >= 0 that minimise |predicted w - truth|^2, (K,).

    A method whose part of the sum is rounding noise has weight 0.

    Args:
        predicted: predictions of K methods, (n, K).
        truth: the target, (n,).
    """
    from scipy.optimize import nnls

    # The normal equations have the same solution and are small.
    gram = predicted.T @ predicted
    gram[np.diag_indices(len(gram))] += 1e-12 * max(np.trace(gram), 1e-300)
    root = np.linalg.cholesky(gram)
    weights, _ = nnls(root.T, np.linalg.solve(root, predicted.T @ truth))
    parts = weights * np.linalg.norm(predicted, axis=0)
    return np.where(parts > ROUNDING * parts.max(initial=0.0), weights, 0.0)


def stacking_weights(truth: Float, predicted: Float, types: Any, n_types: int) -> tuple[Float, Float]:
    """Non-negative weights and an offset per type and time, by least squares.

    Args:
        truth: the target, (T, n), NaN where unknown.
        predicted: predictions of K methods, (T, n, K); NaN where a method predicts nothing.
        types: types of the particles, (n,).
        n_types: number of types.

    Returns:
        Weights, (n_types, T, K), and offsets, (n_types, T); NaN where nothing is known. A method that predicts nothing
        has the weight 0.
    """
    n_times, _, n_methods = predicted.shape
    weights, offsets = np.full((n_types, n_times, n_methods), np.nan), np.full((n_types, n_times), np.nan)
    for kind in range(n_types):
        for t in range(n_times):
            own = (types == kind) & np.isfinite(truth[t])
            predicts = np.isfinite(predicted[t, own]).any(axis=0)
            known = np.isfinite(predicted[t, own][:, predicts]).all(axis=1)
            x, y = predicted[t, own][known][:, predicts], truth[t, own][known]
            if not x.size:
                continue
            w = non_negative_weights(x - x.mean(axis=0), y - y.mean())
            weights[kind, t], offsets[kind, t] = 0.0, y.mean() - x.mean(axis=0) @ w
            weights[kind, t, predicts] = w
    return weights, offsets
