"""State points of the Kob-Andersen mixture: published times, relaxation times and F_s, with their sources.

Sources: H. Shiba et al., J. Chem. Phys. 158, 084503 (2023), doi 10.1063/5.0129791; GlassBench, G. Jung et al.,
arXiv 2311.14752. Both use the same ten times, and time 7 is tau_alpha.
"""

from __future__ import annotations

from collections.abc import Sequence

from equiglass.errors import DataError

WAVE_NUMBER = 7.25
"""The wave number k of F_s, inverse LJ length. It is the first peak of the structure factor of A."""

DENSITY = 1.2
"""The number density N / V of the configurations of Shiba et al. and GlassBench."""

SHARE_OF_A = 0.8
"""The share of particles of type A."""

PUBLISHED_TIMES = {
    0.44: (0.13, 1.3, 13, 130, 412, 1300, 4120, 13000, 41200, 130000),
    0.50: (0.108, 0.434, 2.17, 6.86, 21.7, 68.6, 217, 686, 2170, 6860),
    0.56: (0.104, 0.33, 0.99, 1.65, 5.2, 16.5, 52, 165, 520, 1650),
    0.64: (0.032, 0.1, 0.165, 0.52, 1.65, 5.2, 16.5, 52, 165, 520),
}
"""The ten times by temperature, LJ units. Their labels are "1" to "10"."""

TAU_ALPHA = "7"
"""The label of tau_alpha among the published times."""

TAU_ALPHA_BY_TEMPERATURE = {T: times[int(TAU_ALPHA) - 1] for T, times in PUBLISHED_TIMES.items()}
"""The published tau_alpha by temperature, LJ units."""

F_AT_TAU_ALPHA = 0.27
"""F_s(7.25, t) of A at the published tau_alpha, which is later than the time where F_s is 1/e.

The value is a mean over ten configurations of Shiba et al. at T = 0.44, which range from 0.12 to 0.38.
"""

F_AT_TAU_ALPHA_ERROR = 0.026
"""The standard error of this value over the ten configurations."""


def published_times(temperature: float) -> tuple[float, ...]:
    """The ten published times of a temperature, LJ units.

    Raises:
        DataError: there are no published times for this temperature.
    """
    if temperature not in PUBLISHED_TIMES:
        known = ", ".join(f"{t:.2f}" for t in PUBLISHED_TIMES)
        raise DataError(f"there are no published times for T = {temperature}; the data set has T = {known}.")
    return PUBLISHED_TIMES[temperature]


def tau_alpha(labels: Sequence[str]) -> str:
    """The label of the relaxation time: "7" (GlassBench, Shiba) or "F=1/e" (Bapst), otherwise the last label."""
    return next((label for label in (TAU_ALPHA, "F=1/e") if label in labels), labels[-1])
