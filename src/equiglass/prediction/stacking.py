"""Non-negative weights of an average, by least squares.

Source: L. Breiman, Mach. Learn. 24, 49 (1996), doi 10.1007/BF00117832.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

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


def stacking_weights(
    truth: Sequence[Float], predicted: Sequence[Float], types: Sequence[NDArray[np.integer]], n_types: int
) -> tuple[Float, Float]:
    """Non-negative weights and an offset per type and time, by least squares.

        w = argmin sum_c <(y' - sum_k w_k p_k')^2>_c,   a = <y - sum_k w_k p_k>

    A prime marks that the mean over the particles of the type in configuration c is subtracted. The models of two parts
    have different means, which would count as structure.

    Args:
        truth: the target in every configuration, (T, N), NaN where unknown.
        predicted: predictions of K methods in every configuration, (T, N, K); NaN where a method predicts nothing.
        types: types of the particles in every configuration, (N,).
        n_types: number of types.

    Returns:
        Weights, (n_types, T, K), and offsets, (n_types, T); NaN where the target is unknown or varies nowhere. A method
        that predicts nothing has the weight 0.
    """
    n_times, _, n_methods = predicted[0].shape
    weights, offsets = np.full((n_types, n_times, n_methods), np.nan), np.full((n_types, n_times), np.nan)
    for kind in range(n_types):
        for t in range(n_times):
            own = [(types_of == kind) & np.isfinite(y[t]) for y, types_of in zip(truth, types, strict=True)]
            asked = [p[t, mask] for p, mask in zip(predicted, own, strict=True)]
            predicts = np.isfinite(np.concatenate(asked)).any(axis=0)
            known = [np.isfinite(p[:, predicts]).all(axis=1) for p in asked]
            xs = [p[mask][:, predicts] for p, mask in zip(asked, known, strict=True) if mask.any()]
            ys = [y[t, mask][some] for y, mask, some in zip(truth, own, known, strict=True) if some.any()]
            if not predicts.any() or not any(np.ptp(y) > 0 for y in ys):
                continue
            x, y = np.concatenate(xs), np.concatenate(ys)
            centred = np.concatenate([x - x.mean(axis=0) for x in xs])
            w = non_negative_weights(centred, np.concatenate([y - y.mean() for y in ys]))
            weights[kind, t], offsets[kind, t] = 0.0, y.mean() - x.mean(axis=0) @ w
            weights[kind, t, predicts] = w
    return weights, offsets
