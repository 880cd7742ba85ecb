"""Things by name, one module each: what the modules of a folder define."""

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

    Every module of the package is imported at the first look-up; each adds what it defines. A module elsewhere, for
    instance of a test or of another package, adds its own in the same way.

    Args:
        what: one of the things, for messages, for instance "method".
        package: dotted name of the folder.
    """

    def __init__(self, what: str, package: str) -> None:
        self.what, self.package = what, package
        self._things: dict[str, T] = {}
        self._searched = False

    def add(self, name: str, thing: T) -> T:
        """Register a thing under its name, in place of any of the same name, and return it."""
        self._things[name] = thing
        return thing

    def remove(self, name: str) -> None:
        """Forget a thing."""
        del self._things[name]

    def __getitem__(self, name: str) -> T:
        """The thing of that name.

        Raises:
            ConfigurationError: there is none; the nearest name is suggested.
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
        """Whether there is a thing of that name."""
        self._search()
        return name in self._things

    def __len__(self) -> int:
        """How many there are."""
        self._search()
        return len(self._things)

    def values(self) -> list[T]:
        """The things, in the order of their names."""
        return [self[name] for name in self]

    def _search(self) -> None:
        if not self._searched:
            self._searched = True
            for module in iter_modules(import_module(self.package).__path__):
                import_module(f"{self.package}.{module.name}")
