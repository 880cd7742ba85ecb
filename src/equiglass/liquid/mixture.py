"""The potential of a file: from a name and tables to a pair potential, and back."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from equiglass.errors import DataError, EquiglassWarning
from equiglass.liquid.columns import Keys
from equiglass.liquid.labels import numbers
from equiglass.liquid.potential import MIXTURES, LennardJones

STATED_POTENTIAL = "stated potential"
"""The key of the provenance that holds the name of a potential that a file states and that is not known."""


def potential_in(keys: Keys) -> tuple[LennardJones | None, dict[str, str]]:
    """The potential of the keys of a configuration, and what its provenance holds of a potential that is not known.

    Raises:
        DataError: only one of the tables is given, or the tables are not those of a mixture.
    """
    if "potential" not in keys:
        return None, {}
    tables = keys.numbers("epsilon"), keys.numbers("sigma")
    truncation = keys.text("truncation") if "truncation" in keys else None
    potential = potential_named(keys.text("potential"), *tables, keys.numbers("cutoff"), truncation)
    return potential, {} if potential else {STATED_POTENTIAL: keys.text("potential")}


def potential_keys(potential: LennardJones | None) -> dict[str, Any]:
    """The keys from which `potential_in` makes this potential; the tables only of mixtures that have no name."""
    if potential is None:
        return {}
    keys: dict[str, Any] = {"potential": potential.name}
    if potential != MIXTURES.get(potential.name):
        keys |= {key: np.ravel(getattr(potential, key)) for key in ("epsilon", "sigma", "cutoff")}
        keys["truncation"] = potential.truncation
    return keys


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
