"""The potential of a file: from a name to a pair potential."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from equiglass.errors import DataError, EquiglassWarning
from equiglass.liquid.labels import numbers
from equiglass.liquid.potential import MIXTURES, LennardJones


def potential_named(
    name: str,
    epsilon: ArrayLike | None = None,
    sigma: ArrayLike | None = None,
    cutoff: ArrayLike | None = None,
    truncation: str | None = None,
) -> LennardJones | None:
    """The potential of that name, or the Lennard-Jones mixture of these tables.

    Args:
        name: name of the potential, for instance "kob-andersen".
        epsilon: well depths, (n_types, n_types) or flat, LJ energy; None if the name determines them.
        sigma: diameters, the same shape, LJ length.
        cutoff: one number in units of sigma_ab, or a table of distances, (n_types, n_types) or flat; None for that of
            the known potential, or 2.5.
        truncation: treatment of the cutoff; None for that of the known potential, or "shifted".

    Returns:
        The potential. If the name is unknown and there are no tables, None with an EquiglassWarning.

    Raises:
        DataError: only one of the tables is given, or the tables are not those of a mixture.
    """
    if (epsilon is None) != (sigma is None):
        raise DataError(f"potential {name!r}: only one of epsilon and sigma is given; give both tables.")
    given: dict[str, Any] = {} if truncation is None else {"truncation": truncation}
    if cutoff is not None:
        given["cutoff"] = float(np.asarray(cutoff).item()) if np.size(cutoff) == 1 else _table(cutoff)
    if epsilon is not None and sigma is not None:
        return LennardJones(name, _table(epsilon), _table(sigma), **given)
    if name not in MIXTURES:
        warnings.warn(
            f"the potential {name!r} is not known and is left out. Known potentials are {', '.join(MIXTURES)}; "
            "another Lennard-Jones mixture needs its tables epsilon and sigma.",
            EquiglassWarning,
            stacklevel=2,
        )
        return None
    return replace(MIXTURES[name], **given)


def _table(values: ArrayLike) -> tuple[tuple[float, ...], ...]:
    flat = numbers("a table of a potential", values).ravel()
    side = round(np.sqrt(flat.size))
    if side * side != flat.size:
        raise DataError(f"a table of a potential must be square; got {flat.size} numbers.")
    return tuple(tuple(float(x) for x in row) for row in flat.reshape(side, side))
