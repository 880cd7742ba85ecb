"""Registries: entries by name, each defined by one module of a folder."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from typing import Generic, TypeVar

from equiglass.errors import ConfigurationError

T = TypeVar("T")


class Registry(Generic[T]):
    """Methods, node inputs, targets or formats by name.

    The first look-up imports every module of the folder, and each module adds its entries. A module elsewhere, for
    instance in a test or in another package, adds its own in the same way.

    Args:
        what: the word for an entry in messages, for instance "method".
        package: dotted name of the folder.
    """

    def __init__(self, what: str, package: str) -> None:
        self.what, self.package = what, package
        self._things: dict[str, T] = {}
        self._searched = False

    def add(self, name: str, thing: T) -> T:
        """Add an entry under a name and return it; it replaces an earlier entry of that name."""
        self._things[name] = thing
        return thing

    def remove(self, name: str) -> None:
        """Remove an entry."""
        del self._things[name]

    def __getitem__(self, name: str) -> T:
        """The entry of that name.

        Raises:
            ConfigurationError: there is no such entry; the message suggests the nearest name.
        """
        if name not in self._things:
            self._search()
        if name not in self._things:
            near = difflib.get_close_matches(name, self._things, n=1, cutoff=0.5)
            hint = f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(self)}."
            raise ConfigurationError(f"there is no {self.what} {name!r}. {hint}")
        return self._things[name]

    def __iter__(self) -> Iterator[str]:
        """The names, in alphabetical order."""
        self._search()
        return iter(sorted(self._things))

    def __contains__(self, name: object) -> bool:
        """Whether there is an entry of that name."""
        self._search()
        return name in self._things

    def __len__(self) -> int:
        """Number of entries."""
        self._search()
        return len(self._things)

    def values(self) -> list[T]:
        """The entries, in the order of their names."""
        return [self[name] for name in self]

    def _search(self) -> None:
        if not self._searched:
            # Before the imports, whose modules may look up entries.
            self._searched = True
            try:
                for module in iter_modules(import_module(self.package).__path__):
                    import_module(f"{self.package}.{module.name}")
            except BaseException:
                self._searched = False
                raise
