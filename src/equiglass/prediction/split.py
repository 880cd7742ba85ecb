"""Which configurations trained and which validated a model, by their fingerprints."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, NamedTuple, Self

from equiglass.errors import DataError
from equiglass.liquid.fingerprint import Fingerprint, Known
from equiglass.liquid.system import System

Role = Literal["training", "selection", "validation", "unknown", "not seen"]
"""What a configuration was in the training of a model: trained on; scored to choose the model; scored for the log
alone; not known, in model files of older versions; new to the model."""

ROLES: tuple[Role, ...] = ("training", "selection", "validation", "unknown", "not seen")
"""The roles. If the members of a model disagree, the first of them counts."""

MEAN_TOLERANCE = 1e-4
"""The largest relative difference of the mean targets of the same labels."""

SEEN: tuple[Role, ...] = ("training", "selection")
"""The roles on which the model depends. Scores of such configurations are no test of it."""


class Identity(NamedTuple):
    """What recognises a configuration.

    Attributes:
        name: its name.
        fingerprint: its fingerprint; None in files of older versions, where the name alone decides.
        parent: the fingerprint of its parent, or None.
    """

    name: str
    fingerprint: Fingerprint | None = None
    parent: Fingerprint | None = None

    @classmethod
    def of(cls, system: System) -> Self:
        """The identity of a configuration."""
        return cls(system.name, system.fingerprint, system.parent)

    def is_same(self, other: Identity) -> bool:
        """Whether names and known fingerprints agree."""
        own, others = self.fingerprint, other.fingerprint
        return self.name == other.name and (own is None or others is None or own.matches(others))


@dataclass(frozen=True)
class Split:
    """The training configurations and the validation configurations of a model.

    Attributes:
        training: those on which it was trained.
        validation: those that were scored after every epoch, or on which a penalty was chosen.
        selected: whether the model was chosen by its scores on the validation configurations.
        means: mean measured target of the training configurations by label, LJ units; empty if unknown.
        start: those on which the model was trained whose weights the training started from. They count as training.
    """

    training: tuple[Identity, ...]
    validation: tuple[Identity, ...] = ()
    selected: bool = False
    means: Mapping[str, float] = field(default_factory=dict)
    start: tuple[Identity, ...] = ()

    @classmethod
    def of(
        cls,
        training: Iterable[System],
        validation: Iterable[System] = (),
        selected: bool = False,
        means: Mapping[str, float] | None = None,
    ) -> Self:
        """The split of configurations."""
        return cls(tuple(map(Identity.of, training)), tuple(map(Identity.of, validation)), selected, dict(means or {}))

    def after(self, earlier: Split | None) -> Split:
        """The split of a training that starts from the weights of a model with the split ``earlier``."""
        return self if earlier is None else replace(self, start=(*earlier.start, *earlier.training))

    @classmethod
    def joined(cls, splits: Iterable[Split]) -> Split:
        """The splits of several members as one. A training configuration of any member counts as training only."""
        splits = list(splits)
        training = tuple(dict.fromkeys(one for split in splits for one in split.training))
        validation = dict.fromkeys(one for split in splits for one in split.validation if one not in training)
        start = tuple(dict.fromkeys(one for split in splits for one in split.start))
        return cls(training, tuple(validation), any(split.selected for split in splits), start=start)

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """The split from the value that `plain` returned; files of older versions hold the names alone.

        Raises:
            DataError: the value is damaged.
        """
        try:
            training, validation = (_identities(plain, role) for role in ("training", "validation"))
            means = {str(label): float(mean) for label, mean in plain.get("means", {}).items()}
            start = _identities(plain, "start") if "start" in plain else ()
            return cls(training, validation, bool(plain.get("selected", False)), means, start)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise DataError(
                "the names or fingerprints of training and validation configurations are damaged."
            ) from None

    def plain(self) -> dict[str, Any]:
        """A value for YAML and JSON: the names by role, then the fingerprints and parents in the same order."""
        roles = {"training": self.training, "validation": self.validation}
        roles |= {"start": self.start} if self.start else {}
        plain: dict[str, Any] = {role: [one.name for one in own] for role, own in roles.items()}
        for key in ("fingerprint", "parent"):
            texts = {role: [str(getattr(one, key) or "") for one in own] for role, own in roles.items()}
            if any(any(own) for own in texts.values()):
                plain[f"{key}s"] = texts
        plain |= {"means": dict(self.means)} if self.means else {}
        return plain | ({"selected": True} if self.selected else {})

    @property
    def has_fingerprints(self) -> bool:
        """Whether every configuration has a fingerprint."""
        return all(one.fingerprint is not None for one in (*self.training, *self.validation, *self.start))

    def difference(self, other: Split) -> str | None:
        """The first difference between the configurations of two splits, in words; None if they are the same."""
        for role in ("training", "validation"):
            mine, theirs = getattr(self, role), getattr(other, role)
            if len(mine) != len(theirs):
                return f"{len(theirs)} {role} configurations, not {len(mine)}"
            for one, now in zip(mine, theirs, strict=True):
                if one.name != now.name:
                    return f"the {role} configuration {now.name} in the place of {one.name}"
                if not one.is_same(now):
                    return f"{one.name} has other particles or positions"
        if self.means and other.means:
            if self.means.keys() != other.means.keys():
                return f"labels {', '.join(other.means)}, not {', '.join(self.means)}"
            for label, mean in self.means.items():
                if not math.isclose(mean, other.means[label], rel_tol=MEAN_TOLERANCE):
                    return f"the mean target at {label!r} is {other.means[label]:.5g}, not {mean:.5g}"
        return None

    def role(self, system: System) -> Role:
        """What a configuration, its parent or another end of its parent was in the training."""
        own = [system.fingerprint, *([system.parent] if system.parent else [])]
        for role, names, known in self._known:
            if system.name in names or any(known.find(fingerprint) for fingerprint in own):
                return role
        return "not seen"

    @cached_property
    def _known(self) -> tuple[tuple[Role, frozenset[str], Known[str]], ...]:
        """By role: the names of the configurations without a fingerprint, and the fingerprints of the others."""

        def known(role: Role, every: Sequence[Identity]) -> tuple[Role, frozenset[str], Known[str]]:
            prints = [(one.name, each) for one in every for each in (one.fingerprint, one.parent) if each]
            names = frozenset(one.name for one in every if one.fingerprint is None)
            return role, names, Known.of((each, name or "unnamed") for name, each in prints)

        validation: Role = "selection" if self.selected else "validation"
        return known("training", (*self.training, *self.start)), known(validation, self.validation)


def _identities(plain: Mapping[str, Any], role: str) -> tuple[Identity, ...]:
    names = plain[role]
    prints, parents = (
        [Fingerprint.parse(text) if text else None for text in plain[key][role]]
        if key in plain
        else [None] * len(names)
        for key in ("fingerprints", "parents")
    )
    return tuple(Identity(str(name), *known) for name, *known in zip(names, prints, parents, strict=True))
