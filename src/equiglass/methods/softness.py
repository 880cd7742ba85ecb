"""Method `softness`: the distance to a hyperplane between mobile and immobile particles (Schoenholz et al.).

The features of a particle are radial functions G(mu) = sum_j exp(-(r_ij - mu)^2 / L^2) per type, and angular functions
(`equiglass.methods.linear.angular`). A linear support vector machine separates the most mobile from the least mobile
training particles of a type. The softness is the signed distance to its hyperplane, for standardised features:

    S_i(t) = w . (x_i - mean) / scale + b,   |w| = 1

A line per type and time makes a propensity of it, m_i(t) = a + c S_i(t), by least squares over the training particles.

Deviations from the paper: mobile particles are those of large propensity, where the paper takes rearrangements in
single trajectories (p_hop). The hinge loss is squared. The table of angular functions is not at hand: `widths` and
`powers` are recalled in part. The structure is the thermal one by default, and the inherent structure by a setting.

Model file: safetensors with mean, scale (n_types, F), normal (n_types, T, F), offset (n_types, T),
line (n_types, T, 2); version 1.

Source: S. S. Schoenholz, E. D. Cubuk, D. M. Sussman, E. Kaxiras, A. J. Liu, Nature Phys. 12, 469 (2016),
doi 10.1038/nphys3644.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from equiglass.errors import DataError, EquiglassWarning
from equiglass.liquid.arrays import Float
from equiglass.liquid.needs import Need
from equiglass.liquid.system import System, type_name
from equiglass.liquid.targets import measured, times_to_learn
from equiglass.methods import METHODS
from equiglass.methods.linear.angular import angular_sums
from equiglass.methods.linear.shells import Shells, radial_sums
from equiglass.prediction.arrays import ArrayPredictor
from equiglass.prediction.configuration import MethodConfiguration
from equiglass.prediction.predictor import SILENT, About, Watch
from equiglass.prediction.run_folder import RunFolder
from equiglass.prediction.training_data import TrainingData


class SoftnessConfiguration(MethodConfiguration):
    """Settings of the method `softness`."""

    method: Literal["softness"] = "softness"
    target: Literal["propensity"] = "propensity"
    positions: Literal["thermal", "inherent"] = Field("thermal", description="positions that make the features")
    radial: Shells = Field(
        Shells(0.3, 5.0, 48, 0.1 / np.sqrt(2)), description="centres mu of the radial functions; width is L / sqrt(2)"
    )
    cutoff: float = Field(2.0, gt=0, le=10, description="distance of the farthest neighbour in the angular functions")
    widths: tuple[Annotated[float, Field(ge=1e-3, le=1e3)], ...] = Field(
        (0.933, 1.204, 1.648, 2.554), description="lengths xi of the angular functions"
    )
    powers: tuple[Annotated[int, Field(ge=1, le=64)], ...] = Field(
        (1, 2, 4, 16), description="exponents zeta of the angular functions"
    )
    share: float = Field(0.1, gt=0, le=0.5, description="share of the particles in each of the two classes")
    c: float = Field(
        0.1, ge=1e-10, le=1e10, description="penalty of particles on the wrong side, C of the support vector machine"
    )

    @property
    def input_needs(self) -> frozenset[Need]:
        """The inherent structure and the potential, if its positions make the features."""
        return frozenset({"potential", "inherent"} if self.positions == "inherent" else ())


class Hyperplane(NamedTuple):
    """A hyperplane: the unit normal w, (F,), and the offset b; the softness of x is w . x + b."""

    normal: Float
    offset: float


@dataclass(frozen=True, repr=False, eq=False)
class Softness(ArrayPredictor):
    """The hyperplanes, and the lines from softness to propensity."""

    method = "softness"
    about = About(
        "signed distance to a hyperplane between mobile and immobile particles",
        "Schoenholz 2016, doi 10.1038/nphys3644",
        "seconds per configuration of 4096 particles",
    )
    file_format = "equiglass-softness"
    configuration = SoftnessConfiguration

    @property
    def parameters(self) -> int:
        """Number of components of the normals, offsets, and coefficients of the lines."""
        return int(sum(np.isfinite(self.arrays[key]).sum() for key in ("normal", "offset", "line")))

    def learned(self) -> NDArray[np.bool_]:
        """Whether there were training data of a particle type at a time, (n_types, T)."""
        return np.isfinite(self.arrays["offset"])

    def check_shapes(self) -> None:
        """See `Predictor.check_shapes`."""
        super().check_shapes()
        n_types, n_times, n_features = self.arrays["normal"].shape
        shapes = {"mean": (n_types, n_features), "scale": (n_types, n_features), "line": (n_types, n_times, 2)}
        if wrong := [name for name, shape in shapes.items() if self.arrays[name].shape != shape]:
            raise ValueError(f"the array {wrong[0]} does not fit the normals of the hyperplanes")
        if n_features != number_of_features(self.settings, n_types):
            raise ValueError("the settings describe another number of features")

    def softness(self, system: System) -> Float:
        """The softness S of every particle at every time of ``times``, (T, N)."""
        x = (features(system, self.settings, self.n_types) - self.arrays["mean"][system.types]) / self.arrays["scale"][
            system.types
        ]
        normal, offset = self.arrays["normal"][system.types], self.arrays["offset"][system.types]
        return np.asarray((np.einsum("nf,ntf->nt", x, normal, optimize=True) + offset).T)

    def values(self, system: System) -> Float:
        """Propensity at every time of ``times``, LJ length, (T, N)."""
        at_zero, slope = np.moveaxis(self.arrays["line"][system.types], 2, 0)
        return np.asarray(at_zero.T + slope.T * self.softness(system))

    @classmethod
    def fit(
        cls,
        training: Sequence[System],
        configuration: SoftnessConfiguration,
        *,
        validation: Sequence[System] = (),
        folder: RunFolder | None = None,
        watch: Watch = SILENT,
    ) -> Self:
        """Find the hyperplane per type and time, then the line. See `Predictor.fit`."""
        n_types = max(system.n_types for system in training)
        times = times_to_learn(training, configuration.times, configuration.target)
        parts = []
        for number, system in enumerate(training, start=1):
            parts.append(features(system, configuration, n_types))
            watch.step(number, len(training), float("nan"))
        x, types = np.concatenate(parts), np.concatenate([system.types for system in training])
        del parts
        y = np.concatenate([measured(system, list(times), configuration.target) for system in training], axis=1)
        shape = n_types, len(times)
        arrays = {
            "mean": np.zeros((n_types, x.shape[1])),
            "scale": np.ones((n_types, x.shape[1])),
            "normal": np.full((*shape, x.shape[1]), np.nan),
            "offset": np.full(shape, np.nan),
            "line": np.full((*shape, 2), np.nan),
        }
        refused: list[str] = []
        for kind in np.unique(types):
            own = x[types == kind].astype(np.float64)
            spread = own.std(axis=0)
            arrays["mean"][kind] = own.mean(axis=0)
            arrays["scale"][kind] = np.where(spread > 1e-8 * spread.max(), spread, np.inf)
            own = (own - arrays["mean"][kind]) / arrays["scale"][kind]
            for t, mobility in enumerate(y[:, types == kind]):
                known = np.isfinite(mobility)
                if not known.any():
                    continue
                what = f"type {type_name(kind)}, time {list(times)[t]}"
                try:
                    plane = hyperplane(own[known], mobility[known], configuration.share, configuration.c, what)
                except DataError as error:
                    refused.append(str(error))
                    continue
                soft = own[known] @ plane.normal + plane.offset
                slope, at_zero = np.polyfit(soft, mobility[known], 1)
                arrays["normal"][kind, t], arrays["offset"][kind, t] = plane
                arrays["line"][kind, t] = at_zero, slope
        if refused and not np.isfinite(arrays["offset"]).any():
            raise DataError(refused[0])
        for said in refused:
            warnings.warn(f"{said} They are not learned.", EquiglassWarning, stacklevel=2)
        return cls(arrays, configuration, times, TrainingData.of(training, n_types, validation), "softness")


METHODS.add("softness", Softness)


def features(system: System, settings: Any, n_types: int) -> NDArray[np.float32]:
    """Radial functions per type, then angular functions per pair of types, (N, F)."""
    positions, types, box = system.positions_in(settings.positions), system.types, system.box
    every = np.ones(system.n_particles, dtype=bool)
    (radial,) = radial_sums(positions, types, box, n_types, (settings.radial,), every)
    angular = angular_sums(
        positions, types, box, n_types, settings.cutoff, settings.widths, (-1.0, 1.0), settings.powers
    )
    return np.concatenate([radial.reshape(len(types), -1), angular], axis=1, dtype=np.float32)


def number_of_features(settings: Any, n_types: int) -> int:
    """Number of features of a particle, F."""
    pairs, signs = n_types * (n_types + 1) // 2, 2
    return n_types * int(settings.radial.number) + pairs * len(settings.widths) * signs * len(settings.powers)


def hyperplane(x: Float, mobility: Float, share: float, c: float, what: str = "particles") -> Hyperplane:
    """The hyperplane of a linear support vector machine between the most and the least mobile particles.

    Args:
        x: standardised features, (n, F).
        mobility: mobility of the particles, (n,).
        share: share of the particles in each class.
        c: penalty C of particles on the wrong side.
        what: the particles, for messages.

    Returns:
        The hyperplane; the softness of mobile particles is positive.

    Raises:
        DataError: there are too few particles, or all have the same mobility.
    """
    from sklearn.svm import LinearSVC

    number = int(share * len(mobility))
    order = np.argsort(mobility, kind="stable")
    if number < 1 or mobility[order[0]] == mobility[order[-1]]:
        raise DataError(
            f"{what}: {len(mobility)} particles have no mobile and immobile ones to separate. Give more "
            "configurations, or a larger share."
        )
    chosen = np.concatenate([order[:number], order[-number:]])
    machine = LinearSVC(C=c, dual=False, max_iter=10_000, random_state=0)
    machine.fit(x[chosen], np.repeat([0, 1], number))
    normal = machine.coef_[0]
    length = float(np.linalg.norm(normal))
    return Hyperplane(normal / length, float(machine.intercept_[0]) / length)
