"""One pass over configurations: the moments of every block, in folds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equiglass.liquid.ends import is_end
from equiglass.liquid.splits import families, folds_of
from equiglass.liquid.system import System
from equiglass.liquid.targets import measured
from equiglass.methods.linear.moments import Block, Centre, Example
from equiglass.prediction.labels import label_noise, levels, noise_weights


@dataclass(frozen=True, eq=False)
class Pass:
    """The blocks of configurations about one centre.

    Attributes:
        features: function that returns the features of a configuration, (N, F).
        configuration: settings of the regression.
        labels: labels of the T times.
        n_types: number of particle types.
        shared: whether other trainings use the blocks; every family then is a block, else every fold.
        centre: centre of the features.
        blocks: blocks by their configurations.
    """

    features: Callable[[System], NDArray[np.floating]]
    configuration: Any
    labels: tuple[str, ...]
    n_types: int
    shared: bool
    centre: Centre = field(default_factory=dict)
    blocks: dict[tuple[System, ...], Block] = field(default_factory=dict)

    def fitted(
        self, systems: Sequence[System], folds: int, step: Callable[[], object], scored: bool
    ) -> list[list[Block]]:
        """The blocks of every fold.

        Ends of runs are not scored, unless a family has nothing else: their labels are those of one run.

        Args:
            systems: the training configurations.
            folds: largest number of folds.
            step: called after every configuration.
            scored: whether a fold is scored by a regression on the others.
        """
        family = families(systems)
        started = {own for own, system in zip(family, systems, strict=True) if not is_end(system)}

        def example(k: int) -> Example:
            return self._example(systems[k], scored and not (is_end(systems[k]) and family[k] in started))

        levelled = None
        if self.configuration.standardise == "configuration":
            levelled = levels([self._targets(s) for s in systems], [s.types for s in systems], self.n_types)
        weights = self._weights(systems, None if levelled is None else levelled[0])
        result: list[list[Block]] = []
        for fold in folds_of(range(len(systems)), folds, family):
            result.append([])
            for own in dict.fromkeys(family[k] for k in fold) if self.shared else [None]:
                block = [k for k in fold if own is None or family[k] == own]
                key = tuple(systems[k] for k in block)
                if key in self.blocks:
                    for _ in block:
                        step()
                else:
                    self.blocks[key] = Block.over(_each(map(example, block), step), self.centre)
                its_levels = None if levelled is None else (levelled[0][block], levelled[1][block])
                result[-1].append(self.blocks[key].weighed(None if weights is None else weights[block], its_levels))
        return result

    def scored(self, systems: Sequence[System], step: Callable[[], object]) -> list[Block]:
        """A block of configurations that are scored and not fitted."""
        examples = _each((self._example(system, True) for system in systems), step)
        return [Block.over(examples, self.centre, summed=False).weighed(self._weights(systems))]

    def _example(self, system: System, scored: bool) -> Example:
        noise = None
        if self.configuration.weights == "noise":
            noise = label_noise(system, self.labels, self.configuration.target, self.n_types)
        return Example(system.name, self.features(system), system.types, self._targets(system), noise, scored)

    def _targets(self, system: System) -> NDArray[np.float64]:
        return measured(system, self.labels, self.configuration.target)

    def _weights(
        self, systems: Sequence[System], slopes: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64] | None:
        if self.configuration.weights == "alike":
            return None
        return noise_weights(systems, self.labels, self.configuration.target, self.n_types, slopes)


_PASSES: ContextVar[dict[tuple, Pass] | None] = ContextVar("passes", default=None)


@contextmanager
def sharing_passes() -> Iterator[None]:
    """In this block, trainings with the same settings, labels and types share one pass: it serves all folds."""
    token = _PASSES.set({})
    try:
        yield
    finally:
        _PASSES.reset(token)


def pass_over(
    features: Callable[[System], NDArray[np.floating]], configuration: Any, labels: Sequence[str], n_types: int
) -> Pass:
    """A new pass; within `sharing_passes`, the one that began before with the same settings, labels and types."""
    passes = _PASSES.get()
    made = Pass(features, configuration, tuple(labels), n_types, shared=passes is not None)
    if passes is None:
        return made
    same = configuration.model_copy(update={"fold": 1}).model_dump_json()
    return passes.setdefault((same, made.labels, n_types), made)


def _each(examples: Iterator[Example], step: Callable[[], object]) -> Iterator[Example]:
    """The examples, with a step after the work on each."""
    for example in examples:
        yield example
        step()
