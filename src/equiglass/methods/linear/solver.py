"""The ridge solver of all linear regressions of the package."""

from __future__ import annotations

import numpy as np

from equiglass.errors import ConfigurationError
from equiglass.liquid.arrays import Float


def solve_ridge(covariance: Float, cross: Float, damping: float | Float) -> Float:
    """Solve a ridge regression for centred x and y.

        min_w <(y - w . x)^2> + sum_f damping_f w_f^2,   solved by (<x x^T> + D) w = <x y>,  D = diag(damping)

    Args:
        covariance: <x x^T>, (F, F).
        cross: <y x> of T targets, (T, F).
        damping: one number, or one number per feature, (F,); it must be positive where the covariance is singular.

    Returns:
        Weights w, (T, F).

    Raises:
        ConfigurationError: the matrix is singular within the precision of numbers, or an entry is not finite.
    """
    from scipy.linalg import LinAlgError, cho_factor, cho_solve

    damped = covariance.copy()
    np.fill_diagonal(damped, covariance.diagonal() + damping)
    try:
        # The transpose of a symmetric matrix is the same, in the order that LAPACK overwrites without a copy.
        return np.asarray(cho_solve(cho_factor(damped.T, lower=True, overwrite_a=True), cross.T).T)
    except (LinAlgError, ValueError) as error:
        raise ConfigurationError(
            f"a ridge regression has no solution ({error}); choose larger penalties, or check features and labels."
        ) from None
