"""Ridge regressions on examples, every example a block of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from equiglass.methods.linear import ridge
from equiglass.methods.linear.moments import Block, Centre, Example


def fit_ridge(
    labels: Sequence[str], train: Sequence[Example], validation: Sequence[Example], *more: Any, **named: Any
) -> ridge.Ridge:
    """`equiglass.methods.linear.ridge.fit_ridge`; the noise of an example is its inverse weight."""
    centre: Centre = {}
    blocks = [[block(example, centre) for example in examples] for examples in (train, validation)]
    return ridge.fit_ridge(labels, *blocks, *more, **named)


def fit_ridge_by_folds(labels: Sequence[str], folds: Sequence[Sequence[Example]], *more: Any) -> ridge.Ridge:
    """`equiglass.methods.linear.ridge.fit_ridge_by_folds`; the noise of an example is its inverse weight."""
    centre: Centre = {}
    return ridge.fit_ridge_by_folds(labels, [[block(example, centre) for example in fold] for fold in folds], *more)


def block(example: Example, centre: Centre) -> Block:
    """A block of one example."""
    return Block.over([example], centre).weighed(None if example.noise is None else 1 / example.noise[None])
