"""Particle types from the species that a file or an object names.

- Letters A, B, C, ... are types 0, 1, 2, ... The letters must have no gap: A and B, but not B alone.
- Whole numbers are LAMMPS types: 1, 2, ... are types 0, 1, ... If there is a 0, then 0, 1, ... are types 0, 1, ...
- Other names need an order, such as ["Ni", "P"]. A given order has precedence over the first two rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from equiglass.errors import DataError


class Species:
    """The types of the species of a file, one frame after another.

    Args:
        order: species names of types 0, 1, 2, ..., or None for the rule of this module.
    """

    def __init__(self, order: Sequence[str] | None = None) -> None:
        self.order = order
        self._type_of: dict[str, int] = {}

    def types(self, names: Sequence[str]) -> NDArray[np.int64]:
        """The types of N particles, (N,), from the names of their species.

        Raises:
            DataError: the species need an order and have none, a name is not in the order, or a species of this frame
                changes the types of earlier ones.
        """
        new = set(names) - self._type_of.keys()
        if new:
            known = _types_of_names([*self._type_of, *new], self.order)
            changed = [name for name, kind in self._type_of.items() if known[name] != kind]
            if changed:
                raise DataError(
                    f"the species {sorted(new)[0]!r} is new in this frame, and makes {changed[0]!r} another "
                    f'type; name types 0, 1, ... in order with types=["{changed[0]}", ...] or --types.'
                )
            self._type_of = known
        return np.array([self._type_of[name] for name in names], dtype=np.int64)

    def numbered(self, numbers: NDArray[np.integer], names: Sequence[str] | None = None) -> NDArray[np.int64]:
        """The types of N particles, (N,), from a source that numbers its species.

        Args:
            numbers: number of the species of every particle, from 0, (N,).
            names: names of the species, if the source has them. They count, and not the numbers.

        Raises:
            DataError: the names need an order and have none, a name is not in the given order, a number has no name,
                or two numbers have one name.
        """
        kinds: NDArray[np.int64] = np.asarray(numbers).astype(np.int64)
        if names is None:
            if self.order is None:
                return kinds
            names = [str(number) for number in range(int(kinds.max(initial=0)) + 1)]
        if kinds.size and not 0 <= kinds.min() <= kinds.max() < len(names):
            raise DataError(f"there are species {np.unique(kinds)[:8]}, but {len(names)} names {list(names)[:8]}.")
        if len(set(names)) < len(names):
            raise DataError(f"two species have the same name; the names are {list(names)[:8]}.")
        # A species that does not occur may have a name too: without it, a file of B alone would have a gap.
        named = names if self.order is None else [names[k] for k in np.unique(kinds)]
        type_of = _types_of_names(named, self.order)
        return np.array([type_of.get(name, -1) for name in names], dtype=np.int64)[kinds]


def _types_of_names(names: Iterable[str], order: Sequence[str] | None) -> dict[str, int]:
    names = sorted(set(names))
    shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    if order is not None:
        unknown = [name for name in names if name not in order]
        if unknown:
            raise DataError(
                f"species {unknown[0]!r} is not in the given order of types {list(order)}; the species are {shown}."
            )
        return {name: order.index(name) for name in names}
    if all(re.fullmatch("[0-9]{1,9}", name) for name in names):
        first = 0 if any(int(name) == 0 for name in names) else 1
        return {name: int(name) - first for name in names}
    letters = [type_name(index) for index in range(len(names))]
    if set(names) == set(letters):
        return {name: index for index, name in enumerate(letters)}
    raise DataError(
        f"the species {shown} have no natural order; name types 0, 1, ... in order with "
        f'types=["{names[0]}", ...], --types {names[0]},... or, in OVITO, Species '
        "(the majority species usually comes first)."
    )


def type_name(index: int) -> str:
    """The name of a type: A, B, C, ... for types 0, 1, 2, ..."""
    return chr(ord("A") + index) if index < 26 else f"T{index}"
