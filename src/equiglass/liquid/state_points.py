"""State points of the Kob-Andersen mixture: published times, relaxation times, and F_s there, with their sources.

Sources: H. Shiba et al., J. Chem. Phys. 158, 084503 (2023), doi 10.1063/5.0129791; GlassBench, G. Jung et al.,
arXiv 2311.14752. Both use the same ten times, number 7 being tau_alpha.
"""

from __future__ import annotations

from collections.abc import Sequence

from equiglass.errors import DataError

WAVE_NUMBER = 7.25
"""k of F_s, inverse LJ length: the first peak of the structure factor of A in the Kob-Andersen mixture."""

DENSITY = 1.2
"""Number density N / V of the configurations of Shiba et al. and GlassBench."""

SHARE_OF_A = 0.8
"""Share of the particles of type A."""

PUBLISHED_TIMES = {
    0.44: (0.13, 1.3, 13, 130, 412, 1300, 4120, 13000, 41200, 130000),
    0.50: (0.108, 0.434, 2.17, 6.86, 21.7, 68.6, 217, 686, 2170, 6860),
    0.56: (0.104, 0.33, 0.99, 1.65, 5.2, 16.5, 52, 165, 520, 1650),
    0.64: (0.032, 0.1, 0.165, 0.52, 1.65, 5.2, 16.5, 52, 165, 520),
}
"""The ten times of every temperature, LJ units, labelled "1" to "10"."""

TAU_ALPHA = "7"
"""Label of tau_alpha among the published times."""

TAU_ALPHA_BY_TEMPERATURE = {T: times[int(TAU_ALPHA) - 1] for T, times in PUBLISHED_TIMES.items()}
"""Published tau_alpha of every temperature, LJ units."""

F_AT_TAU_ALPHA = 0.27
"""F_s(7.25, t) of A at the published tau_alpha, which are later than the times of 1/e.

Measured at T = 0.44 on ten configurations of Shiba et al.; they lie between 0.12 and 0.38.
"""

F_AT_TAU_ALPHA_ERROR = 0.026
"""Standard error of this value over the ten configurations."""


def published_times(temperature: float) -> tuple[float, ...]:
    """The ten times of a temperature, LJ units.

    Raises:
        DataError: nothing is published for this temperature.
    """
    if temperature not in PUBLISHED_TIMES:
        known = ", ".join(f"{t:.2f}" for t in PUBLISHED_TIMES)
        raise DataError(f"no times are known for T = {temperature}; the data set has T = {known}.")
    return PUBLISHED_TIMES[temperature]


def tau_alpha(labels: Sequence[str]) -> str:
    """The label of the relaxation time among these: "7" (GlassBench, Shiba), "F=1/e" (Bapst), or else the last."""
    return next((label for label in (TAU_ALPHA, "F=1/e") if label in labels), labels[-1])
