"""The standardisation of the node inputs to zero mean and unit variance over the training set, per particle type."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, from_numpy

from equiglass.liquid.arrays import Float
from equiglass.model.inputs.compute import Computed


class Moments(NamedTuple):
    """The mean and the standard deviation per particle type, each (n_types,), in the unit of the quantity."""

    mean: Float
    scale: Float


LARGEST = 100.0
"""The largest length of a standardised input. It is at most 12 on real configurations."""

_HUGE = 1e30

ROUNDING = 1e-12
"""Values whose standard deviation is below this fraction of their mean do not vary."""


@dataclass(frozen=True)
class InputStandardisation:
    """The mean and the scale of every part of every node input.

        degree 0:  (x - mean) / scale,    degree l >= 1:  x / scale,  scale = root mean square of |x|

    A part that does not vary over the training set has the scale 0, and is 0: nothing is known of its effect.
    Longer ones are shortened to `LARGEST`: those of particles that overlap would spoil all their neighbourhood.

    Attributes:
        moments: moments by name of the input and degree. The mean is 0 for degrees of 1 and higher.
    """

    moments: Mapping[str, Mapping[int, Moments]]

    def apply(self, name: str, degree: int, values: Float, types: NDArray[np.int64]) -> Float:
        """The standardised values of one part of a node input, (N, 2 l + 1)."""
        mean, scale = self.moments[name][degree]
        scale = np.where(scale > 0, scale, np.inf)
        standard = np.clip((values - mean[types][:, None]) / scale[types][:, None], -_HUGE, _HUGE)
        length = np.linalg.norm(standard, axis=1, keepdims=True)
        return np.where(length > LARGEST, standard * (LARGEST / np.maximum(length, LARGEST)), standard)

    def completed(self, other: InputStandardisation) -> InputStandardisation:
        """The same with the moments of another one for what does not vary, such as the one temperature of the data."""
        moments: dict[str, dict[int, Moments]] = {}
        for name, parts in self.moments.items():
            moments[name] = {}
            for degree, own in parts.items():
                theirs = other.moments.get(name, {}).get(degree, own)
                moments[name][degree] = Moments(
                    *(np.where(own.scale > 0, mine, given) for mine, given in zip(own, theirs, strict=True))
                )
        return InputStandardisation(moments)

    def tensors(self) -> dict[str, Tensor]:
        """The tensors of a model file: ``inputs.NAME.DEGREE.mean`` and ``.scale``, each (n_types,), float64."""
        return {
            f"inputs.{name}.{degree}.{key}": from_numpy(numbers)
            for name, parts in self.moments.items()
            for degree, moments in parts.items()
            for key, numbers in moments._asdict().items()
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> InputStandardisation:
        """The standardisation from the result of `tensors`. Tensors with other names are ignored."""
        moments: dict[str, dict[int, Moments]] = {}
        for key in tensors:
            if key.startswith("inputs.") and key.endswith(".mean"):
                name, degree = key.removeprefix("inputs.").removesuffix(".mean").rsplit(".", 1)
                numbers = [np.asarray(tensors[f"inputs.{name}.{degree}.{x}"]) for x in Moments._fields]
                moments.setdefault(name, {})[int(degree)] = Moments(*numbers)
        return cls(moments)


def fit(
    computed: Sequence[Computed], types: Sequence[NDArray[np.int64]], n_types: int, pooled: Collection[str] = ()
) -> InputStandardisation:
    """The mean and the scale over the training configurations. A type that does not occur has mean 0 and scale 1.

    Args:
        computed: node inputs of every configuration, from `equiglass.model.inputs.compute.compute`.
        types: particle types of every configuration, each (N,).
        n_types: number of particle types of the model.
        pooled: names of the inputs whose moments are taken over the particles of all types together.
    """
    every_type = np.concatenate(types)
    moments: dict[str, dict[int, Moments]] = {}
    for name, parts in computed[0].items():
        moments[name] = {}
        for degree in parts:
            values = np.concatenate([c[name][degree] for c in computed])
            size = values[:, 0] if degree == 0 else np.linalg.norm(values, axis=1)
            mean, scale = moments_of(size, every_type, n_types, name in pooled, constant=0.0)
            moments[name][degree] = (
                Moments(mean, scale) if degree == 0 else Moments(np.zeros(n_types), np.hypot(mean, scale))
            )
    return InputStandardisation(moments)


def moments_of(
    values: Float, types: NDArray[np.int64], n_types: int, pooled: bool = False, constant: float = 1.0
) -> Moments:
    """The mean and the standard deviation of the finite values of every type.

    Args:
        values: values, (N,); NaN where unknown.
        types: particle types, (N,).
        n_types: number of particle types.
        pooled: whether every type that occurs has the moments of all particles together.
        constant: scale of values that do not vary beyond `ROUNDING`.

    Returns:
        The moments. They are 0 and 1 for a type that does not occur.
    """
    mean, scale = np.zeros(n_types), np.ones(n_types)
    for kind in np.unique(types):
        chosen = values if pooled else values[types == kind]
        chosen = chosen[np.isfinite(chosen)]
        mean[kind] = chosen.mean() if chosen.size else 0.0
        deviation = chosen.std() if chosen.size >= 2 else 0.0
        scale[kind] = deviation if deviation > ROUNDING * abs(mean[kind]) else constant
    return Moments(mean, scale)
