"""The parts of degree 0 and 2 of a symmetric tensor, in the order of e3nn."""

from __future__ import annotations

import numpy as np

from equiglass.liquid.arrays import Float


def parts(tensor: Float) -> dict[int, Float]:
    """The trace, (N, 1), and the traceless part, (N, 5), of symmetric tensors, (N, 3, 3).

    The components of the traceless part are those of the harmonics Y_2m of e3nn for the tensor n n, up to one factor:
    sqrt(3) xz, sqrt(3) xy, yy - (xx + zz) / 2, sqrt(3) yz, sqrt(3) (zz - xx) / 2.
    """
    xx, yy, zz = (tensor[:, k, k] for k in range(3))
    xy, xz, yz = tensor[:, 0, 1], tensor[:, 0, 2], tensor[:, 1, 2]
    root = np.sqrt(3)
    traceless = np.stack([root * xz, root * xy, yy - (xx + zz) / 2, root * yz, root * (zz - xx) / 2], axis=1)
    return {0: (xx + yy + zz)[:, None], 2: traceless}
